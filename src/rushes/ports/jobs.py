"""What the workflow needs of a job store, and what its claim may know of the queue."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from rushes.domain import (
        Ending,
        Job,
        JobCount,
        JobEvent,
        JobPage,
        JobQuery,
        JobStatus,
        Limits,
        RemoteJob,
        Scope,
    )


Lane = tuple[str, str]
"""One person's jobs at one backend: the backend's id and the owner."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """What `choose` may know of a due job."""

    id: str
    owner: str
    backend: str
    status: JobStatus
    created_at: datetime
    place: int
    cancel_requested: bool = False

    @property
    def lane(self) -> Lane:
        """Where it waits."""
        return self.backend, self.owner


@dataclass(frozen=True, slots=True)
class QueueView:
    """The queue at one moment, inside the claim's transaction.

    `due` holds unleased jobs that are due, oldest first; where the queue is too long for a look,
    everybody's first jobs at each backend come before anybody's later ones. `running` counts, by
    lane, the jobs that hold a slot now (submitting or in_progress, leased or not); `started` says
    when a lane that waits was last handed a job over, absent: never.
    """

    due: Sequence[QueueRow]
    running: Mapping[Lane, int]
    started: Mapping[Lane, datetime]


@dataclass(frozen=True, slots=True)
class QueuedJob(QueueRow):
    """What a forecast may know of a job that waits or holds a slot."""

    model: str | None = None
    seconds: float | None = None
    """How long a clip was asked for."""
    submitted_at: datetime | None = None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return what the forecast needs of a job."""
        return cls(
            id=job.id,
            owner=job.owner,
            backend=job.backend,
            status=job.status,
            created_at=job.created_at,
            place=job.place,
            model=job.request.model,
            seconds=job.request.duration_s,
            submitted_at=job.submitted_at,
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """All that waits and all that holds a slot at one moment, oldest first.

    Of a very long queue as much as one look of a claim takes in; `counts` counts all of it, by
    backend and status. `started` is as in a QueueView.
    """

    waiting: Sequence[QueuedJob]
    running: Sequence[QueuedJob]
    started: Mapping[Lane, datetime]
    counts: Mapping[tuple[str, JobStatus], int]


Choose = Callable[[QueueView], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Claimed:
    """Jobs now leased to the caller, and when the next job falls due (None: none waits)."""

    jobs: Sequence[Job]
    wake_at: datetime | None


class JobStore(Protocol):
    """Remembers jobs over restarts; the only truth. Raises StorageError.

    Every transaction that changes a job raises one counter, the revision, and stamps it on the
    rows it wrote; taking or prolonging a lease changes none. A status change, a setback, a cancel
    wish and a delete leave an event row.
    """

    async def add(self, jobs: Sequence[Job], limits: Limits) -> list[Job]:
        """Add a batch, all or none. Limits are counted in the same transaction, else LimitReached.

        Where (owner, submit_token) exists already, nothing is written and those jobs return.
        """
        ...

    async def admit(self, jobs: Sequence[Job], limits: Limits) -> list[Job]:
        """Say what `add` would, and write nothing: raise LimitReached, or return what is known.

        Nothing is known of a batch that could be added now.
        """
        ...

    async def present(self, job_ids: Collection[str]) -> frozenset[str]:
        """Return which of these ids are jobs, deleted ones too."""
        ...

    async def get(self, job_id: str) -> Job:
        """Return one job, deleted ones too; raises JobNotFound."""
        ...

    async def search(self, query: JobQuery) -> JobPage:
        """Return a page of jobs, newest first, by keyset.

        What is under way is found among all that is, however much somebody has ended.
        """
        ...

    async def count(self, query: JobQuery) -> int:
        """Return how many jobs all pages of a query hold together."""
        ...

    async def claim(self, worker: str, lease: timedelta, choose: Choose) -> Claimed:
        """Lease due jobs to `worker`: one serialised transaction in which `choose` decides.

        Each claimed job comes back with its fence raised by one.
        """
        ...

    async def renew(self, worker: str, lease: timedelta) -> list[Job]:
        """Prolong all leases of `worker` at once; the rows bring new cancel wishes along."""
        ...

    async def save(self, job: Job, *, release: bool = True) -> Job:
        """Write the worker's columns if the job's fence still holds, else raise LeaseLost.

        Returns the row as it is now, the viewer's columns included. `release` ends the lease.
        """
        ...

    async def amend(self, job: Job) -> Job:
        """Write the worker's columns, and the cancel wish, for a person's move.

        The revision must hold and nobody may hold a lease, else JobConflict. Raises the fence.
        """
        ...

    async def mark(
        self,
        job_id: str,
        *,
        cancel_requested_at: datetime | None = None,
        deleted_at: datetime | None = None,
        starred: bool | None = None,
        title: str | None = None,
        shared_with: str | None = None,
        restored: bool = False,
    ) -> Job:
        """Write the viewer's columns that are given. A cancel wish makes the job due at once.

        `restored` takes a delete back, an empty `shared_with` shows the clip to nobody else.
        """
        ...

    async def record_remote(self, job_id: str, remote: RemoteJob) -> None:
        """Keep a remote id that came too late for its lease; only where none is known yet.

        An `unknown` job becomes due at once, so that the evidence is followed.
        """
        ...

    async def changed_since(self, revision: int, scope: Scope) -> list[Job]:
        """Return jobs with a higher revision, in its order, deleted ones included.

        About a thousand at a time: ask again from the last one's until none is left.
        """
        ...

    async def revision(self) -> int:
        """Return the counter as it stands."""
        ...

    async def newest(self, scope: Scope) -> int:
        """Return the highest revision among these jobs, deleted ones too; 0 where there is none."""
        ...

    async def wait_changed(self, after: int, at_most: timedelta) -> int:
        """Return the counter as soon as it is above `after`, or when `at_most` has passed."""
        ...

    async def history(self, job_id: str) -> list[JobEvent]:
        """Return a job's events, oldest first."""
        ...

    async def queue(self) -> Queue:
        """Return what waits and what holds a slot, due or not, leased or not, of everybody."""
        ...

    async def adopt(self, owner: str, by: str) -> int:
        """Give every job of one owner to another, links to them too; return how many."""
        ...

    async def erase(self, owner: str, *, only: str | None = None) -> list[Job]:
        """Remove somebody's jobs, or `only` one of them, for good; return them as they were.

        Histories and share links go with them. What stays for a while is a bare id that
        `changed_since` tells as deleted, and nothing else finds. `scrub` comes after.
        """
        ...

    async def scrub(self, *, rewrite: bool) -> None:
        """Leave nothing that erased jobs said in any file of the store, its logs included.

        `rewrite` does the same for what older versions erased, and takes long. Raises StorageError
        where that cannot be now; the jobs are erased all the same.
        """
        ...

    async def census(self) -> Mapping[tuple[str, JobStatus], int]:
        """Return how many jobs are kept, by backend and status, deleted ones too.

        Quick whatever their number: monitors ask every few seconds.
        """
        ...

    async def tally(self) -> list[JobCount]:
        """Return how many jobs there are, by owner, backend and status, in that order."""
        ...

    async def endings(self, backends: Collection[str], *, limit: int) -> list[Ending]:
        """Return how the newest jobs at these backends ended, newest first, deleted ones too.

        Only completed and failed ones: a cancelled job says nothing of a backend.
        """
        ...
