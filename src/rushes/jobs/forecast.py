"""When: the queue played forward by the very rules that carry it, with times measured here."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from rushes.domain import BackendRecord, JobStatus
from rushes.jobs.queueing import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from rushes.domain import Ending
    from rushes.jobs.queueing import Rules
    from rushes.ports import Queue, QueuedJob

ENOUGH = 5
"""Fewer measured jobs than these say nothing."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Range:
    """A time to wait: half of all clips are here after `low`, nine of ten after `high`."""

    low: timedelta
    high: timedelta

    @property
    def middle(self) -> timedelta:
        """What to name where only one figure can be."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a waiting job stands: its place in line, from 1, and when its clip may be here.

    `ready` is None where too little was measured, or where the backend takes no jobs now. A job
    that is out has place 0, and `overdue` tells how long such jobs take where it took far longer.
    """

    place: int
    ready: Range | None = None
    overdue: Range | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How long clips of one kind take: half of them `usual` at most, nine of ten `late`."""

    usual: timedelta
    late: timedelta

    @classmethod
    def of(cls, endings: Sequence[Ending]) -> Pace | None:
        """Sum up; None where there are not enough."""
        done = [ending for ending in endings if ending.status is JobStatus.COMPLETED]
        record = BackendRecord.of([ending for ending in done if ending.took is not None])
        if record.jobs < ENOUGH or record.median is None or record.p90 is None:
            return None
        return cls(record.median, record.p90)

    @property
    def doubt(self) -> float:
        """The spread as a variance, in seconds squared: the doubts of jobs in a row add up."""
        return (self.late - self.usual).total_seconds() ** 2

    def left(self, elapsed: timedelta) -> timedelta:
        """Return how much longer a job takes that has run for a while; a late one ends soon."""
        ends = (end for end in (self.usual, self.late) if end > elapsed)
        return next(ends, elapsed + self.usual / 4) - elapsed


UNMEASURED = Pace(MINUTE, MINUTE)
"""Moves the line along where nothing was measured: places are known even so."""


@dataclass(frozen=True, slots=True)
class Paces:
    """The pace of one backend, for each kind of clip that was made there often enough."""

    endings: Sequence[Ending]
    _known: dict[tuple[str | None, float | None], Pace | None] = field(default_factory=dict)

    def of(self, model: str | None, seconds: float | None) -> Pace | None:
        """Return the pace of clips of this model and length, else of this model, else of all."""
        kind = model, seconds
        if kind not in self._known:
            same_model = [ending for ending in self.endings if ending.model == model]
            same_length = [ending for ending in same_model if ending.seconds == seconds]
            paces = map(Pace.of, (same_length, same_model, self.endings))
            self._known[kind] = next(filter(None, paces), None)
        return self._known[kind]


def forecast(
    queue: Queue, rules: Rules, paces: Mapping[str, Paces], now: datetime
) -> dict[str, Turn]:
    """Return the turn of every job that waits, by its id.

    Of a backend that takes no jobs now only places are told, as if it did: its jobs take nothing
    of what all share, and keep nobody waiting.
    """
    turns = _Play(queue, rules, paces, now).to_the_end()
    if not rules.paused:
        return turns
    open_again = _Play(queue, replace(rules, paused=frozenset()), paces, now).to_the_end()
    paused = {job.id for job in queue.waiting if job.backend in rules.paused}
    return turns | {
        job_id: replace(turn, ready=None) for job_id, turn in open_again.items() if job_id in paused
    }


class _Play:
    """The queue from now on: what comes next gives a slot or a start back, then others begin."""

    def __init__(
        self, queue: Queue, rules: Rules, paces: Mapping[str, Paces], now: datetime
    ) -> None:
        running = Counter(job.lane for job in queue.running)
        self.line = Line(queue.waiting, running, queue.started, rules)
        self.rules = rules
        self.paces = paces
        self.begun = Counter[str]()
        # Seconds from now, a number that keeps their order, the doubt, and what then happens.
        self.coming: list[tuple[float, int, float, Callable[[], None]]] = []
        self.numbers = 0
        for job in queue.running:
            pace = self._pace(job) or UNMEASURED
            elapsed = max(now - (job.submitted_at or now), timedelta())
            self._later(pace.left(elapsed), pace.doubt, partial(self.line.ended, job.lane))
        for backend, left in rules.starts.items():
            for _ in range(rules.rates.get(backend, left) - left):
                self._later(MINUTE, 0.0, partial(self.line.allow, backend))

    def to_the_end(self) -> dict[str, Turn]:
        """Let every job have its turn."""
        turns, clock, doubt = self._begin(0.0, 0.0), 0.0, 0.0
        while self.coming:
            clock, _, doubt, happen = heappop(self.coming)
            happen()
            turns |= self._begin(clock, doubt)
        return turns

    def _begin(self, clock: float, doubt: float) -> dict[str, Turn]:
        """Start what may start at a moment that is known up to a doubt."""
        turns = {}
        for row in self.line:
            job: QueuedJob = row  # type: ignore[assignment] # the line was made of nothing else
            pace = self._pace(job)
            end = timedelta(seconds=clock) + (pace or UNMEASURED).usual
            unsure = doubt + (pace or UNMEASURED).doubt
            self._later(end, unsure, partial(self.line.ended, job.lane))
            if job.backend in self.rules.starts:
                again = timedelta(seconds=clock) + MINUTE
                self._later(again, doubt, partial(self.line.allow, job.backend))
            self.begun[job.backend] += 1
            high = end + timedelta(seconds=math.sqrt(unsure))
            turns[job.id] = Turn(self.begun[job.backend], Range(end, high) if pace else None)
        return turns

    def _pace(self, job: QueuedJob) -> Pace | None:
        paces = self.paces.get(job.backend)
        return paces.of(job.model, job.seconds) if paces else None

    def _later(self, after: timedelta, doubt: float, happen: Callable[[], None]) -> None:
        self.numbers += 1
        heappush(self.coming, (after.total_seconds(), self.numbers, doubt, happen))
