"""What every JobStore finds of what is under way, and how it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rushes.domain import EVERYONE, UNDER_WAY, CancelOutcome, JobQuery, JobStatus, Scope
from tests.contract.job_stores import DEADLINE, KINDS, add, claim_one, opened
from tests.fakes import StoppedClock, a_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rushes.ports import JobStore

pytestmark = pytest.mark.anyio

MINE = Scope("me")
ENDED = frozenset(JobStatus) - UNDER_WAY


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture(params=KINDS)
async def store(
    request: pytest.FixtureRequest, clock: StoppedClock, tmp_path: Path
) -> AsyncIterator[JobStore]:
    async with opened(request.param, tmp_path, clock) as jobs:
        yield jobs


async def test_what_is_under_way_and_what_has_ended_are_the_two_parts_of_all(
    store: JobStore, clock: StoppedClock
) -> None:
    (oldest,) = await add(store, a_job(owner="me", created_at=clock.now))
    taken = await claim_one(store)
    running = await store.save(taken.submitting(now=clock.now, deadline=DEADLINE))
    (ended,) = await add(store, a_job(owner="me", created_at=clock.advance(seconds=1)))
    ended = await store.amend(ended.cancelled(CancelOutcome.NOTHING_SPENT, now=clock.now))
    (queued,) = await add(store, a_job(owner="me", created_at=clock.advance(seconds=1)))
    await add(store, a_job(owner="you", created_at=clock.advance(seconds=1)))
    (gone,) = await add(store, a_job(owner="me", created_at=clock.now))
    await store.mark(gone.id, deleted_at=clock.now)

    now = await store.search(JobQuery(MINE, statuses=UNDER_WAY))
    before = await store.search(JobQuery(MINE, statuses=ENDED))

    assert running.id == oldest.id
    assert now.jobs == (queued, running)
    assert before.jobs == (ended,)


async def test_what_is_under_way_is_paged_and_narrowed_like_all_else(
    store: JobStore, clock: StoppedClock
) -> None:
    jobs = [
        (await add(store, a_job(owner="me", backend=name, created_at=clock.advance(seconds=1))))[0]
        for name in ("one", "two", "one")
    ]

    first = await store.search(JobQuery(MINE, statuses=UNDER_WAY, limit=2))
    second = await store.search(JobQuery(MINE, statuses=UNDER_WAY, limit=2, after=first.next))
    here = await store.search(JobQuery(MINE, statuses=UNDER_WAY, backend="one"))

    assert [*first.jobs, *second.jobs] == jobs[::-1]
    assert here.jobs == (jobs[2], jobs[0])


async def test_a_count_is_of_all_pages_and_of_nobody_else(
    store: JobStore, clock: StoppedClock
) -> None:
    await add(store, *(a_job(owner="me", place=place) for place in range(5)))
    await add(store, a_job(owner="you"))
    (gone,) = await add(store, a_job(owner="me"))
    await store.mark(gone.id, deleted_at=clock.now)

    assert await store.count(JobQuery(MINE, statuses=UNDER_WAY, limit=2)) == 5
    assert await store.count(JobQuery(MINE, statuses=ENDED)) == 0
    assert await store.count(JobQuery(EVERYONE)) == 6
