"""Bytes on their way: taken from the sender while what came before is still being written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

AHEAD = 16
"""How many chunks may wait: 1 MiB of the 64 KiB that a socket gives at once."""


async def read_ahead(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield all that has come since the last time, in one piece.

    A slow sender's chunks are passed on one by one, at once; a fast one's cost one write for
    many. What was sent before an error comes before that error. Close it to let go of the sender.
    """
    held: list[bytes] = []
    news, room = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        async for chunk in chunks:
            held.append(chunk)
            news.set()
            if len(held) >= AHEAD:
                room.clear()
                await room.wait()

    reading = asyncio.create_task(read())
    reading.add_done_callback(lambda _: news.set())
    try:
        while held or not reading.done():
            await news.wait()
            news.clear()
            piece = b"".join(held)
            held.clear()
            room.set()
            if piece:
                yield piece
        reading.result()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
