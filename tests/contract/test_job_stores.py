"""What every JobStore promises to viewers; `test_job_store_leases` holds the workers' half."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rushes.domain import (
    EVERYONE,
    CancelOutcome,
    Clip,
    Download,
    Job,
    JobQuery,
    JobStatus,
    Limits,
    Scope,
    VideoRequest,
    new_id,
)
from rushes.errors import (
    DailyLimitReached,
    InvalidRequest,
    JobConflict,
    JobNotFound,
    LeaseLost,
    PersonalQueueFull,
    QueueFull,
)
from tests.contract.job_stores import (
    DEADLINE,
    KINDS,
    REMOTE,
    SOON,
    TROUBLE,
    add,
    claim_one,
    opened,
)
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
    request: pytest.FixtureRequest, clock: StoppedClock, tmp_path: Path
) -> AsyncIterator[JobStore]:
    async with opened(request.param, tmp_path, clock) as jobs:
        yield jobs


# --- adding and reading -------------------------------------------------------------------------


async def test_every_field_comes_back_as_it_went_in(store: JobStore, clock: StoppedClock) -> None:
    request = VideoRequest(prompt="élan \U0001f30a", seed=7, duration_s=5.5, extra={"a": [1, None]})
    later = clock.now + SOON
    job = a_job(
        request=request,
        origin=new_id(),
        status=JobStatus.FETCHING,
        progress=80,
        remote=replace(REMOTE, expires_at=later, next_poll=SOON, failure=TROUBLE),
        download=Download("key-1", size=9, validator='"v"', media_type="video/mp4"),
        clip=Clip("key-1", "video/mp4", 9, "0" * 64, 640, 360, 5.04),
        failure=TROUBLE,
        setback=replace(TROUBLE, kind="backend_unavailable"),
        cancel_outcome=CancelOutcome.CONFIRMED,
        attempt=2,
        deadline_at=later,
        submitted_at=clock.now,
        finished_at=later,
        cancel_requested_at=clock.now,
        deleted_at=later,
        starred=True,
        title="Waves",
    )

    (added,) = await add(store, job)

    assert replace(added, revision=0) == job
    assert await store.get(job.id) == added


async def test_a_stranger_is_not_found(store: JobStore) -> None:
    with pytest.raises(JobNotFound):
        await store.get(new_id())


async def test_the_same_submit_token_is_the_same_batch(store: JobStore) -> None:
    token = new_id()
    first = await add(store, *(a_job(submit_token=token, place=place) for place in range(3)))

    again = await add(store, *(a_job(submit_token=token, place=place) for place in range(2)))

    assert again == first
    assert len((await store.search(JobQuery(EVERYONE))).jobs) == 3


async def test_the_same_token_of_another_owner_is_another_batch(store: JobStore) -> None:
    token = new_id()
    (mine,) = await add(store, a_job(submit_token=token))

    (theirs,) = await add(store, a_job(submit_token=token, owner="somebody"))

    assert theirs.id != mine.id


async def test_a_double_post_at_the_same_moment_makes_one_batch(store: JobStore) -> None:
    token = new_id()
    posts = [add(store, a_job(submit_token=token)) for _ in range(8)]

    batches = await asyncio.gather(*posts)

    assert len({batch[0].id for batch in batches}) == 1


async def test_no_more_jobs_wait_than_the_limit_in_all(store: JobStore) -> None:
    limits = Limits(queued_total=3, queued_per_owner=100)
    await store.add([a_job(owner="a"), a_job(owner="a", place=1)], limits)

    with pytest.raises(QueueFull):
        await store.add([a_job(owner="b"), a_job(owner="b", place=1)], limits)

    assert len((await store.search(JobQuery(EVERYONE))).jobs) == 2, "all or none"
    await store.add([a_job(owner="b")], limits)


async def test_no_more_jobs_wait_than_the_limit_of_one_owner(store: JobStore) -> None:
    limits = Limits(queued_total=100, queued_per_owner=1)
    await store.add([a_job(owner="a")], limits)

    with pytest.raises(PersonalQueueFull):
        await store.add([a_job(owner="a")], limits)

    await store.add([a_job(owner="b")], limits)


async def test_no_more_jobs_are_asked_for_in_a_day_than_the_limit(
    store: JobStore, clock: StoppedClock
) -> None:
    limits = Limits(daily_per_owner=3)
    (first,) = await store.add([a_job(created_at=clock.now)], limits)
    early = clock.advance(hours=2)
    await store.add([a_job(created_at=early), a_job(created_at=early, place=1)], limits)
    await store.mark(first.id, deleted_at=early)
    now = clock.advance(hours=3)

    with pytest.raises(DailyLimitReached) as one:
        await store.add([a_job(created_at=now)], limits)
    with pytest.raises(DailyLimitReached) as two:
        await store.add([a_job(created_at=now), a_job(created_at=now, place=1)], limits)
    with pytest.raises(DailyLimitReached) as never:
        await store.add([a_job(created_at=now, place=place) for place in range(4)], limits)

    assert one.value.retry_after == timedelta(hours=19)
    assert two.value.retry_after == timedelta(hours=21)
    assert never.value.retry_after is None
    await store.add([a_job(created_at=now, owner="somebody else")], limits)
    later = clock.advance(hours=19)
    await store.add([a_job(created_at=later)], limits)


async def test_jobs_that_no_longer_wait_leave_room(store: JobStore, clock: StoppedClock) -> None:
    limits = Limits(queued_per_owner=1)
    await store.add([a_job()], limits)
    job = await claim_one(store)
    await store.save(job.submitting(now=clock.now, deadline=DEADLINE))

    assert len(await store.add([a_job()], limits)) == 1


# --- searching ----------------------------------------------------------------------------------


async def test_pages_walk_all_jobs_newest_first_and_none_twice(
    store: JobStore, clock: StoppedClock
) -> None:
    for _ in range(4):
        token = new_id()
        await add(
            store,
            *(a_job(submit_token=token, place=p, created_at=clock.now) for p in range(3)),
        )
        clock.advance(seconds=1)

    seen: list[Job] = []
    after = None
    for _ in range(5):
        page = await store.search(JobQuery(EVERYONE, limit=5, after=after))
        seen += page.jobs
        after = page.next
        if after is None:
            break

    assert len({job.id for job in seen}) == 12
    ages = [(job.created_at, job.place) for job in seen]
    assert ages == sorted(ages, reverse=True)
    assert after is None


async def test_a_page_holds_when_a_newer_job_comes_between(
    store: JobStore, clock: StoppedClock
) -> None:
    old = await add(store, a_job(), a_job(place=1))
    first = await store.search(JobQuery(EVERYONE, limit=1))
    await add(store, a_job(created_at=clock.advance(seconds=1)))

    second = await store.search(JobQuery(EVERYONE, limit=1, after=first.next))

    assert [*first.jobs, *second.jobs] == sorted(old, key=lambda j: j.place, reverse=True)


@pytest.mark.parametrize("cursor", ["", "x", "1.1.1", "9" * 40 + ".0." + "a" * 26, "%27"])
async def test_a_cursor_that_is_not_ours_is_refused(store: JobStore, cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        await store.search(JobQuery(EVERYONE, after=cursor))


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("ÉTÉ", True),
        ("100%", True),
        ("snake_case", True),
        ("_", True),
        ("C:\\x", True),
        ("%été%", False),
        ("snakeXcase", False),
        ("winter", False),
        ("postcard", True),
    ],
)
async def test_text_is_sought_in_prompt_and_title(
    store: JobStore, text: str, is_found: bool
) -> None:
    (job,) = await add(store, a_job(prompt="Un Été à 100% snake_case C:\\x"))
    await store.mark(job.id, title="Postcard")

    page = await store.search(JobQuery(EVERYONE, text=text))

    assert bool(page.jobs) is is_found


async def test_filters_narrow_together(store: JobStore) -> None:
    (mine,) = await add(store, a_job(owner="me", backend="one"))
    await add(store, a_job(owner="you", backend="one"))
    await add(store, a_job(owner="me", backend="two"))
    await store.mark(mine.id, starred=True)

    async def found(**filters: Any) -> list[str]:  # noqa: ANN401 - JobQuery's own fields
        page = await store.search(JobQuery(Scope("me"), **filters))
        return [job.id for job in page.jobs]

    assert await found(backend="one") == [mine.id]
    assert await found(starred=True) == [mine.id]
    assert await found(batch=mine.batch) == [mine.id]
    assert len(await found(starred=False)) == 1
    assert len(await found(statuses=frozenset({JobStatus.QUEUED, JobStatus.FAILED}))) == 2
    assert await found(statuses=frozenset({JobStatus.FAILED})) == []


async def test_deleted_jobs_are_apart(store: JobStore, clock: StoppedClock) -> None:
    (job,) = await add(store, a_job())
    await store.mark(job.id, deleted_at=clock.now)

    assert (await store.search(JobQuery(EVERYONE))).jobs == ()
    assert len((await store.search(JobQuery(EVERYONE, deleted=True))).jobs) == 1


# --- a person's moves ---------------------------------------------------------------------------


async def test_a_person_moves_a_job_that_nobody_carries(
    store: JobStore, clock: StoppedClock
) -> None:
    (job,) = await add(store, a_job())

    moved = await store.amend(job.cancelled(CancelOutcome.NOTHING_SPENT, now=clock.now))

    assert moved.status is JobStatus.CANCELLED
    assert moved.fence == job.fence + 1
    assert await store.get(job.id) == moved


async def test_a_person_takes_a_cancel_wish_back(store: JobStore, clock: StoppedClock) -> None:
    (job,) = await add(store, a_job())
    wished = await store.mark(job.id, cancel_requested_at=clock.now)

    moved = await store.amend(replace(wished, cancel_requested_at=None))

    assert moved.cancel_requested_at is None
    assert await store.get(job.id) == moved


async def test_a_person_who_saw_an_older_row_is_refused(
    store: JobStore, clock: StoppedClock
) -> None:
    (job,) = await add(store, a_job())
    await store.mark(job.id, starred=True)

    with pytest.raises(JobConflict):
        await store.amend(job.cancelled(CancelOutcome.NOTHING_SPENT, now=clock.now))


async def test_marks_write_only_what_is_given(store: JobStore, clock: StoppedClock) -> None:
    (job,) = await add(store, a_job())
    await store.mark(job.id, starred=True, title="Kite")
    await store.mark(job.id, deleted_at=clock.now)

    deleted = await store.get(job.id)
    restored = await store.mark(job.id, restored=True)
    plain = await store.mark(job.id, starred=False, title="")

    assert (deleted.starred, deleted.title, deleted.deleted_at) == (True, "Kite", clock.now)
    assert restored.deleted_at is None
    assert (plain.starred, plain.title) == (False, "")
    with pytest.raises(JobNotFound):
        await store.mark(new_id(), starred=True)


# --- changes and history ------------------------------------------------------------------------


async def test_changes_come_in_order_and_tombstones_too(
    store: JobStore, clock: StoppedClock
) -> None:
    (first,) = await add(store, a_job())
    (second,) = await add(store, a_job())
    (theirs,) = await add(store, a_job(owner="somebody"))
    deleted = await store.mark(first.id, deleted_at=clock.now)

    mine = await store.changed_since(first.revision, Scope(first.owner))
    everyones = await store.changed_since(second.revision, EVERYONE)

    assert mine == [second, deleted]
    assert everyones == [theirs, deleted]
    assert await store.changed_since(deleted.revision, EVERYONE) == []
    assert await store.revision() == deleted.revision


async def test_a_waiter_wakes_with_the_next_change(store: JobStore) -> None:
    before = await store.revision()
    waiting = asyncio.create_task(store.wait_changed(before, timedelta(seconds=20)))
    await asyncio.sleep(0)

    (job,) = await add(store, a_job())

    assert await waiting == job.revision


async def test_a_waiter_is_told_at_once_what_it_missed(store: JobStore) -> None:
    (job,) = await add(store, a_job())

    assert await store.wait_changed(job.revision - 1, timedelta(seconds=20)) == job.revision


async def test_a_waiter_gives_up_in_the_end(store: JobStore) -> None:
    before = await store.revision()

    assert await store.wait_changed(before, timedelta(milliseconds=20)) == before


async def test_history_tells_what_happened(store: JobStore, clock: StoppedClock) -> None:
    await add(store, a_job())
    job = await claim_one(store)
    job = await store.save(job.submitting(now=clock.now, deadline=DEADLINE), release=False)
    job = await store.save(job.requeued(TROUBLE, next_at=clock.now))
    job = await claim_one(store)
    job = await store.save(job.set_back(TROUBLE, next_at=clock.now), release=False)
    job = await store.save(job.failed(replace(TROUBLE, kind="refused"), now=clock.now))
    await store.mark(job.id, cancel_requested_at=clock.now, starred=True)
    await store.mark(job.id, deleted_at=clock.now)
    await store.mark(job.id, restored=True)

    events = [(event.what, event.kind) for event in await store.history(job.id)]

    assert events == [
        ("queued", None),
        ("submitting", None),
        ("queued", "rate_limited"),
        ("set_back", "rate_limited"),
        ("failed", "refused"),
        ("cancel_requested", None),
        ("deleted", None),
        ("restored", None),
    ]


async def test_a_refused_write_leaves_no_history(store: JobStore, clock: StoppedClock) -> None:
    (job,) = await add(store, a_job())
    revision = await store.revision()

    with pytest.raises(LeaseLost):
        await store.save(replace(job, fence=9).submitting(now=clock.now, deadline=DEADLINE))

    assert [event.what for event in await store.history(job.id)] == ["queued"]
    assert await store.revision() == revision
