"""How a job ended, as a service says it: a stop or a deletion, a failure, and how long to wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx

from rushes.backends.classifying import read_failure
from rushes.backends.language.files import read_profile
from rushes.backends.pauses import told_wait
from rushes.domain import CancelOutcome, Failure, RemoteJob, RemoteStatus, Stage, VideoRequest
from rushes.errors import BackendError, RateLimited
from tests.backends.hosted import HOST, JOB_ID, WIDE, hosted, polled
from tests.backends.test_profile import SMALL

pytestmark = pytest.mark.anyio

TASKS = {"runway": "/v1/tasks/1", "ark": "/contents/generations/tasks/1"}


# --- a stop or a deletion: the same answer ------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (200, {"id": "1", "status": "CANCELLED"}, CancelOutcome.CONFIRMED),
        (200, {"id": "1", "status": "RUNNING"}, CancelOutcome.STOPPED_WAITING),
        (200, {"id": "1", "status": "SUCCEEDED"}, CancelOutcome.STOPPED_WAITING),
        (404, {"error": "not found"}, CancelOutcome.STOPPED_WAITING),
        (502, None, CancelOutcome.STOPPED_WAITING),
    ],
)
async def test_only_the_state_afterwards_proves_a_stop(
    name: str, status: int, answer: dict[str, Any] | None, outcome: CancelOutcome
) -> None:
    with respx.mock() as wire:
        asked = wire.delete(f"{HOST}{TASKS[name]}").respond(204)
        runs = httpx.Response(200, json={"id": "1", "status": "running"})
        afterwards = httpx.Response(status, json=answer)
        looks = wire.get(f"{HOST}{TASKS[name]}").mock(side_effect=[runs, afterwards])

        assert await hosted(name).cancel(RemoteJob("1")) is outcome
        assert (asked.call_count, looks.call_count) == (1, 2)


@pytest.mark.parametrize(("name", "word"), [("runway", "SUCCEEDED"), ("ark", "succeeded")])
async def test_a_clip_that_is_whole_is_not_deleted_by_a_cancel(name: str, word: str) -> None:
    with respx.mock(assert_all_called=False) as wire:
        asked = wire.delete(f"{HOST}{TASKS[name]}").respond(204)
        wire.get(f"{HOST}{TASKS[name]}").respond(200, json={"id": "1", "status": word})

        assert await hosted(name).cancel(RemoteJob("1")) is CancelOutcome.STOPPED_WAITING
        assert not asked.called


@pytest.mark.parametrize("name", TASKS)
async def test_where_nobody_can_tell_how_it_stands_nothing_is_deleted(name: str) -> None:
    with respx.mock(assert_all_called=False) as wire:
        asked = wire.delete(f"{HOST}{TASKS[name]}").respond(204)
        wire.get(f"{HOST}{TASKS[name]}").respond(502)

        with pytest.raises(BackendError) as caught:
            await hosted(name).cancel(RemoteJob("1"))

        assert caught.value.retryable is True
        assert not asked.called


# --- an envelope that says that all is well is no reason ----------------------------------------

PRAISED: list[tuple[str, dict[str, Any]]] = [
    (
        "minimax-v1",
        {"status": "Fail", "base_resp": {"status_code": 0, "status_msg": "success"}},
    ),
    ("kling", {"code": 0, "message": "SUCCEED", "data": {"task_status": "failed"}}),
    ("wavespeed", {"code": 200, "message": "success", "data": {"status": "failed", "error": ""}}),
]
EXPLAINED: list[tuple[str, dict[str, Any], str, str | None]] = [
    (
        "kling",
        {"code": 0, "message": "SUCCEED", "data": {"task_status": "failed"}}
        | {"data": {"task_status": "failed", "task_status_msg": "out of luck"}},
        "out of luck",
        None,
    ),
    (
        "wavespeed",
        {"code": 200, "message": "success", "data": {"status": "failed", "error": "no GPU"}},
        "no GPU",
        None,
    ),
    (
        "wavespeed",
        {"code": 500, "message": "the worker died", "data": {"status": "failed"}},
        "the worker died",
        "500",
    ),
]


REASONS = ["fail_msg", "error_message", "task_status_msg", "ErrMsg"]
PRAISES = ["message", "msg", "status_message", "status_msg", "Message"]
REMARKS = """
[ok]
path = "/code"
equals = 0
[error]
message = ["/{place}"]
"""


def remarked(place: str, text: str = "out of luck") -> str:
    """Return what is quoted of a failure that stands at this place, beside a code of success."""
    profile = read_profile(SMALL + REMARKS.format(place=place), "s")
    answer: dict[str, Any] = {"code": 0, "status": "failed", place: text}
    failure = read_failure(
        profile, answer, rule=None, word="failed", stage=Stage.POLL, clean=lambda text, _: text
    )
    return failure.message


@pytest.mark.parametrize("place", REASONS)
def test_a_reason_beside_a_code_of_success_is_quoted(place: str) -> None:
    assert remarked(place) == "out of luck"


@pytest.mark.parametrize("place", ["ErrMsg", "errmsg", "error_message"])
@pytest.mark.parametrize("praise", ["success", "SUCCEED", "Ok.", "no error"])
def test_a_word_of_success_is_no_reason_whatever_its_place_is_called(
    place: str, praise: str
) -> None:
    assert remarked(place, praise) == ""


@pytest.mark.parametrize("place", PRAISES)
def test_what_is_said_of_the_call_is_no_reason(place: str) -> None:
    assert remarked(place) == ""


@pytest.mark.parametrize(("name", "answer"), PRAISED)
async def test_a_failure_is_not_explained_by_a_success(name: str, answer: dict[str, Any]) -> None:
    job = await polled(name, answer)

    assert job.failure == Failure(kind="generation_failed", stage=Stage.POLL)


@pytest.mark.parametrize(("name", "answer", "message", "code"), EXPLAINED)
async def test_a_failure_keeps_the_reason_that_it_has(
    name: str, answer: dict[str, Any], message: str, code: str | None
) -> None:
    job = await polled(name, answer)

    assert job.status is RemoteStatus.FAILED
    assert job.failure is not None
    assert (job.failure.message, job.failure.remote_code) == (message, code)


# --- how long to wait, told in the body ---------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (30, 30),
        ("3.5s", 3.5),
        ("30s", 30),
        ("12", 12),
        ("Request was throttled. Your rate limit resets in ~30s.", 30),
        ("6 requests per minute with a burst of 1 requests; try again in 9 seconds", 9),
        ("0.2s", 1),
        ("86400s", 600),
    ],
)
def test_a_wait_in_the_body_is_read(told: float | str, seconds: float) -> None:
    assert told_wait({"wait": told}, ["/wait"]) == timedelta(seconds=seconds)


@pytest.mark.parametrize("told", ["", "later", "in 3 steps", "v2s1", None, -4, [3], True])
def test_what_is_no_wait_is_none(told: object) -> None:
    assert told_wait({"wait": told}, ["/wait"]) is None  # type: ignore[dict-item]


INFO = "type.googleapis.com/google.rpc"
WAITS: list[tuple[str, dict[str, Any], dict[str, str], float]] = [
    ("replicate", {"detail": "Your rate limit resets in ~3s."}, {}, 3),
    ("replicate", {"detail": "Your rate limit resets in ~3s."}, {"Retry-After": "7"}, 7),
    (
        "gemini-omni",
        {
            "error": {
                "code": 429,
                "status": "RESOURCE_EXHAUSTED",
                "message": "slow down",
                "details": [
                    {"@type": f"{INFO}.Help"},
                    {"@type": f"{INFO}.RetryInfo", "retryDelay": "3.5s"},
                ],
            }
        },
        {},
        3.5,
    ),
]


@pytest.mark.parametrize(("name", "answer", "headers", "seconds"), WAITS)
async def test_a_busy_service_is_left_alone_as_long_as_it_asks(
    name: str, answer: dict[str, Any], headers: dict[str, str], seconds: float
) -> None:
    request = VideoRequest(prompt="x", **WIDE | {"seed": None})
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(429, json=answer, headers=headers)
        with pytest.raises(RateLimited) as caught:
            await hosted(name).submit(request, idempotency_key=JOB_ID)

    assert caught.value.retry_after == timedelta(seconds=seconds)
