"""More servers of one's own, and two odd services: the exact requests, and what answers mean."""

from __future__ import annotations

from email.parser import BytesParser
from typing import Any

import pytest
import respx

from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus
from rushes.errors import BackendError
from tests.backends.test_hosted_profiles import HOST, JOB_ID, KEY, MODEL, hosted
from tests.backends.test_more_self_hosted_clips import (
    ASKS,
    BEARER,
    FAILED,
    INTERACTION,
    MODERATED,
    sent,
    steps,
    submitted,
)

pytestmark = pytest.mark.anyio

# --- jobs to follow -----------------------------------------------------------------------------

SUBMITS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "sd-server",
        "/sdcpp/v1/vid_gen",
        {"id": "1", "kind": "vid_gen", "status": "queued", "poll_url": "/sdcpp/v1/jobs/1"},
        {
            "prompt": "a {kite}",
            "width": 1280,
            "height": 720,
            "video_frames": 80,
            "fps": 16,
            "seed": 7,
            "output_format": "webm",
        },
    ),
    (
        "lightx2v",
        "/v1/tasks/video/",
        {"task_id": "1", "task_status": "pending", "save_result_path": "1"},
        {"prompt": "a {kite}", "target_video_length": 81, "target_fps": 16, "seed": 7},
    ),
    (
        "bentoml-task",
        "/generate/submit",
        {"task_id": "1", "status": "in_progress"},
        {"prompt": "a {kite}", "width": 1280, "height": 720, "num_frames": 80, "seed": 7},
    ),
    (
        "gemini-omni",
        "/interactions",
        {"id": "1", "status": "in_progress"},
        {
            "model": MODEL,
            "input": "a {kite}",
            "background": True,
            "store": True,
            "response_format": {
                "type": "video",
                "aspect_ratio": "16:9",
                "resolution": "720p",
                "duration": "5s",
                "delivery": "uri",
            },
            "generation_config": {"seed": 7, "video_config": {"task": "text_to_video"}},
        },
    ),
]


@pytest.mark.parametrize(("name", "path", "answer", "body"), SUBMITS, ids=[s[0] for s in SUBMITS])
async def test_a_submit_is_exactly_this(
    name: str, path: str, answer: dict[str, Any], body: dict[str, Any]
) -> None:
    wanted = {"x-goog-api-key": KEY} if name == "gemini-omni" else BEARER
    with respx.mock() as wire:
        route = wire.post(f"{HOST}{path}").respond(202, json=answer)
        asks = {"duration_s": 5, "seed": 7} if name == "lightx2v" else ASKS  # it takes no size
        remote = (await submitted(hosted(name), **asks)).remote

    request = route.calls.last.request
    assert sent(request) == body
    assert {header: request.headers[header] for header in wanted} == wanted
    assert (remote.id, remote.status.value in {"queued", "in_progress"}) == ("1", True)


async def test_a_workflow_is_filled_in_and_named_once() -> None:
    with respx.mock() as wire:
        route = wire.post(f"{HOST}/api/v2/jobs").respond(201, json={"id": "1", "status": "queued"})
        await submitted(hosted("comfy-api-v2"), prompt='a "red" kite\n{x}', **ASKS)
        await submitted(hosted("comfy-api-v2"))

    first, plain = (sent(call.request)["workflow"] for call in route.calls)
    assert route.calls.last.request.headers["idempotency-key"] == JOB_ID
    assert first["1"]["inputs"]["unet_name"] == MODEL
    assert first["4"]["inputs"] == {"text": 'a "red" kite\n{x}', "clip": ["2", 0]}
    assert first["5"]["inputs"]["text"] == ""
    assert first["6"]["inputs"] == {"width": 1280, "height": 720, "length": 80, "batch_size": 1}
    assert first["8"]["inputs"]["seed"] == 7
    assert plain["8"]["inputs"]["seed"] > 0
    assert plain["6"]["inputs"]["length"] == 80


