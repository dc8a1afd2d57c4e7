"""The data folder: held by one, private, sound, and clear when it is not."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import stat
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import EVERYONE, JobQuery, JobStatus, Limits
from rushes.errors import InvalidRequest, StorageError, StorageFull
from rushes.storage.embedded import EmbeddedDatabase
from rushes.storage.searching import TEXT_MAX
from rushes.storage.sql_jobs import SqlJobs
from tests.fakes import StoppedClock, a_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rushes.domain import Job
    from rushes.ports import QueueView

pytestmark = pytest.mark.anyio

LEASE = timedelta(hours=1)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
async def store(tmp_path: Path, clock: StoppedClock) -> AsyncIterator[SqlJobs]:
    store = SqlJobs(tmp_path / "rushes.db", clock)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[EmbeddedDatabase]:
    database = EmbeddedDatabase(tmp_path / "rushes.db", sqlite_version=(3, 51, 3))
    await database.open()
    yield database
    await database.close()


async def reopened(store: SqlJobs, tmp_path: Path, clock: StoppedClock) -> SqlJobs:
    await store.close()
    again = SqlJobs(tmp_path / "rushes.db", clock)
    await again.open()
    return again


def everything(view: QueueView) -> list[str]:
    return [row.id for row in view.due]


async def add(store: SqlJobs, job: Job) -> Job:
    return (await store.add([job], Limits()))[0]


async def test_jobs_outlive_the_process(
    store: SqlJobs, tmp_path: Path, clock: StoppedClock
) -> None:
    job = await add(store, a_job())

    again = await reopened(store, tmp_path, clock)

    assert await again.get(job.id) == job
    assert await again.wait_changed(0, LEASE) == job.revision
    await again.close()


async def test_after_a_restart_every_lease_is_void(
    store: SqlJobs, tmp_path: Path, clock: StoppedClock
) -> None:
    await add(store, a_job())
    await store.claim("dead", LEASE, everything)

    again = await reopened(store, tmp_path, clock)
    claimed = await again.claim("alive", LEASE, everything)

    assert [job.fence for job in claimed.jobs] == [2]
    await again.close()


async def test_a_second_rushes_is_refused(
    store: SqlJobs, tmp_path: Path, clock: StoppedClock
) -> None:
    second = SqlJobs(tmp_path / "rushes.db", clock)

    with pytest.raises(StorageError, match="another Rushes holds this data folder"):
        await second.open()

    await add(store, a_job())


async def test_nobody_else_may_read_the_folder(tmp_path: Path, clock: StoppedClock) -> None:
    folder = tmp_path / "new" / "data"
    store = SqlJobs(folder / "rushes.db", clock)
    await store.open()
    await add(store, a_job())

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    await store.close()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {"rushes.db", "rushes.db-wal", "rushes.lock"} <= modes.keys()
    assert set(modes.values()) == {0o600}


async def test_one_file_is_left_after_a_close(
    store: SqlJobs, tmp_path: Path, clock: StoppedClock
) -> None:
    await add(store, a_job())

    await store.close()

    assert {path.name for path in tmp_path.iterdir()} == {"rushes.db", "rushes.lock"}


async def test_a_folder_that_cannot_be_made_is_a_storage_error(
    tmp_path: Path, clock: StoppedClock
) -> None:
    (tmp_path / "file").write_text("")
    store = SqlJobs(tmp_path / "file" / "rushes.db", clock)

    with pytest.raises(StorageError, match="the data folder cannot be used") as caught:
        await store.open()

    assert str(tmp_path) not in caught.value.message


async def test_a_link_in_place_of_the_database_is_refused(
    tmp_path: Path, clock: StoppedClock
) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / "rushes.db").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StorageError):
        await SqlJobs(tmp_path / "rushes.db", clock).open()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, clock: StoppedClock) -> None:
    (tmp_path / "rushes.db").write_bytes(b"no database at all" * 100)

    with pytest.raises(StorageError, match="not a database"):
        await SqlJobs(tmp_path / "rushes.db", clock).open()


async def test_a_damaged_database_is_refused_after_a_cut(
    store: SqlJobs, tmp_path: Path, clock: StoppedClock
) -> None:
    for _ in range(20):
        await add(store, a_job(prompt="x" * 3000))
    await store.close()
    with (tmp_path / "rushes.db").open("r+b") as file:
        file.seek(4096 * 12)
        file.write(os.urandom(4096 * 4))
    (tmp_path / "rushes.db-wal").touch()

    with pytest.raises(StorageError, match="restore a backup"):
        await SqlJobs(tmp_path / "rushes.db", clock).open()


async def test_a_full_disk_is_told_apart_and_nothing_is_half_done(
    database: EmbeddedDatabase,
) -> None:
    async with database.writing() as connection:
        await connection.exec_driver_sql("CREATE TABLE big (body TEXT)")
        await connection.exec_driver_sql("PRAGMA max_page_count = 40")

    async def write_too_much() -> None:
        async with database.writing() as connection:
            for _ in range(200):
                await connection.exec_driver_sql("INSERT INTO big VALUES (hex(zeroblob(4096)))")

    with pytest.raises(StorageFull):
        await write_too_much()

    async with database.reading() as connection:
        count = await connection.exec_driver_sql("SELECT count(*) FROM big")
        assert count.scalar_one() == 0


@pytest.mark.slow
async def test_another_programs_lock_is_a_storage_error(store: SqlJobs, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "rushes.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StorageError, match="locked"):
        await add(store, a_job())
    other.execute("ROLLBACK")
    other.close()

    await add(store, a_job())


async def test_a_cancelled_caller_tears_no_write(store: SqlJobs) -> None:
    before = await store.revision()
    writes = [asyncio.create_task(add(store, a_job())) for _ in range(5)]
    await asyncio.sleep(0)
    for write in writes:
        write.cancel()
    await asyncio.gather(*writes, return_exceptions=True)

    woken = await store.wait_changed(before + 4, timedelta(seconds=20))

    assert woken == before + 5, "whoever watches hears of it all the same"
    assert len((await store.search(JobQuery(EVERYONE))).jobs) == 5


async def test_a_change_of_many_jobs_is_never_cut_in_two(store: SqlJobs) -> None:
    for _ in range(3):
        batch = [a_job(place=place) for place in range(400)]
        await store.add(batch, Limits(queued_total=2000, queued_per_owner=2000))

    first = await store.changed_since(0, EVERYONE)
    rest = await store.changed_since(first[-1].revision, EVERYONE)

    assert len(first) + len(rest) == 1200
    assert len({job.id for job in first + rest}) == 1200


async def test_a_long_queue_hides_no_running_job(store: SqlJobs, clock: StoppedClock) -> None:
    queue = [a_job(place=place) for place in range(600)]
    await store.add(queue, Limits(queued_total=2000, queued_per_owner=2000))
    late = clock.advance(hours=1)
    (running,) = await store.add(
        [a_job(status=JobStatus.IN_PROGRESS, created_at=late)],
        Limits(queued_total=2000, queued_per_owner=2000),
    )
    seen: set[str] = set()

    def look(view: QueueView) -> list[str]:
        seen.update(everything(view))
        return []

    await store.claim("worker", LEASE, look)

    assert running.id in seen
    assert len(seen) == 501


async def test_a_search_for_a_book_is_refused(store: SqlJobs) -> None:
    with pytest.raises(InvalidRequest):
        await store.search(JobQuery(EVERYONE, text="x" * (TEXT_MAX + 1)))

    longest = "\U0001f30a%_" * (TEXT_MAX // 3)
    assert (await store.search(JobQuery(EVERYONE, text=longest))).jobs == ()


async def test_a_row_that_cannot_be_read_is_a_storage_error(store: SqlJobs, tmp_path: Path) -> None:
    job = await add(store, a_job(prompt="a secret garden"))
    await store.close()
    with sqlite3.connect(tmp_path / "rushes.db") as other:
        other.execute("UPDATE jobs SET request = ?", ('{"prompt": "", "secret": 1}',))
    other.close()
    again = SqlJobs(tmp_path / "rushes.db", StoppedClock())
    await again.open()

    with pytest.raises(StorageError) as caught:
        await again.get(job.id)

    assert "secret" not in caught.value.message
    await again.close()


@pytest.mark.parametrize(("version", "is_told"), [((3, 51, 2), True), ((3, 51, 3), False)])
async def test_an_old_library_is_told_of_without_alarm(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    version: tuple[int, int, int],
    is_told: bool,
) -> None:
    database = EmbeddedDatabase(tmp_path / "rushes.db", sqlite_version=version)

    with caplog.at_level(logging.INFO, "rushes"):
        await database.open()
        await database.close()

    assert ("SQLite 3.51.2 is older than 3.51.3" in caplog.text) is is_told
    assert ("nothing need be done" in caplog.text) is is_told
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
