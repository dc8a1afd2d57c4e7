"""What keeps bytes: clips, posters, first frames."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from pathlib import Path


class BlobState(StrEnum):
    """Whether all bytes under a key are here."""

    ARRIVING = "arriving"
    WHOLE = "whole"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BlobStat:
    """One key of a clip store: size in bytes, and when it was last written."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What a finished write amounts to."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Location:
    """A path or a presigned address that a web server can be pointed at."""

    path: Path | None = None
    url: str | None = None


class ClipWriter(Protocol):
    """One writer of one key. Leaving its context without `finish` keeps the part for a resume."""

    position: int
    """How many bytes are already there; writing goes on from here."""

    async def write(self, data: bytes) -> None:
        """Append; raises StorageFull when the disk is."""
        ...

    async def release(self, media_type: str, size: int | None) -> None:
        """Let readers in: from here on `open` answers. `size` is the whole size, if known."""
        ...

    async def finish(self, media_type: str) -> StoredBlob:
        """Make the bytes durable and whole: synced, then renamed. Nothing may be written after."""
        ...

    async def abandon(self) -> None:
        """Drop what was written; readers see it fail."""
        ...


class ClipReader(Protocol):
    """An open clip, whole or still arriving; it stays readable even when the key is deleted."""

    media_type: str
    size: int | None
    """The whole size in bytes; None while unknown."""

    @property
    def state(self) -> BlobState:
        """Whether all bytes are here by now."""
        ...

    async def read(self, start: int, stop: int) -> bytes:
        """Return bytes from `start`, at most up to `stop`, waiting until at least one is there.

        b"" is the end of a whole clip. Raises ResultLost when the clip fails to arrive.
        """
        ...


class ClipStore(Protocol):
    """Keeps bytes under keys `[a-z0-9-]{1,80}`: clips, posters, first frames."""

    def receive(
        self, key: str, *, fence: int, resume: bool
    ) -> AbstractAsyncContextManager[ClipWriter]:
        """Write a key: whole or not at all. `fence` parts this writer from an older, stalled one.

        With `resume` the synced prefix that an earlier writer left is taken over.
        """
        ...

    def open(self, key: str) -> AbstractAsyncContextManager[ClipReader]:
        """Open for reading; raises ClipNotFound, or ClipNotReady before readers are let in."""
        ...

    def list(self) -> AsyncIterator[BlobStat]:
        """Yield every whole key, for the sweep of orphans."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the key and any part of it; no error if there is none."""
        ...

    async def location(self, key: str) -> Location | None:
        """Return where a web server could read a whole clip by itself, if there is such a place."""
        ...