async def test_a_picture_goes_out_as_a_form_and_the_prompt_does_not() -> None:
    frame = "data:image/png;base64,AAAA"
    with respx.mock() as wire:
        route = wire.post(f"{HOST}/v2beta/image-to-video").respond(200, json={"id": "1"})
        await submitted(hosted("stability"), first_frame=frame, seed=7)

    request = route.calls.last.request
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    _, image, seed = BytesParser().parsebytes(head + request.content).walk()
    assert (image.get_content_type(), image.get_payload(decode=True)) == ("image/png", b"\0\0\0")
    assert image.get_filename() is not None
    assert seed.get_payload() == "7"


STANDINGS: list[tuple[str, dict[str, Any], RemoteStatus, str | int | None]] = [
    ("sd-server", {"status": "queued", "queue_position": 3}, RemoteStatus.QUEUED, None),
    ("sd-server", {"status": "generating"}, RemoteStatus.IN_PROGRESS, None),
    ("sd-server", {"status": "cancelled", "result": None}, RemoteStatus.CANCELLED, None),
    (
        "sd-server",
        {"status": "failed", "result": None, "error": {"code": "generation_failed"}},
        RemoteStatus.FAILED,
        FAILED,
    ),
    ("lightx2v", {"status": "pending"}, RemoteStatus.QUEUED, None),
    ("lightx2v", {"status": "processing"}, RemoteStatus.IN_PROGRESS, None),
    ("lightx2v", {"status": "cancelled", "error": None}, RemoteStatus.CANCELLED, None),
    ("lightx2v", {"status": "failed", "error": "CUDA"}, RemoteStatus.FAILED, FAILED),
    ("bentoml-task", {"status": "in_progress"}, RemoteStatus.IN_PROGRESS, None),
    ("bentoml-task", {"status": "canceled"}, RemoteStatus.IN_PROGRESS, None),
    ("bentoml-task", {"status": "failed"}, RemoteStatus.FAILED, FAILED),
    (
        "comfy-api-v2",
        {"status": "running", "progress": {"value": 0.4}},
        RemoteStatus.IN_PROGRESS,
        40,
    ),
    ("comfy-api-v2", {"status": "canceling"}, RemoteStatus.IN_PROGRESS, None),
    ("comfy-api-v2", {"status": "expired"}, RemoteStatus.FAILED, "result_expired"),
    ("gemini-omni", {"status": "requires_action"}, RemoteStatus.FAILED, FAILED),
    ("gemini-omni", {"status": "budget_exceeded"}, RemoteStatus.FAILED, "quota_exhausted"),
    ("gemini-omni", {"status": "incomplete"}, RemoteStatus.FAILED, FAILED),
    ("gemini-omni", INTERACTION, RemoteStatus.FAILED, MODERATED),
    ("gemini-omni", steps({"type": "text", "text": "No."}), RemoteStatus.FAILED, MODERATED),
    ("gemini-omni", steps({"type": "video", "data": "AAAA"}), RemoteStatus.COMPLETED, None),
    (
        "gemini-omni",
        {"status": "failed", "errors": [{"code": 3, "message": "blocked by safety filters"}]},
        RemoteStatus.FAILED,
        MODERATED,
    ),
    ("stability", {"id": "1", "status": "in-progress"}, RemoteStatus.IN_PROGRESS, None),
]


@pytest.mark.parametrize(("name", "answer", "status", "told"), STANDINGS)
async def test_a_standing_is_told(
    name: str, answer: dict[str, Any], status: RemoteStatus, told: str | int | None
) -> None:
    with respx.mock() as wire:
        wire.get(url__startswith=HOST).respond(202 if name == "stability" else 200, json=answer)
        job = await hosted(name).poll(RemoteJob("1"))

    assert job.status is status
    assert (job.failure.kind if job.failure else job.progress) == told


