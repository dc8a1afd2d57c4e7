"""What was measured here: how many jobs there are, and how those of a backend have ended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushes.domain.job import JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class JobCount:
    """How many jobs of one owner at one backend are in one state; deleted ones do not count."""

    owner: str
    backend: str
    status: JobStatus
    count: int
    oldest: datetime
    """When the oldest of them was asked for."""
    clip_bytes: int
    """How much their clips weigh."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How one job ended: completed or failed, and how long it was away, if it ever left.

    `missed` is by how much later than forecast it ended (less than zero: earlier), where one was
    made; `model` and `seconds` are what was asked for.
    """

    status: JobStatus
    took: timedelta | None
    missed: timedelta | None = None
    model: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class BackendRecord:
    """How a backend has done here lately; without any job there is nothing to say."""

    jobs: int
    success: float | None
    """The share of jobs that brought a clip, 0 to 1."""
    median: timedelta | None
    """How long half of the clips took at most, from the hand-over until they were here."""
    p90: timedelta | None

    @classmethod
    def of(cls, endings: Sequence[Ending]) -> BackendRecord:
        """Sum up."""
        done = [ending for ending in endings if ending.status is JobStatus.COMPLETED]
        times = sorted(ending.took for ending in done if ending.took is not None)
        return cls(
            jobs=len(endings),
            success=len(done) / len(endings) if endings else None,
            median=_ranked(times, 0.5),
            p90=_ranked(times, 0.9),
        )


def _ranked(times: Sequence[timedelta], share: float) -> timedelta | None:
    """Return the least of the times that at least this share of all does not exceed."""
    return times[math.ceil(share * len(times)) - 1] if times else None
