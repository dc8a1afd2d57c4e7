"""The queue by lanes, one for each person at each backend: who waits, who runs, whose turn it was.

A look takes in a bounded number of jobs. It goes by turns, everybody's first job before anybody's
second, so that no one person's jobs hide another's, and no backend's those of another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, func, select, type_coerce

from rushes.domain import JobStatus
from rushes.ports import Queue, QueuedJob
from rushes.storage.tables import jobs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rushes.ports import Lane

VIEW_MAX = 500
"""Jobs of each backend that one look takes in."""

IS_QUEUED = jobs.c.status == JobStatus.QUEUED
HOLDS_SLOT = jobs.c.status.in_((JobStatus.SUBMITTING, JobStatus.IN_PROGRESS))
ROW = ("id", "owner", "backend", "status", "created_at", "place")
AGE = ("created_at", "place", "id")
_asked = type_coerce(jobs.c.request, JSON)
ASKED = (
    _asked["model"].as_string().label("model"),
    _asked["duration_s"].as_float().label("seconds"),
)


def in_turns(condition: ColumnElement[bool], *more: ColumnElement[Any]) -> Select[Any]:
    """Return the statement for the rows of one look, oldest first, with more columns than ROW."""
    columns = (*(jobs.c[name] for name in ROW), *more)
    age = [jobs.c[name] for name in AGE]
    turn = func.row_number().over(partition_by=(jobs.c.backend, jobs.c.owner), order_by=age)
    by_lane = select(*columns, turn.label("turn")).where(condition).subquery()
    order = [by_lane.c[name] for name in ("turn", *AGE)]
    seat = func.row_number().over(partition_by=by_lane.c.backend, order_by=order)
    # Whose turn comes later than this has no seat in any case, and need not be sorted again.
    seated = select(by_lane, seat.label("seat")).where(by_lane.c.turn <= VIEW_MAX).subquery()
    return (
        select(*(seated.c[column.name] for column in columns))
        .where(seated.c.seat <= VIEW_MAX)
        .order_by(*(seated.c[name] for name in AGE))
    )


async def running_counts(connection: AsyncConnection) -> dict[Lane, int]:
    """Return how many slots are held, by lane."""
    lane = (jobs.c.backend, jobs.c.owner)
    statement = select(*lane, func.count().label("held")).where(HOLDS_SLOT).group_by(*lane)
    rows = (await connection.execute(statement)).mappings()
    return {(row["backend"], row["owner"]): row["held"] for row in rows}


async def last_starts(connection: AsyncConnection) -> dict[Lane, datetime]:
    """Return when each lane that waits was last handed a job over."""
    rows = (await connection.execute(last_starts_statement())).mappings()
    return {(row["backend"], row["owner"]): row["last"] for row in rows if row["last"]}


def last_starts_statement() -> Select[Any]:
    """Return the statement for the newest hand-over of each lane that waits."""
    lanes = select(jobs.c.backend, jobs.c.owner).where(IS_QUEUED).distinct().subquery()
    theirs = jobs.alias()
    last = (
        select(func.max(theirs.c.submitted_at, type_=theirs.c.submitted_at.type))
        .where(
            theirs.c.backend == lanes.c.backend,
            theirs.c.owner == lanes.c.owner,
            theirs.c.submitted_at.is_not(None),
        )
        .scalar_subquery()
    )
    return select(lanes.c.backend, lanes.c.owner, last.label("last"))


async def whole_queue(connection: AsyncConnection) -> Queue:
    """Return what waits and what holds a slot; see ports.JobStore."""
    more = (*ASKED, jobs.c.submitted_at)
    waits = IS_QUEUED & jobs.c.deleted_at.is_(None)
    return Queue(
        waiting=await _queued(connection, in_turns(waits, *more)),
        running=await _queued(connection, in_turns(HOLDS_SLOT, *more)),
        started=await last_starts(connection),
        counts=await _counts(connection),
    )


async def _queued(connection: AsyncConnection, statement: Select[Any]) -> list[QueuedJob]:
    return [QueuedJob(**row) for row in (await connection.execute(statement)).mappings()]


async def _counts(connection: AsyncConnection) -> Mapping[tuple[str, JobStatus], int]:
    kind = (jobs.c.backend, jobs.c.status)
    is_open = (IS_QUEUED & jobs.c.deleted_at.is_(None)) | HOLDS_SLOT
    statement = select(*kind, func.count().label("count")).where(is_open).group_by(*kind)
    rows = (await connection.execute(statement)).mappings()
    return {(row["backend"], row["status"]): row["count"] for row in rows}
