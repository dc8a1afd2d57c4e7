"""A zip that is made while it is sent: its files are stored as they are, nothing is held."""

from __future__ import annotations

import zipfile
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime


class SentZip:
    """Whatever its methods give is to be sent at once, in order; `end` gives the last bytes."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._archive = zipfile.ZipFile(self._sink, "w")

    def text(self, name: str, moment: datetime, text: str) -> bytes:
        """Add a small file."""
        self._archive.writestr(_entry(name, moment), text)
        return self._sink.taken()

    async def file(
        self, name: str, moment: datetime, chunks: AsyncGenerator[bytes], *, size: int = 0
    ) -> AsyncGenerator[bytes]:
        """Add a file as it comes; `size` must be given where it may be over 2 GiB."""
        entry = _entry(name, moment)
        entry.file_size = size  # decides between 32 and 64 bits
        async with aclosing(chunks):
            with self._archive.open(entry, "w") as member:
                async for chunk in chunks:
                    member.write(chunk)
                    yield self._sink.taken()
        yield self._sink.taken()

    def end(self) -> bytes:
        """Write the directory of files."""
        self._archive.close()
        return self._sink.taken()


def _entry(name: str, moment: datetime) -> zipfile.ZipInfo:
    """Return a stored file's entry; a zip has no time zone and begins in 1980."""
    entry = zipfile.ZipInfo(name, date_time=moment.timetuple()[:6])
    entry.external_attr = 0o644 << 16
    return entry


class _Sink:
    """A file that can only be written to and keeps nothing that was taken."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes, /) -> int:
        """Take more bytes."""
        self._bytes += data
        return len(data)

    def flush(self) -> None:
        """See io.IOBase; there is nowhere to flush to."""

    def close(self) -> None:
        """See io.IOBase; there is nothing to close."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        data = bytes(self._bytes)
        self._bytes.clear()
        return data
