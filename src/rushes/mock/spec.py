"""What one rehearsal clip is made from; the same spec is the same clip."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from rushes.errors import InvalidRequest

LONGEST_S = 20
LARGEST_SIDE = 1920
LARGEST_AREA = 1920 * 1080
LOOK = 3  # raised when the file changes, so that no cached clip of the old look is served


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """Everything that a clip depends on. Raises InvalidRequest for what cannot be rendered.

    `weight` asks for a clip of about that many bytes; 0 means as light as it comes.
    """

    prompt: str
    width: int = 832
    height: int = 480
    fps: int = 24
    frames: int = 96
    seed: int = 0
    sound: bool = True
    weight: int = 0

    def __post_init__(self) -> None:
        sides = (self.width, self.height)
        if any(side % 2 or not 64 <= side <= LARGEST_SIDE for side in sides):
            raise InvalidRequest(
                f"width and height must be even, 64 to {LARGEST_SIDE}", field="size"
            )
        if self.width * self.height > LARGEST_AREA:
            raise InvalidRequest("at most 1920x1080 or 1080x1920 pixels", field="size")
        if not 1 <= self.fps <= 60:
            raise InvalidRequest("fps must be 1 to 60", field="fps")
        if self.frames < 1 or self.duration_s > LONGEST_S:
            raise InvalidRequest(f"a clip lasts at most {LONGEST_S} seconds", field="seconds")

    @property
    def duration_s(self) -> float:
        """Return the length in seconds."""
        return self.frames / self.fps

    @property
    def digest(self) -> str:
        """Return the name under which the clip is cached."""
        told = json.dumps([LOOK, asdict(self)], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:32]
