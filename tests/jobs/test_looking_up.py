"""A job whose answer was lost: who can be asked about it, when, and what came of that."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rushes.domain import LOCAL_VIEWER, JobStatus, RemoteJob, RemoteStatus
from rushes.errors import BackendUnavailable, JobConflict, OutcomeUnknown, Unauthorized
from rushes.jobs.steps import LOOK_UPS, asked_at
from tests.fakes import ScriptedBackend
from tests.jobs.stage import Stage, arriving

if TYPE_CHECKING:
    from rushes.domain import Job
    from rushes.errors import BackendError

pytestmark = pytest.mark.anyio

DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)


def a_stage(*, finds: bool, **script: Any) -> Stage:  # noqa: ANN401 - whatever is scripted
    stage = Stage(ScriptedBackend(submit=[OutcomeUnknown("cut off")], **script))
    stage.configured.finds = finds
    return stage


async def lost(stage: Stage) -> Job:
    """Return a job whose submit was sent and never answered."""
    job = await stage.submit()
    await stage.step()
    return await stage.store.get(job.id)


async def test_no_look_up_is_set_where_nobody_can_be_asked() -> None:
    stage = a_stage(finds=False)

    job = await lost(stage)
    await stage.run(job, pause_s=3600)

    assert (job.status, job.next_at) == (JobStatus.UNKNOWN, None)
    assert stage.backend.count("find") == 0


async def test_whoever_asks_for_a_look_up_that_asks_nobody_is_told_so() -> None:
    stage = a_stage(finds=False)
    job = await lost(stage)

    with pytest.raises(JobConflict, match="cannot be asked"):
        await stage.service.check_again(LOCAL_VIEWER, job.id)

    assert await stage.store.get(job.id) == job


@pytest.mark.parametrize("trouble", [None, Unauthorized("the key was changed")])
async def test_a_crash_between_intent_and_answer_sets_no_idle_look_up_either(
    trouble: BackendError | None,
) -> None:
    stage = a_stage(finds=False, find=[trouble])
    job = await stage.submit()
    (leased,) = await stage.claim()
    await stage.store.save(
        leased.submitting(now=stage.clock(), deadline=stage.configured.deadline), release=False
    )
    stage.clock.advance(minutes=2)

    await stage.step()

    ended = await stage.store.get(job.id)
    assert (ended.status, ended.next_at) == (JobStatus.UNKNOWN, None)
    assert stage.backend.count("submit") == 0


async def test_a_look_up_that_was_set_before_is_the_last_one() -> None:
    stage = a_stage(finds=True)
    job = await lost(stage)
    stage.configured.finds = False

    ended = await stage.run(job, pause_s=3600)

    assert (ended.status, ended.next_at) == (JobStatus.UNKNOWN, None)


async def test_a_job_with_an_id_is_asked_about_wherever_it_is() -> None:
    running = RemoteJob("r-1", RemoteStatus.IN_PROGRESS)
    stage = Stage(
        ScriptedBackend(
            submit=[running],
            poll=[running, BackendUnavailable("502"), DONE],
            open_clip=[arriving()],
        )
    )
    stage.configured.finds = False
    job = await stage.submit()
    await stage.step()
    stage.clock.advance(minutes=31)
    await stage.step()
    late = await stage.store.get(job.id)

    ended = await stage.run(late, pause_s=360)

    assert late.status is JobStatus.UNKNOWN
    assert ended.status is JobStatus.COMPLETED


async def test_each_look_up_in_vain_is_known_by_its_moment() -> None:
    stage = a_stage(finds=True)
    job = await lost(stage)
    moments = [asked_at(job)]
    for pause in LOOK_UPS:
        stage.clock.advance(seconds=pause.total_seconds())
        await stage.step()
        moments.append(asked_at(await stage.store.get(job.id)))

    start = stage.clock() - sum(LOOK_UPS, timedelta())
    assert moments == [None, start + LOOK_UPS[0], start + LOOK_UPS[0] + LOOK_UPS[1], None]
    assert (await stage.store.get(job.id)).attempt == stage.backend.count("find") == 3


async def test_a_look_up_on_demand_is_known_by_its_moment_too() -> None:
    stage = a_stage(finds=True)
    job = await stage.run(await lost(stage), pause_s=3600)

    asked = await stage.service.check_again(LOCAL_VIEWER, job.id)
    await stage.step()

    assert asked_at(asked) is None
    assert asked_at(await stage.store.get(job.id)) == stage.clock()
