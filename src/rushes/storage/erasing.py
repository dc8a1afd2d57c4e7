"""Jobs taken out of the database for good, but for the bare ids that open pages must hear of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from rushes.storage.changes import NOWHERE, TOMBSTONE_LIFE, tombstone
from rushes.storage.claiming import NO_LEASE
from rushes.storage.rows import JOB_COLUMNS, JOB_FIELDS, job_of, values_of
from rushes.storage.tables import events, jobs, shares

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from rushes.domain import Job

IS_THERE = jobs.c.backend != NOWHERE
KEPT = frozenset({"id", "owner", "created_at"})
"""What a tombstone has of its job as it was."""


async def erase(
    connection: AsyncConnection, owner: str, only: str | None, *, now: datetime, revision: int
) -> list[Job]:
    """Replace somebody's jobs, or one of them, by tombstones; return them as they were."""
    meant = (IS_THERE, jobs.c.owner == owner, *([jobs.c.id == only] if only else []))
    rows = (await connection.execute(select(*JOB_COLUMNS).where(*meant))).mappings()
    found = [job_of(row) for row in rows]
    if not found:
        return []
    ids = select(jobs.c.id).where(*meant)
    for table in (events, shares):
        await connection.execute(delete(table).where(table.c.job_id.in_(ids)))
    values = _values(tombstone(found[0], now=now)) | {"revision": revision}
    await connection.execute(update(jobs).where(*meant).values(**values))
    return found


async def drop_old_tombstones(connection: AsyncConnection, now: datetime) -> None:
    """Remove what no open page can ask for any more."""
    is_old = jobs.c.deleted_at < now - TOMBSTONE_LIFE
    await connection.execute(delete(jobs).where(~IS_THERE, is_old))


def _values(stone: Job) -> dict[str, Any]:
    """Return the columns of every tombstone, given one of them."""
    own = {"batch": jobs.c.id, "submit_token": jobs.c.id, "fence": jobs.c.fence + 1}
    same = (name for name in JOB_FIELDS if name not in KEPT)
    return values_of(stone, same) | own | {"searched": ""} | NO_LEASE
