"""Looks at an answer while it comes; the test transport would hold it back to its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.web.memory import Arrival

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Message

    from tests.web.stage import Stage


class Player:
    """One request whose answer is looked at while it comes."""

    def __init__(self, app: FastAPI, path: str, **headers: str) -> None:
        lines = [(b"host", b"localhost")]
        lines += [(name.encode(), value.encode()) for name, value in headers.items()]
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": lines,
            "scheme": "http",
            "server": ("localhost", 80),
            "http_version": "1.1",
        }
        self.app = app
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_complete = False
        self.left = asyncio.Event()
        self.came = asyncio.Condition()
        self.task = asyncio.create_task(self._play())

    async def _play(self) -> None:
        await self.app(self.scope, self._receive, self._send)

    async def _receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        async with self.came:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            else:
                self.body += message["body"]
                self.is_complete = not message.get("more_body", False)
            self.came.notify_all()

    async def until(self, size: int) -> None:
        """Wait until so many bytes have come."""
        async with asyncio.timeout(5), self.came:
            await self.came.wait_for(lambda: len(self.body) >= size)

    async def end(self) -> None:
        """Wait until the answer is over."""
        async with asyncio.timeout(5):
            await self.task


async def start_arrival(stage: Stage, size: int | None) -> tuple[str, Arrival]:
    """Return the address of a clip that is about to come, and the hand that lets it."""
    job = await stage.arriving(size)
    assert job.download is not None
    return f"/jobs/{job.id}/clip", Arrival(stage.clips, job.download.key, size)
