"""A body that comes bit by bit, for as long as somebody reads it and the server runs."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from rushes.errors import RushesError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from datetime import timedelta

    from starlette.types import Receive, Scope, Send

logger = logging.getLogger(__name__)


class Stream(StreamingResponse):
    """Sends chunks until they end, the reader leaves or stalls, or `stop` or `over` is set.

    `over` is for this reader alone: its session has ended. A stopped stream says `farewell`, if it
    has one. Where there is none, or the chunks break off with an error, the body is left
    unfinished, so that nobody takes a part for the whole.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[bytes],
        *,
        stop: asyncio.Event,
        patience: timedelta,
        over: asyncio.Event | None = None,
        farewell: bytes = b"",
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(chunks, status_code, headers)
        self.chunks = chunks
        self.stops = (stop,) if over is None else (stop, over)
        self.patience = patience
        self.farewell = farewell

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body, watching reader and server beside it."""
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        pump = asyncio.create_task(self._pump(send))
        ends = (_gone(receive), *(stop.wait() for stop in self.stops))
        others = {asyncio.create_task(end) for end in ends}
        try:
            await asyncio.wait({pump, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, *others):
                task.cancel()
            await asyncio.wait({pump, *others})
        is_stopped = any(stop.is_set() for stop in self.stops)
        if pump.cancelled() and is_stopped and self.farewell:
            await self._finish(send)
        elif not pump.cancelled():
            pump.result()

    async def _pump(self, send: Send) -> None:
        try:
            async with aclosing(self.chunks) as chunks:
                async for chunk in chunks:
                    async with asyncio.timeout(self.patience.total_seconds()):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                    await asyncio.sleep(0)  # a reader that left is noticed only between turns
        except RushesError as error:
            logger.warning("a stream broke off: %s", error.kind)
        except TimeoutError:
            logger.info("a reader took nothing for %s and was let go", self.patience)
        else:
            await self._finish(send)

    async def _finish(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": self.farewell, "more_body": False})


def without_body(headers: Mapping[str, str], status_code: int = 200) -> Response:
    """Answer a HEAD: nothing is said of the length of a body where `headers` do not tell it."""
    answer = Response(status_code=status_code, headers=headers)
    if "Content-Length" not in headers:
        del answer.headers["Content-Length"]
    return answer


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
