"""What every JobStore promises to workers: leases, fences, due times."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import CancelOutcome, JobStatus, RemoteJob, VideoRequest, new_id
from rushes.errors import JobConflict, LeaseLost
from tests.contract.job_stores import (
    DEADLINE,
    KINDS,
    LEASE,
    REMOTE,
    SOON,
    TROUBLE,
    add,
    claim_one,
    everything,
    opened,
)
from tests.fakes import StoppedClock, a_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rushes.ports import JobStore, QueueView

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture(params=KINDS)
async def store(
    request: pytest.FixtureRequest, clock: StoppedClock, tmp_path: Path
) -> AsyncIterator[JobStore]:
    async with opened(request.param, tmp_path, clock) as jobs:
        yield jobs


# --- claiming -----------------------------------------------------------------------------------


async def test_a_claim_leases_what_was_chosen_and_raises_the_fence(store: JobStore) -> None:
    jobs = await add(store, a_job(), a_job(place=1), a_job(place=2))

    claimed = await store.claim("worker", LEASE, lambda view: [view.due[1].id, view.due[0].id])

    assert [job.id for job in claimed.jobs] == [jobs[1].id, jobs[0].id]
    assert [job.fence for job in claimed.jobs] == [1, 1]
    assert (await store.get(jobs[2].id)).fence == 0


async def test_choose_sees_due_jobs_oldest_first_and_the_slots_in_use(
    store: JobStore, clock: StoppedClock
) -> None:
    await add(store, a_job(backend="one"))
    running = await claim_one(store)
    await store.save(running.submitting(now=clock.now, deadline=DEADLINE), release=False)
    late = clock.advance(seconds=1)
    await add(store, a_job(created_at=late, owner="b"))
    await add(store, a_job(created_at=late - timedelta(seconds=1), owner="a"))
    seen: list[QueueView] = []

    def look(view: QueueView) -> list[str]:
        seen.append(view)
        return []

    await store.claim("worker", LEASE, look)

    assert [row.owner for row in seen[0].due] == ["a", "b"]
    assert dict(seen[0].running) == {("one", "local"): 1}


async def test_choose_sees_when_each_lane_that_waits_had_its_last_turn(
    store: JobStore, clock: StoppedClock
) -> None:
    await add(store, a_job(owner="a"))
    first = await claim_one(store)
    sent = await store.save(first.submitting(now=clock.now, deadline=DEADLINE), release=False)
    tried_at = clock.now
    back = sent.requeued(TROUBLE, next_at=clock.now)
    clock.advance(seconds=1)
    await store.save(back)
    await add(store, a_job(owner="b"))
    seen: list[QueueView] = []

    def look(view: QueueView) -> list[str]:
        seen.append(view)
        return []

    await store.claim("worker", LEASE, look)

    assert dict(seen[0].started) == {("demo", "a"): tried_at}, "a try in vain was a turn"


async def test_choose_sees_who_wants_no_more(store: JobStore, clock: StoppedClock) -> None:
    (job,) = await add(store, a_job())
    await store.mark(job.id, cancel_requested_at=clock.now)
    seen: list[QueueView] = []

    def look(view: QueueView) -> list[str]:
        seen.append(view)
        return []

    await store.claim("worker", LEASE, look)

    assert [row.cancel_requested for row in seen[0].due] == [True]


async def test_the_queue_is_all_that_waits_or_holds_a_slot(
    store: JobStore, clock: StoppedClock
) -> None:
    request = VideoRequest(prompt="dunes", model="large", duration_s=8)
    await add(store, a_job(owner="a"))
    out = await claim_one(store)
    await store.save(out.submitting(now=clock.now, deadline=DEADLINE), release=False)
    late = clock.advance(seconds=1)
    (waiting,) = await add(
        store, a_job(owner="a", request=request, created_at=late, next_at=late + SOON)
    )
    (gone,) = await add(store, a_job(owner="b"))
    await store.mark(gone.id, deleted_at=clock.now)
    await add(store, a_job(status=JobStatus.FETCHING), a_job(status=JobStatus.FAILED, place=1))

    queue = await store.queue()

    assert [(job.id, job.model, job.seconds) for job in queue.waiting] == [
        (waiting.id, "large", 8.0)
    ]
    assert [(job.id, job.submitted_at) for job in queue.running] == [(out.id, late - SECOND)]
    assert dict(queue.started) == {("demo", "a"): late - SECOND}
    assert dict(queue.counts) == {("demo", JobStatus.QUEUED): 1, ("demo", JobStatus.SUBMITTING): 1}


async def test_what_choose_makes_up_is_not_leased(store: JobStore, clock: StoppedClock) -> None:
    (later,) = await add(store, a_job(next_at=clock.now + SOON))

    claimed = await store.claim("worker", LEASE, lambda _: [later.id, new_id(), later.id])

    assert claimed.jobs == []


async def test_a_leased_job_is_nobody_elses_until_the_lease_ends(
    store: JobStore, clock: StoppedClock
) -> None:
    await add(store, a_job())
    await claim_one(store, "first")

    assert (await store.claim("second", LEASE, everything)).jobs == []
    clock.now += LEASE
    taken = await claim_one(store, "second")

    assert taken.fence == 2


async def test_two_workers_never_hold_the_same_job(store: JobStore) -> None:
    await add(store, *(a_job(place=place) for place in range(40)))

    claims = [
        store.claim(f"worker {number % 2}", LEASE, lambda view: everything(view)[:3])
        for number in range(20)
    ]
    claimed = [job.id for claim in await asyncio.gather(*claims) for job in claim.jobs]

    assert len(claimed) == 40
    assert len(set(claimed)) == 40


async def test_renewing_keeps_all_of_a_workers_leases(store: JobStore, clock: StoppedClock) -> None:
    await add(store, a_job())
    job = await claim_one(store, "first")
    await store.mark(job.id, cancel_requested_at=clock.now)
    clock.now += LEASE / 2

    renewed = await store.renew("first", LEASE)
    clock.now += LEASE * 0.75

    assert [row.cancel_requested_at is not None for row in renewed] == [True]
    assert await store.renew("second", LEASE) == []
    assert (await store.claim("second", LEASE, everything)).jobs == []


async def test_wake_at_is_when_the_next_of_the_others_falls_due(
    store: JobStore, clock: StoppedClock
) -> None:
    assert (await store.claim("worker", LEASE, everything)).wake_at is None
    await add(store, a_job())
    assert (await store.claim("worker", LEASE, everything)).wake_at is None
    await add(store, a_job(next_at=clock.now + SOON), a_job(place=1, next_at=clock.now + LEASE * 2))

    assert (await store.claim("worker", LEASE, everything)).wake_at == clock.now + SOON
    clock.now += SOON
    held_back = await store.claim("worker", LEASE, lambda _: [])
    assert held_back.wake_at == clock.now - SOON + LEASE, "the end of the first job's lease"


async def test_ended_jobs_and_jobs_without_a_time_are_never_due(
    store: JobStore, clock: StoppedClock
) -> None:
    for status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED):
        await add(store, a_job(status=status))
    await add(store, a_job(status=JobStatus.UNKNOWN, next_at=None))
    (asked,) = await add(store, a_job(status=JobStatus.UNKNOWN))

    claimed = await store.claim("worker", LEASE, everything)

    assert [job.id for job in claimed.jobs] == [asked.id]


async def test_a_deleted_job_is_carried_on_only_where_it_runs(
    store: JobStore, clock: StoppedClock
) -> None:
    (queued,) = await add(store, a_job())
    (running,) = await add(store, a_job(status=JobStatus.IN_PROGRESS, remote=REMOTE))
    for job in (queued, running):
        await store.mark(job.id, deleted_at=clock.now)

    claimed = await store.claim("worker", LEASE, everything)

    assert [job.id for job in claimed.jobs] == [running.id]


async def test_claiming_and_renewing_change_no_revision(store: JobStore) -> None:
    (job,) = await add(store, a_job())

    await claim_one(store)
    await store.renew("worker", LEASE)

    assert await store.revision() == job.revision


# --- saving -------------------------------------------------------------------------------------


async def test_a_save_gives_the_lease_back(store: JobStore, clock: StoppedClock) -> None:
    await add(store, a_job())
    job = await claim_one(store, "first")

    saved = await store.save(job.submitting(now=clock.now, deadline=DEADLINE))

    assert saved.status is JobStatus.SUBMITTING
    assert saved.revision > job.revision
    assert await store.get(job.id) == saved
    await claim_one(store, "second")


async def test_a_save_without_release_keeps_the_lease(store: JobStore, clock: StoppedClock) -> None:
    await add(store, a_job())
    job = await claim_one(store, "first")

    await store.save(job.submitting(now=clock.now, deadline=DEADLINE), release=False)

    assert (await store.claim("second", LEASE, everything)).jobs == []


async def test_after_a_takeover_the_old_worker_has_lost(
    store: JobStore, clock: StoppedClock
) -> None:
    await add(store, a_job())
    old = await claim_one(store, "first")
    clock.now += LEASE
    new = await claim_one(store, "second")

    with pytest.raises(LeaseLost):
        await store.save(old.submitting(now=clock.now, deadline=DEADLINE))

    assert (await store.get(new.id)).status is JobStatus.QUEUED
    await store.save(new.submitting(now=clock.now, deadline=DEADLINE))


async def test_a_save_of_a_stranger_has_lost(store: JobStore) -> None:
    with pytest.raises(LeaseLost):
        await store.save(a_job())


async def test_a_save_leaves_the_viewers_columns(store: JobStore, clock: StoppedClock) -> None:
    await add(store, a_job())
    job = await claim_one(store)
    await store.mark(job.id, starred=True, title="Kite", deleted_at=clock.now)

    saved = await store.save(job.submitting(now=clock.now, deadline=DEADLINE))

    assert (saved.starred, saved.title, saved.deleted_at) == (True, "Kite", clock.now)


async def test_a_wish_that_came_during_a_step_makes_the_job_due_at_once(
    store: JobStore, clock: StoppedClock
) -> None:
    await add(store, a_job(status=JobStatus.IN_PROGRESS, remote=REMOTE))
    job = await claim_one(store)
    await store.mark(job.id, cancel_requested_at=clock.now)
    clock.advance(seconds=1)

    saved = await store.save(job.polled(REMOTE, next_at=clock.now + SOON))
    known = await claim_one(store)
    put_off = await store.save(known.set_back(TROUBLE, next_at=clock.now + SOON))

    assert saved.next_at == clock.now
    assert put_off.next_at == clock.now + SOON, "a wish that the worker knew of"


# --- people and workers --------------------------------------------------------------------------


async def test_a_person_waits_for_the_worker(store: JobStore, clock: StoppedClock) -> None:
    await add(store, a_job())
    job = await claim_one(store)
    cancelled = job.cancelled(CancelOutcome.NOTHING_SPENT, now=clock.now)

    with pytest.raises(JobConflict):
        await store.amend(cancelled)
    clock.now += LEASE
    await store.amend(cancelled)

    with pytest.raises(LeaseLost):
        await store.save(job.submitting(now=clock.now, deadline=DEADLINE))


async def test_a_cancel_wish_makes_a_living_job_due(store: JobStore, clock: StoppedClock) -> None:
    (waiting,) = await add(store, a_job(next_at=clock.now + SOON))
    (ended,) = await add(store, a_job(status=JobStatus.FAILED, next_at=None))

    for job in (waiting, ended):
        await store.mark(job.id, cancel_requested_at=clock.now)

    assert (await store.get(ended.id)).next_at is None
    assert (await claim_one(store)).id == waiting.id


# --- remote ids that come late ------------------------------------------------------------------


async def test_a_late_remote_id_is_kept_and_followed(store: JobStore, clock: StoppedClock) -> None:
    (job,) = await add(store, a_job(status=JobStatus.UNKNOWN, next_at=None))

    await store.record_remote(job.id, REMOTE)

    claimed = await claim_one(store)
    assert claimed.remote == REMOTE


async def test_a_known_remote_id_is_never_replaced_or_forgotten(
    store: JobStore, clock: StoppedClock
) -> None:
    await add(store, a_job(status=JobStatus.SUBMITTING))
    job = await claim_one(store)
    await store.record_remote(job.id, REMOTE)
    await store.record_remote(job.id, RemoteJob("another"))

    saved = await store.save(job.unknown(TROUBLE, next_at=clock.now + SOON))

    assert saved.remote == REMOTE
    assert saved.next_at == clock.now, "there is evidence to follow"
