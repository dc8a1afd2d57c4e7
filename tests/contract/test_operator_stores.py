"""What every store promises to operators: holds and the audit, and jobs counted."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import (
    AuditLine,
    Clip,
    Ending,
    Hold,
    Job,
    JobCount,
    JobStatus,
    utc_now,
)
from rushes.storage.sql_jobs import SqlJobs
from tests.contract.job_stores import (
    DEADLINE,
    KINDS,
    REMOTE,
    TROUBLE,
    add,
    claim_one,
    opened,
)
from tests.fakes import StoppedClock, a_job
from tests.fakes.operators import MemoryOperators

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rushes.ports import JobStore, OperatorStore

pytestmark = pytest.mark.anyio

CLIP = Clip("key-1", "video/mp4", 1_200_000, "0" * 64, 640, 360, 5.0)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@asynccontextmanager
async def opened_operators(kind: str, folder: Path) -> AsyncIterator[OperatorStore]:
    if kind == "memory":
        yield MemoryOperators()
        return
    async with opened(kind, folder, utc_now) as jobs:
        assert isinstance(jobs, SqlJobs)
        yield jobs.operators()


@pytest.fixture(params=("one connection", "memory"))
async def operators(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OperatorStore]:
    async with opened_operators(request.param, tmp_path) as store:
        yield store


@pytest.fixture(params=KINDS)
async def store(
    request: pytest.FixtureRequest, clock: StoppedClock, tmp_path: Path
) -> AsyncIterator[JobStore]:
    async with opened(request.param, tmp_path, clock) as jobs:
        yield jobs


# --- deeds --------------------------------------------------------------------------------------


async def test_the_audit_tells_the_newest_lines_first(
    operators: OperatorStore, clock: StoppedClock
) -> None:
    lines = [AuditLine(clock.advance(seconds=1), "ada", "hold", str(n)) for n in range(3)]
    for line in lines:
        await operators.note(line)

    assert await operators.audit(limit=2) == [lines[2], lines[1]]


async def test_lines_of_one_moment_keep_their_order(
    operators: OperatorStore, clock: StoppedClock
) -> None:
    for about in "abc":
        await operators.note(AuditLine(clock(), "ada", "hold", about))

    assert [line.about for line in await operators.audit(limit=9)] == ["c", "b", "a"]


async def test_the_first_hold_stays(operators: OperatorStore, clock: StoppedClock) -> None:
    first = Hold("fast", "ada", clock())
    await operators.hold(first)
    await operators.hold(Hold("fast", "bob", clock.advance(hours=1)))

    assert await operators.holds() == [first]


async def test_a_release_leaves_the_other_holds(
    operators: OperatorStore, clock: StoppedClock
) -> None:
    for backend in ("fast", "*", "slow"):
        await operators.hold(Hold(backend, "ada", clock()))
    await operators.release("fast")
    await operators.release("fast")

    assert [hold.backend for hold in await operators.holds()] == ["*", "slow"]


# --- counting -----------------------------------------------------------------------------------


async def finished(
    store: JobStore, clock: StoppedClock, job: Job, *, took: float, clip: Clip | None = CLIP
) -> Job:
    """Carry the only due job to its end; without a clip it fails."""
    await add(store, job)
    claimed = await claim_one(store)
    away = await store.save(claimed.submitting(now=clock(), deadline=DEADLINE), release=False)
    now = clock.advance(seconds=took)
    if clip is None:
        return await store.save(away.failed(TROUBLE, now=now))
    return await store.save(away.fetching(REMOTE, next_at=now).completed(clip, now=now))


async def test_jobs_are_counted_by_owner_backend_and_status(
    store: JobStore, clock: StoppedClock
) -> None:
    began = clock.now
    await finished(store, clock, a_job(owner="ada", backend="fast"), took=1)
    await finished(store, clock, a_job(owner="ada", backend="fast"), took=1)
    await add(store, a_job(owner="bob", backend="slow", created_at=clock.advance(hours=1)))
    later = clock.now
    await add(store, a_job(owner="bob", backend="slow", created_at=clock.advance(hours=1)))
    gone = await add(store, a_job(owner="bob", backend="fast"))
    await store.mark(gone[0].id, deleted_at=clock())

    assert await store.tally() == [
        JobCount("ada", "fast", JobStatus.COMPLETED, 2, began, 2_400_000),
        JobCount("bob", "slow", JobStatus.QUEUED, 2, later, 0),
    ]


async def test_the_census_counts_by_backend_and_status_and_deleted_jobs_too(
    store: JobStore,
) -> None:
    await add(store, a_job(backend="fast", owner="ada"))
    await add(store, a_job(backend="fast", owner="bob"))
    gone = await add(store, a_job(backend="slow"))
    await store.mark(gone[0].id, deleted_at=gone[0].created_at)

    assert await store.census() == {
        ("fast", JobStatus.QUEUED): 2,
        ("slow", JobStatus.QUEUED): 1,
    }


async def test_an_empty_store_has_nothing_to_count(store: JobStore) -> None:
    assert await store.census() == {}
    assert await store.tally() == []
    assert await store.endings(["demo"], limit=10) == []


async def test_endings_tell_the_newest_jobs_first_and_how_long_they_were_away(
    store: JobStore, clock: StoppedClock
) -> None:
    for number, (took, clip) in enumerate([(10, CLIP), (20, CLIP), (3, None)]):
        job = a_job(created_at=clock.now, place=number)
        await finished(store, clock, job, took=took, clip=clip)

    assert await store.endings(["demo"], limit=2) == [
        Ending(JobStatus.FAILED, timedelta(seconds=3)),
        Ending(JobStatus.COMPLETED, timedelta(seconds=20)),
    ]


async def test_endings_are_of_the_backends_that_were_asked_for_alone(
    store: JobStore, clock: StoppedClock
) -> None:
    for name, took in (("fast", 1), ("fast.test", 2), ("slow", 3)):
        await finished(store, clock, a_job(backend=name, created_at=clock.now), took=took)

    endings = await store.endings({"fast", "fast.test"}, limit=10)

    assert [ending.took for ending in endings] == [timedelta(seconds=2), timedelta(seconds=1)]


async def test_a_deleted_job_still_tells_of_its_backend_and_a_cancelled_one_does_not(
    store: JobStore, clock: StoppedClock
) -> None:
    job = await finished(store, clock, a_job(), took=5)
    await store.mark(job.id, deleted_at=clock())
    waiting = (await add(store, a_job()))[0]
    await store.amend(replace(waiting, status=JobStatus.CANCELLED, next_at=None))

    endings = await store.endings(["demo"], limit=10)

    assert endings == [Ending(JobStatus.COMPLETED, timedelta(seconds=5))]


async def test_a_job_that_failed_before_it_left_has_no_time(store: JobStore) -> None:
    waiting = (await add(store, a_job()))[0]
    await store.amend(waiting.failed(TROUBLE, now=waiting.created_at))

    assert await store.endings(["demo"], limit=10) == [Ending(JobStatus.FAILED, None)]
