"""What a clip's own header says, whatever its container: the shape of it, and how it is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

Figure = TypeVar("Figure", int, float)
SIDE_MAX = 65_535
SECONDS_MAX = 24 * 60 * 60
FPS_MAX = 1000
"""Beyond these a figure is a slip of whoever wrote the file, or no figure at all."""

Read = Callable[[int, int], Awaitable[bytes]]
"""Returns bytes from a start, at most up to a stop; b"" is the end."""


class BrokenClip(ValueError):
    """The parts do not add up: cut short, or no video at all."""


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a clip's own header says. Sides in pixels, length in seconds; None where it is mute."""

    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    fps: float | None = None
    has_sound: bool | None = None
    mark: str | None = None
    codec: str | None = None


def believed(figure: Figure | None, at_most: int) -> Figure | None:
    """Return a figure that can be true, above nothing and up to `at_most`; None for any other."""
    return figure if figure is not None and 0 < figure <= at_most else None


async def read_all(read: Read, start: int, stop: int) -> bytes:
    """Return all bytes of a stretch; raises BrokenClip where the file ends before."""
    parts = []
    while start < stop:
        part = await read(start, stop)
        if not part:
            raise BrokenClip("the file ends too early")
        parts.append(part)
        start += len(part)
    return b"".join(parts)
