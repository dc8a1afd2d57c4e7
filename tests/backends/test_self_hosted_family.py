"""Self-hosted servers, and Hugging Face's router: the exact requests, and how jobs stand."""

from __future__ import annotations

import json
from typing import Any

import pytest
import respx

from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus
from rushes.errors import RefusedByBackend
from tests.backends.family import CDN, CLIP, HOST, JOB_ID, KEY, MODEL, MP4, RULES, asked, family
from tests.backends.wire import form_of

pytestmark = pytest.mark.anyio

# --- what is sent -------------------------------------------------------------------------------

FORMS = {"openai-videos", "openai-videos+tensorrt-llm"}
QUEUED = {"id": "1", "status": "queued"}
OPENAI = {"model": MODEL, "prompt": "a {kite}", "size": "1280x720"}
SUBMITS: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("openai-videos", "/videos", QUEUED, OPENAI | {"seconds": "5", "seed": "7"}),
    (
        "openai-videos+tensorrt-llm",
        "/videos",
        QUEUED,
        OPENAI | {"seconds": "5", "seed": "7", "output_format": "mp4"},
    ),
    (
        "openai-videos+dynamo",
        "/videos",
        {"status": "completed", "data": [{"url": CDN}]},
        OPENAI | {"seconds": 5, "response_format": "b64_json", "nvext": {"seed": 7}},
    ),
    (
        "sync-json",
        "/videos/generations",
        {"data": [{"url": CDN}]},
        OPENAI | {"seconds": "5", "seed": 7, "response_format": "b64_json"},
    ),
    (
        "localai",
        "/video",
        {"data": [{"url": CDN}]},
        {
            "model": MODEL,
            "prompt": "a {kite}",
            "width": 1280,
            "height": 720,
            "fps": 24,
            "num_frames": 120,
            "seed": 7,
        },
    ),
    (
        "cog",
        "/predictions",
        {"status": "succeeded", "output": CDN},
        {
            "id": JOB_ID,
            "input": {
                "prompt": "a {kite}",
                "aspect_ratio": "16:9",
                "resolution": "720p",
                "duration": 5,
                "seed": 7,
            },
        },
    ),
    (
        "huggingface",
        f"/fal-ai/{MODEL}?_subdomain=queue",
        {"request_id": "1", "status": "IN_QUEUE"},
        {"prompt": "a {kite}", "duration": "5", "seed": 7},
    ),
    (
        "huggingface+novita",
        f"/novita/v3/hf/{MODEL}",
        {"video": {"video_url": CDN}},
        {"prompt": "a {kite}", "duration": "5", "seed": 7},
    ),
    (
        "huggingface+replicate",
        f"/replicate/v1/models/{MODEL}/predictions",
        {"status": "succeeded", "output": [CDN]},
        {"input": {"prompt": "a {kite}", "duration": 5, "seed": 7}},
    ),
    (
        "huggingface+together",
        "/together/v2/videos",
        {"id": "1"},
        {"model": MODEL, "prompt": "a {kite}", "seconds": "5", "seed": 7},
    ),
    (
        "huggingface+wavespeed",
        f"/wavespeed/api/v3/{MODEL}",
        {"data": {"id": "1", "status": "created"}},
        {"prompt": "a {kite}", "duration": "5", "seed": 7},
    ),
]


@pytest.mark.parametrize(("name", "path", "answer", "body"), SUBMITS, ids=[s[0] for s in SUBMITS])
async def test_a_submit_is_exactly_this(
    name: str, path: str, answer: dict[str, Any], body: dict[str, Any]
) -> None:
    with respx.mock() as wire:
        route = wire.post(f"{HOST}{path}").respond(200, json=answer)
        await family(name).submit(asked(), idempotency_key=JOB_ID)

    request = route.calls.last.request
    is_form = request.headers["content-type"].startswith("multipart/")
    assert (form_of(request) if is_form else json.loads(request.content)) == body
    assert is_form is (name in FORMS)
    assert str(request.url) == f"{HOST}{path}"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers.get("prefer") == ("wait" if name.endswith("replicate") else None)


@pytest.mark.parametrize("name", ["openai-videos+dynamo", "localai", "huggingface+together"])
async def test_a_model_that_must_be_named_is_missed_before_anything_is_sent(name: str) -> None:
    with respx.mock() as wire, pytest.raises(RefusedByBackend, match="model is needed"):
        await family(name, models=()).submit(asked(), idempotency_key=JOB_ID)

    assert not wire.calls


