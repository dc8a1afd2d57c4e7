"""Server-sent events, read from bytes as they come: the data of each event and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushes.errors import BadBackendResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LARGEST_EVENT = 1024 * 1024


async def read_events(
    chunks: AsyncIterator[bytes], *, largest: int = LARGEST_EVENT
) -> AsyncIterator[str]:
    """Yield the `data` of each event (WHATWG HTML, 9.2; lines end in LF or CRLF).

    Comments, names, ids and an event that the end cuts short are left out. Raises
    BadBackendResponse for an event of more than `largest` bytes, and whatever `chunks` raises.
    """
    data: list[bytes] = []
    size = 0
    async for line in _lines(chunks, largest):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
            size += len(line)
        elif not line and data:
            yield b"\n".join(data).decode("utf-8", "replace")
            data, size = [], 0
        if size > largest:
            raise _too_long(largest)


async def _lines(chunks: AsyncIterator[bytes], largest: int) -> AsyncIterator[bytes]:
    pending = b""
    async for chunk in chunks:
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
        if len(pending) > largest:
            raise _too_long(largest)


def _too_long(largest: int) -> BadBackendResponse:
    return BadBackendResponse(f"an event is longer than {largest} bytes")
