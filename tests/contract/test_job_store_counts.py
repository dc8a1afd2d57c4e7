"""What every JobStore counts: how far one person's jobs have come, and what is asked for in all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import EVERYONE, Limits, Scope
from rushes.errors import DailyLimitReached, DailyTotalReached
from tests.contract.job_stores import KINDS, add, opened
from tests.fakes import StoppedClock, a_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rushes.ports import JobStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture(params=KINDS)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: StoppedClock
) -> AsyncIterator[JobStore]:
    async with opened(request.param, tmp_path, clock) as jobs:
        yield jobs


async def test_how_far_ones_own_jobs_have_come(store: JobStore, clock: StoppedClock) -> None:
    empty = await store.newest(EVERYONE)
    (first,) = await add(store, a_job(owner="bob"))
    (theirs,) = await add(store, a_job(owner="ann"))
    before = [await store.newest(Scope(name)) for name in ("bob", "ann", "eve")]
    deleted = await store.mark(first.id, deleted_at=clock.now)
    after = [await store.newest(Scope(name)) for name in ("bob", "ann", "eve")]

    assert empty == 0
    assert before == [first.revision, theirs.revision, 0]
    assert after == [deleted.revision, theirs.revision, 0]
    assert await store.newest(EVERYONE) == deleted.revision


async def test_what_is_erased_still_counts_as_far(store: JobStore) -> None:
    await add(store, a_job(owner="bob"))
    await store.erase("bob")
    (told,) = await store.changed_since(0, Scope("bob"))

    assert await store.newest(Scope("bob")) == told.revision


async def test_no_more_jobs_are_asked_for_in_a_day_than_the_limit_in_all(
    store: JobStore, clock: StoppedClock
) -> None:
    limits = Limits(daily_total=3, daily_per_owner=2)
    await store.add([a_job(owner="ann", created_at=clock.now)], limits)
    early = clock.advance(hours=2)
    batch = [a_job(owner="bob", created_at=early, place=place) for place in range(2)]
    await store.add(batch, limits)
    now = clock.advance(hours=3)

    with pytest.raises(DailyTotalReached) as one:
        await store.add([a_job(owner="eve", created_at=now)], limits)
    with pytest.raises(DailyLimitReached):
        await store.admit([a_job(owner="bob", created_at=now)], limits)
    wide, many = Limits(daily_total=3), [a_job(created_at=now, place=place) for place in range(4)]
    with pytest.raises(DailyTotalReached) as never:
        await store.add(many, wide)

    assert one.value.retry_after == timedelta(hours=19)
    assert (one.value.limit, never.value.retry_after) == (3, None)
    clock.advance(hours=19)
    await store.add([a_job(owner="eve", created_at=clock.now)], limits)
