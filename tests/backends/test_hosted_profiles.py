"""The profiles of hosted services: the exact requests, and what their answers mean."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, VideoRequest
from rushes.errors import BackendError, NotSent, RejectedByModeration
from rushes.net import Secret

if TYPE_CHECKING:
    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

HOST = "https://api.example"
KEY = "hosted-canary-0123456789"
JOB_ID = "d" * 26
MODEL = "maker/model/text-to-video"
WIDE = {"aspect_ratio": "16:9", "resolution": "720p", "duration_s": 5, "seed": 7}
OURS = {"Content-Type": "video/mp4"}


def hosted(profile: str) -> VideoBackend:
    config = BackendConfig(
        name=profile, url=HOST, key=Secret(KEY), profile=profile, models=(MODEL,)
    )
    return load_backend(config)


SUBMITS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "fal",
        f"/{MODEL}",
        {"request_id": "1", "status": "IN_QUEUE"},
        {
            "prompt": "a {kite}",
            "aspect_ratio": "16:9",
            "resolution": "720p",
            "duration": "5",
            "seed": 7,
        },
    ),
    (
        "replicate",
        f"/models/{MODEL}/predictions",
        {"id": "1", "status": "starting"},
        {
            "input": {
                "prompt": "a {kite}",
                "aspect_ratio": "16:9",
                "resolution": "720p",
                "duration": 5,
                "seed": 7,
            }
        },
    ),
    (
        "minimax-v1",
        "/v1/video_generation",
        {"task_id": "1", "base_resp": {"status_code": 0}},
        {"model": MODEL, "prompt": "a {kite}", "duration": 5, "resolution": "720P"},
    ),
    (
        "runway",
        "/v1/text_to_video",
        {"id": "1"},
        {"model": MODEL, "promptText": "a {kite}", "ratio": "1280:720", "duration": 5, "seed": 7},
    ),
    (
        "luma",
        "/generations",
        {"id": "1", "state": "queued"},
        {
            "type": "video",
            "model": MODEL,
            "prompt": "a {kite}",
            "aspect_ratio": "16:9",
            "video": {"duration": "5s", "resolution": "720p"},
        },
    ),
    (
        "kling",
        "/v1/videos/text2video",
        {"code": 0, "data": {"task_id": "1", "task_status": "submitted"}},
        {
            "model_name": MODEL,
            "prompt": "a {kite}",
            "aspect_ratio": "16:9",
            "duration": "5",
            "external_task_id": JOB_ID,
        },
    ),
    (
        "dashscope",
        "/api/v1/services/aigc/video-generation/video-synthesis",
        {"output": {"task_id": "1", "task_status": "PENDING"}},
        {
            "model": MODEL,
            "input": {"prompt": "a {kite}"},
            "parameters": {"size": "1280*720", "duration": 5, "seed": 7},
        },
    ),
    (
        "together",
        "/v2/videos",
        {"id": "1"},
        {
            "model": MODEL,
            "prompt": "a {kite}",
            "seconds": "5",
            "width": 1280,
            "height": 720,
            "seed": 7,
        },
    ),
    (
        "xai",
        "/videos/generations",
        {"request_id": "1"},
        {
            "model": MODEL,
            "prompt": "a {kite}",
            "duration": 5,
            "aspect_ratio": "16:9",
            "resolution": "720p",
        },
    ),
]
HEADERS = {
    "fal": {"authorization": f"Key {KEY}"},
    "runway": {"x-runway-version": "2024-11-06"},
    "dashscope": {"x-dashscope-async": "enable"},
}


@pytest.mark.parametrize(("name", "path", "answer", "body"), SUBMITS, ids=[s[0] for s in SUBMITS])
async def test_a_submit_is_exactly_this(
    name: str, path: str, answer: dict[str, Any], body: dict[str, Any]
) -> None:
    backend = hosted(name)
    with respx.mock() as wire:
        route = wire.post(f"{HOST}{path}").respond(200, json=answer)
        remote = (
            await backend.submit(VideoRequest(prompt="a {kite}", **WIDE), idempotency_key=JOB_ID)
        ).remote

    request = route.calls.last.request
    wanted = {"authorization": f"Bearer {KEY}"} | HEADERS.get(name, {})
    assert json.loads(request.content) == body
    assert {header: request.headers[header] for header in wanted} == wanted
    assert remote.id == "1"
    assert remote.status in {RemoteStatus.QUEUED, RemoteStatus.IN_PROGRESS}


URLS = {
    "fal": {"status": f"{HOST}/s", "result": f"{HOST}/r", "cancel": f"{HOST}/c"},
    "replicate": {"get": f"{HOST}/s", "cancel": f"{HOST}/c"},
}
MODERATED, FAILED = "rejected_by_moderation", "generation_failed"
ENDS: list[tuple[str, dict[str, Any], str]] = [
    ("fal", {"status": "COMPLETED", "error": "it broke"}, FAILED),
    (
        "fal",
        {"status": "COMPLETED", "error": "x", "error_type": "runner_disconnected"},
        "backend_unavailable",
    ),
    ("replicate", {"status": "failed", "error": "NSFW content detected"}, MODERATED),
    ("replicate", {"status": "failed", "error": "CUDA out of memory"}, FAILED),
    ("replicate", {"status": "succeeded", "output": None, "data_removed": True}, "result_expired"),
    ("minimax-v1", {"status": "Fail", "base_resp": {"status_code": 1027}}, MODERATED),
    ("minimax-v1", {"status": "Fail", "base_resp": {"status_code": 0}}, FAILED),
    ("runway", {"status": "FAILED", "failureCode": "SAFETY.INPUT.TEXT"}, MODERATED),
    ("runway", {"status": "FAILED", "failureCode": "ASSET.INVALID"}, "refused_by_backend"),
    ("runway", {"status": "FAILED", "failureCode": "INTERNAL.BAD_OUTPUT.CODE01"}, FAILED),
    ("luma", {"state": "failed", "failure_code": "content_moderated"}, MODERATED),
    ("luma", {"state": "failed", "failure_code": "budget_exhausted"}, "quota_exhausted"),
    (
        "kling",
        {"code": 0, "data": {"task_status": "failed", "task_status_msg": "risk control"}},
        MODERATED,
    ),
    ("dashscope", {"output": {"task_status": "FAILED", "code": "DataInspectionFailed"}}, MODERATED),
    ("dashscope", {"output": {"task_status": "UNKNOWN"}}, "job_not_found"),
    (
        "together",
        {"status": "failed", "error": {"code": "x", "message": "safety system"}},
        MODERATED,
    ),
    ("xai", {"status": "done", "video": {"respect_moderation": False}}, MODERATED),
    ("xai", {"status": "expired"}, "job_not_found"),
    ("xai", {"status": "failed", "error": {"code": "e", "message": "no"}}, FAILED),
]


async def polled(name: str, answer: dict[str, Any], status: int = 200) -> RemoteJob:
    backend = hosted(name)
    with respx.mock() as wire:
        wire.get(url__startswith=HOST).respond(status, json=answer)
        return await backend.poll(RemoteJob("1", urls=URLS.get(name, {})))


@pytest.mark.parametrize(("name", "answer", "kind"), ENDS)
async def test_a_bad_end_is_called_what_it_is(name: str, answer: dict[str, Any], kind: str) -> None:
    job = await polled(name, answer)

    assert job.status is RemoteStatus.FAILED
    assert job.failure is not None
    assert job.failure.kind == kind


WELL: list[tuple[str, dict[str, Any], RemoteStatus, int | None]] = [
    ("fal", {"status": "IN_QUEUE", "queue_position": 2}, RemoteStatus.QUEUED, None),
    ("replicate", {"status": "processing", "logs": " 40%|##| 12/30"}, RemoteStatus.IN_PROGRESS, 40),
    ("replicate", {"status": "aborted"}, RemoteStatus.CANCELLED, None),
    (
        "minimax-v1",
        {"status": "Preparing", "base_resp": {"status_code": 0}},
        RemoteStatus.QUEUED,
        None,
    ),
    ("runway", {"status": "THROTTLED"}, RemoteStatus.QUEUED, None),
    ("runway", {"status": "RUNNING", "progress": 0.42}, RemoteStatus.IN_PROGRESS, 42),
    ("kling", {"code": 0, "data": {"task_status": "succeed"}}, RemoteStatus.COMPLETED, None),
    ("dashscope", {"output": {"task_status": "SUSPENDED"}}, RemoteStatus.QUEUED, None),
    ("together", {"id": "1"}, RemoteStatus.QUEUED, None),
    ("xai", {"video": {"url": "https://cdn.test/1"}}, RemoteStatus.COMPLETED, None),
    ("xai", {"status": "pending", "progress": 37}, RemoteStatus.IN_PROGRESS, 37),
]


@pytest.mark.parametrize(("name", "answer", "status", "progress"), WELL)
async def test_a_standing_is_told(
    name: str, answer: dict[str, Any], status: RemoteStatus, progress: int | None
) -> None:
    job = await polled(name, answer)

    assert (job.status, job.progress) == (status, progress)


REFUSED: list[tuple[str, int, dict[str, Any], str]] = [
    ("fal", 403, {"detail": "Exhausted balance"}, "quota_exhausted"),
    ("fal", 422, {"detail": [{"msg": "no", "type": "content_policy_violation"}]}, MODERATED),
    ("replicate", 402, {"title": "Insufficient credit"}, "quota_exhausted"),
    ("minimax-v1", 200, {"base_resp": {"status_code": 1026}}, MODERATED),
    ("minimax-v1", 200, {"base_resp": {"status_code": 1008}}, "quota_exhausted"),
    ("minimax-v1", 200, {"base_resp": {"status_code": 2049}}, "unauthorized"),
    ("minimax-v1", 200, {"base_resp": {"status_code": 2013}}, "refused_by_backend"),
    ("runway", 429, {"error": "daily"}, "quota_exhausted"),
    ("kling", 429, {"code": 1302}, "rate_limited"),
    ("kling", 429, {"code": 1303}, "concurrency_limited"),
    ("kling", 429, {"code": 1102}, "quota_exhausted"),
    ("kling", 429, {"code": 1304}, "forbidden"),
    ("kling", 200, {"code": 1201, "message": "no"}, "refused_by_backend"),
    ("dashscope", 429, {"code": "Throttling.AllocationQuota"}, "quota_exhausted"),
    ("dashscope", 429, {"code": "Throttling.RateQuota"}, "rate_limited"),
    ("dashscope", 400, {"code": "Arrearage"}, "quota_exhausted"),
    ("xai", 400, {"error": "Content policy."}, MODERATED),
    ("xai", 400, {"code": "c", "error": "no such size"}, "refused_by_backend"),
]


@pytest.mark.parametrize(("name", "status", "answer", "kind"), REFUSED)
async def test_a_refusal_is_called_what_it_is(
    name: str, status: int, answer: dict[str, Any], kind: str
) -> None:
    backend = hosted(name)
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(status, json=answer)
        with pytest.raises(BackendError) as caught:
            await backend.submit(VideoRequest(prompt="x", **WIDE), idempotency_key=JOB_ID)

    assert caught.value.kind == kind


# --- what only one of them does -----------------------------------------------------------------


async def test_fal_tells_of_withheld_clips_at_the_very_end() -> None:
    detail = [{"loc": ["body", "prompt"], "msg": "no", "type": "content_policy_violation"}]
    with respx.mock() as wire:
        wire.get(f"{HOST}/r").respond(422, json={"detail": detail})
        with pytest.raises(RejectedByModeration):
            async with hosted("fal").open_clip(RemoteJob("1", urls=URLS["fal"])):
                pass


async def test_fal_is_not_followed_to_a_foreign_address() -> None:
    with respx.mock() as wire, pytest.raises(NotSent):
        await hosted("fal").poll(RemoteJob("1", urls={"status": "https://evil.test/s"}))

    assert not wire.calls


async def test_minimax_clips_lie_behind_a_file_s_id() -> None:
    well = {"base_resp": {"status_code": 0}}
    backend = hosted("minimax-v1")
    with respx.mock() as wire:
        wire.get(f"{HOST}/v1/query/video_generation?task_id=1").respond(
            200, json={"status": "Success", "file_id": "f/1"} | well
        )
        wire.get(f"{HOST}/v1/files/retrieve?file_id=f%2F1").respond(
            200, json={"file": {"download_url": "https://cdn.test/1"}} | well
        )
        clip = wire.get("https://cdn.test/1").respond(200, content=b"clip", headers=OURS)
        async with backend.open_clip(await backend.poll(RemoteJob("1"))) as source:
            got = b"".join([chunk async for chunk in source.chunks()])

    assert got == b"clip"
    assert "authorization" not in clip.calls.last.request.headers


async def test_kling_finds_a_job_whose_answer_was_lost() -> None:
    job = {"task_id": "9", "task_status": "processing"}
    jobs = [{"task_id": "8"}, job | {"task_info": {"external_task_id": JOB_ID}}]
    with respx.mock() as wire:
        wire.get(f"{HOST}/v1/videos/text2video?pageNum=1&pageSize=100").respond(
            200, json={"code": 0, "data": jobs}
        )
        found = await hosted("kling").find(JOB_ID)

    assert found is not None
    assert (found.id, found.status) == ("9", RemoteStatus.IN_PROGRESS)


CANCELS: list[tuple[str, str, str, int, dict[str, Any] | None, CancelOutcome]] = [
    ("fal", "PUT", "/c", 202, {"status": "CANCELLATION_REQUESTED"}, CancelOutcome.STOPPED_WAITING),
    ("replicate", "POST", "/c", 200, {"status": "canceled"}, CancelOutcome.CONFIRMED),
    ("replicate", "POST", "/c", 200, {"status": "succeeded"}, CancelOutcome.STOPPED_WAITING),
    (
        "dashscope",
        "POST",
        "/api/v1/tasks/1/cancel",
        200,
        {"request_id": "r"},
        CancelOutcome.CONFIRMED,
    ),
    (
        "dashscope",
        "POST",
        "/api/v1/tasks/1/cancel",
        400,
        {"code": "UnsupportedOperation"},
        CancelOutcome.STOPPED_WAITING,
    ),
    (
        "dashscope",
        "POST",
        "/api/v1/tasks/1/cancel",
        200,
        {"code": "UnsupportedOperation", "message": "task is running", "request_id": "q"},
        CancelOutcome.STOPPED_WAITING,
    ),
]


@pytest.mark.parametrize(("name", "method", "path", "status", "answer", "outcome"), CANCELS)
async def test_a_cancel_claims_no_more_than_the_answer(
    name: str,
    method: str,
    path: str,
    status: int,
    answer: dict[str, Any] | None,
    outcome: CancelOutcome,
) -> None:
    with respx.mock() as wire:
        wire.request(method, f"{HOST}{path}").respond(status, json=answer)
        told = await hosted(name).cancel(RemoteJob("1", urls=URLS.get(name, {})))

    assert told is outcome


async def test_a_wrong_key_inside_a_200_is_seen_by_the_check() -> None:
    with respx.mock() as wire:
        wire.get(url__startswith=HOST).respond(
            200, json={"base_resp": {"status_code": 1004, "status_msg": "login fail"}}
        )
        (finding,) = await hosted("minimax-v1").check()

    assert finding.kind == "unauthorized"
