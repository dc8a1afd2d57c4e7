"""Values that stand in files: read again once the file has changed, without a restart."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Generic, TypeVar

from rushes.errors import RushesError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

T = TypeVar("T")
State = tuple[int, int, int] | None


def state_of(file: Path) -> State:
    """Return what changes with a file's content, and when another takes its place."""
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_ino, told.st_mtime_ns, told.st_size


class Watched(Generic[T]):
    """What `read` makes of a file, made anew when the file has changed.

    What cannot be used, or not yet, changes nothing. The first `read` may raise.
    """

    def __init__(self, file: Path, read: Callable[[], T]) -> None:
        self._file, self._read = file, read
        self._seen = state_of(file)
        self._value = read()

    def __call__(self) -> T:
        """Return the value as it is now."""
        state = state_of(self._file)
        if state != self._seen:
            self._seen = state
            self._renew()
        return self._value

    def _renew(self) -> None:
        if self._seen is None:
            return
        try:
            self._value = self._read()
        except (RushesError, ValueError) as error:
            logger.error("%s is not used: %s", self._file, error)  # noqa: TRY400
