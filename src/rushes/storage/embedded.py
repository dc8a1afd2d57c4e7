"""The SQLite file of a data folder: one process holds it, one connection writes it."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import create_async_engine

from rushes.counts import Counts
from rushes.errors import StorageError
from rushes.storage.border import database_errors, file_errors
from rushes.storage.migrations import bring_up_to_date

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Executable
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")

log = logging.getLogger(__name__)

SAFE_WITH_READERS = (3, 51, 3)
"""From this SQLite on, a second connection cannot corrupt a database in WAL mode."""

LOCK_NAME = "rushes.lock"
WAIT_SECONDS = 5
"""How long to wait for another program's lock, or for the connection to be free."""

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what was acknowledged survives a power cut
    f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what is deleted is overwritten
)


class EmbeddedDatabase:
    """One SQLite file that this process alone holds, brought up to date when it is opened."""

    def __init__(
        self, path: Path, *, sqlite_version: tuple[int, int, int], counts: Counts | None = None
    ) -> None:
        self._path = path
        self._counts = counts or Counts()
        self._version = sqlite_version
        self._lock: int | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._writer = _engine(path)
        # `execution_options` gives a second face of the same engine and its one connection.
        is_safe = sqlite_version >= SAFE_WITH_READERS
        self._reader = _engine(path) if is_safe else self._writer
        self._writes = self._writer.execution_options(begin="BEGIN IMMEDIATE")
        self._bare = self._writer.execution_options(begin=None)

    async def open(self) -> None:
        """Take the folder, check the file, create or upgrade the schema; raises StorageError."""
        try:
            with file_errors("the data folder cannot be used"):
                was_cut_off = await asyncio.to_thread(self._take)
            self._tell_of_old_library()
            if was_cut_off:
                await self.uncut(self._check())
            await self.uncut(self._bring_up_to_date())
        except BaseException:
            await self.close()
            raise

    def _tell_of_old_library(self) -> None:
        if self._reader is self._writer:
            log.info(
                "SQLite %s is older than %s, so all reads and writes share one connection;"
                " that is safe, and nothing need be done",
                ".".join(map(str, self._version)),
                ".".join(map(str, SAFE_WITH_READERS)),
            )

    async def close(self) -> None:
        """Let running transactions end, close the file and give the folder back."""
        if self._running:
            await asyncio.wait(self._running)
        with database_errors():
            await self._reader.dispose()
            await self._writer.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that sees one moment."""
        with self._counted_errors():
            async with self._reader.begin() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, alone among the writers; what it wrote is on disk afterwards."""
        with self._counted_errors():
            async with self._writes.begin() as connection:
                yield connection

    async def scrub(self, *, rewrite: bool) -> None:
        """Leave nothing in the files of what was deleted: empty the log, whose pages still have it.

        `rewrite` writes the whole file anew first, for what was deleted before deleting meant
        overwriting. Raises StorageError where readers keep the log in use.
        """
        with database_errors():
            async with self._bare.connect() as connection:
                if rewrite:
                    await connection.exec_driver_sql("VACUUM")
                emptied = await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                is_busy = emptied.one()[0]
        if is_busy:
            raise StorageError("the database's log is in use and still holds what was erased")

    @contextmanager
    def _counted_errors(self) -> Iterator[None]:
        try:
            with database_errors():
                yield
        except StorageError:
            self._counts.database_errors += 1
            raise

    async def write(self, *statements: Executable) -> None:
        """Run statements in one writing transaction that nobody cuts short."""
        await self.uncut(self._commit(statements))

    async def _commit(self, statements: Sequence[Executable]) -> None:
        async with self.writing() as connection:
            for statement in statements:
                await connection.execute(statement)

    async def uncut(self, work: Coroutine[Any, Any, T]) -> T:
        """Let `work` end even when its caller is cancelled: no transaction is torn or forgotten."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may be gone and never ask

    async def _bring_up_to_date(self) -> None:
        async with self.writing() as connection:
            await connection.run_sync(bring_up_to_date)

    async def _check(self) -> None:
        """Read every page once; only SQLite has and needs this."""
        async with self.reading() as connection:
            verdict = (await connection.exec_driver_sql("PRAGMA quick_check(1)")).scalar_one()
        if verdict != "ok":
            raise StorageError(f"the database is damaged, restore a backup: {verdict}")

    def _take(self) -> bool:
        """Lock the folder and make the file; return whether its last user was cut off."""
        folder = self._path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _private_file(folder / LOCK_NAME)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StorageError("another Rushes holds this data folder") from error
        os.close(_private_file(self._path))
        return self._path.with_name(f"{self._path.name}-wal").exists()


def _private_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _engine(path: Path) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        # The driver must not open transactions on its own, later and weaker than we ask.
        connect_args={"isolation_level": None},
        pool_size=1,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS * 2,
        hide_parameters=True,
    )
    _prepare(engine.sync_engine)
    return engine


def _prepare(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401 - any driver's own
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get("begin", "BEGIN")
        if statement is not None:  # VACUUM and checkpoints stand outside of transactions
            connection.exec_driver_sql(statement)
