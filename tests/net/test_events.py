from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rushes.errors import BackendUnavailable, BadBackendResponse
from rushes.net.events import read_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

STREAM = (
    b": hello\r\nevent: complete\r\ndata: one\r\n\r\n"
    b"data:two\ndata: lines\nid: 7\n\n"
    b"\n\n"
    b"event: heartbeat\n\n"
    b'data: {"words": "\xc3\xa9t\xc3\xa9"}\n\n'
    b"data: cut short"
)


async def pieces(stream: bytes, length: int) -> AsyncIterator[bytes]:
    for start in range(0, len(stream), length):
        yield stream[start : start + length]


@pytest.mark.parametrize("length", [1, 2, 7, 1000])
async def test_events_are_the_same_however_the_bytes_arrive(length: int) -> None:
    found = [data async for data in read_events(pieces(STREAM, length))]

    assert found == ["one", "two\nlines", '{"words": "été"}']


@pytest.mark.parametrize("stream", [b"x" * 300, b"data: x\n" * 60, b"data: " + b"x" * 300 + b"\n"])
async def test_an_event_without_end_is_refused(stream: bytes) -> None:
    with pytest.raises(BadBackendResponse, match="longer than 100 bytes"):
        [data async for data in read_events(pieces(stream, 10), largest=100)]


async def test_what_breaks_the_bytes_breaks_the_events() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"data: one\n\n"
        raise BackendUnavailable("cut")

    events = read_events(broken())

    assert await anext(events) == "one"
    with pytest.raises(BackendUnavailable, match="cut"):
        await anext(events)
