"""One trouble told in many ways: content rules, error bodies, 429, and success that is none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx

from rushes.backends.language.files import shipped_choices
from rushes.domain import Failure, RemoteJob, RemoteStatus, Stage, VideoRequest
from rushes.errors import BackendError, BackendUnavailable, OutcomeUnknown
from tests.backends.hosted import HOST, JOB_ID, hosted

pytestmark = pytest.mark.anyio

MODERATED = "rejected_by_moderation"
PICTURE = "data:image/png;base64,AAAA"
ASKED: dict[str, Any] = {"aspect_ratio": "16:9", "resolution": "720p", "duration_s": 5, "seed": 7}
DONE = {"status": "COMPLETED"}
REJECTED = {"is_output_rejection": True}
AZURE = "ResponsibleAIPolicyViolation"
FLAGGED = {
    "detail": [
        {
            "msg": "The content could not be processed because it contained material flagged by a "
            "content checker.",
            "type": "content_policy_violation",
        }
    ]
}


async def refused(name: str, status: int, answer: object, **headers: str) -> BackendError:
    """Submit and get just this answer."""
    given = ASKED | ({"first_frame": PICTURE} if name == "stability" else {})
    request = VideoRequest(prompt="x", **given)
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(status, json=answer, headers=headers)
        with pytest.raises(BackendError) as caught:
            await hosted(name).submit(request, idempotency_key=JOB_ID)
    return caught.value


async def ended(name: str, answer: object) -> str | None:
    """Ask once how a job stands; if it is done, ask for the clip. Return what it died of."""
    urls = {"status": f"{HOST}/s", "get": f"{HOST}/s", "result": f"{HOST}/r"}
    with respx.mock(assert_all_called=False) as wire:
        told = httpx.Response(200, json=answer)
        detail = [{"msg": "no", "type": "content_policy_violation"}]
        wire.get(f"{HOST}/r").respond(422, json={"detail": detail})
        wire.route(url__startswith=HOST).mock(return_value=told)
        backend = hosted(name)
        job = await backend.poll(RemoteJob("1", urls=urls))
        if job.status is not RemoteStatus.COMPLETED:
            return job.failure.kind if job.failure else None
        with pytest.raises(BackendError) as caught:
            async with backend.open_clip(job):
                pass
    return caught.value.kind


# --- content rules ------------------------------------------------------------------------------


# By shape, the services that have it: the status of a refused submit, or None for how a job ends.
SHAPES: dict[str, list[tuple[str, int | None, dict[str, Any]]]] = {
    "a refusal with a code": [
        ("openai-videos", 400, {"error": {"code": "moderation_blocked"}}),
        ("openai-videos", 400, {"error": {"code": "x", "inner_error": {"code": AZURE}}}),
        ("dashscope", 400, {"code": "DataInspectionFailed"}),
        ("kling", 400, {"code": 1301}),
        ("fal", 422, FLAGGED),
        ("huggingface", 422, FLAGGED),
        ("huggingface+wavespeed", 400, {"code": 1200, "message": "no"}),
    ],
    "a refusal inside 200": [
        ("minimax-v1", 200, {"base_resp": {"status_code": 1026}}),
        ("dashscope", 200, {"code": "DataInspectionFailed"}),
    ],
    "a failed job with a code": [
        ("runway", None, {"status": "FAILED", "failureCode": "SAFETY.OUTPUT.X"}),
        ("openai-videos", None, {"status": "failed", "error": {"code": "content_filter"}}),
    ],
    "a failed job with free text": [
        ("replicate", None, {"status": "failed", "error": "NSFW content"}),
    ],
    "a state of its own": [
        ("higgsfield", None, {"status": "nsfw"}),
        ("together", None, {"status": "moderated"}),
    ],
    "success without a clip": [
        ("xai", None, {"status": "done", "video": {"respect_moderation": False}}),
        ("sora-video-gen", None, {"task_responses": [{"id": "1", "moderation_result": REJECTED}]}),
        ("stability", None, {"finish_reason": "CONTENT_FILTERED"}),
    ],
    "completed with an error": [
        ("fal", None, DONE | {"error": "no", "error_type": "content_policy_violation"}),
        ("fal", None, DONE),  # its result is a 422
    ],
    "a text in the clip's place": [
        ("gemini-omni", None, {"status": "completed", "steps": [{"content": [{"text": "No."}]}]}),
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_whatever_says_that_content_rules_were_broken_is_understood(shape: str) -> None:
    for name, status, answer in SHAPES[shape]:
        if status is None:
            assert await ended(name, answer) == MODERATED, name
        else:
            assert (await refused(name, status, answer)).kind == MODERATED, name


# --- error bodies -------------------------------------------------------------------------------

BODIES: list[tuple[str, str, object]] = [
    ("an object", "openai-videos", {"error": {"message": "no such size", "code": "x"}}),
    ("a bare text", "runway", {"error": "no such size"}),
    ("a text as detail", "replicate", {"detail": "no such size"}),
    ("a list as detail", "fal", {"detail": [{"loc": ["body"], "msg": "no such size"}]}),
]


@pytest.mark.parametrize(
    ("name", "body"), [told[1:] for told in BODIES], ids=[b[0] for b in BODIES]
)
async def test_each_error_body_is_read(name: str, body: object) -> None:
    error = await refused(name, 400, body)

    assert (error.kind, error.said) == ("refused_by_backend", "no such size")


@pytest.mark.parametrize("name", [choice for choice in shipped_choices() if "+" not in choice])
async def test_every_profile_shows_what_it_got_even_of_a_gateway_that_speaks_otherwise(
    name: str,
) -> None:
    error = await refused(name, 403, {"detail": "go away"})

    assert (error.kind, error.said) == ("forbidden", "go away")
    assert "go away" in (error.detail or "")


# --- 429 ----------------------------------------------------------------------------------------

TOO_MANY: list[tuple[str, object, str, bool]] = [
    ("openai-videos", {"error": {"code": "rate_limit_exceeded"}}, "rate_limited", True),
    ("openai-videos", {"error": {"code": "insufficient_quota"}}, "quota_exhausted", False),
    ("kling", {"code": 1302}, "rate_limited", True),
    ("kling", {"code": 1303}, "concurrency_limited", True),
    ("kling", {"code": 1101}, "quota_exhausted", False),
    ("kling", {"code": 1304}, "forbidden", False),
    ("ark", {"error": {"code": "ServerOverloaded"}}, "backend_unavailable", True),
    ("ltx-v2", {"error": {"type": "concurrency_limit_error"}}, "concurrency_limited", True),
    ("sd-server", {"error": "job queue is full"}, "concurrency_limited", True),
    ("runway", {"error": "daily cap"}, "quota_exhausted", False),
]


@pytest.mark.parametrize(("name", "body", "kind", "again"), TOO_MANY)
async def test_429_is_told_apart(name: str, body: object, kind: str, again: bool) -> None:
    error = await refused(name, 429, body, **{"Retry-After": "7"})

    assert (error.kind, error.retryable) == (kind, again)
    assert error.retry_after == timedelta(seconds=7)


# --- success that is none -----------------------------------------------------------------------

NO_SUCCESS: list[tuple[str, object, str]] = [
    ("fal", DONE | {"error": "worker died"}, "generation_failed"),
    ("replicate", {"status": "succeeded", "output": None, "data_removed": True}, "result_expired"),
    ("replicate", {"status": "succeeded", "output": None}, "bad_backend_response"),
    ("dashscope", {"output": {"task_status": "UNKNOWN"}}, "job_not_found"),
    ("dashscope", {"output": {"task_status": "SUCCEEDED"}}, "bad_backend_response"),
    ("luma", {"state": "completed", "output": []}, "bad_backend_response"),
    ("gemini-omni", {"status": "requires_action"}, "generation_failed"),
]


@pytest.mark.parametrize(("name", "answer", "kind"), NO_SUCCESS)
async def test_done_without_a_clip_is_no_success(name: str, answer: object, kind: str) -> None:
    assert await ended(name, answer) == kind


# --- turned away, or nobody can tell ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("ltx-v1", 529, {"error": {"type": "overloaded_error", "message": "later"}}),
        ("ltx-v2", 503, {"error": {"type": "service_unavailable"}}),
        ("cog", 503, {"error": "not ready"}),
    ],
)
async def test_who_is_turned_away_at_the_door_may_come_again(
    name: str, status: int, body: object
) -> None:
    error = await refused(name, status, body)

    assert isinstance(error, BackendUnavailable)
    assert error.retryable


@pytest.mark.parametrize("name", ["openai-videos", "runway", "ark", "ltx-v2", "minimax-v1"])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
async def test_any_other_5xx_says_nothing_about_a_submit(name: str, status: int) -> None:
    assert isinstance(await refused(name, status, {"error": "oops"}), OutcomeUnknown)


async def test_a_bentoml_task_that_is_called_canceled_may_still_complete() -> None:
    backend = hosted("bentoml-task")
    words = ["canceled", "completed"]
    with respx.mock() as wire:
        wire.get(url__startswith=HOST).mock(
            side_effect=[httpx.Response(200, json={"task_id": "1", "status": w}) for w in words]
        )
        told = [(await backend.poll(RemoteJob("1"))).status for _ in words]

    assert told == [RemoteStatus.IN_PROGRESS, RemoteStatus.COMPLETED]


# --- who says it --------------------------------------------------------------------------------


async def test_only_the_backends_own_words_are_quoted() -> None:
    backend = hosted("runway")
    with respx.mock() as wire:
        wire.get(url__startswith=HOST).mock(side_effect=httpx.ReadTimeout("slow"))
        with pytest.raises(BackendUnavailable) as silent:
            await backend.poll(RemoteJob("1"))
    spoken = await refused("runway", 400, {"error": "no such size"})

    ours, theirs = (Failure.from_error(error, Stage.POLL) for error in (silent.value, spoken))

    assert (ours.message, theirs.message) == ("", "no such size")
    assert "api.example" in (ours.detail or "")


async def test_what_we_say_ourselves_is_kept_for_whoever_runs_the_server() -> None:
    error = BackendUnavailable("the clip broke off", detail="host: 3 of 5 bytes")
    twice = BackendUnavailable("the clip broke off", detail="host: the clip broke off")

    assert (
        Failure.from_error(error, Stage.RESULT).detail == "the clip broke off · host: 3 of 5 bytes"
    )
    assert Failure.from_error(twice, Stage.RESULT).detail == "host: the clip broke off"
