"""A wish to cancel and what the backend has done meanwhile: no clip is lost, no stop made up."""

from __future__ import annotations

import asyncio
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
from rushes.errors import BackendUnavailable, RemoteJobNotFound
from rushes.jobs import steps
from tests.fakes import ScriptedBackend
from tests.jobs.stage import BYTES, Stage, arriving
from tests.jobs.test_worker import ended, live, running

if TYPE_CHECKING:
    from rushes.domain import Job

pytestmark = pytest.mark.anyio

RUNNING = RemoteJob("r-1", RemoteStatus.IN_PROGRESS, progress=30)
DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)
WITHHELD = Failure(kind="rejected_by_moderation", stage=At.POLL)
FAILED = RemoteJob("r-1", RemoteStatus.FAILED, failure=WITHHELD)
CANCELLED = RemoteJob("r-1", RemoteStatus.CANCELLED)


async def wished(backend: ScriptedBackend) -> tuple[Stage, Job]:
    """Return a job that the backend has, and that is to be cancelled."""
    stage = Stage(backend)
    job = await stage.submit()
    await stage.step()
    await stage.service.cancel(LOCAL_VIEWER, job.id)
    return stage, await stage.store.get(job.id)


async def test_a_wish_after_the_end_loses_no_clip_and_asks_for_no_stop() -> None:
    backend = ScriptedBackend(submit=[RUNNING], poll=[DONE], open_clip=[arriving()])
    stage, job = await wished(backend)

    await stage.step()

    ended = await stage.store.get(job.id)
    assert (ended.status, ended.cancel_outcome) == (JobStatus.COMPLETED, CancelOutcome.TOO_LATE)
    assert ended.clip is not None
    assert ended.clip.size == len(BYTES)
    assert backend.count("cancel") == 0


async def test_a_clip_whose_wish_came_too_late_is_fetched_again_after_trouble() -> None:
    broken = arriving(BYTES[:5000], BackendUnavailable("broke off"), validator=None)
    backend = ScriptedBackend(submit=[RUNNING], poll=[DONE], open_clip=[broken, arriving()])
    stage, job = await wished(backend)

    await stage.step()
    between = await stage.store.get(job.id)
    ended = await stage.run(job)

    assert (between.status, between.is_unwanted) == (JobStatus.FETCHING, False)
    assert ended.status is JobStatus.COMPLETED
    assert backend.count("cancel") == 0


async def test_a_wish_while_we_hear_that_it_is_done_came_too_late() -> None:
    async def done_meanwhile(*_: object) -> RemoteJob:
        await stage.service.cancel(LOCAL_VIEWER, job.id)
        stage.wishes.stop.set()
        return DONE

    backend = ScriptedBackend(submit=[RUNNING], poll=[done_meanwhile], open_clip=[arriving()])
    stage = Stage(backend)
    job = await stage.submit()
    await stage.step()
    stage.clock.advance(seconds=5)

    await stage.step()

    ended = await stage.store.get(job.id)
    assert (ended.status, ended.cancel_outcome) == (JobStatus.COMPLETED, CancelOutcome.TOO_LATE)


async def test_a_job_that_failed_meanwhile_tells_why() -> None:
    stage, job = await wished(ScriptedBackend(submit=[RUNNING], poll=[FAILED]))

    await stage.step()

    ended = await stage.store.get(job.id)
    assert (ended.status, ended.failure) == (JobStatus.FAILED, WITHHELD)
    assert stage.backend.count("cancel") == 0


async def test_a_job_that_the_backend_calls_cancelled_has_stopped() -> None:
    stage, job = await wished(ScriptedBackend(submit=[RUNNING], poll=[CANCELLED]))

    await stage.step()

    ended = await stage.store.get(job.id)
    assert (ended.status, ended.cancel_outcome) == (JobStatus.CANCELLED, CancelOutcome.CONFIRMED)


