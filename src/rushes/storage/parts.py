"""Clip files on disk: their names, and one writer's part of a clip. Blocking; run in threads.

`<key>.<suffix>` is a whole clip; the suffix tells its media type. `<key>.<fence>.part` is what
one writer has of it, and `<key>.<fence>.synced` beside it says how many of the part's first bytes
are on disk for certain.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from rushes.errors import ClipNotFound, LeaseLost, StorageError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

SUFFIXES = {
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/png": "png",
    "image/jpeg": "jpg",
}
MEDIA_TYPES = {suffix: media_type for media_type, suffix in SUFFIXES.items()}

KEY = re.compile(r"[a-z0-9-]{1,80}", re.ASCII)
PART_NAME = re.compile(r"([a-z0-9-]{1,80})\.\d{1,19}\.part", re.ASCII)

SYNC_EVERY = 8 * 1024 * 1024
SYNC_PAUSE = timedelta(seconds=0.25)
"""A power cut may cost an arriving clip the larger of the two: so many bytes, or so much time."""
COPY_BYTES = 1024 * 1024


def checked_key(key: str) -> str:
    """Return a key that is safe in a file name; raises ClipNotFound: no other can exist."""
    if KEY.fullmatch(key) is None:
        raise ClipNotFound("there is no clip of that name")
    return key


def suffix_of(media_type: str) -> str:
    """Return the suffix of a media type; raises StorageError for one that is not kept."""
    if media_type not in SUFFIXES:
        raise StorageError(f"clips of type {media_type!r} are not kept here")
    return SUFFIXES[media_type]


def whole_paths(folder: Path, key: str) -> Iterator[Path]:
    """Yield where the whole clip of a key may be, the likeliest first."""
    return (folder / f"{key}.{suffix}" for suffix in MEDIA_TYPES)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Prefix(NamedTuple):
    """Bytes of a clip that are on disk for certain: the first `size` of the file."""

    path: Path
    size: int


class OpenFile:
    """A file descriptor that is never used after it was closed, whatever thread asks.

    A cancelled caller leaves its thread at work; `close` waits for it.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._descriptor = -1
        self._is_closed = False

    def open(self, path: Path) -> None:
        """Open a file for reading, never through a link."""
        with self._guard:
            if self._is_closed:
                raise StorageError("the clip was closed before it was opened")
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)

    def close(self) -> None:
        """Close it once; nothing happens the second time."""
        with self._guard:
            self._is_closed = True
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def read(self, start: int, size: int) -> bytes:
        """Return up to `size` bytes from `start`."""
        with self._guard:
            return os.pread(self._descriptor, size, start)

    def size(self) -> int:
        """Return the size in bytes."""
        with self._guard:
            return os.fstat(self._descriptor).st_size


