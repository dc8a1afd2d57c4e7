"""The hosted services of the second round: the exact requests, and what their answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
import respx

from rushes.domain import RemoteStatus, VideoRequest
from rushes.errors import BackendError, RefusedByBackend
from tests.backends.hosted import HOST, JOB_ID, KEY, MODEL, hosted, polled, submitted

pytestmark = pytest.mark.anyio

PROMPT = "a {kite}"
SPOKEN = {"type": "text", "text": PROMPT}
USUAL = {
    "prompt": PROMPT,
    "aspect_ratio": "16:9",
    "resolution": "720p",
    "duration": 5,
    "seed": 7,
}
LTX = {"prompt": PROMPT, "model": MODEL, "duration": 5, "resolution": "1280x720"}

SUBMITS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "minimax-v2",
        "/v2/video_generation",
        {"task_id": "1"},
        {"model": MODEL, "content": [SPOKEN], "resolution": "720P", "ratio": "16:9", "duration": 5},
    ),
    (
        "ark",
        "/contents/generations/tasks",
        {"id": "1"},
        {
            "model": MODEL,
            "content": [SPOKEN],
            "resolution": "720p",
            "ratio": "16:9",
            "duration": 5,
            "seed": 7,
        },
    ),
    (
        "openrouter",
        "/videos",
        {"id": "1", "polling_url": "/api/v1/videos/1", "status": "pending"},
        {"model": MODEL} | USUAL,
    ),
    ("ltx-v2", "/v2/text-to-video", {"id": "1", "created_at": "2026-11-23T10:00:00Z"}, LTX),
    (
        "higgsfield",
        f"/{MODEL}",
        {"request_id": "1", "status": "queued", "status_url": "https://elsewhere.test/1"},
        USUAL,
    ),
    ("wavespeed", f"/api/v3/{MODEL}", {"code": 200, "data": {"id": "1"}}, USUAL),
    (
        "siliconflow",
        "/v1/video/submit",
        {"requestId": "1"},
        {"model": MODEL, "prompt": PROMPT, "image_size": "1280x720", "seed": 7},
    ),
    (
        "luma-dream-machine",
        "/generations/video",
        {"id": "1", "state": "queued"},
        {
            "model": MODEL,
            "prompt": PROMPT,
            "aspect_ratio": "16:9",
            "duration": "5s",
            "resolution": "720p",
        },
    ),
]
HEADERS = {"higgsfield": {"authorization": f"Key {KEY}", "idempotency-key": JOB_ID}}


@pytest.mark.parametrize(("name", "path", "answer", "body"), SUBMITS, ids=[s[0] for s in SUBMITS])
async def test_a_submit_is_exactly_this(
    name: str, path: str, answer: dict[str, Any], body: dict[str, Any]
) -> None:
    with respx.mock() as wire:
        route = wire.post(f"{HOST}{path}").respond(200, json=answer)
        remote = await submitted(name, prompt=PROMPT)

    request = route.calls.last.request
    wanted = {"authorization": f"Bearer {KEY}"} | HEADERS.get(name, {})
    assert json.loads(request.content) == body
    assert {header: request.headers[header] for header in wanted} == wanted
    assert remote.id == "1"
    assert remote.status in {RemoteStatus.QUEUED, RemoteStatus.IN_PROGRESS}


@pytest.mark.parametrize("name", ["ark", "openrouter", "higgsfield", "wavespeed", "siliconflow"])
async def test_where_no_model_is_usual_nothing_leaves_without_one(name: str) -> None:
    backend = hosted(name, models=())
    with respx.mock() as wire, pytest.raises(RefusedByBackend, match="model"):
        await backend.submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)

    assert not wire.calls


USUAL_MODELS = {"minimax-v2": "MiniMax-H3", "ltx-v2": "ltx-2-3-fast", "luma-dream-machine": "ray-2"}


@pytest.mark.parametrize(("name", "model"), USUAL_MODELS.items())
async def test_where_a_model_is_usual_it_is_asked_for(name: str, model: str) -> None:
    with respx.mock() as wire:
        route = wire.post(url__startswith=HOST).respond(200, json={"id": "1", "task_id": "1"})
        await hosted(name, models=()).submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)

    assert json.loads(route.calls.last.request.content)["model"] == model


WORDS: list[tuple[str, dict[str, Any], str, str]] = [
    ("ark", {"resolution": "2160p"}, "resolution", "4k"),
    ("luma-dream-machine", {"resolution": "2160p"}, "resolution", "4k"),
    ("luma-dream-machine", {"duration_s": 9}, "duration", "9s"),
    ("siliconflow", {"aspect_ratio": "9:16"}, "image_size", "720x1280"),
    ("siliconflow", {"aspect_ratio": "1:1"}, "image_size", "960x960"),
    ("ltx-v2", {"resolution": "1080p", "aspect_ratio": "9:16"}, "resolution", "1080x1920"),
    ("minimax-v2", {"resolution": "768p"}, "resolution", "768P"),
]


@pytest.mark.parametrize(("name", "fields", "place", "word"), WORDS)
async def test_a_size_is_said_in_the_service_s_own_words(
    name: str, fields: dict[str, Any], place: str, word: str
) -> None:
    answer = {"id": "1", "task_id": "1", "requestId": "1"}
    with respx.mock() as wire:
        route = wire.post(url__startswith=HOST).respond(200, json=answer)
        await submitted(name, **fields)

    assert json.loads(route.calls.last.request.content)[place] == word


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("siliconflow", {"aspect_ratio": "4:3"}),
        ("ark", {"resolution": "540p"}),
        ("luma-dream-machine", {"resolution": "480p"}),
    ],
)
async def test_a_size_without_a_word_is_not_sent(name: str, fields: dict[str, Any]) -> None:
    with respx.mock() as wire, pytest.raises(RefusedByBackend):
        await submitted(name, **fields)

    assert not wire.calls


MODERATED, FAILED = "rejected_by_moderation", "generation_failed"
NUMBERED = "Withheld. Request id: 0217abc"
ENDS: list[tuple[str, dict[str, Any], str]] = [
    ("minimax-v2", {"task": {"status": "failed", "error": {"code": "1027"}}}, MODERATED),
    ("minimax-v2", {"task": {"status": "failed", "error": {"message": "no (1026)"}}}, MODERATED),
    ("minimax-v2", {"task": {"status": "failed", "error": {"code": "1000"}}}, FAILED),
    ("minimax-v2", {"task": {"status": "expired"}}, "job_not_found"),
    (
        "ark",
        {"status": "failed", "error": {"code": "OutputVideoSensitiveContentDetected"}},
        MODERATED,
    ),
    (
        "ark",
        {"status": "failed", "error": {"code": "OutputAudioSensitiveContentDetected"}},
        MODERATED,
    ),
    ("ark", {"status": "failed", "error": {"code": "InternalServiceError"}}, FAILED),
    ("ark", {"status": "expired"}, "job_not_found"),
    ("openrouter", {"status": "failed", "error": "Flagged by moderation"}, MODERATED),
    ("openrouter", {"status": "failed", "error": "the model broke"}, FAILED),
    ("openrouter", {"status": "expired"}, "job_not_found"),
    ("ltx-v2", {"status": "failed", "error": {"type": "content_filtered_error"}}, MODERATED),
    ("ltx-v2", {"status": "failed", "error": {"type": "api_error"}}, FAILED),
    (
        "ltx-v2",
        {"status": "failed", "error": {"type": "overloaded_error"}},
        "backend_unavailable",
    ),
    ("higgsfield", {"status": "nsfw"}, MODERATED),
    ("higgsfield", {"status": "failed"}, FAILED),
    ("wavespeed", {"code": 200, "data": {"status": "failed", "code": 1200}}, MODERATED),
    ("wavespeed", {"status": "failed", "code": 1200, "error": "no"}, MODERATED),
    ("wavespeed", {"code": 200, "data": {"status": "failed", "code": 1405}}, FAILED),
    (
        "wavespeed",
        {"code": 200, "data": {"status": "failed", "code": 5004}},
        "backend_unavailable",
    ),
    ("siliconflow", {"status": "Failed", "reason": "Sensitive content"}, MODERATED),
    ("siliconflow", {"status": "Failed", "reason": "out of memory"}, FAILED),
    ("luma-dream-machine", {"state": "failed", "failure_reason": "moderation"}, MODERATED),
    ("luma-dream-machine", {"state": "failed", "failure_reason": "it broke"}, FAILED),
]


@pytest.mark.parametrize(("name", "answer", "kind"), ENDS)
async def test_a_bad_end_is_called_what_it_is(name: str, answer: dict[str, Any], kind: str) -> None:
    job = await polled(name, answer)

    assert job.status is RemoteStatus.FAILED
    assert job.failure is not None
    assert job.failure.kind == kind


WELL: list[tuple[str, dict[str, Any], RemoteStatus]] = [
    ("minimax-v2", {"task": {"status": "running", "error": None}}, RemoteStatus.IN_PROGRESS),
    ("minimax-v2", {"task": {"status": "cancelled"}}, RemoteStatus.CANCELLED),
    ("ark", {"status": "queued"}, RemoteStatus.QUEUED),
    ("ark", {"status": "cancelled"}, RemoteStatus.CANCELLED),
    ("openrouter", {"status": "pending"}, RemoteStatus.QUEUED),
    ("openrouter", {"status": "cancelled"}, RemoteStatus.CANCELLED),
    ("ltx-v2", {"status": "processing"}, RemoteStatus.IN_PROGRESS),
    ("higgsfield", {"status": "canceled"}, RemoteStatus.CANCELLED),
    ("wavespeed", {"code": 200, "data": {"status": "created"}}, RemoteStatus.QUEUED),
    ("siliconflow", {"status": "InQueue", "results": None}, RemoteStatus.QUEUED),
    ("siliconflow", {"status": "Succeed"}, RemoteStatus.COMPLETED),
    ("luma-dream-machine", {"state": "dreaming", "assets": None}, RemoteStatus.IN_PROGRESS),
]


@pytest.mark.parametrize(("name", "answer", "status"), WELL)
async def test_a_standing_is_told(name: str, answer: dict[str, Any], status: RemoteStatus) -> None:
    assert (await polled(name, answer)).status is status


def minimax(kind: str, number: int) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": f"no ({number})"}}


def coded(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": NUMBERED}}


def typed(kind: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": "no"}}


REFUSED: list[tuple[str, int, dict[str, Any], str]] = [
    ("minimax-v2", 422, minimax("unprocessable_entity_error", 1026), MODERATED),
    ("minimax-v2", 402, minimax("insufficient_balance_error", 1008), "quota_exhausted"),
    ("minimax-v2", 429, minimax("rate_limit_error", 1002), "rate_limited"),
    ("minimax-v2", 401, minimax("authorized_error", 1004), "unauthorized"),
    ("minimax-v2", 400, minimax("bad_request_error", 2013), "refused_by_backend"),
    ("ark", 400, coded("InputTextSensitiveContentDetected"), MODERATED),
    ("ark", 400, coded("InputImageSensitiveContentDetected.PrivacyInformation"), MODERATED),
    ("ark", 403, coded("AccountOverdueError"), "quota_exhausted"),
    ("ark", 403, coded("OperationDenied.ServiceNotOpen"), "forbidden"),
    ("ark", 404, coded("ModelNotOpen"), "model_unavailable"),
    ("ark", 429, coded("RateLimitExceeded.EndpointRPMExceeded"), "rate_limited"),
    ("ark", 429, coded("ModelAccountRpmRateLimitExceeded"), "rate_limited"),
    ("ark", 429, coded("QuotaExceeded"), "quota_exhausted"),
    ("ark", 429, coded("ServerOverloaded"), "backend_unavailable"),
    (
        "openrouter",
        403,
        {"error": {"code": 403, "message": "no", "metadata": {"reasons": ["violence"]}}},
        MODERATED,
    ),
    ("openrouter", 403, {"error": {"code": 403, "message": "key limit"}}, "forbidden"),
    ("openrouter", 402, {"error": {"code": 402, "message": "credits"}}, "quota_exhausted"),
    ("openrouter", 429, {"error": {"code": 429, "message": "slower"}}, "rate_limited"),
    ("ltx-v2", 422, typed("content_filtered_error"), MODERATED),
    ("ltx-v2", 402, typed("insufficient_funds_error"), "quota_exhausted"),
    ("ltx-v2", 429, typed("rate_limit_error"), "rate_limited"),
    ("ltx-v2", 429, typed("concurrency_limit_error"), "concurrency_limited"),
    ("ltx-v2", 400, typed("invalid_request_error"), "refused_by_backend"),
    ("ltx-v2", 500, typed("api_error"), "outcome_unknown"),
    ("ltx-v1", 422, typed("content_filtered_error"), MODERATED),
    ("ltx-v1", 429, typed("concurrency_limit_error"), "concurrency_limited"),
    ("ltx-v1", 500, typed("api_error"), FAILED),
    ("ltx-v1", 529, typed("overloaded_error"), "backend_unavailable"),
    ("ltx-v2", 529, typed("overloaded_error"), "backend_unavailable"),
    ("ltx-v2", 503, typed("service_unavailable"), "backend_unavailable"),
    ("higgsfield", 422, {"detail": "Key was used with another body"}, "refused_by_backend"),
    ("higgsfield", 400, {"details": "NSFW prompt"}, MODERATED),
    ("higgsfield", 403, {"detail": "Not enough credits"}, "quota_exhausted"),
    ("wavespeed", 400, {"code": 1200, "message": "sensitive"}, MODERATED),
    ("wavespeed", 200, {"code": 1401, "message": "no such size"}, "refused_by_backend"),
    ("siliconflow", 403, {"code": 30001, "message": "balance too low"}, "quota_exhausted"),
    ("siliconflow", 400, {"code": 20012, "message": "no such model"}, "refused_by_backend"),
    ("luma-dream-machine", 400, {"detail": "Failed moderation"}, MODERATED),
    ("luma-dream-machine", 400, {"detail": "Insufficient credits"}, "quota_exhausted"),
]


@pytest.mark.parametrize(("name", "status", "answer", "kind"), REFUSED)
async def test_a_refusal_is_called_what_it_is(
    name: str, status: int, answer: dict[str, Any], kind: str
) -> None:
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(status, json=answer)
        with pytest.raises(BackendError) as caught:
            await submitted(name)

    assert caught.value.kind == kind
    assert "0217abc" not in caught.value.message