async def test_a_first_picture_goes_to_localai_in_bare_base64() -> None:
    with respx.mock() as wire:
        route = wire.post(f"{HOST}/video").respond(200, json={"data": [{"url": CDN}]})
        request = asked(first_frame="data:image/png;base64,AAEC")
        await family("localai").submit(request, idempotency_key=JOB_ID)

    assert json.loads(route.calls.last.request.content)["start_image"] == "AAEC"


# --- jobs ---------------------------------------------------------------------------------------

STANDINGS: list[tuple[str, Any, RemoteStatus, str | None]] = [
    ("openai-videos", {"status": "queued", "progress": 0}, RemoteStatus.QUEUED, None),
    ("openai-videos", {"status": "deleted"}, RemoteStatus.CANCELLED, None),
    (
        "openai-videos",
        {"status": "failed", "error": {"message": "OOM"}},
        RemoteStatus.FAILED,
        "generation_failed",
    ),
    (
        "openai-videos+tensorrt-llm",
        {"status": "failed", "error": "ffmpeg not found", "progress": None},
        RemoteStatus.FAILED,
        "generation_failed",
    ),
    (
        "openai-videos+tensorrt-llm",
        {"status": "failed", "error": RULES},
        RemoteStatus.FAILED,
        "rejected_by_moderation",
    ),
    ("huggingface+together", {"id": "1"}, RemoteStatus.QUEUED, None),
    (
        "huggingface+together",
        {"status": "completed", "outputs": {"video_url": CDN}},
        RemoteStatus.COMPLETED,
        None,
    ),
]


@pytest.mark.parametrize(("name", "answer", "status", "kind"), STANDINGS)
async def test_a_standing_is_told(
    name: str,
    answer: Any,  # noqa: ANN401 - JSON
    status: RemoteStatus,
    kind: str | None,
) -> None:
    with respx.mock() as wire:
        wire.get(url__startswith=HOST).respond(200, json=answer)
        job = await family(name).poll(RemoteJob("1"))

    assert job.status is status
    assert (job.failure.kind if job.failure else None) == kind


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"deleted": True}, CancelOutcome.CONFIRMED),
        ({"id": "1", "status": "deleted"}, CancelOutcome.STOPPED_WAITING),
    ],
)
async def test_only_who_stops_the_work_is_believed_to_have_stopped(
    answer: dict[str, Any], outcome: CancelOutcome
) -> None:
    with respx.mock() as wire:
        wire.get(f"{HOST}/videos/1").respond(200, json={"id": "1", "status": "in_progress"})
        wire.delete(f"{HOST}/videos/1").respond(200, json=answer)

        assert await family("openai-videos").cancel(RemoteJob("1")) is outcome


# --- the router: only the paths of foreign addresses count ---------------------------------------


async def test_fal_is_followed_below_the_router() -> None:
    there = "/maker/model/requests/1"
    backend = family("huggingface", models=("maker/model/text-to-video",))
    with respx.mock() as wire:
        wire.post(f"{HOST}/fal-ai/maker/model/text-to-video?_subdomain=queue").respond(
            200, json={"request_id": "1", "response_url": f"https://queue.fal.run{there}"}
        )
        wire.get(f"{HOST}/fal-ai{there}/status?_subdomain=queue").respond(
            200, json={"status": "COMPLETED"}
        )
        wire.get(f"{HOST}/fal-ai{there}?_subdomain=queue").respond(
            200, json={"video": {"url": CDN}}
        )
        clip = wire.get(CDN).respond(200, content=CLIP, headers=MP4)
        submission = await backend.submit(asked(), idempotency_key=JOB_ID)
        async with backend.open_clip(await backend.poll(submission.remote)) as source:
            got = b"".join([chunk async for chunk in source.chunks()])

    assert got == CLIP
    assert "authorization" not in clip.calls.last.request.headers


async def test_wavespeed_is_followed_below_the_router() -> None:
    remote = RemoteJob("1", urls={"there": "https://api.wavespeed.ai/api/v3/predictions/1/result"})
    with respx.mock() as wire:
        wire.get(f"{HOST}/wavespeed/api/v3/predictions/1/result").respond(
            200, json={"data": {"status": "failed", "error": "NSFW content"}}
        )
        job = await family("huggingface+wavespeed").poll(remote)

    assert job.failure is not None
    assert job.failure.kind == "rejected_by_moderation"


@pytest.mark.parametrize("address", ["https://evil.example//other.example/x", "//other.example/x"])
async def test_no_address_of_an_answer_leads_away_from_the_router(address: str) -> None:
    with respx.mock() as wire:
        route = wire.get(url__startswith=f"{HOST}/fal-ai/").respond(
            200, json={"status": "IN_QUEUE"}
        )
        await family("huggingface").poll(RemoteJob("1", urls={"there": address}))

    assert route.calls.last.request.url.host == "video.example"
