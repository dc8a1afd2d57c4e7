"""Bytes taken from the sender while earlier ones are written: in order, whole, and bounded."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from rushes.errors import BackendUnavailable
from rushes.jobs.reading_ahead import AHEAD, read_ahead

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

CHUNKS = [bytes([number]) * 10 for number in range(100)]


class Sender:
    """Sends chunks as fast as they are taken, then ends or breaks off; counts what was taken."""

    def __init__(self, chunks: list[bytes], error: Exception | None = None) -> None:
        self.chunks = chunks
        self.error = error
        self.sent = 0
        self.is_closed = False

    async def send(self) -> AsyncIterator[bytes]:
        try:
            for chunk in self.chunks:
                self.sent += 1
                yield chunk
            if self.error is not None:
                raise self.error
        finally:
            self.is_closed = True


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_bytes_are_the_same_in_fewer_pieces() -> None:
    pieces = []
    async for piece in read_ahead(Sender(CHUNKS).send()):
        pieces.append(piece)
        await turns()

    assert b"".join(pieces) == b"".join(CHUNKS)
    assert len(pieces) <= len(CHUNKS) / AHEAD + 2
    assert max(len(piece) for piece in pieces) == 10 * AHEAD


async def test_a_slow_senders_chunk_is_passed_on_at_once() -> None:
    gate = asyncio.Event()

    async def drip() -> AsyncIterator[bytes]:
        yield b"one"
        await gate.wait()
        yield b"two"

    async with aclosing(read_ahead(drip())) as pieces:
        assert await anext(pieces) == b"one"
        gate.set()
        assert await anext(pieces) == b"two"
        assert await anext(pieces, b"") == b""


async def test_no_more_than_a_little_is_taken_ahead() -> None:
    sender = Sender(CHUNKS)
    async with aclosing(read_ahead(sender.send())) as pieces:
        await anext(pieces)
        await turns(500)

        assert sender.sent <= 2 * AHEAD


async def test_what_came_before_an_error_comes_first() -> None:
    got = bytearray()

    async def take_all() -> None:
        async for piece in read_ahead(Sender(CHUNKS, BackendUnavailable("cut")).send()):
            got.extend(piece)
            await turns()

    with pytest.raises(BackendUnavailable, match="cut"):
        await take_all()

    assert got == b"".join(CHUNKS)


@pytest.mark.parametrize("chunks", [[], [b""], [b"", b"a", b""]])
async def test_nothing_is_no_piece(chunks: list[bytes]) -> None:
    assert [piece async for piece in read_ahead(Sender(chunks).send())] in ([], [b"a"])


async def test_a_taker_who_leaves_lets_go_of_a_sender_who_waits() -> None:
    gone = asyncio.Event()

    async def hang() -> AsyncIterator[bytes]:
        yield b"one"
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()

    async with aclosing(read_ahead(hang())) as pieces:
        await anext(pieces)

    assert gone.is_set()


async def test_a_taker_who_leaves_a_full_store_is_not_held_up() -> None:
    sender = Sender(CHUNKS)
    async with asyncio.timeout(5):
        async with aclosing(read_ahead(sender.send())) as pieces:
            await anext(pieces)
            await turns(200)
        await turns()

    assert sender.is_closed
