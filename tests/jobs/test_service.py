"""What a viewer can do, and what belongs to somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rushes.domain import (
    LOCAL_VIEWER,
    Capabilities,
    Failure,
    JobQuery,
    JobStatus,
    RemoteJob,
    RemoteStatus,
    Scope,
    VideoRequest,
    Viewer,
)
from rushes.domain import (
    Stage as At,
)
from rushes.errors import (
    InvalidRequest,
    JobConflict,
    JobNotFound,
    OutcomeUnknown,
    PersonalQueueFull,
)
from rushes.jobs.forecast import Turn
from rushes.jobs.service import JobService
from tests.fakes import ScriptedBackend
from tests.jobs.stage import REQUEST, Stage, arriving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.anyio

OTHER = Viewer("somebody-else")
DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)
TAKES = Capabilities(
    durations=(4, 8),
    aspect_ratios=("16:9", "9:16"),
    resolutions=("480p", "720p"),
    n_max=3,
    prompt_max=40,
)


def a_stage(**script: object) -> Stage:
    return Stage(ScriptedBackend(**script), TAKES)  # type: ignore[arg-type]


async def test_variations_are_one_batch_with_a_place_each() -> None:
    stage = a_stage()

    jobs = await stage.service.submit(LOCAL_VIEWER, REQUEST, count=3)

    assert [job.place for job in jobs] == [0, 1, 2]
    assert len({job.batch for job in jobs}) == 1
    assert len({job.id for job in jobs}) == 3


async def test_the_same_press_of_the_button_is_the_same_batch() -> None:
    stage = a_stage()

    first = await stage.service.submit(LOCAL_VIEWER, REQUEST, count=2, token="t")
    second = await stage.service.submit(LOCAL_VIEWER, REQUEST, count=2, token="t")

    assert [j.id for j in first] == [j.id for j in second]


async def test_back_edit_send_is_a_new_batch() -> None:
    stage = a_stage()
    edited = REQUEST.model_copy(update={"prompt": "a blue kite"})

    (first,) = await stage.service.submit(LOCAL_VIEWER, REQUEST, token="t")
    (second,) = await stage.service.submit(LOCAL_VIEWER, edited, token="t")

    assert first.id != second.id


async def test_a_callers_own_key_with_another_request_is_refused() -> None:
    stage = a_stage()
    await stage.service.submit_once(LOCAL_VIEWER, REQUEST, key="k")
    edited = REQUEST.model_copy(update={"prompt": "a blue kite"})

    with pytest.raises(InvalidRequest) as caught:
        await stage.service.submit_once(LOCAL_VIEWER, edited, key="k")

    assert caught.value.field == "Idempotency-Key"


@pytest.mark.parametrize(
    ("asked", "count", "field"),
    [
        ({"duration_s": 5}, 1, "duration"),
        ({"aspect_ratio": "1:1"}, 1, "aspect_ratio"),
        ({"resolution": "1080p"}, 1, "resolution"),
        ({"seed": 1}, 1, "seed"),
        ({"negative_prompt": "rain"}, 1, "negative_prompt"),
        ({"model": "other"}, 1, "model"),
        ({"prompt": "x" * 41}, 1, "prompt"),
        ({}, 4, "count"),
        ({}, 0, "count"),
    ],
)
async def test_what_the_backend_does_not_take_is_refused_by_name(
    asked: dict[str, object], count: int, field: str
) -> None:
    stage = a_stage()
    request = VideoRequest.model_validate({"prompt": "a kite"} | asked)

    with pytest.raises(InvalidRequest) as caught:
        await stage.service.submit(LOCAL_VIEWER, request, count=count)

    assert caught.value.field == field


async def test_a_backend_that_never_answered_yet_is_trusted_with_anything() -> None:
    stage = Stage(ScriptedBackend())
    request = VideoRequest(prompt="a kite", duration_s=5, seed=3)

    (job,) = await stage.service.submit(LOCAL_VIEWER, request)

    assert job.status is JobStatus.QUEUED


async def test_a_full_queue_takes_nothing_more() -> None:
    stage = a_stage()
    few = type(stage.service.limits)(queued_total=3, queued_per_owner=2)
    full = JobService(stage.store, stage.clips, stage.directory, few, stage.clock)
    await full.submit(LOCAL_VIEWER, REQUEST, count=2)

    with pytest.raises(PersonalQueueFull):
        await full.submit(LOCAL_VIEWER, REQUEST)


ACTIONS: dict[str, Callable[[JobService, str], Awaitable[object]]] = {
    "get": lambda service, job_id: service.get(OTHER, job_id),
    "history": lambda service, job_id: service.history(OTHER, job_id),
    "cancel": lambda service, job_id: service.cancel(OTHER, job_id),
    "retry": lambda service, job_id: service.retry(OTHER, job_id),
    "check_again": lambda service, job_id: service.check_again(OTHER, job_id),
    "give_up": lambda service, job_id: service.give_up(OTHER, job_id),
    "delete": lambda service, job_id: service.delete(OTHER, job_id),
    "restore": lambda service, job_id: service.restore(OTHER, job_id),
    "star": lambda service, job_id: service.star(OTHER, job_id, True),
    "rename": lambda service, job_id: service.rename(OTHER, job_id, "mine"),
    "deleted": lambda service, job_id: service.deleted(OTHER, job_id),
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_somebody_elses_job_does_not_exist(action: str) -> None:
    stage = a_stage()
    job = await stage.submit()

    with pytest.raises(JobNotFound):
        await ACTIONS[action](stage.service, job.id)

    assert await stage.store.get(job.id) == job


async def test_lists_and_changes_hold_only_ones_own() -> None:
    stage = a_stage()
    await stage.submit()

    assert await stage.service.changes(OTHER, 0) == []
    assert (await stage.service.search(OTHER, JobQuery(Scope(OTHER.owner)))).jobs == ()
    with pytest.raises(JobNotFound):
        await stage.service.search(OTHER, JobQuery(Scope(LOCAL_VIEWER.owner)))


async def test_a_retry_is_a_new_job_that_knows_its_origin() -> None:
    stage = a_stage()
    job = await stage.submit()

    again = await stage.service.retry(LOCAL_VIEWER, job.id)

    assert again.id != job.id
    assert (again.origin, again.request) == (job.id, job.request)


async def test_an_unknown_job_can_be_given_up_and_nothing_else_can() -> None:
    stage = a_stage(submit=[OutcomeUnknown("lost")])
    job = await stage.submit()
    with pytest.raises(JobConflict):
        await stage.service.give_up(LOCAL_VIEWER, job.id)
    await stage.step()

    given_up = await stage.service.give_up(LOCAL_VIEWER, job.id)

    assert given_up.status is JobStatus.FAILED
    assert given_up.failure is not None
    assert given_up.failure.kind == "outcome_unknown"


async def test_a_failed_job_can_be_looked_at_again_without_paying_again() -> None:
    failed = RemoteJob("r-1", RemoteStatus.FAILED)
    stage = a_stage(submit=[DONE], poll=[DONE], open_clip=[arriving()])
    job = await stage.submit()
    (leased,) = await stage.claim()
    intent = leased.submitting(now=stage.clock(), deadline=stage.configured.deadline)
    accepted = intent.accepted(failed, next_at=stage.clock())
    await stage.store.save(
        accepted.failed(Failure("generation_failed", At.POLL), now=stage.clock())
    )

    await stage.service.check_again(LOCAL_VIEWER, job.id)
    ended = await stage.run(job)

    assert ended.status is JobStatus.COMPLETED
    assert stage.backend.count("submit") == 0


async def test_delete_cancels_what_runs_and_can_be_taken_back() -> None:
    stage = a_stage()
    job = await stage.submit()

    deleted = await stage.service.delete(LOCAL_VIEWER, job.id)
    with pytest.raises(JobNotFound):
        await stage.service.get(LOCAL_VIEWER, job.id)
    await stage.service.restore(LOCAL_VIEWER, job.id)

    assert deleted.status is JobStatus.CANCELLED
    assert (await stage.service.get(LOCAL_VIEWER, job.id)).deleted_at is None


async def test_ones_place_in_the_queue_counts_older_jobs() -> None:
    stage = a_stage()
    await stage.submit()
    stage.clock.advance(seconds=1)
    second = await stage.submit()

    assert await stage.service.turn(second) == Turn(2)
    assert await stage.service.turn(await stage.service.cancel(LOCAL_VIEWER, second.id)) is None


async def test_a_delete_can_be_taken_back_for_an_hour() -> None:
    stage = a_stage()
    early, late = await stage.submit(), await stage.submit(VideoRequest(prompt="a blue kite"))
    everything = JobQuery(Scope(LOCAL_VIEWER.owner))
    await stage.service.delete(LOCAL_VIEWER, late.id)
    stage.clock.advance(minutes=59)
    await stage.service.delete(LOCAL_VIEWER, early.id)
    in_time = await stage.service.restorable(LOCAL_VIEWER, everything)

    stage.clock.advance(minutes=1)

    assert [job.id for job in in_time] == [early.id, late.id]
    assert [j.id for j in await stage.service.restorable(LOCAL_VIEWER, everything)] == [early.id]
    assert (await stage.service.restore(LOCAL_VIEWER, early.id)).deleted_at is None
    with pytest.raises(JobNotFound):
        await stage.service.restore(LOCAL_VIEWER, late.id)


async def test_restoring_what_is_there_changes_nothing() -> None:
    stage = a_stage()
    job = await stage.submit()

    assert await stage.service.restore(LOCAL_VIEWER, job.id) == job


async def test_the_jobs_of_one_press_know_each_other() -> None:
    stage = a_stage()
    batch = await stage.service.submit(LOCAL_VIEWER, REQUEST, count=3)
    await stage.submit(VideoRequest(prompt="another press"))

    assert await stage.service.batch(LOCAL_VIEWER, batch[1]) == batch


async def test_a_title_is_one_line_of_bounded_length() -> None:
    stage = a_stage()
    job = await stage.submit()

    named = await stage.service.rename(LOCAL_VIEWER, job.id, "  two\n words ")
    with pytest.raises(InvalidRequest) as caught:
        await stage.service.rename(LOCAL_VIEWER, job.id, "x" * 121)

    assert named.title == "two words"
    assert caught.value.field == "title"
    assert (await stage.service.rename(LOCAL_VIEWER, job.id, "")).title == ""


async def test_a_retry_goes_to_the_default_where_the_old_backend_is_gone() -> None:
    stage = a_stage()
    job = await stage.submit()
    moved = stage.directory.backends.pop("demo")
    moved.id, moved.name = "other", "Other"
    stage.directory.backends["other"] = moved

    again = await stage.service.retry(LOCAL_VIEWER, job.id)

    assert (again.backend, again.origin) == ("other", job.id)