async def test_a_job_that_the_backend_has_not_is_asked_to_stop_at_once() -> None:
    stopped = [CancelOutcome.STOPPED_WAITING]
    gone = RemoteJobNotFound("404")
    stage, job = await wished(ScriptedBackend(submit=[RUNNING], poll=[gone], cancel=stopped))

    await stage.step()

    ended = await stage.store.get(job.id)
    assert ended.cancel_outcome is CancelOutcome.STOPPED_WAITING
    assert stage.backend.count("cancel") == 1


async def test_a_look_that_fails_puts_a_cancel_off_and_a_whole_clip_comes_home() -> None:
    polls = [BackendUnavailable("502"), DONE]
    stage, job = await wished(ScriptedBackend(submit=[RUNNING], poll=polls, open_clip=[arriving()]))

    await stage.step()
    between = await stage.store.get(job.id)
    ended = await stage.run(job)

    assert (between.status, between.is_unwanted) == (JobStatus.IN_PROGRESS, True)
    assert between.setback is not None
    assert between.setback.stage is At.CANCEL
    assert (ended.status, ended.cancel_outcome) == (JobStatus.COMPLETED, CancelOutcome.TOO_LATE)
    assert stage.backend.count("cancel") == 0


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (CancelOutcome.CONFIRMED, CancelOutcome.CONFIRMED),
        (BackendUnavailable("no look, no DELETE"), CancelOutcome.STOPPED_WAITING),
    ],
)
async def test_after_the_last_look_that_failed_the_backend_itself_decides(
    answer: CancelOutcome | Exception, outcome: CancelOutcome
) -> None:
    silent = BackendUnavailable("no answer")
    stage, job = await wished(ScriptedBackend(submit=[RUNNING], poll=[silent], cancel=[answer]))

    ended = await stage.run(job)

    assert (ended.status, ended.cancel_outcome) == (JobStatus.CANCELLED, outcome)
    assert stage.backend.count("poll") == steps.CANCEL_TRIES + 1
    assert stage.backend.count("cancel") == 1


async def test_a_look_that_never_ends_is_tried_again_and_holds_a_cancel_up_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_: object) -> RemoteJob:
        await asyncio.Event().wait()
        return DONE

    monkeypatch.setattr(steps, "LOOK_AT_MOST", timedelta(milliseconds=20))
    stage, job = await wished(ScriptedBackend(submit=[RUNNING], poll=[never]))

    await stage.step()
    between = await stage.store.get(job.id)
    ended = await stage.run(job)

    assert between.setback is not None
    assert (between.setback.kind, between.setback.stage) == ("timeout", At.CANCEL)
    assert ended.cancel_outcome is CancelOutcome.CONFIRMED


async def test_the_stop_is_asked_of_the_job_as_it_was_seen_last() -> None:
    seen = RemoteJob("r-1", RemoteStatus.IN_PROGRESS, urls={"cancel": "/fresh"})
    stage, _ = await wished(ScriptedBackend(submit=[RUNNING], poll=[seen]))

    await stage.step()

    assert [call.method for call in stage.backend.calls] == ["submit", "poll", "cancel"]
    assert stage.backend.calls[-1].arguments == (seen,)


async def test_the_running_worker_fetches_what_was_finished_before_the_wish() -> None:
    slow = RemoteJob("r-1", RemoteStatus.IN_PROGRESS, next_poll=timedelta(hours=1))
    stage = live(submit=[slow], poll=[DONE], open_clip=[arriving()])

    async with running(stage):
        job = await stage.submit()
        await ended(stage, job, JobStatus.IN_PROGRESS)
        await stage.service.cancel(LOCAL_VIEWER, job.id)
        done = await ended(stage, job, JobStatus.COMPLETED, JobStatus.CANCELLED)

    assert (done.status, done.cancel_outcome) == (JobStatus.COMPLETED, CancelOutcome.TOO_LATE)
    assert stage.backend.count("cancel") == 0
