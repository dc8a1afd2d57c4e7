"""ClipStore: a folder of plain files, written whole or not at all."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from rushes.errors import ClipNotFound, ClipNotReady, LeaseLost, ResultLost
from rushes.ports import BlobStat, BlobState, Location, StoredBlob
from rushes.storage.border import file_errors
from rushes.storage.parts import (
    MEDIA_TYPES,
    OpenFile,
    Part,
    checked_key,
    delete_files,
    suffix_of,
    sweep_parts,
    whole_paths,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Sequence
    from pathlib import Path

T = TypeVar("T")

READ_MAX = 512 * 1024


class LocalClips:
    """Clips in one folder; see ports.ClipStore. `prepare` first.

    Readers can follow what a writer in this process has; other processes see only whole clips.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arrivals: dict[str, _Arrival] = {}

    async def prepare(self) -> None:
        """Make the folder, for us alone; raises StorageError where that cannot be."""
        await _in_thread(
            lambda: self._folder.mkdir(mode=0o700, parents=True, exist_ok=True),
            "the clip folder cannot be used",
        )

    async def sweep(self, keep: Container[str]) -> None:
        """Remove what was left of clips that nobody will go on with."""
        await _in_thread(lambda: sweep_parts(self._folder, keep), "the clips cannot be swept")

    @asynccontextmanager
    async def receive(self, key: str, *, fence: int, resume: bool) -> AsyncIterator[_Writer]:
        """See ports.ClipStore. Raises LeaseLost when a later fence is at work on the key."""
        part = Part(self._folder, checked_key(key), fence)
        arrival = self._begin_arrival(key, fence, part)
        try:
            await _in_thread(lambda: part.begin(resume=resume), "the clip cannot be written")
            yield _Writer(part, arrival)
        finally:
            arrival.end(BlobState.FAILED)
            if self._arrivals.get(key) is arrival:
                del self._arrivals[key]
            # Shielded, so that a cancelled writer still lets go of its file.
            await asyncio.shield(_in_thread(part.close, "the clip cannot be written"))

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[_Reader]:
        """See ports.ClipStore."""
        file = OpenFile()
        try:
            yield await self._open(checked_key(key), file)
        finally:
            await asyncio.shield(asyncio.to_thread(file.close))

    async def list(self) -> AsyncIterator[BlobStat]:
        """See ports.ClipStore."""
        for stat in await _in_thread(self._stats, "the clips cannot be listed"):
            yield stat

    async def delete(self, key: str) -> None:
        """See ports.ClipStore. Whoever is still writing the key loses it."""
        if key in self._arrivals:
            self._arrivals[key].end(BlobState.FAILED)
        name = checked_key(key)
        await _in_thread(lambda: delete_files(self._folder, name), "the clip cannot be deleted")

    async def location(self, key: str) -> Location | None:
        """See ports.ClipStore."""
        name = checked_key(key)
        path = await _in_thread(lambda: self._whole(name), "the clip cannot be found")
        return None if path is None else Location(path=path)

    def _begin_arrival(self, key: str, fence: int, part: Part) -> _Arrival:
        current = self._arrivals.get(key)
        if current is not None:
            if current.fence > fence:
                raise LeaseLost("a later writer brings this clip home")
            current.end(BlobState.FAILED)
        self._arrivals[key] = _Arrival(fence, part.path)
        return self._arrivals[key]

    async def _open(self, key: str, file: OpenFile) -> _Reader:
        arrival = self._arrivals.get(key)
        if arrival is not None and arrival.media_type is not None:
            part = [arrival.path]  # gone when it has just become whole
            if await _in_thread(lambda: _open_first(part, file), "the clip cannot be read"):
                return _Reader(file, arrival.media_type, arrival.size, arrival)
        wholes = list(whole_paths(self._folder, key))
        found = await _in_thread(lambda: _open_first(wholes, file), "the clip cannot be read")
        if found is not None:
            path, size = found
            return _Reader(file, MEDIA_TYPES[path.suffix[1:]], size, None)
        if arrival is not None:
            raise ClipNotReady("the clip has not begun to arrive")
        raise ClipNotFound("there is no clip of that name")

    def _whole(self, key: str) -> Path | None:
        return next((path for path in whole_paths(self._folder, key) if path.is_file()), None)

    def _stats(self) -> Sequence[BlobStat]:
        files = [path for path in self._folder.iterdir() if path.suffix[1:] in MEDIA_TYPES]
        return [_stat(path) for path in sorted(files)]