class Part:
    """What one writer has of a clip. The digest is made as bytes pass."""

    def __init__(self, folder: Path, key: str, fence: int) -> None:
        self.position = 0
        self._folder = folder
        self._key = key
        self._fence = fence
        self._path = folder / f"{key}.{fence}.part"
        self._guard = threading.RLock()
        self._descriptor = -1
        self._digest = hashlib.sha256()
        self._synced = 0
        self._synced_at = time.monotonic()
        self._is_kept = True
        self._is_closed = False

    @property
    def path(self) -> Path:
        """Where readers find the bytes while they arrive."""
        return self._path

    def begin(self, *, resume: bool) -> None:
        """Open the part, with the longest certain prefix that is here, or empty.

        Raises LeaseLost when a later writer has begun already.
        """
        with self._guard:
            if self._is_closed:
                raise StorageError("the clip was closed before it was opened")
            if any(fence > self._fence for fence, _ in self._parts()):
                raise LeaseLost("a later writer brings this clip home")
            prefix = self._longest_prefix() if resume else None
            if prefix is not None and prefix.path == self._path:
                self._go_on(prefix)
            else:
                self._begin_anew(prefix)
            self._drop_others()

    def append(self, data: bytes) -> None:
        """Write all of `data`; what has come since the last sync goes to disk now and then."""
        with self._guard:
            rest = memoryview(data)
            while rest:
                written = os.write(self._descriptor, rest)
                self._digest.update(rest[:written])
                self.position += written
                rest = rest[written:]
            if self.position - self._synced >= SYNC_EVERY and self._is_long_ago():
                self._sync()

    def finish(self, media_type: str) -> str:
        """Make the clip whole under its final name; return the SHA-256 of its bytes."""
        with self._guard:
            self._sync()
            whole = self._folder / f"{self._key}.{suffix_of(media_type)}"
            self._path.rename(whole)
            self.drop()
            for other in whole_paths(self._folder, self._key):
                if other != whole:
                    other.unlink(missing_ok=True)
            sync_folder(self._folder)
            return self._digest.hexdigest()

    def drop(self) -> None:
        """Leave nothing of the part."""
        with self._guard:
            self._is_kept = False
            _unlink_part(self._path)

    def close(self) -> None:
        """Let go of the file. A part that was not dropped is put on disk for a successor."""
        with self._guard:
            self._is_closed = True
            if self._descriptor < 0:
                return
            try:
                if self._is_kept and self.position > self._synced:
                    self._sync()
            finally:
                os.close(self._descriptor)
                self._descriptor = -1

    def _open(self, flags: int) -> None:
        flags |= os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, 0o600)

    def _begin_anew(self, prefix: Prefix | None) -> None:
        """Start empty, or with a copy: whoever wrote the prefix may be stalled, not dead."""
        _marker(self._path).unlink(missing_ok=True)
        self._open(os.O_TRUNC)
        if prefix is None:
            return
        source = os.open(prefix.path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            for chunk in _chunks(source, prefix.size):
                self.append(chunk)
        finally:
            os.close(source)
        self._sync()

    def _go_on(self, prefix: Prefix) -> None:
        """Keep what is certain of our own part and cut off the rest."""
        self._open(0)
        for chunk in _chunks(self._descriptor, prefix.size):
            self._digest.update(chunk)
        os.ftruncate(self._descriptor, prefix.size)
        os.lseek(self._descriptor, prefix.size, os.SEEK_SET)
        self.position = self._synced = prefix.size

    def _sync(self) -> None:
        """Put everything on disk and note how much that is.

        After a failed sync nobody knows what is on disk: the part is dropped, not tried again.
        """
        try:
            os.fsync(self._descriptor)
        except OSError:
            self.drop()
            raise
        self._synced, self._synced_at = self.position, time.monotonic()
        is_deleted = os.fstat(self._descriptor).st_nlink == 0
        if not is_deleted:
            _note_synced(self._path, self._synced)

    def _is_long_ago(self) -> bool:
        return time.monotonic() - self._synced_at >= SYNC_PAUSE.total_seconds()

    def _longest_prefix(self) -> Prefix | None:
        whole = (path for path in whole_paths(self._folder, self._key) if path.exists())
        found = [Prefix(path, path.stat().st_size) for path in whole]
        found += [Prefix(path, _synced_size(path)) for _, path in self._parts()]
        return max(found, key=lambda p: (p.size, p.path == self._path), default=None)

    def _parts(self) -> Iterator[tuple[int, Path]]:
        for path in parts_of(self._folder, self._key):
            yield int(path.name.split(".")[1]), path

    def _drop_others(self) -> None:
        for _, path in self._parts():
            if path != self._path:
                _unlink_part(path)


def parts_of(folder: Path, key: str | None = None) -> list[Path]:
    """Return the parts in a folder, of one key or of all."""
    names = ((PART_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return [path for name, path in names if name and key in (None, name[1])]


def delete_files(folder: Path, key: str) -> None:
    """Remove the whole clip of a key and every part of it."""
    for path in whole_paths(folder, key):
        path.unlink(missing_ok=True)
    for path in parts_of(folder, key):
        _unlink_part(path)


def sweep_parts(folder: Path, keep: Container[str]) -> None:
    """Remove the parts of all keys that are not to be kept."""
    for path in parts_of(folder):
        if path.name.split(".")[0] not in keep:
            _unlink_part(path)


def _unlink_part(path: Path) -> None:
    path.unlink(missing_ok=True)
    _marker(path).unlink(missing_ok=True)


def _marker(part: Path) -> Path:
    return part.with_suffix(".synced")


def _note_synced(part: Path, size: int) -> None:
    """Overwrite the note in place: a crash leaves the old one or the new one, both true."""
    descriptor = os.open(_marker(part), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.pwrite(descriptor, b"%020d" % size, 0)
    finally:
        os.close(descriptor)


def _synced_size(part: Path) -> int:
    try:
        noted = int(_marker(part).read_bytes())
    except (FileNotFoundError, ValueError):
        return 0
    return min(noted, part.stat().st_size)


def _chunks(descriptor: int, size: int) -> Iterator[bytes]:
    for start in range(0, size, COPY_BYTES):
        yield os.pread(descriptor, min(COPY_BYTES, size - start), start)
