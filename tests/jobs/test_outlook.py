"""What people are told of the queue."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import LOCAL_VIEWER, JobStatus, Limits, Viewer
from rushes.jobs.forecast import Range, Turn
from rushes.jobs.outlook import Accuracy
from tests.fakes import ScriptedBackend, a_job
from tests.jobs.stage import REQUEST, Stage

if TYPE_CHECKING:
    from rushes.domain import Job

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)
MANY = Limits()


@pytest.fixture
async def stage() -> Stage:
    """A backend with two slots that is well."""
    stage = Stage(ScriptedBackend())
    stage.configured.is_probed = True
    return stage


async def measure(stage: Stage, *minutes: float, missed: timedelta | None = None) -> None:
    """Let jobs have been completed that took so long."""
    for taken in minutes:
        done = stage.clock.now
        job = a_job(
            status=JobStatus.COMPLETED,
            next_at=None,
            submitted_at=done - taken * MINUTE,
            finished_at=done,
            expected_at=None if missed is None else done - missed,
        )
        await stage.store.add([job], MANY)


async def test_nothing_is_expected_before_enough_was_measured(stage: Stage) -> None:
    await measure(stage, 2, 2, 2, 2)

    job = await stage.submit()

    assert job.expected_at is None
    assert await stage.service.turn(job) == Turn(1)


async def test_a_new_job_remembers_when_it_is_expected(stage: Stage) -> None:
    await measure(stage, 2, 2, 2, 4, 4)

    batch = await stage.service.submit(LOCAL_VIEWER, REQUEST, count=3)

    expected = [job.expected_at for job in batch]
    assert expected[:2] == [stage.clock.now + 3 * MINUTE] * 2, "the middle of 2 to 4"
    assert expected[2] is not None
    assert expected[2] > stage.clock.now + 4 * MINUTE, "it waits for a slot first"
    assert [kept.expected_at for kept in await stage.service.batch(LOCAL_VIEWER, batch[0])] == (
        expected
    )


async def test_a_backend_that_is_not_well_promises_nothing(stage: Stage) -> None:
    await measure(stage, 2, 2, 2, 2, 2)
    stage.configured.held = True

    job = await stage.submit()

    assert job.expected_at is None
    assert await stage.service.turn(job) == Turn(1)


async def test_a_turn_changes_as_others_come_and_go(stage: Stage) -> None:
    first, second, third = await stage.service.submit(LOCAL_VIEWER, REQUEST, count=3)
    stage.clock.advance(seconds=1)
    (other,) = await stage.service.submit(Viewer("bert"), REQUEST)

    assert await stage.service.turn(other) == Turn(2)
    assert await stage.service.turn(second) == Turn(3)
    await stage.service.cancel(LOCAL_VIEWER, first.id)
    await stage.service.cancel(LOCAL_VIEWER, second.id)
    assert await stage.service.turn(third) == Turn(1)


async def test_a_new_job_is_told_its_turn_before_it_exists(stage: Stage) -> None:
    await measure(stage, 2, 2, 2, 4, 4)
    await stage.service.submit(LOCAL_VIEWER, REQUEST, count=4)
    outlook = stage.service.outlook

    mine = await outlook.turn_of(LOCAL_VIEWER.owner, stage.configured, None, None)
    newcomers = await outlook.turn_of("bert", stage.configured, None, None)

    assert mine is not None
    assert mine.place == 5
    assert newcomers == Turn(1, Range(2 * MINUTE, 4 * MINUTE)), "never had a turn"


async def test_the_state_counts_everybody_and_names_nobody(stage: Stage) -> None:
    await measure(stage, 2, 2, 2, 4, 4, missed=30 * timedelta(seconds=1))
    await measure(stage, 3, missed=-5 * MINUTE)
    await stage.service.submit(LOCAL_VIEWER, REQUEST, count=2)
    await stage.service.submit(Viewer("bert"), REQUEST)
    (out,) = (await stage.claim())[:1]
    await stage.store.save(out.submitting(now=stage.clock.now, deadline=MINUTE), release=False)

    state = await stage.service.outlook.state()

    assert (state.waiting, state.running) == (2, 1)
    assert [line.usual for line in state.backends] == [Range(2 * MINUTE, 4 * MINUTE)]
    assert state.accuracy == Accuracy(6, timedelta(seconds=30))
    assert "bert" not in repr(replace(state, backends=[]))


async def test_too_few_forecasts_are_no_measure(stage: Stage) -> None:
    await measure(stage, 2, 2, 2, 2, missed=MINUTE)

    assert (await stage.service.outlook.state()).accuracy is None


async def out_for(stage: Stage, minutes: float) -> Job:
    """A job that was handed over so long ago."""
    job = await stage.submit()
    (out,) = await stage.claim()
    since = stage.clock.now - minutes * MINUTE
    saved = out.submitting(now=since, deadline=60 * MINUTE)
    assert out.id == job.id
    return await stage.store.save(saved, release=False)


@pytest.mark.parametrize(("minutes", "is_overdue"), [(11.9, False), (12.1, True)])
async def test_a_job_is_overdue_after_three_times_what_nine_in_ten_took(
    stage: Stage, minutes: float, is_overdue: bool
) -> None:
    await measure(stage, 2, 2, 2, 4, 4)
    job = await out_for(stage, minutes)

    standing = await stage.service.standing(job)

    assert standing == (Turn(0, overdue=Range(2 * MINUTE, 4 * MINUTE)) if is_overdue else None)


async def test_a_job_is_not_overdue_within_a_minute_or_where_too_little_was_measured(
    stage: Stage,
) -> None:
    unmeasured = await out_for(stage, 50)
    assert await stage.service.standing(unmeasured) is None

    await measure(stage, *[0.1] * 5)
    young = await stage.store.save(
        replace(unmeasured, submitted_at=stage.clock.now - 0.9 * MINUTE), release=False
    )
    assert await stage.service.standing(young) is None


async def test_a_job_that_waits_stands_where_its_turn_is(stage: Stage) -> None:
    job = await stage.submit()

    assert await stage.service.standing(job) == Turn(1)
