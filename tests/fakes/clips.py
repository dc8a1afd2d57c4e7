"""A ClipStore in memory."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rushes.domain import utc_now
from rushes.errors import ClipNotFound, ClipNotReady, LeaseLost, ResultLost, StorageError
from rushes.ports import BlobStat, BlobState, Location, StoredBlob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime


@dataclass
class Blob:
    """A key's bytes, while they arrive and after."""

    fence: int
    data: bytearray = field(default_factory=bytearray)
    media_type: str | None = None
    size: int | None = None
    state: BlobState = BlobState.ARRIVING
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()

    def end(self, state: BlobState) -> None:
        if self.state is BlobState.ARRIVING:
            self.state = state
            self.wake()


class MemoryClips:
    """A ClipStore that forgets; passes the same contract suite as the real ones."""

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._whole: dict[str, tuple[Blob, datetime]] = {}
        self._arriving: dict[str, Blob] = {}
        self._parts: dict[str, bytes] = {}

    @asynccontextmanager
    async def receive(self, key: str, *, fence: int, resume: bool) -> AsyncIterator[MemoryWriter]:
        current = self._arriving.get(key)
        if current is not None:
            if current.fence > fence:
                raise LeaseLost("a later writer brings this clip home")
            current.end(BlobState.FAILED)
        part = self._parts.pop(key, b"")
        if resume and key in self._whole:
            part = bytes(self._whole[key][0].data)
        blob = self._arriving[key] = Blob(fence, bytearray(part if resume else b""))
        writer = MemoryWriter(blob)
        try:
            yield writer
        finally:
            if self._arriving.get(key) is blob:
                del self._arriving[key]
                self._settle(key, writer)
            blob.end(BlobState.FAILED)

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[MemoryReader]:
        blob = self._arriving.get(key)
        if key in self._whole and (blob is None or blob.media_type is None):
            blob = self._whole[key][0]
        if blob is None:
            raise ClipNotFound("there is no clip of that name")
        if blob.media_type is None:
            raise ClipNotReady("the clip has not begun to arrive")
        yield MemoryReader(blob)

    async def list(self) -> AsyncIterator[BlobStat]:
        for key, (blob, modified_at) in self._whole.items():
            yield BlobStat(key, len(blob.data), modified_at)

    async def delete(self, key: str) -> None:
        self._whole.pop(key, None)
        self._parts.pop(key, None)
        if key in self._arriving:
            self._arriving.pop(key).end(BlobState.FAILED)

    async def location(self, key: str) -> Location | None:
        return None

    def _settle(self, key: str, writer: MemoryWriter) -> None:
        if writer.blob.state is BlobState.WHOLE:
            self._whole[key] = (writer.blob, self._clock())
        elif not writer.is_abandoned:
            self._parts[key] = bytes(writer.blob.data)


class MemoryWriter:
    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self.position = len(blob.data)
        self.is_abandoned = False

    async def write(self, data: bytes) -> None:
        self._must_be_current()
        self.blob.data += data
        self.position = len(self.blob.data)
        self.blob.wake()

    async def release(self, media_type: str, size: int | None) -> None:
        if not media_type.startswith(("video/", "image/")):
            raise StorageError(f"clips of type {media_type!r} are not kept here")
        self.blob.media_type, self.blob.size = media_type, size

    async def finish(self, media_type: str) -> StoredBlob:
        self._must_be_current()
        self.blob.media_type, self.blob.size = media_type, self.position
        self.blob.end(BlobState.WHOLE)
        return StoredBlob(self.position, hashlib.sha256(self.blob.data).hexdigest())

    async def abandon(self) -> None:
        self.is_abandoned = True
        self.blob.end(BlobState.FAILED)

    def _must_be_current(self) -> None:
        if self.blob.state is not BlobState.ARRIVING:
            raise LeaseLost("the clip was deleted, or another writer brings it home")


class MemoryReader:
    def __init__(self, blob: Blob) -> None:
        self.media_type = blob.media_type or ""
        self.size = blob.size
        self._blob = blob

    @property
    def state(self) -> BlobState:
        return self._blob.state

    async def read(self, start: int, stop: int) -> bytes:
        while self.state is BlobState.ARRIVING and len(self._blob.data) <= start:
            await self._blob.news.wait()
        if self.state is BlobState.FAILED:
            raise ResultLost("the clip stopped arriving")
        self.size = self._blob.size
        return bytes(self._blob.data[start:stop])
