"""What has happened since the start, counted where it happens and told by `/metrics`.

Nothing here knows a job, a person or a prompt.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

OK = "ok"
BOUNDS_S = (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0)


@dataclass(slots=True)
class Histogram:
    """How many values lay at or below each bound; the last place is for all that lay above."""

    bounds: tuple[float, ...] = BOUNDS_S
    places: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.places = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one value."""
        self.places[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(slots=True)
class BackendCounts:
    """What came of the calls to one backend."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often, by stage and outcome: OK or an error's kind."""
    seconds: Histogram = field(default_factory=Histogram)
    """How long jobs took that brought a clip, from the hand-over until it was here."""
    clip_bytes: int = 0
    """How much of clips has come from there."""


@dataclass(slots=True)
class Counts:
    """What one process counts beside its backends."""

    clip_bytes_out: int = 0
    database_errors: int = 0