class _Arrival:
    """What readers in this process know of a clip that is being written.

    `media_type` is None until readers are let in.
    """

    def __init__(self, fence: int, path: Path) -> None:
        self.fence = fence
        self.path = path
        self.position = 0
        self.media_type: str | None = None
        self.size: int | None = None
        self.state = BlobState.ARRIVING
        self._news = asyncio.Event()

    def grew(self, position: int) -> None:
        """Tell readers that there are bytes up to `position`."""
        self.position = position
        self._wake()

    def end(self, state: BlobState) -> None:
        """Tell readers how it ended; only the first end counts."""
        if self.state is BlobState.ARRIVING:
            self.state = state
            self._wake()

    async def available(self, start: int) -> int:
        """Return how many bytes are there, waiting until it is more than `start` or all."""
        while self.state is BlobState.ARRIVING and self.position <= start:
            await self._news.wait()
        if self.state is BlobState.FAILED:
            raise ResultLost("the clip stopped arriving")
        return self.position

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class _Writer:
    """See ports.ClipWriter."""

    def __init__(self, part: Part, arrival: _Arrival) -> None:
        self.position = part.position
        self._part = part
        self._arrival = arrival
        arrival.grew(part.position)

    async def write(self, data: bytes) -> None:
        """See ports.ClipWriter. Raises LeaseLost once another writer has taken over."""
        self._must_be_current()
        try:
            await _in_thread(lambda: self._part.append(data), "the clip cannot be written")
        finally:
            self.position = self._part.position
            self._arrival.grew(self.position)

    async def release(self, media_type: str, size: int | None) -> None:
        """See ports.ClipWriter."""
        suffix_of(media_type)
        self._arrival.size = size
        self._arrival.media_type = media_type

    async def finish(self, media_type: str) -> StoredBlob:
        """See ports.ClipWriter."""
        self._must_be_current()
        sha256 = await _in_thread(
            lambda: self._part.finish(media_type), "the clip cannot be written"
        )
        self._arrival.size = self.position
        self._arrival.end(BlobState.WHOLE)
        return StoredBlob(size=self.position, sha256=sha256)

    async def abandon(self) -> None:
        """See ports.ClipWriter."""
        await _in_thread(self._part.drop, "the clip cannot be dropped")
        self._arrival.end(BlobState.FAILED)

    def _must_be_current(self) -> None:
        if self._arrival.state is not BlobState.ARRIVING:
            raise LeaseLost("the clip was deleted, or another writer brings it home")


class _Reader:
    """See ports.ClipReader."""

    def __init__(
        self, file: OpenFile, media_type: str, size: int | None, arrival: _Arrival | None
    ) -> None:
        self.media_type = media_type
        self.size = size
        self._file = file
        self._arrival = arrival

    @property
    def state(self) -> BlobState:
        """See ports.ClipReader."""
        return BlobState.WHOLE if self._arrival is None else self._arrival.state

    async def read(self, start: int, stop: int) -> bytes:
        """See ports.ClipReader. Returns at most READ_MAX bytes."""
        if self._arrival is not None:
            stop = min(stop, await self._arrival.available(start))
            self.size = self._arrival.size
        wanted = min(stop - start, READ_MAX)
        if wanted <= 0:
            return b""
        return await _in_thread(lambda: self._file.read(start, wanted), "the clip cannot be read")


def _open_first(paths: Sequence[Path], file: OpenFile) -> tuple[Path, int] | None:
    """Open the first of the paths that is there; return it and the file's size."""
    for path in paths:
        try:
            file.open(path)
        except FileNotFoundError:
            continue
        return path, file.size()
    return None


def _stat(path: Path) -> BlobStat:
    found = path.stat()
    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
    return BlobStat(key=path.stem, size=found.st_size, modified_at=modified_at)


async def _in_thread(work: Callable[[], T], what: str) -> T:
    """Do file work in a thread, so that a slow disk stops nobody else."""
    with file_errors(what):
        return await asyncio.to_thread(work)
