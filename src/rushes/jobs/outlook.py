"""What people are told of the queue: whose turn is when, and how true that has been so far."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from statistics import median_low
from typing import TYPE_CHECKING

from rushes.domain import JobStatus, new_id
from rushes.jobs.forecast import ENOUGH, Pace, Paces, Range, forecast
from rushes.ports import QueuedJob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from rushes.domain import Job, Limits
    from rushes.jobs.directory import ConfiguredBackend, Directory
    from rushes.jobs.forecast import Turn
    from rushes.ports import JobStore, Queue

MEASURED = 200
"""So many of a backend's newest jobs make its pace."""
FRESH = timedelta(seconds=10)
"""How long a forecast stands while no job moves."""
RUNNING = (JobStatus.SUBMITTING, JobStatus.IN_PROGRESS)
OVERDUE = 3
"""So many times as long as nine in ten took is far longer than usual..."""
PATIENCE = timedelta(minutes=1)
"""...but never so short a time, which may pass before one looks."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How true forecasts were: of so many jobs, half ended within this of what was expected."""

    jobs: int
    half_within: timedelta


@dataclass(frozen=True, slots=True)
class BackendLine:
    """How many jobs of everybody wait and run at one backend, and how long a clip takes there."""

    backend: ConfiguredBackend
    waiting: int
    running: int
    usual: Range | None


@dataclass(frozen=True, slots=True)
class QueueState:
    """The whole queue in numbers, and in no other way."""

    backends: list[BackendLine]
    accuracy: Accuracy | None

    @property
    def waiting(self) -> int:
        """How many jobs wait in all."""
        return sum(line.waiting for line in self.backends)

    @property
    def running(self) -> int:
        """How many jobs are out in all."""
        return sum(line.running for line in self.backends)


@dataclass(slots=True)
class Outlook:
    """Forecasts from the store's queue and from what was measured here. Raises StorageError."""

    store: JobStore
    backends: Directory
    limits: Limits
    clock: Callable[[], datetime]
    _turns: Mapping[str, Turn] = field(default_factory=dict)
    _known_at: tuple[int, int] | None = None

    async def turns(self) -> Mapping[str, Turn]:
        """Return the turn of every job that waits, by its id."""
        moment = await self.store.revision(), int(self.clock().timestamp() / FRESH.total_seconds())
        if moment != self._known_at:
            queue = await self.store.queue()
            self._turns, self._known_at = await self._play(queue), moment
        return self._turns

    async def overdue(self, job: Job) -> Range | None:
        """Return what jobs like this one take, where it has been out for far longer."""
        backend = self.backends.find(job.backend)
        if backend is None or job.submitted_at is None or job.status not in RUNNING:
            return None
        since = self.clock() - job.submitted_at
        if since < PATIENCE:
            return None
        endings = await self.store.endings(self._ids(backend), limit=MEASURED)
        pace = Paces(endings).of(job.request.model, job.request.duration_s)
        is_overdue = pace is not None and since > OVERDUE * pace.late
        return Range(pace.usual, pace.late) if pace and is_overdue else None

    async def turn_of(
        self, owner: str, backend: ConfiguredBackend, model: str | None, seconds: float | None
    ) -> Turn | None:
        """Return the turn that a new job would have."""
        new = QueuedJob(
            id=new_id(),
            owner=owner,
            backend=backend.id,
            status=JobStatus.QUEUED,
            created_at=self.clock(),
            place=0,
            model=model,
            seconds=seconds,
        )
        turns = await self._with([new])
        return turns.get(new.id)

    async def expected(self, batch: Sequence[Job]) -> list[Job]:
        """Return a new batch with the moment at which each of its clips is expected."""
        turns = await self._with([QueuedJob.of(job) for job in batch])
        return [replace(job, expected_at=self._moment(turns.get(job.id))) for job in batch]

    async def state(self) -> QueueState:
        """Return the queue as anybody may see it."""
        queue = await self.store.queue()
        lines = []
        missed: list[timedelta] = []
        for backend in self.backends.all():
            ids = self._ids(backend)
            endings = await self.store.endings(ids, limit=MEASURED)
            done = [ending for ending in endings if ending.status is JobStatus.COMPLETED]
            missed += [abs(ending.missed) for ending in done if ending.missed is not None]
            pace = Pace.of(endings)
            lines.append(
                BackendLine(
                    backend,
                    waiting=_count(queue, ids, JobStatus.QUEUED),
                    running=_count(queue, ids, *RUNNING),
                    usual=Range(pace.usual, pace.late) if pace else None,
                )
            )
        half = Accuracy(len(missed), median_low(missed)) if len(missed) >= ENOUGH else None
        return QueueState(lines, half)

    async def _with(self, more: Sequence[QueuedJob]) -> dict[str, Turn]:
        queue = await self.store.queue()
        return await self._play(replace(queue, waiting=[*queue.waiting, *more]))

    async def _play(self, queue: Queue) -> dict[str, Turn]:
        if not queue.waiting:
            return {}
        now = self.clock()
        rules = self.backends.rules(now, self.limits)
        return forecast(queue, rules, await self._paces(queue), now)

    async def _paces(self, queue: Queue) -> dict[str, Paces]:
        """Return the pace of each backend that has jobs to play, by all ids they may have kept."""
        paces: dict[str, Paces] = {}
        for backend in self.backends.all():
            ids = self._ids(backend)
            if any(job.backend in ids for job in (*queue.waiting, *queue.running)):
                measured = Paces(await self.store.endings(ids, limit=MEASURED))
                paces |= dict.fromkeys(ids, measured)
        return paces

    def _ids(self, backend: ConfiguredBackend) -> frozenset[str]:
        known = self.backends.by_any_id().items()
        return frozenset(id_ for id_, configured in known if configured is backend)

    def _moment(self, turn: Turn | None) -> datetime | None:
        return self.clock() + turn.ready.middle if turn and turn.ready else None


def _count(queue: Queue, backends: frozenset[str], *statuses: JobStatus) -> int:
    return sum(queue.counts.get((id_, status), 0) for id_ in backends for status in statuses)
