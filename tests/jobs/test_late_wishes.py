"""After a cancel that came too late: a job can still be put away, and looked at again in peace."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import (
    LOCAL_VIEWER,
    CancelOutcome,
    Failure,
    JobStatus,
    RemoteJob,
    RemoteStatus,
)
from rushes.domain import Stage as At
from rushes.errors import ResultExpired, StorageFull
from rushes.jobs.housekeeping import Housekeeping
from tests.fakes import ScriptedBackend
from tests.jobs.stage import BYTES, Stage, arriving
from tests.jobs.test_worker import ended, live, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rushes.domain import Job

pytestmark = pytest.mark.anyio

RUNNING = RemoteJob("r-1", RemoteStatus.IN_PROGRESS, progress=30)
DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)


async def wished(backend: ScriptedBackend) -> tuple[Stage, Job]:
    """Return a job that the backend has, and that is to be cancelled."""
    stage = Stage(backend)
    job = await stage.submit()
    await stage.step()
    await stage.service.cancel(LOCAL_VIEWER, job.id)
    return stage, job


@dataclass
class SlowClip:
    """A ClipSource that gives its beginning and no more."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    size: int | None = len(BYTES)
    start: int = 0
    validator: str | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        yield BYTES[:5000]
        self.begun.set()
        await asyncio.Event().wait()


async def kept_of(stage: Stage, job: Job) -> int:
    """Return how many bytes of a clip that was arriving are kept."""
    assert job.download is not None
    async with stage.clips.receive(job.download.key, fence=99, resume=True) as writer:
        return writer.position


# --- put away -----------------------------------------------------------------------------------


async def test_a_late_clip_that_finds_no_room_is_given_up_once_it_is_put_away() -> None:
    full = StorageFull("no room")
    backend = ScriptedBackend(submit=[RUNNING], poll=[DONE], open_clip=[full])
    stage, job = await wished(backend)
    await stage.step()
    late = await stage.store.get(job.id)
    assert (late.status, late.cancel_outcome) == (JobStatus.FETCHING, CancelOutcome.TOO_LATE)

    await stage.service.delete(LOCAL_VIEWER, job.id)
    gone = await stage.run(job, rounds=2, pause_s=31)
    stage.clock.advance(hours=2)
    emptied = await Housekeeping(
        stage.store, stage.clips, stage.directory, stage.clock
    ).empty_the_bin()

    assert (gone.status, gone.cancel_outcome) == (
        JobStatus.CANCELLED,
        CancelOutcome.STOPPED_WAITING,
    )
    assert backend.count("open_clip") == 1
    assert emptied == 1


async def test_what_has_come_of_a_late_clip_goes_with_the_job() -> None:
    broken = arriving(BYTES[:5000], StorageFull("no room"))
    stage, job = await wished(ScriptedBackend(submit=[RUNNING], poll=[DONE], open_clip=[broken]))
    await stage.step()
    late = await stage.store.get(job.id)
    before = await kept_of(stage, late)

    await stage.service.delete(LOCAL_VIEWER, job.id)
    await stage.run(job, rounds=2, pause_s=31)

    assert (before, await kept_of(stage, late)) == (5000, 0)


async def test_the_clip_of_a_job_that_was_put_away_is_not_brought_home() -> None:
    backend = ScriptedBackend(submit=[RUNNING], poll=[DONE], open_clip=[arriving()])
    stage, job = await wished(backend)
    await stage.service.delete(LOCAL_VIEWER, job.id)

    await stage.step()

    assert (await stage.store.get(job.id)).status is JobStatus.CANCELLED
    assert (backend.count("open_clip"), backend.count("cancel")) == (0, 0)


async def test_the_running_worker_drops_a_late_clip_as_soon_as_it_is_put_away() -> None:
    async def done_meanwhile(*_: object) -> RemoteJob:
        await stage.service.cancel(LOCAL_VIEWER, job.id)
        return DONE

    quick = replace(RUNNING, next_poll=timedelta(milliseconds=10))
    clip = SlowClip()
    stage = live(submit=[quick], poll=[done_meanwhile], open_clip=[clip])

    async with running(stage):
        job = await stage.submit()
        async with asyncio.timeout(5):
            await clip.begun.wait()
        late = await stage.store.get(job.id)
        await stage.service.delete(LOCAL_VIEWER, job.id)
        gone = await ended(stage, job, JobStatus.CANCELLED)

    assert (late.status, late.cancel_outcome) == (JobStatus.FETCHING, CancelOutcome.TOO_LATE)
    assert gone.cancel_outcome is CancelOutcome.STOPPED_WAITING
    assert await kept_of(stage, late) == 0


# --- looked at again ----------------------------------------------------------------------------


async def test_a_job_that_is_looked_at_again_is_wanted_again() -> None:
    expired = ResultExpired("gone")
    polls = [DONE, DONE, RUNNING, DONE]
    backend = ScriptedBackend(
        submit=[RUNNING], poll=polls, open_clip=[expired, expired, arriving()]
    )
    stage, job = await wished(backend)
    failed = await stage.run(job)
    assert (failed.status, failed.cancel_outcome) == (JobStatus.FAILED, CancelOutcome.TOO_LATE)
    asked = backend.count("poll")

    again = await stage.service.check_again(LOCAL_VIEWER, job.id)
    stored = await stage.store.get(job.id)
    fetched = await stage.run(again)

    assert (again.cancel_requested_at, again.cancel_outcome) == (None, None)
    assert not stored.is_unwanted
    assert (fetched.status, fetched.cancel_outcome) == (JobStatus.COMPLETED, None)
    assert (backend.count("poll") - asked, backend.count("cancel")) == (2, 0)


async def test_a_wish_that_came_too_late_hurries_no_poll() -> None:
    stage, job = await wished(ScriptedBackend(submit=[RUNNING], poll=[RUNNING]))
    (leased,) = await stage.claim()
    late = replace(leased, cancel_outcome=CancelOutcome.TOO_LATE)

    await stage.carry(late)

    followed = await stage.store.get(job.id)
    assert followed.next_at is not None
    assert followed.next_at - stage.clock() >= timedelta(seconds=1)


async def test_evidence_of_a_job_takes_back_that_its_cancel_was_too_late() -> None:
    stage, job = await wished(ScriptedBackend(submit=[RUNNING], poll=[RUNNING]))
    late = replace(await stage.store.get(job.id), cancel_outcome=CancelOutcome.TOO_LATE)
    lost = late.unknown(Failure(kind="timeout", stage=At.POLL), next_at=None)

    found = lost.evident(RUNNING, now=stage.clock(), deadline=timedelta(minutes=30))

    assert (found.cancel_outcome, found.is_unwanted) == (None, True)
