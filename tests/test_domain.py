"""The nouns and the arrows between a job's states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from rushes.domain import (
    FINAL,
    MOVES,
    CancelOutcome,
    Clip,
    Failure,
    Job,
    JobStatus,
    RemoteJob,
    Stage,
    VideoRequest,
    new_id,
)
from rushes.errors import JobConflict

if TYPE_CHECKING:
    from collections.abc import Callable

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = timedelta(minutes=30)
REMOTE = RemoteJob("remote-1", progress=40)
FAILURE = Failure("generation_failed", Stage.POLL, "no luck")
CLIP = Clip("key-1", "video/mp4", 9, "00")


def job(status: JobStatus = JobStatus.QUEUED, **changes: object) -> Job:
    given: dict[str, object] = {
        "id": new_id(),
        "batch": new_id(),
        "place": 0,
        "owner": "local",
        "backend": "b",
        "request": VideoRequest(prompt="a red crane"),
        "submit_token": "t",
        "created_at": T0,
        "status": status,
    }
    return Job(**(given | changes))  # type: ignore[arg-type]


MOVERS: dict[JobStatus, Callable[[Job], Job]] = {
    JobStatus.QUEUED: lambda j: j.requeued(FAILURE, next_at=T0),
    JobStatus.SUBMITTING: lambda j: j.submitting(now=T0, deadline=LATER),
    JobStatus.IN_PROGRESS: lambda j: j.accepted(REMOTE, next_at=T0),
    JobStatus.FETCHING: lambda j: j.fetching(REMOTE, next_at=T0),
    JobStatus.COMPLETED: lambda j: j.completed(CLIP, now=T0),
    JobStatus.FAILED: lambda j: j.failed(FAILURE, now=T0),
    JobStatus.CANCELLED: lambda j: j.cancelled(CancelOutcome.CONFIRMED, now=T0),
    JobStatus.UNKNOWN: lambda j: j.unknown(FAILURE, next_at=None),
}


@pytest.mark.parametrize("target", JobStatus)
@pytest.mark.parametrize("start", JobStatus)
def test_a_job_moves_along_the_table_and_nowhere_else(start: JobStatus, target: JobStatus) -> None:
    if start is target or target in MOVES[start]:
        assert MOVERS[target](job(start)).status is target
    else:
        with pytest.raises(JobConflict):
            MOVERS[target](job(start))


@pytest.mark.parametrize("end", [JobStatus.COMPLETED, JobStatus.CANCELLED])
def test_what_has_ended_stays_ended(end: JobStatus) -> None:
    assert MOVES[end] == frozenset()


def test_only_a_queued_job_can_be_submitted() -> None:
    assert [
        s for s in JobStatus if JobStatus.SUBMITTING in MOVES[s] and s is not JobStatus.SUBMITTING
    ] == [JobStatus.QUEUED]


def test_only_a_certain_refusal_leads_back_to_the_queue() -> None:
    assert [s for s in JobStatus if JobStatus.QUEUED in MOVES[s] and s is not JobStatus.QUEUED] == [
        JobStatus.SUBMITTING
    ]


def test_progress_never_goes_back() -> None:
    moved = job(JobStatus.IN_PROGRESS, progress=60).polled(REMOTE, next_at=T0)

    assert moved.progress == 60


def test_a_success_forgets_the_setback() -> None:
    stumbling = job(JobStatus.IN_PROGRESS).set_back(FAILURE, next_at=T0)

    moved = stumbling.polled(REMOTE, next_at=T0)

    assert (stumbling.attempt, stumbling.setback) == (1, FAILURE)
    assert (moved.attempt, moved.setback) == (0, None)


@pytest.mark.parametrize("end", sorted(FINAL))
def test_a_final_job_is_never_due(end: JobStatus) -> None:
    start = job(JobStatus.FETCHING, next_at=T0)

    assert MOVERS[end](start).next_at is None
    assert MOVERS[end](start).finished_at == T0


def test_a_failed_job_with_a_remote_id_can_be_looked_at_again() -> None:
    failed = job(JobStatus.FAILED, remote=REMOTE, failure=FAILURE, finished_at=T0)

    again = failed.reopened(now=T0, deadline=LATER)

    assert (again.status, again.failure, again.deadline_at) == (
        JobStatus.IN_PROGRESS,
        None,
        T0 + LATER,
    )


def test_without_a_remote_id_there_is_nothing_to_look_at() -> None:
    with pytest.raises(JobConflict):
        job(JobStatus.UNKNOWN).reopened(now=T0, deadline=LATER)


def test_ids_are_26_characters_and_never_the_same() -> None:
    ids = {new_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert {len(i) for i in ids} == {26}


@pytest.mark.parametrize(
    "bad",
    [
        {"prompt": ""},
        {"prompt": " \n "},
        {"prompt": "a\0b"},
        {"prompt": "x" * 32_001},
        {"prompt": "x", "duration_s": 0},
        {"prompt": "x", "duration_s": float("nan")},
        {"prompt": "x", "seed": -1},
        {"prompt": "x", "seed": 2**31},
        {"prompt": "x", "aspect_ratio": "16x9"},
        {"prompt": "x", "resolution": "huge"},
        {"prompt": "x", "width": 640},
        {"prompt": "x", "webhook": "http://other"},
    ],
)
def test_a_request_outside_the_limits_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VideoRequest.model_validate(bad)


def test_the_size_comes_from_shape_and_resolution_or_from_the_sides() -> None:
    assert VideoRequest(prompt="x", aspect_ratio="9:16", resolution="720p").size == (720, 1280)
    assert VideoRequest(prompt="x", width=832, height=480).size == (832, 480)
    assert VideoRequest(prompt="x", resolution="720p").size is None
