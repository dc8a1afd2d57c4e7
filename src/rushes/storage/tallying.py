"""Jobs counted instead of listed: what operators and monitors ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, func, select, type_coerce

from rushes.domain import Ending, JobCount, JobStatus
from rushes.storage.lanes import ASKED
from rushes.storage.tables import jobs

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

    from sqlalchemy import RowMapping, Select

_clip_size = type_coerce(jobs.c.clip, JSON)["size"].as_integer()


def census_statement() -> Select[Any]:
    """Return the statement that counts by backend and status; an index alone answers it."""
    kind = (jobs.c.status, jobs.c.backend)
    return select(*kind, func.count().label("count")).group_by(*kind)


def tally_statement() -> Select[Any]:
    """Return the statement that counts by owner, backend and status."""
    kind = (jobs.c.owner, jobs.c.backend, jobs.c.status)
    return (
        select(
            *kind,
            func.count().label("count"),
            func.min(jobs.c.created_at, type_=jobs.c.created_at.type).label("oldest"),
            func.coalesce(func.sum(_clip_size), 0).label("clip_bytes"),
        )
        .where(jobs.c.deleted_at.is_(None))
        .group_by(*kind)
        .order_by(*kind)
    )


def count_of(row: RowMapping) -> JobCount:
    """Return what a row of `tally_statement` counts."""
    return JobCount(**row)


def endings_statement(backends: Collection[str], limit: int) -> Select[Any]:
    """Return the statement for the newest jobs that have ended at these backends."""
    has_ended = jobs.c.status.in_((JobStatus.COMPLETED, JobStatus.FAILED))
    return (
        select(jobs.c.status, jobs.c.submitted_at, jobs.c.finished_at, jobs.c.expected_at, *ASKED)
        .where(jobs.c.backend.in_(backends), has_ended)
        .order_by(jobs.c.created_at.desc(), jobs.c.place.desc(), jobs.c.id.desc())
        .limit(limit)
    )


def ending_of(row: RowMapping) -> Ending:
    """Return the ending in a row of `endings_statement`."""
    ended = row["finished_at"]
    return Ending(
        row["status"],
        took=_between(row["submitted_at"], ended),
        missed=_between(row["expected_at"], ended),
        model=row["model"],
        seconds=row["seconds"],
    )


def _between(began: datetime | None, ended: datetime | None) -> timedelta | None:
    return ended - began if began and ended else None
