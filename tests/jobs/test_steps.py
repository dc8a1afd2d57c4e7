"""One step at a time: what each answer of a backend makes of a job."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rushes.domain import (
    LOCAL_VIEWER,
    CancelOutcome,
    Capabilities,
    Failure,
    JobStatus,
    RemoteJob,
    RemoteStatus,
)
from rushes.domain import Stage as At
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    ConcurrencyLimited,
    LeaseLost,
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    RateLimited,
    RefusedByBackend,
    RejectedByModeration,
    RemoteJobNotFound,
    Unauthorized,
)
from rushes.ports import Submission
from tests.fakes import ScriptedBackend
from tests.jobs.stage import Stage, arriving

pytestmark = pytest.mark.anyio

RUNNING = RemoteJob("r-1", RemoteStatus.IN_PROGRESS, progress=30)
DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)


def refused_with(error: BackendError, **later: object) -> Stage:
    return Stage(ScriptedBackend(submit=[error, RUNNING], **later))  # type: ignore[arg-type]


async def test_a_prompt_becomes_a_clip() -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[RUNNING, DONE], open_clip=[arriving()]))

    job = await stage.run(await stage.submit())

    assert (job.status, job.progress) == (JobStatus.COMPLETED, 100)
    assert job.clip is not None
    assert (job.clip.width, job.clip.height, job.clip.duration_s) == (640, 360, 5.0)
    assert [e.what for e in await stage.store.history(job.id)] == [
        "queued",
        "submitting",
        "in_progress",
        "fetching",
        "completed",
    ]


async def test_the_intent_is_committed_before_anything_leaves() -> None:
    seen = []

    async def look(*_: object) -> RemoteJob:
        seen.append((await stage.store.get(job.id)).status)
        return RUNNING

    stage = Stage(ScriptedBackend(submit=[look]))
    job = await stage.submit()

    await stage.step()

    assert seen == [JobStatus.SUBMITTING]


@pytest.mark.parametrize(
    "error",
    [
        NotSent("connection refused"),
        RateLimited("slow down"),
        ConcurrencyLimited("full"),
        BackendUnavailable("maintenance", retry_after=timedelta(seconds=9)),
    ],
)
async def test_what_was_certainly_not_executed_waits_and_goes_out_again(
    error: BackendError,
) -> None:
    stage = refused_with(error)
    job = await stage.submit()

    await stage.step()
    waiting = await stage.store.get(job.id)
    stage.configured.answered()
    stage.clock.advance(seconds=40)
    await stage.step()

    assert (waiting.status, waiting.failure) == (JobStatus.QUEUED, None)
    assert waiting.setback is not None
    assert waiting.setback.kind == error.kind
    assert (await stage.store.get(job.id)).status is JobStatus.IN_PROGRESS


async def test_retry_after_is_kept_to() -> None:
    stage = refused_with(RateLimited(retry_after=timedelta(seconds=120)))
    job = await stage.submit()

    await stage.step()

    waiting = await stage.store.get(job.id)
    assert waiting.next_at is not None
    assert waiting.next_at - stage.clock() >= timedelta(seconds=120)


@pytest.mark.parametrize(
    "error",
    [RefusedByBackend("no 8 s"), RejectedByModeration("no"), Unauthorized("key"), QuotaExhausted()],
)
async def test_a_refusal_is_final(error: BackendError) -> None:
    stage = refused_with(error)

    job = await stage.run(await stage.submit())

    assert job.status is JobStatus.FAILED
    assert job.failure is not None
    assert (job.failure.kind, job.failure.stage) == (error.kind, At.SUBMIT)
    assert stage.backend.count("submit") == 1


async def test_a_lost_answer_is_unknown_and_never_sent_again() -> None:
    stage = refused_with(OutcomeUnknown("time-out"))

    job = await stage.run(await stage.submit(), rounds=20, pause_s=3600)

    assert job.status is JobStatus.UNKNOWN
    assert stage.backend.count("submit") == 1
    assert stage.backend.count("find") >= 3
    assert job.next_at is None


async def test_an_unknown_job_is_followed_when_evidence_turns_up() -> None:
    stage = refused_with(OutcomeUnknown(), find=[None, DONE], open_clip=[arriving()])

    job = await stage.run(await stage.submit(), pause_s=600)

    assert job.status is JobStatus.COMPLETED
    assert stage.backend.count("submit") == 1


@pytest.mark.parametrize("error", [BackendUnavailable("500"), Unauthorized("401"), RateLimited()])
async def test_trouble_while_polling_does_not_end_the_job(error: BackendError) -> None:
    stage = Stage(
        ScriptedBackend(submit=[RUNNING], poll=[error, error, DONE], open_clip=[arriving()])
    )

    job = await stage.run(await stage.submit(), pause_s=40)

    assert job.status is JobStatus.COMPLETED


async def test_a_young_job_may_be_unknown_to_its_backend_for_a_minute() -> None:
    gone = RemoteJobNotFound("404")
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[gone, DONE], open_clip=[arriving()]))

    assert (await stage.run(await stage.submit(), pause_s=20)).status is JobStatus.COMPLETED


async def test_a_job_that_the_backend_forgot_has_failed() -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[RUNNING, RemoteJobNotFound("404")]))

    job = await stage.run(await stage.submit(), pause_s=70)

    assert job.status is JobStatus.FAILED
    assert job.failure is not None
    assert job.failure.kind == "job_not_found"


async def test_a_failed_remote_job_brings_its_reason() -> None:
    reason = Failure("generation_failed", At.POLL, "out of memory")
    failed = RemoteJob("r-1", RemoteStatus.FAILED, failure=reason)
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[failed]))

    job = await stage.run(await stage.submit())

    assert (job.status, job.failure) == (JobStatus.FAILED, reason)


async def test_a_job_that_never_ends_becomes_unknown_at_its_deadline() -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[RUNNING]))
    job = await stage.submit()

    await stage.step()
    stage.clock.advance(minutes=31)
    await stage.step()

    late = await stage.store.get(job.id)
    assert late.status is JobStatus.UNKNOWN
    assert late.failure is not None
    assert late.failure.kind == "timeout"


async def test_a_synchronous_backend_streams_its_clip_through() -> None:
    answer = Submission(DONE, clip=ScriptedBackend(open_clip=[arriving()]).open_clip(DONE))
    stage = Stage(ScriptedBackend(submit=[answer]))

    job = await stage.run(await stage.submit())

    assert job.status is JobStatus.COMPLETED
    assert (stage.backend.count("poll"), stage.backend.count("open_clip")) == (0, 0)


# --- what a crash leaves behind -----------------------------------------------------------------


async def after_a_crash_while_submitting(stage: Stage) -> str:
    job = await stage.submit()
    (leased,) = await stage.claim("dead")
    intent = leased.submitting(now=stage.clock(), deadline=timedelta(minutes=30))
    await stage.store.save(intent, release=False)
    stage.clock.advance(seconds=31)
    return job.id


async def test_a_crash_while_submitting_is_looked_up_first() -> None:
    stage = Stage(ScriptedBackend(find=[RUNNING]))
    job_id = await after_a_crash_while_submitting(stage)

    await stage.step()

    assert (await stage.store.get(job_id)).status is JobStatus.IN_PROGRESS
    assert stage.backend.count("submit") == 0


async def test_a_crash_while_submitting_is_sent_again_only_where_our_key_is_honoured() -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING]), Capabilities(idempotency=True))
    job_id = await after_a_crash_while_submitting(stage)

    await stage.step()
    await stage.step()

    assert (await stage.store.get(job_id)).status is JobStatus.IN_PROGRESS
    assert stage.backend.calls[-1].arguments[1] == job_id


async def test_a_crash_while_submitting_is_unknown_everywhere_else() -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING]), Capabilities())
    job_id = await after_a_crash_while_submitting(stage)

    await stage.step()

    assert (await stage.store.get(job_id)).status is JobStatus.UNKNOWN
    assert stage.backend.count("submit") == 0


async def test_an_answer_that_came_after_the_lease_is_still_recorded() -> None:
    async def slow(*_: object) -> RemoteJob:
        stage.clock.advance(seconds=31)
        (taken,) = await stage.claim("other")
        await stage.carry(taken)
        return RUNNING

    stage = Stage(ScriptedBackend(submit=[slow], poll=[RUNNING]))
    job = await stage.submit()
    (leased,) = await stage.claim()

    with pytest.raises(LeaseLost):
        await stage.carry(leased)

    kept = await stage.store.get(job.id)
    assert (kept.status, kept.remote) == (JobStatus.UNKNOWN, RUNNING)
    await stage.step()
    assert (await stage.store.get(job.id)).status is JobStatus.IN_PROGRESS


# --- cancel -------------------------------------------------------------------------------------


async def test_cancelling_a_waiting_job_spends_nothing() -> None:
    stage = Stage(ScriptedBackend())
    job = await stage.submit()

    cancelled = await stage.service.cancel(LOCAL_VIEWER, job.id)

    assert cancelled.cancel_outcome is CancelOutcome.NOTHING_SPENT
    assert stage.backend.calls == []


async def test_a_wish_that_came_just_before_the_submit_stops_it() -> None:
    stage = Stage(ScriptedBackend())
    job = await stage.submit()
    (leased,) = await stage.claim()

    await stage.service.cancel(LOCAL_VIEWER, job.id)
    await stage.carry(leased)

    ended = await stage.store.get(job.id)
    assert ended.cancel_outcome is CancelOutcome.NOTHING_SPENT
    assert stage.backend.count("submit") == 0


@pytest.mark.parametrize("outcome", [CancelOutcome.CONFIRMED, CancelOutcome.STOPPED_WAITING])
async def test_cancelling_a_running_job_tells_what_the_backend_said(
    outcome: CancelOutcome,
) -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[RUNNING], cancel=[outcome]))
    job = await stage.submit()
    await stage.step()

    await stage.service.cancel(LOCAL_VIEWER, job.id)
    await stage.step()

    ended = await stage.store.get(job.id)
    assert (ended.status, ended.cancel_outcome) == (JobStatus.CANCELLED, outcome)


async def test_a_backend_that_cannot_be_asked_to_stop_is_asked_thrice() -> None:
    deaf = BackendUnavailable("500")
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[RUNNING], cancel=[deaf]))
    job = await stage.submit()
    await stage.step()

    await stage.service.cancel(LOCAL_VIEWER, job.id)
    ended = await stage.run(job)

    assert ended.cancel_outcome is CancelOutcome.STOPPED_WAITING
    assert stage.backend.count("cancel") == 4


# --- how the backend is doing -------------------------------------------------------------------


async def test_a_refused_key_is_the_backends_trouble_and_a_good_answer_ends_it() -> None:
    stage = refused_with(Unauthorized("401"))
    await stage.submit()

    await stage.step()
    was_up = stage.configured.is_up
    await stage.submit()
    await stage.step()

    assert (was_up, stage.configured.is_up) == (False, True)


async def test_a_refused_prompt_is_not_the_backends_trouble() -> None:
    stage = refused_with(RejectedByModeration("no"))
    await stage.submit()

    await stage.step()

    assert stage.configured.is_up


# --- a backend that is not configured any more --------------------------------------------------


async def test_a_running_job_outlives_its_backends_setting_and_comes_back_with_it() -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[DONE], open_clip=[arriving()]))
    job = await stage.submit()
    await stage.step()
    known = dict(stage.directory.backends)

    stage.directory.backends.clear()
    stage.clock.advance(seconds=30)
    await stage.step()
    without = await stage.store.get(job.id)
    stage.directory.backends.update(known)
    ended = await stage.run(job, pause_s=90)

    assert without.status is JobStatus.UNKNOWN
    assert without.failure is not None
    assert without.failure.kind == "not_configured"
    assert ended.status is JobStatus.COMPLETED
    assert stage.backend.count("submit") == 1


async def test_a_cancel_wish_needs_no_backend() -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING]))
    job = await stage.submit()
    await stage.step()
    await stage.service.cancel(LOCAL_VIEWER, job.id)

    stage.directory.backends.clear()
    await stage.step()

    ended = await stage.store.get(job.id)
    assert ended.cancel_outcome is CancelOutcome.STOPPED_WAITING
