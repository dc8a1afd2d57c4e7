"""What every JobStore promises to whoever wants their jobs gone for good."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import EVERYONE, JobQuery, JobStatus, Limits, Scope, VideoRequest
from rushes.errors import DailyLimitReached, JobNotFound, LeaseLost, PersonalQueueFull
from tests.contract.job_stores import (
    DEADLINE,
    KINDS,
    LEASE,
    REMOTE,
    SOON,
    add,
    claim_one,
    everything,
    opened,
)
from tests.fakes import StoppedClock, a_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rushes.ports import JobStore

pytestmark = pytest.mark.anyio

SECRET = "a heron nobody may hear of"
ADA = Scope("ada")


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture(params=KINDS)
async def store(
    request: pytest.FixtureRequest, clock: StoppedClock, tmp_path: Path
) -> AsyncIterator[JobStore]:
    async with opened(request.param, tmp_path, clock) as jobs:
        yield jobs


async def test_nothing_finds_an_erased_job(store: JobStore, clock: StoppedClock) -> None:
    jobs = await add(store, *(a_job(owner="ada", prompt=SECRET, place=n) for n in range(3)))
    await store.mark(jobs[2].id, deleted_at=clock())

    assert len(await store.erase("ada")) == 3

    for job in jobs:
        assert await store.history(job.id) == []
        with pytest.raises(JobNotFound):
            await store.get(job.id)
        with pytest.raises(JobNotFound):
            await store.mark(job.id, restored=True)
    for deleted in (False, True):
        assert (await store.search(JobQuery(EVERYONE, deleted=deleted))).jobs == ()
    assert await store.tally() == []
    assert (await store.claim("worker", LEASE, everything)).jobs == []


async def test_what_was_erased_is_returned_as_it_was(store: JobStore) -> None:
    jobs = await add(store, a_job(owner="ada"), a_job(owner="ada", place=1))

    assert sorted(await store.erase("ada"), key=lambda job: job.place) == jobs
    assert await store.erase("ada") == []


async def test_what_is_present_is_told_and_what_was_erased_is_not(
    store: JobStore, clock: StoppedClock
) -> None:
    kept, away, erased = await add(store, *(a_job(owner="ada", place=n) for n in range(3)))
    await store.mark(away.id, deleted_at=clock())
    await store.erase("ada", only=erased.id)

    asked = [kept.id, away.id, erased.id, *(f"never-{n}" for n in range(1200))]

    assert await store.present(asked) == {kept.id, away.id}
    assert await store.present([]) == frozenset()


async def test_whether_a_batch_is_admitted_is_told_and_nothing_is_written(store: JobStore) -> None:
    limits, job = Limits(queued_per_owner=1), a_job(owner="ada", submit_token="form")

    assert await store.admit([job], limits) == []
    before = await store.revision()
    with pytest.raises(PersonalQueueFull):
        await store.admit([job, a_job(owner="ada", place=1)], limits)

    assert (await store.revision(), await store.tally()) == (before, [])
    added = await store.add([job], limits)
    assert await store.admit([a_job(owner="ada", submit_token="form")], limits) == added


async def test_others_keep_their_jobs(store: JobStore) -> None:
    await add(store, a_job(owner="ada"))
    (kept,) = await add(store, a_job(owner="bob"))

    await store.erase("ada")

    assert await store.get(kept.id) == kept
    assert [event.what for event in await store.history(kept.id)] == ["queued"]


async def test_one_job_can_be_erased_alone_and_by_its_owner_only(store: JobStore) -> None:
    one, two = await add(store, a_job(owner="ada"), a_job(owner="ada", place=1))

    assert len(await store.erase("bob", only=one.id)) == 0
    assert len(await store.erase("ada", only=one.id)) == 1
    assert len(await store.erase("ada", only=one.id)) == 0

    assert (await store.search(JobQuery(ADA))).jobs == (two,)


async def test_open_pages_hear_of_it_and_of_nothing_that_was_said(
    store: JobStore, clock: StoppedClock
) -> None:
    request = VideoRequest(prompt=SECRET, negative_prompt="no reeds", extra={"note": SECRET})
    (job,) = await add(store, a_job(owner="ada", request=request, title=SECRET))
    await store.mark(job.id, shared_with="everyone", starred=True)
    before = await store.revision()

    await store.erase("ada")
    (told,) = await store.changed_since(before, ADA)

    assert (told.id, told.deleted_at, told.status) == (job.id, clock(), JobStatus.CANCELLED)
    assert told.revision == await store.revision() > before
    assert told == replace(
        a_job(id=job.id, batch=job.id, submit_token=job.id, owner="ada", backend="", prompt="-"),
        created_at=job.created_at,
        status=JobStatus.CANCELLED,
        next_at=None,
        deleted_at=clock(),
        revision=told.revision,
        fence=told.fence,
    )


async def test_a_tombstone_is_gone_once_nobody_can_ask_for_it(
    store: JobStore, clock: StoppedClock
) -> None:
    await add(store, a_job(owner="ada"))
    await store.erase("ada")
    clock.advance(days=3)
    await store.erase("bob")

    assert await store.changed_since(0, EVERYONE) == []


async def test_whoever_carries_an_erased_job_has_lost_it(
    store: JobStore, clock: StoppedClock
) -> None:
    await add(store, a_job(owner="ada"))
    job = await claim_one(store)
    away = job.submitting(now=clock(), deadline=DEADLINE)
    await store.save(away, release=False)

    await store.erase("ada")

    with pytest.raises(LeaseLost):
        await store.save(away.accepted(REMOTE, next_at=clock() + SOON))
    with pytest.raises(JobNotFound):
        await store.record_remote(job.id, REMOTE)
    assert await store.renew("worker", LEASE) == []


async def test_the_same_form_makes_a_new_job_after_an_erasure(store: JobStore) -> None:
    (first,) = await add(store, a_job(owner="ada", submit_token="form"))
    await store.erase("ada")

    (second,) = await add(store, a_job(owner="ada", submit_token="form"))

    assert second.id != first.id
    assert (await store.search(JobQuery(ADA))).jobs == (second,)


async def test_erasing_gives_nobody_another_day(store: JobStore, clock: StoppedClock) -> None:
    limits = Limits(daily_per_owner=1)
    await store.add([a_job(owner="ada")], limits)
    await store.erase("ada")

    with pytest.raises(DailyLimitReached):
        await store.add([a_job(owner="ada", created_at=clock.advance(hours=1))], limits)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "memory"])
@pytest.mark.parametrize("is_all", [True, False], ids=["all", "one"])
async def test_no_file_holds_what_was_erased(
    kind: str, clock: StoppedClock, tmp_path: Path, is_all: bool
) -> None:
    async with opened(kind, tmp_path, clock) as store:
        others = [a_job(owner="bob", prompt=f"bob {n} " * 50, place=n) for n in range(40)]
        theirs = [a_job(owner="ada", prompt=f"{SECRET} {n} " * n, place=n) for n in range(1, 40)]
        for number, job in enumerate(theirs):
            await add(store, others[number], job)
            await store.mark(job.id, title=f"{SECRET} {number}", starred=True)
        assert holders(tmp_path)
        clock.now += timedelta(seconds=1)

        for job_id in [None] if is_all else [job.id for job in theirs]:
            await store.erase("ada", only=job_id)
        await store.scrub(rewrite=is_all)

        assert holders(tmp_path) == []
        assert len((await store.search(JobQuery(Scope("bob"), limit=100))).jobs) == 39


async def test_what_older_versions_deleted_without_overwriting_it_goes_too(
    clock: StoppedClock, tmp_path: Path
) -> None:
    async with opened("one connection", tmp_path, clock) as store:
        await add(store, *(a_job(owner="ada", prompt=SECRET * 99, place=n) for n in range(40)))
    with closing(sqlite3.connect(tmp_path / "rushes.db", isolation_level=None)) as older:
        older.execute("PRAGMA secure_delete = OFF")
        older.execute("DELETE FROM jobs WHERE place > 0")
    assert holders(tmp_path)

    async with opened("one connection", tmp_path, clock) as store:
        await store.erase("ada")
        await store.scrub(rewrite=True)

        assert holders(tmp_path) == []


def holders(folder: Path) -> list[str]:
    """Return the files with the secret, as it was written or as it is searched."""
    needle = SECRET.encode()
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if needle in path.read_bytes().lower()]
