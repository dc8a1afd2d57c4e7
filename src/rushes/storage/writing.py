"""One writing transaction on jobs: each row is read first, then decided by the pure rules.

Reading takes the row's lock where the database has row locks; SQLite has one writer anyway.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from rushes.errors import JobConflict, JobNotFound, LeaseLost
from rushes.storage.changes import amended, events_between, evidenced, marked, saved
from rushes.storage.claiming import NO_LEASE
from rushes.storage.erasing import IS_THERE, drop_old_tombstones, erase
from rushes.storage.lanes import IS_QUEUED
from rushes.storage.limits import DAY, Standing, keep_limits
from rushes.storage.rows import (
    JOB_COLUMNS,
    JOB_FIELDS,
    VIEWER_FIELDS,
    WORKER_FIELDS,
    job_of,
    searched_text,
    values_of,
)
from rushes.storage.tables import counter, events, jobs, shares

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rushes.domain import Job, Limits, RemoteJob


class Writing:
    """The transaction's connection and moment, and the revision once one was given out."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.revision: int | None = None

    async def add(self, batch: Sequence[Job], limits: Limits) -> list[Job]:
        """Insert a batch, or return the one that has its owner and token already."""
        known = await self.admit(batch, limits)
        if known:
            return known
        revision = await self._next_revision()
        added = [replace(job, revision=revision) for job in batch]
        rows = [values_of(job, JOB_FIELDS) | {"searched": searched_text(job)} for job in added]
        await self.connection.execute(insert(jobs), rows)
        await self._tell([(None, job) for job in added])
        return added

    async def admit(self, batch: Sequence[Job], limits: Limits) -> list[Job]:
        """Return the batch that has the owner and token already; raises LimitReached."""
        first = batch[0]
        known = await self._batch_of(first.owner, first.submit_token)
        if not known:
            await self._keep_limits(first.owner, len(batch), limits)
        return known

    async def save(self, job: Job, *, release: bool) -> Job:
        """Write the worker's columns under the fence; raises LeaseLost."""
        try:
            row, _ = await self._row(job.id)
        except JobNotFound as error:
            raise LeaseLost(f"job {job.id} is gone") from error
        if row.fence != job.fence:
            raise LeaseLost(f"job {job.id} is carried by another worker")
        extra = NO_LEASE if release else {}
        return await self._put(row, saved(row, job, now=self.now), WORKER_FIELDS, **extra)

    async def amend(self, job: Job) -> Job:
        """Write the worker's columns and the cancel wish for a person; raises JobConflict."""
        row, lease_until = await self._row(job.id)
        if lease_until is not None and lease_until > self.now:
            raise JobConflict("a worker is busy with this job")
        if row.revision != job.revision:
            raise JobConflict("the job has changed meanwhile")
        after = replace(amended(row, job, now=self.now), fence=row.fence + 1)
        columns = (*WORKER_FIELDS, "cancel_requested_at", "fence")
        return await self._put(row, after, columns, **NO_LEASE)

    async def mark(self, job_id: str, **changes: Any) -> Job:  # noqa: ANN401 - see changes.marked
        """Write the viewer's columns that are given."""
        row, _ = await self._row(job_id)
        after = marked(row, now=self.now, **changes)
        searched = searched_text(after)
        return await self._put(row, after, (*VIEWER_FIELDS, "next_at"), searched=searched)

    async def record_remote(self, job_id: str, remote: RemoteJob) -> None:
        """Keep a remote id where none is known yet."""
        row, _ = await self._row(job_id)
        if row.remote is None:
            await self._put(row, evidenced(row, remote, now=self.now), ("remote", "next_at"))

    async def adopt(self, owner: str, by: str) -> int:
        """Write another owner; tokens of forms are made anew, lest two people's be the same."""
        values = {
            "owner": by,
            "submit_token": "adopted:" + jobs.c.id,
            "revision": await self._next_revision(),
        }
        moved = update(jobs).where(jobs.c.owner == owner).values(**values).returning(jobs.c.id)
        count = len((await self.connection.execute(moved)).all())
        theirs = update(shares).where(shares.c.owner == owner).values(owner=by)
        await self.connection.execute(theirs)
        return count

    async def erase(self, owner: str, only: str | None) -> list[Job]:
        """Replace jobs by tombstones, and remove the old ones of those."""
        await drop_old_tombstones(self.connection, self.now)
        revision = await self._next_revision()
        return await erase(self.connection, owner, only, now=self.now, revision=revision)

    async def _row(self, job_id: str) -> tuple[Job, datetime | None]:
        """Return the job and the end of its lease."""
        columns, is_it = (*JOB_COLUMNS, jobs.c.lease_until), jobs.c.id == job_id
        statement = select(*columns).where(is_it, IS_THERE).with_for_update()
        row = (await self.connection.execute(statement)).mappings().one_or_none()
        if row is None:
            raise JobNotFound(f"there is no job {job_id}")
        return job_of(row), row["lease_until"]

    async def _put(self, before: Job, after: Job, names: Sequence[str], **extra: Any) -> Job:  # noqa: ANN401 - columns
        """Write the named columns of `after`, and its history."""
        after = replace(after, revision=await self._next_revision())
        values = values_of(after, (*names, "revision")) | extra
        await self.connection.execute(update(jobs).where(jobs.c.id == after.id).values(**values))
        await self._tell([(before, after)])
        return after

    async def _tell(self, changes: Sequence[tuple[Job | None, Job]]) -> None:
        rows = [
            {"job_id": after.id, "at": event.at, "what": event.what, "kind": event.kind}
            for before, after in changes
            for event in events_between(before, after, now=self.now)
        ]
        if rows:
            await self.connection.execute(insert(events), rows)

    async def _next_revision(self) -> int:
        statement = (
            update(counter).values(revision=counter.c.revision + 1).returning(counter.c.revision)
        )
        self.revision = (await self.connection.execute(statement)).scalar_one()
        return self.revision

    async def _batch_of(self, owner: str, submit_token: str) -> list[Job]:
        statement = (
            select(*JOB_COLUMNS)
            .where(jobs.c.owner == owner, jobs.c.submit_token == submit_token)
            .order_by(jobs.c.place)
        )
        return [job_of(row) for row in (await self.connection.execute(statement)).mappings()]

    async def _keep_limits(self, owner: str, more: int, limits: Limits) -> None:
        standing = Standing(
            waiting=await self._waiting(),
            waiting_of_owner=await self._waiting(jobs.c.owner == owner),
            asked=[] if limits.daily_total is None else await self._asked_lately(),
            asked_by_owner=(
                []
                if limits.daily_per_owner is None
                else await self._asked_lately(jobs.c.owner == owner)
            ),
        )
        keep_limits(limits, standing, more, now=self.now)

    async def _asked_lately(self, *conditions: ColumnElement[bool]) -> Sequence[datetime]:
        statement = (
            select(jobs.c.created_at)
            .where(jobs.c.created_at > self.now - DAY, *conditions)
            .order_by(jobs.c.created_at)
        )
        return (await self.connection.execute(statement)).scalars().all()

    async def _waiting(self, *conditions: ColumnElement[bool]) -> int:
        statement = select(func.count()).where(IS_QUEUED, jobs.c.deleted_at.is_(None), *conditions)
        return (await self.connection.execute(statement)).scalar_one()
