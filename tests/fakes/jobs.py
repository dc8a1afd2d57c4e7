"""A JobStore in memory, and what tests of job stores share."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rushes.domain import (
    LOCAL_OWNER,
    RUNNING,
    Ending,
    Job,
    JobCount,
    JobEvent,
    JobPage,
    JobStatus,
    RemoteJob,
    VideoRequest,
    new_id,
    utc_now,
)
from rushes.errors import InvalidRequest, JobConflict, JobNotFound, LeaseLost, StorageError
from rushes.ports import Claimed, Queue, QueuedJob, QueueRow, QueueView
from rushes.storage.changes import (
    NOWHERE,
    TOMBSTONE_LIFE,
    amended,
    events_between,
    evidenced,
    marked,
    saved,
    tombstone,
)
from rushes.storage.limits import DAY, Standing, keep_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from rushes.domain import JobQuery, Limits, Scope
    from rushes.ports import Choose, Lane

ACTIVE = RUNNING | {JobStatus.QUEUED, JobStatus.UNKNOWN}


class StoppedClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


def a_job(*, prompt: str = "a red kite over dunes", **changes: Any) -> Job:  # noqa: ANN401 - fields
    """Return a queued job that is due since its birth; any field may be given."""
    created_at = changes.pop("created_at", StoppedClock().now)
    values = {
        "id": new_id(),
        "batch": new_id(),
        "place": 0,
        "owner": LOCAL_OWNER,
        "backend": "demo",
        "request": VideoRequest(prompt=prompt),
        "submit_token": new_id(),
        "created_at": created_at,
        "next_at": created_at,
    }
    return Job(**(values | changes))


@dataclass(frozen=True, slots=True)
class Lease:
    worker: str
    until: datetime


class MemoryJobs:
    """A JobStore that forgets; passes the same contract suite as the real ones."""

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._rows: dict[str, Job] = {}
        self._leases: dict[str, Lease] = {}
        self._events: dict[str, list[JobEvent]] = defaultdict(list)
        self._revision = 0
        self.scrubs: list[bool] = []
        self._changed = asyncio.Event()

    async def add(self, batch: Sequence[Job], limits: Limits) -> list[Job]:
        if not batch:
            return []
        known = await self.admit(batch, limits)
        return known or [self._put(None, job) for job in self._stamped(batch)]

    async def admit(self, batch: Sequence[Job], limits: Limits) -> list[Job]:
        owner, token = batch[0].owner, batch[0].submit_token
        known = [j for j in self._rows.values() if (j.owner, j.submit_token) == (owner, token)]
        if not known:
            keep_limits(limits, self._standing(owner), len(batch), now=self._clock())
        return sorted(known, key=lambda job: job.place)

    async def present(self, job_ids: Collection[str]) -> frozenset[str]:
        there = {job.id for job in self._rows.values() if job.backend != NOWHERE}
        return frozenset(there.intersection(job_ids))

    async def get(self, job_id: str) -> Job:
        if job_id not in self._rows or self._rows[job_id].backend == NOWHERE:
            raise JobNotFound(f"there is no job {job_id}")
        return self._rows[job_id]

    async def search(self, query: JobQuery) -> JobPage:
        found = sorted(filter(_matcher(query), self._rows.values()), key=_age, reverse=True)
        if query.after is not None:
            if query.after not in self._rows:
                raise InvalidRequest("this is no cursor of ours", field="after")
            last = _age(self._rows[query.after])
            found = [job for job in found if _age(job) < last]
        page = tuple(found[: query.limit])
        return JobPage(page, next=page[-1].id if len(found) > len(page) else None)

    async def count(self, query: JobQuery) -> int:
        return sum(map(_matcher(query), self._rows.values()))

    async def claim(self, worker: str, lease: timedelta, choose: Choose) -> Claimed:
        now = self._clock()
        waiting = {job.id: self._due_at(job) for job in self._rows.values() if _is_claimable(job)}
        due = {job_id for job_id, due_at in waiting.items() if due_at <= now}
        view = QueueView(
            due=[_queue_row(job) for job in sorted(self._rows.values(), key=_age) if job.id in due],
            running=Counter((j.backend, j.owner) for j in self._rows.values() if _holds_slot(j)),
            started=self._started(),
        )
        chosen = [job_id for job_id in dict.fromkeys(choose(view)) if job_id in due]
        for job_id in chosen:
            self._leases[job_id] = Lease(worker, now + lease)
            self._rows[job_id] = replace(self._rows[job_id], fence=self._rows[job_id].fence + 1)
        later = [due_at for due_at in waiting.values() if due_at > now]
        return Claimed([self._rows[job_id] for job_id in chosen], min(later, default=None))

    async def renew(self, worker: str, lease: timedelta) -> list[Job]:
        mine = [job_id for job_id, held in self._leases.items() if held.worker == worker]
        for job_id in mine:
            self._leases[job_id] = Lease(worker, self._clock() + lease)
        return [self._rows[job_id] for job_id in mine]

    async def save(self, job: Job, *, release: bool = True) -> Job:
        row = self._rows.get(job.id)
        if row is None or row.fence != job.fence:
            raise LeaseLost(f"job {job.id} is carried by another worker")
        if release:
            self._leases.pop(job.id, None)
        return self._change(row, saved(row, job, now=self._clock()))

    async def amend(self, job: Job) -> Job:
        row, lease = await self.get(job.id), self._leases.get(job.id)
        if lease is not None and lease.until > self._clock():
            raise JobConflict("a worker is busy with this job")
        if row.revision != job.revision:
            raise JobConflict("the job has changed meanwhile")
        self._leases.pop(job.id, None)
        after = amended(row, job, now=self._clock())
        return self._change(row, replace(after, fence=row.fence + 1))

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
        row = await self.get(job_id)
        after = marked(
            row,
            now=self._clock(),
            cancel_requested_at=cancel_requested_at,
            deleted_at=deleted_at,
            starred=starred,
            title=title,
            shared_with=shared_with,
            restored=restored,
        )
        return self._change(row, after)

    async def record_remote(self, job_id: str, remote: RemoteJob) -> None:
        row = await self.get(job_id)
        if row.remote is None:
            self._change(row, evidenced(row, remote, now=self._clock()))

    async def changed_since(self, revision: int, scope: Scope) -> list[Job]:
        changed = [j for j in self._rows.values() if j.revision > revision and _within(scope, j)]
        return sorted(changed, key=lambda job: (job.revision, _age(job)))

    async def revision(self) -> int:
        return self._revision

    async def newest(self, scope: Scope) -> int:
        theirs = (job.revision for job in self._rows.values() if _within(scope, job))
        return max(theirs, default=0)

    async def wait_changed(self, after: int, at_most: timedelta) -> int:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                while self._revision <= after:
                    await self._changed.wait()
        return self._revision

    async def history(self, job_id: str) -> list[JobEvent]:
        return list(self._events[job_id])

    async def queue(self) -> Queue:
        rows = sorted(self._rows.values(), key=_age)
        opened = [job for job in rows if _is_waiting(job) or _holds_slot(job)]
        return Queue(
            waiting=[QueuedJob.of(job) for job in opened if _is_waiting(job)],
            running=[QueuedJob.of(job) for job in opened if _holds_slot(job)],
            started=self._started(),
            counts=Counter((job.backend, job.status) for job in opened),
        )

    def _started(self) -> dict[Lane, datetime]:
        starts: dict[Lane, datetime] = {}
        for job in self._rows.values():
            if job.submitted_at is not None:
                lane = (job.backend, job.owner)
                starts[lane] = max(starts.get(lane, job.submitted_at), job.submitted_at)
        waiting = {(j.backend, j.owner) for j in self._rows.values() if j.status == "queued"}
        return {lane: start for lane, start in starts.items() if lane in waiting}

    def _standing(self, owner: str) -> Standing:
        waiting = [job.owner for job in self._rows.values() if _is_waiting(job)]
        lately = sorted(
            (job.created_at, job.owner)
            for job in self._rows.values()
            if job.created_at > self._clock() - DAY
        )
        by_owner = [moment for moment, who in lately if who == owner]
        everybodys = [moment for moment, _ in lately]
        return Standing(len(waiting), waiting.count(owner), everybodys, by_owner)

    async def adopt(self, owner: str, by: str) -> int:
        theirs = [job for job in self._rows.values() if job.owner == owner]
        moved = [replace(job, owner=by, submit_token=f"adopted:{job.id}") for job in theirs]
        self._rows |= {job.id: job for job in self._stamped(moved)}
        return len(theirs)

    async def erase(self, owner: str, *, only: str | None = None) -> list[Job]:
        old = self._clock() - TOMBSTONE_LIFE
        for stone in [job for job in self._rows.values() if job.backend == NOWHERE]:
            if stone.deleted_at is not None and stone.deleted_at < old:
                del self._rows[stone.id]
        theirs = [
            job
            for job in self._rows.values()
            if job.owner == owner and job.backend != NOWHERE and only in (None, job.id)
        ]
        stones = self._stamped([tombstone(job, now=self._clock()) for job in theirs])
        for stone in stones:
            self._rows[stone.id] = stone
            self._leases.pop(stone.id, None)
            self._events.pop(stone.id, None)
        return theirs

    async def scrub(self, *, rewrite: bool) -> None:
        self.scrubs.append(rewrite)

    async def census(self) -> Mapping[tuple[str, JobStatus], int]:
        return Counter((job.backend, job.status) for job in self._rows.values())

    async def tally(self) -> list[JobCount]:
        kinds: dict[tuple[str, str, JobStatus], list[Job]] = defaultdict(list)
        for job in self._rows.values():
            if job.deleted_at is None:
                kinds[job.owner, job.backend, job.status].append(job)
        return [_counted(kind, kinds[kind]) for kind in sorted(kinds)]

    async def endings(self, backends: Collection[str], *, limit: int) -> list[Ending]:
        ended = [
            job
            for job in sorted(self._rows.values(), key=_age, reverse=True)
            if job.backend in backends and job.status in (JobStatus.COMPLETED, JobStatus.FAILED)
        ]
        return [_ending(job) for job in ended[:limit]]

    def _due_at(self, job: Job) -> datetime:
        lease = self._leases.get(job.id)
        due_at = job.next_at or self._clock()
        return max(due_at, lease.until) if lease is not None else due_at

    def _stamped(self, batch: Sequence[Job]) -> list[Job]:
        self._revision += 1
        self._changed.set()
        self._changed = asyncio.Event()
        return [replace(job, revision=self._revision) for job in batch]

    def _change(self, before: Job, after: Job) -> Job:
        return self._put(before, *self._stamped([after]))

    def _put(self, before: Job | None, after: Job) -> Job:
        self._events[after.id] += events_between(before, after, now=self._clock())
        self._rows[after.id] = after
        return after


def _counted(kind: tuple[str, str, JobStatus], found: list[Job]) -> JobCount:
    oldest = min(job.created_at for job in found)
    weight = sum(job.clip.size for job in found if job.clip is not None)
    return JobCount(*kind, count=len(found), oldest=oldest, clip_bytes=weight)


def _ending(job: Job) -> Ending:
    began, ended, expected = job.submitted_at, job.finished_at, job.expected_at
    return Ending(
        job.status,
        took=ended - began if began and ended else None,
        missed=ended - expected if expected and ended else None,
        model=job.request.model,
        seconds=job.request.duration_s,
    )


def _age(job: Job) -> tuple[datetime, int, str]:
    return job.created_at, job.place, job.id


def _is_asked_for(query: JobQuery, job: Job) -> bool:
    if query.audiences is None:
        return _within(query.scope, job)
    return job.shared_with in query.audiences and job.owner != query.scope.owner


def _within(scope: Scope, job: Job) -> bool:
    return scope.owner in (None, job.owner)


def _is_waiting(job: Job) -> bool:
    return job.status is JobStatus.QUEUED and job.deleted_at is None


def _is_claimable(job: Job) -> bool:
    is_wanted = job.deleted_at is None or job.status in RUNNING
    return job.status in ACTIVE and job.next_at is not None and is_wanted


def _holds_slot(job: Job) -> bool:
    return job.status in (JobStatus.SUBMITTING, JobStatus.IN_PROGRESS)


def _queue_row(job: Job) -> QueueRow:
    wished = job.cancel_requested_at is not None
    return QueueRow(job.id, job.owner, job.backend, job.status, job.created_at, job.place, wished)


def _matcher(query: JobQuery) -> Callable[[Job], bool]:
    def matches(job: Job) -> bool:
        text = f"{job.request.prompt}\n{job.title or ''}".casefold()
        return (
            _is_asked_for(query, job)
            and job.backend != NOWHERE
            and (job.deleted_at is not None) is query.deleted
            and (query.statuses is None or job.status in query.statuses)
            and query.backend in (None, job.backend)
            and query.batch in (None, job.batch)
            and query.starred in (None, job.starred)
            and (query.text or "").casefold() in text
        )

    return matches


class BusyJobs(MemoryJobs):
    """Its files are in use whenever they should be emptied."""

    async def scrub(self, *, rewrite: bool) -> None:
        await super().scrub(rewrite=rewrite)
        raise StorageError("the log is in use")
