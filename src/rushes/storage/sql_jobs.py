"""JobStore on SQLAlchemy Core: every statement is written to mean the same on SQLite and others.

Leases are nobody's business but the workers': taking, prolonging and losing one changes no
revision.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import func, select

from rushes.domain import Job, JobEvent, JobPage
from rushes.errors import JobNotFound
from rushes.storage.claiming import claim, renew, void_leases
from rushes.storage.embedded import EmbeddedDatabase
from rushes.storage.erasing import IS_THERE
from rushes.storage.lanes import whole_queue
from rushes.storage.rows import JOB_COLUMNS, job_of
from rushes.storage.searching import count_statement, page_of, page_statement
from rushes.storage.sql_people import SqlAccounts, SqlOperators, SqlShares
from rushes.storage.sql_sessions import SqlSessions
from rushes.storage.tables import counter, events, jobs
from rushes.storage.tallying import (
    census_statement,
    count_of,
    ending_of,
    endings_statement,
    tally_statement,
)
from rushes.storage.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from sqlalchemy import Executable, RowMapping

    from rushes.counts import Counts
    from rushes.domain import Ending, JobCount, JobQuery, JobStatus, Limits, RemoteJob, Scope
    from rushes.ports import Choose, Claimed, Queue

T = TypeVar("T")

CHANGES_MAX = 1000
HISTORY_MAX = 500
PRESENT_MAX = 500


class SqlJobs:
    """Jobs in one SQLite file; see ports.JobStore. `open` comes first, `close` last."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], datetime],
        *,
        sqlite_version: tuple[int, int, int] = sqlite3.sqlite_version_info,
        counts: Counts | None = None,
    ) -> None:
        self._database = EmbeddedDatabase(path, sqlite_version=sqlite_version, counts=counts)
        self._clock = clock
        self._latest = 0
        self._changed = asyncio.Event()

    async def open(self) -> None:
        """Take the data folder for this process alone; raises StorageError.

        Nobody else can be at work then, so every lease is void and its job due again.
        """
        await self._database.open()
        try:
            await self._write(lambda writing: void_leases(writing.connection))
            self._latest = await self.revision()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let running writes end and give the data folder back."""
        await self._database.close()

    def sessions(self) -> SqlSessions:
        """Return the sessions of the same file; they can be used while this store is open."""
        return SqlSessions(self._database, self._clock)

    def accounts(self) -> SqlAccounts:
        """Return the people of the same file."""
        return SqlAccounts(self._database)

    def shares(self) -> SqlShares:
        """Return the share links of the same file."""
        return SqlShares(self._database)

    def operators(self) -> SqlOperators:
        """Return the holds and the audit of the same file."""
        return SqlOperators(self._database)

    # --- for viewers ----------------------------------------------------------------------------

    async def add(self, batch: Sequence[Job], limits: Limits) -> list[Job]:
        """See ports.JobStore. The jobs of a batch share their owner and their submit token."""
        if not batch:
            return []
        return await self._write(lambda writing: writing.add(batch, limits))

    async def admit(self, batch: Sequence[Job], limits: Limits) -> list[Job]:
        """See ports.JobStore."""
        return await self._write(lambda writing: writing.admit(batch, limits))

    async def present(self, job_ids: Collection[str]) -> frozenset[str]:
        """See ports.JobStore."""
        found: set[str] = set()
        asked = list(job_ids)
        for start in range(0, len(asked), PRESENT_MAX):
            is_asked = jobs.c.id.in_(asked[start : start + PRESENT_MAX])
            rows = await self._read(select(jobs.c.id).where(is_asked, IS_THERE))
            found |= {row["id"] for row in rows}
        return frozenset(found)

    async def get(self, job_id: str) -> Job:
        """See ports.JobStore."""
        rows = await self._read(select(*JOB_COLUMNS).where(jobs.c.id == job_id, IS_THERE))
        if not rows:
            raise JobNotFound(f"there is no job {job_id}")
        return job_of(rows[0])

    async def search(self, query: JobQuery) -> JobPage:
        """See ports.JobStore. Raises InvalidRequest for a cursor or a text that cannot be used."""
        return page_of(query, await self._read(page_statement(query)))

    async def count(self, query: JobQuery) -> int:
        """See ports.JobStore."""
        rows = await self._read(count_statement(query))
        return int(rows[0]["count"])

    async def amend(self, job: Job) -> Job:
        """See ports.JobStore."""
        return await self._write(lambda writing: writing.amend(job))

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
        """See ports.JobStore."""
        return await self._write(
            lambda writing: writing.mark(
                job_id,
                cancel_requested_at=cancel_requested_at,
                deleted_at=deleted_at,
                starred=starred,
                title=title,
                shared_with=shared_with,
                restored=restored,
            )
        )

    async def changed_since(self, revision: int, scope: Scope) -> list[Job]:
        """See ports.JobStore."""
        is_news = jobs.c.revision > revision
        if scope.owner is not None:
            is_news &= jobs.c.owner == scope.owner
        ordered = (jobs.c.revision, jobs.c.created_at, jobs.c.place, jobs.c.id)
        # The batch that one write touched is never cut in two: it shares a revision.
        last = (
            select(jobs.c.revision)
            .where(is_news)
            .order_by(jobs.c.revision)
            .limit(CHANGES_MAX)
            .subquery()
        )
        up_to = select(func.max(last.c.revision)).scalar_subquery()
        statement = select(*JOB_COLUMNS).where(is_news, jobs.c.revision <= up_to)
        return [job_of(row) for row in await self._read(statement.order_by(*ordered))]

    async def revision(self) -> int:
        """See ports.JobStore."""
        rows = await self._read(select(counter.c.revision))
        return int(rows[0]["revision"])

    async def newest(self, scope: Scope) -> int:
        """See ports.JobStore."""
        is_meant = [] if scope.owner is None else [jobs.c.owner == scope.owner]
        rows = await self._read(select(func.max(jobs.c.revision).label("newest")).where(*is_meant))
        return int(rows[0]["newest"] or 0)

    async def wait_changed(self, after: int, at_most: timedelta) -> int:
        """See ports.JobStore. This process alone writes, so its own commits are all there are."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most.total_seconds()):
                while self._latest <= after:
                    await self._changed.wait()
        return self._latest

    async def history(self, job_id: str) -> list[JobEvent]:
        """See ports.JobStore. The newest HISTORY_MAX events."""
        statement = (
            select(events.c.at, events.c.what, events.c.kind)
            .where(events.c.job_id == job_id)
            .order_by(events.c.id.desc())
            .limit(HISTORY_MAX)
        )
        return [JobEvent(**row) for row in reversed(await self._read(statement))]

    async def queue(self) -> Queue:
        """See ports.JobStore."""
        return await self._database.uncut(self._whole_queue())

    async def _whole_queue(self) -> Queue:
        async with self._database.reading() as connection:
            return await whole_queue(connection)

    async def erase(self, owner: str, *, only: str | None = None) -> list[Job]:
        """See ports.JobStore."""
        return await self._write(lambda writing: writing.erase(owner, only))

    async def scrub(self, *, rewrite: bool) -> None:
        """See ports.JobStore."""
        await self._database.uncut(self._database.scrub(rewrite=rewrite))

    # --- for operators --------------------------------------------------------------------------

    async def adopt(self, owner: str, by: str) -> int:
        """See ports.JobStore."""
        return await self._write(lambda writing: writing.adopt(owner, by))

    async def census(self) -> Mapping[tuple[str, JobStatus], int]:
        """See ports.JobStore."""
        rows = await self._read(census_statement())
        return {(row["backend"], row["status"]): row["count"] for row in rows}

    async def tally(self) -> list[JobCount]:
        """See ports.JobStore."""
        return [count_of(row) for row in await self._read(tally_statement())]

    async def endings(self, backends: Collection[str], *, limit: int) -> list[Ending]:
        """See ports.JobStore."""
        rows = await self._read(endings_statement(backends, limit))
        return [ending_of(row) for row in rows]

    # --- for workers ----------------------------------------------------------------------------

    async def claim(self, worker: str, lease: timedelta, choose: Choose) -> Claimed:
        """See ports.JobStore."""
        return await self._write(
            lambda writing: claim(
                writing.connection, writing.now, worker, writing.now + lease, choose
            )
        )

    async def renew(self, worker: str, lease: timedelta) -> list[Job]:
        """See ports.JobStore."""
        return await self._write(
            lambda writing: renew(writing.connection, worker, writing.now + lease)
        )

    async def save(self, job: Job, *, release: bool = True) -> Job:
        """See ports.JobStore."""
        return await self._write(lambda writing: writing.save(job, release=release))

    async def record_remote(self, job_id: str, remote: RemoteJob) -> None:
        """See ports.JobStore."""
        await self._write(lambda writing: writing.record_remote(job_id, remote))

    # --- transactions ---------------------------------------------------------------------------

    async def _read(self, statement: Executable) -> Sequence[RowMapping]:
        return await self._database.uncut(self._fetch(statement))

    async def _fetch(self, statement: Executable) -> Sequence[RowMapping]:
        async with self._database.reading() as connection:
            return (await connection.execute(statement)).mappings().all()

    async def _write(self, work: Callable[[Writing], Awaitable[T]]) -> T:
        return await self._database.uncut(self._commit(work))

    async def _commit(self, work: Callable[[Writing], Awaitable[T]]) -> T:
        """Run `work` in a transaction; once it is on disk, wake whoever waits for changes."""
        async with self._database.writing() as connection:
            writing = Writing(connection, self._clock())
            result = await work(writing)
        if writing.revision is not None:
            self._announce(writing.revision)
        return result

    def _announce(self, revision: int) -> None:
        self._latest = max(self._latest, revision)
        self._changed.set()
        self._changed = asyncio.Event()
