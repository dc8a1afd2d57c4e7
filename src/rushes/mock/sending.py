"""How answers leave: clip bytes at a set rate, and the answer that never comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import FileResponse

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import Message, Receive, Scope, Send

STEPS_PER_S = 25
LARGEST_CHUNK = 256 * 1024


class PacedFile(FileResponse):
    """A file with ETag and Range, as Starlette answers it, that trickles.

    vLLM-Omni and SGLang answer with the same class, so their Range manners are these.
    """

    def __init__(self, path: Path, *, bytes_per_s: float, download_name: str | None) -> None:
        super().__init__(path, media_type="video/mp4", filename=download_name)
        self._bytes_per_s = bytes_per_s
        self.chunk_size = int(max(1024, min(LARGEST_CHUNK, bytes_per_s / STEPS_PER_S)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send as Starlette does, each chunk no sooner than the rate allows."""
        clock = asyncio.get_running_loop().time
        started, sent = clock(), 0

        async def paced(message: Message) -> None:
            nonlocal sent
            await asyncio.sleep(max(0.0, started + sent / self._bytes_per_s - clock()))
            sent += len(message.get("body", b""))
            await send(message)

        await super().__call__(scope, receive, paced)


class HangUp:
    """The answer that drops the connection: not one byte is sent.

    ASGI has no word for it, so the transport is taken from uvicorn's request cycle; another
    server answers 500, which also leaves the caller unsure.
    """

    def __init__(self, request: Request) -> None:
        self._receive = request.receive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Abort and wait until the server has noticed."""
        cycle = getattr(self._receive, "__self__", None)
        transport = getattr(cycle, "transport", None)
        if transport is None:
            raise ConnectionAbortedError("this server offers no way to drop a connection")
        transport.abort()
        while (await self._receive())["type"] != "http.disconnect":
            pass
