"""Jobs that cannot be followed as usual: out of sight in a list, or answered with the clip."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from rushes.domain import JobStatus, RemoteJob, RemoteStatus
from rushes.errors import BackendUnavailable, LeaseLost, RemoteJobNotFound, ResultLost
from rushes.ports import Submission
from tests.fakes import ScriptedBackend
from tests.jobs.stage import BYTES, Stage, arriving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes import ScriptedClip

pytestmark = pytest.mark.anyio

RUNNING = RemoteJob("r-1", RemoteStatus.IN_PROGRESS, progress=30)
DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)
UNSEEN = RemoteJobNotFound("not in the list", retryable=True)


async def test_a_job_out_of_sight_goes_on_as_it_was() -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[RUNNING, UNSEEN]))
    job = await stage.submit()
    for _ in range(5):
        await stage.step()
        stage.clock.advance(seconds=90)

    job = await stage.store.get(job.id)

    assert (job.status, job.progress, job.setback) == (JobStatus.IN_PROGRESS, 30, None)
    assert "set_back" not in [event.what for event in await stage.store.history(job.id)]


async def test_a_job_that_comes_back_into_sight_ends_well() -> None:
    polls = [UNSEEN, UNSEEN, DONE]
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=polls, open_clip=[arriving()]))

    job = await stage.run(await stage.submit(), pause_s=90)

    assert job.status is JobStatus.COMPLETED


async def test_a_job_that_stays_out_of_sight_ends_unknown_and_not_lost() -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[UNSEEN]))
    job = await stage.submit()
    await stage.step()
    stage.clock.advance(minutes=31)
    await stage.step()

    late = await stage.store.get(job.id)
    job = await stage.run(job, pause_s=3600)

    assert (late.status, job.status, job.next_at) == (JobStatus.UNKNOWN, JobStatus.UNKNOWN, None)
    assert late.failure is not None
    assert late.failure.kind == "timeout"


class Answer:
    """The clip as a submit's answer, and whether its connection is still open."""

    def __init__(self, clip: ScriptedClip) -> None:
        self.clip = clip
        self.is_open = True

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ScriptedClip]:
        try:
            yield self.clip
        finally:
            self.is_open = False


async def test_an_answer_that_is_the_clip_is_kept_and_closed() -> None:
    answer = Answer(arriving())
    stage = Stage(ScriptedBackend(submit=[Submission(DONE, answer.opened())]))

    job = await stage.run(await stage.submit())

    assert (job.status, answer.is_open) == (JobStatus.COMPLETED, False)
    assert stage.backend.count("open_clip") == 0


async def test_an_answer_that_breaks_off_is_a_lost_result() -> None:
    clip = arriving(BYTES[:5000], BackendUnavailable("reset"))
    lost = ResultLost("it cannot be asked for again")
    answer = Submission(DONE, Answer(clip).opened())
    stage = Stage(ScriptedBackend(submit=[answer], open_clip=[lost]))

    job = await stage.run(await stage.submit())

    assert job.status is JobStatus.FAILED
    assert job.failure is not None
    assert job.failure.kind == "result_lost"
    assert stage.backend.count("submit") == 1


async def test_an_answer_for_a_worker_that_was_overtaken_is_closed() -> None:
    answer = Answer(arriving())

    async def overtaken(*_: object) -> Submission:
        stage.clock.advance(seconds=60)
        await stage.claim("another")
        return Submission(DONE, answer.opened())

    stage = Stage(ScriptedBackend(submit=[overtaken]))
    await stage.submit()
    (job,) = await stage.claim()
    with pytest.raises(LeaseLost):
        await stage.carry(job)

    assert answer.is_open is False