REFUSED: list[tuple[str, int, dict[str, Any], str]] = [
    ("sd-server", 429, {"error": "job queue is full"}, "concurrency_limited"),
    ("sd-server", 400, {"error": "unsupported output format"}, "refused_by_backend"),
    ("lightx2v", 503, {"detail": "Task queue is full (max: 10)"}, "concurrency_limited"),
    ("lightx2v", 503, {"detail": "oops"}, "outcome_unknown"),
    ("lightx2v", 422, {"detail": [{"loc": ["body"], "msg": "no"}]}, "refused_by_backend"),
    ("bentoml", 500, {"error": "An unexpected error has occurred"}, FAILED),
    ("bentoml", 400, {"error": "invalid", "detail": [{"msg": "no"}]}, "refused_by_backend"),
    ("xinference", 400, {"detail": "Model not found in the model list"}, "model_unavailable"),
    ("xinference", 500, {"detail": "CUDA out of memory"}, FAILED),
    ("comfy-api-v2", 422, {"error": {"code": "invalid_workflow"}}, "refused_by_backend"),
    ("comfy-api-v2", 429, {"error": {"code": "rate_limited"}}, "rate_limited"),
    ("gemini-omni", 400, {"error": {"message": "API key not valid."}}, "unauthorized"),
    ("gemini-omni", 403, {"error": {"status": "PERMISSION_DENIED"}}, "forbidden"),
    ("gemini-omni", 429, {"error": {"status": "RESOURCE_EXHAUSTED"}}, "rate_limited"),
    (
        "gemini-omni",
        429,
        {"error": {"status": "RESOURCE_EXHAUSTED", "message": "Quota per day"}},
        "quota_exhausted",
    ),
    ("gemini-omni", 404, {"error": {"message": "is no longer available"}}, "model_unavailable"),
    ("stability", 403, {"name": "content_moderation", "errors": ["no"]}, MODERATED),
    (
        "stability",
        400,
        {"name": "bad_request", "errors": ["image: too small"]},
        "refused_by_backend",
    ),
]


@pytest.mark.parametrize(("name", "status", "answer", "kind"), REFUSED)
async def test_a_refusal_is_called_what_it_is(
    name: str, status: int, answer: dict[str, Any], kind: str
) -> None:
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(status, json=answer)
        with pytest.raises(BackendError) as caught:
            await submitted(hosted(name), first_frame="data:image/png;base64,AAAA")

    assert caught.value.kind == kind


CANCELS: list[tuple[str, str, str, int, dict[str, Any], bool]] = [
    ("sd-server", "POST", "/sdcpp/v1/jobs/1/cancel", 200, {"status": "cancelled"}, True),
    ("sd-server", "POST", "/sdcpp/v1/jobs/1/cancel", 409, {"error": "generating"}, False),
    ("sd-server", "POST", "/sdcpp/v1/jobs/1/cancel", 200, {"status": "completed"}, False),
    ("lightx2v", "DELETE", "/v1/tasks/1", 200, {"stop_status": "success"}, True),
    ("lightx2v", "DELETE", "/v1/tasks/1", 200, {"stop_status": "do_nothing"}, False),
    ("bentoml-task", "PUT", "/generate/cancel?task_id=1", 400, {"error": "not supported"}, False),
    ("comfy-api-v2", "POST", "/api/v2/jobs/1/cancel", 200, {"status": "canceled"}, True),
    ("comfy-api-v2", "POST", "/api/v2/jobs/1/cancel", 200, {"status": "canceling"}, False),
    ("gemini-omni", "POST", "/interactions/1/cancel", 200, {"status": "cancelled"}, True),
    ("gemini-omni", "POST", "/interactions/1/cancel", 200, {"status": "completed"}, False),
]


@pytest.mark.parametrize(("name", "method", "path", "status", "answer", "is_sure"), CANCELS)
async def test_a_cancel_claims_no_more_than_the_answer(
    name: str, method: str, path: str, status: int, answer: dict[str, Any], is_sure: bool
) -> None:
    with respx.mock() as wire:
        wire.request(method, f"{HOST}{path}").respond(status, json=answer)
        told = await hosted(name).cancel(RemoteJob("1"))

    assert told is (CancelOutcome.CONFIRMED if is_sure else CancelOutcome.STOPPED_WAITING)
