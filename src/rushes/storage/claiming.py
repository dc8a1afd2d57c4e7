"""Who may be leased next: the claim, run in one serialised transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, or_, select, update

from rushes.domain import RUNNING, JobStatus
from rushes.ports import Claimed, QueueRow, QueueView
from rushes.storage.lanes import IS_QUEUED, in_turns, last_starts, running_counts
from rushes.storage.rows import JOB_COLUMNS, job_of
from rushes.storage.tables import jobs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rushes.domain import Job
    from rushes.ports import Choose

ACTIVE = frozenset({JobStatus.QUEUED, JobStatus.UNKNOWN, *RUNNING})
NO_LEASE: dict[str, Any] = {"lease_owner": None, "lease_until": None}

# A leased job is due when its lease has run out, if nobody gave it back before.
_due_at = case((jobs.c.lease_until > jobs.c.next_at, jobs.c.lease_until), else_=jobs.c.next_at)
# A deleted job is carried on only to be cancelled where it runs.
CLAIMABLE = and_(
    jobs.c.status.in_(ACTIVE),
    jobs.c.next_at.is_not(None),
    or_(jobs.c.deleted_at.is_(None), jobs.c.status.in_(RUNNING)),
)


async def claim(
    connection: AsyncConnection, now: datetime, worker: str, until: datetime, choose: Choose
) -> Claimed:
    """Lease what `choose` picks of the due jobs; see ports.JobStore."""
    view = await _queue_view(connection, now)
    due = {row.id for row in view.due}
    chosen = [job_id for job_id in dict.fromkeys(choose(view)) if job_id in due]
    leased = await _lease(connection, chosen, worker, until)
    return Claimed(leased, wake_at=await _next_due(connection, now, chosen))


async def renew(connection: AsyncConnection, worker: str, until: datetime) -> list[Job]:
    """Prolong every lease of `worker`; see ports.JobStore."""
    statement = (
        update(jobs)
        .where(jobs.c.lease_owner == worker)
        .values(lease_until=until)
        .returning(*JOB_COLUMNS)
    )
    return [job_of(row) for row in (await connection.execute(statement)).mappings()]


async def void_leases(connection: AsyncConnection) -> None:
    """End every lease, for the one process that holds the whole store and has just begun."""
    await connection.execute(update(jobs).where(jobs.c.lease_owner.is_not(None)).values(**NO_LEASE))


async def _queue_view(connection: AsyncConnection, now: datetime) -> QueueView:
    """Return what `choose` may know.

    Queued jobs are sought apart from the others, so that a long queue hides no running job.
    """
    waiting = await _rows(connection, _due(IS_QUEUED, now))
    moving = await _rows(connection, _due(~IS_QUEUED, now))
    return QueueView(
        due=sorted(waiting + moving, key=lambda row: (row.created_at, row.place, row.id)),
        running=await running_counts(connection),
        started=await last_starts(connection),
    )


async def _lease(
    connection: AsyncConnection, ids: Sequence[str], worker: str, until: datetime
) -> list[Job]:
    """Lease the jobs, raise their fences, and return them in the order of `ids`."""
    statement = (
        update(jobs)
        .where(jobs.c.id.in_(ids))
        .values(lease_owner=worker, lease_until=until, fence=jobs.c.fence + 1)
        .returning(*JOB_COLUMNS)
    )
    rows = (await connection.execute(statement)).mappings().all()
    leased = {row["id"]: job_of(row) for row in rows}
    return [leased[job_id] for job_id in ids]


async def _next_due(
    connection: AsyncConnection, now: datetime, besides: Sequence[str]
) -> datetime | None:
    """Return when the next job falls due of those that are not due yet, `besides` left out."""
    statement = select(func.min(_due_at, type_=jobs.c.next_at.type)).where(
        CLAIMABLE, _due_at > now, jobs.c.id.not_in(besides)
    )
    moment: datetime | None = await connection.scalar(statement)
    return moment


def _due(kind: ColumnElement[bool], now: datetime) -> Select[Any]:
    is_wished = jobs.c.cancel_requested_at.is_not(None).label("cancel_requested")
    return in_turns(and_(CLAIMABLE, kind, jobs.c.next_at <= now, _due_at <= now), is_wished)


async def _rows(connection: AsyncConnection, statement: Select[Any]) -> list[QueueRow]:
    return [QueueRow(**row) for row in (await connection.execute(statement)).mappings()]
