"""The sora-video-gen profile: exact requests, exact answers, and a list that forgets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator  # noqa: TC003 - pytest reads fixtures' hints
from typing import Any

import httpx
import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, VideoRequest
from rushes.errors import (
    BackendError,
    BadBackendResponse,
    Forbidden,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RefusedByBackend,
    RejectedByModeration,
    RemoteJobNotFound,
    ResultExpired,
    Unauthorized,
)
from rushes.net import Secret
from rushes.ports import Severity, VideoBackend
from tests.backends.wire import JOB_ID, NASTY, error_body

pytestmark = pytest.mark.anyio

ORIGIN = "https://video.test"
TASKS = f"{ORIGIN}/backend/video_gen"
CLIP = "https://files.test/task_1.mp4?sig=1"
SENTINEL, CRUMB = "sentinel-canary-31", "crumb-canary-4242"
REMOTE = RemoteJob("task_1", RemoteStatus.IN_PROGRESS)


@pytest.fixture
async def sora() -> AsyncIterator[VideoBackend]:
    config = BackendConfig(
        name="sora",
        url=ORIGIN,
        profile="sora-video-gen",
        headers={
            "Authorization": Secret(f"Bearer {SENTINEL}"),
            "openai-sentinel-token": Secret(SENTINEL),
        },
        cookies={"session": Secret(CRUMB), "theme": Secret("dark")},
    )
    backend = load_backend(config)
    yield backend
    await backend.aclose()


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_mocked=True, assert_all_called=False) as router:
        yield router


def listed(*tasks: dict[str, Any]) -> dict[str, Any]:
    others = [{"id": f"task_{n}", "status": "queued", "generations": []} for n in (7, 8)]
    return {"task_responses": [*others, *tasks], "last_id": "task_7", "has_more": True}


def task(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {
        "id": "task_1",
        "status": "running",
        "progress_pct": None,
        "actions": None,
        "generations": [],
        "moderation_result": {"is_output_rejection": False},
        "failure_reason": None,
    } | fields


async def submit(backend: VideoBackend, **fields: Any) -> RemoteJob:  # noqa: ANN401 - request fields
    request = VideoRequest(**({"prompt": "a kite"} | fields))
    return (await backend.submit(request, idempotency_key=JOB_ID)).remote


async def polled(sora: VideoBackend, wire: respx.MockRouter, **fields: Any) -> RemoteJob:  # noqa: ANN401
    wire.get(TASKS).respond(200, json=listed(task(**fields)))
    return await sora.poll(REMOTE)


# --- submit -------------------------------------------------------------------------------------

SIZES: list[tuple[dict[str, Any], tuple[int, int, int]]] = [
    ({}, (640, 360, 150)),
    ({"aspect_ratio": "9:16"}, (360, 640, 150)),
    ({"resolution": "1080p"}, (1920, 1080, 150)),
    ({"duration_s": 10}, (640, 360, 300)),
    ({"duration_s": 2.5}, (640, 360, 75)),
    ({"width": 848, "height": 480}, (848, 480, 150)),
]
SIZES += [
    ({"aspect_ratio": shape, "resolution": size, "duration_s": seconds}, (*sides, frames))
    for size, wide, square in (
        ("360p", (640, 360), (360, 360)),
        ("480p", (854, 480), (480, 480)),
        ("720p", (1280, 720), (720, 720)),
        ("1080p", (1920, 1080), (1080, 1080)),
    )
    for shape, sides in (("16:9", wide), ("9:16", wide[::-1]), ("1:1", square))
    for seconds, frames in ((5, 150), (10, 300))
]


@pytest.mark.parametrize(("asked", "expected"), SIZES)
async def test_a_submit_is_exactly_this_json(
    sora: VideoBackend,
    wire: respx.MockRouter,
    asked: dict[str, Any],
    expected: tuple[int, int, int],
) -> None:
    route = wire.post(TASKS).respond(200, json={"id": "task_1"})

    await submit(sora, prompt=NASTY, **asked)

    request = route.calls.last.request
    width, height, frames = expected
    assert str(request.url) == f"{TASKS}?force_paragen=false"
    assert json.loads(request.content) == {
        "type": "video_gen",
        "prompt": NASTY,
        "n_variants": 1,
        "n_frames": frames,
        "height": height,
        "width": width,
        "style": "natural",
        "inpaint_items": [],
        "model": "turbo",
        "operation": "simple_compose",
    }


async def test_all_headers_and_cookies_go_along(sora: VideoBackend, wire: respx.MockRouter) -> None:
    route = wire.post(TASKS).respond(200, json={"id": "task_1"})

    await submit(sora)

    sent = route.calls.last.request.headers
    assert sent["authorization"] == f"Bearer {SENTINEL}"
    assert sent["openai-sentinel-token"] == SENTINEL
    assert sent["cookie"] == f"session={CRUMB}; theme=dark"
    assert sent["content-type"] == "application/json"


SUBMITTED: list[tuple[int, Any, type[BackendError]]] = [
    (400, error_body("content_policy_violation"), RejectedByModeration),
    (400, error_body(None, "bad size"), RefusedByBackend),
    (401, error_body("token_expired"), Unauthorized),
    (403, error_body("sentinel_block"), Unauthorized),
    (403, error_body(), Forbidden),
    (429, error_body("too_many"), RateLimited),
    (500, error_body(), OutcomeUnknown),
    (200, {"task": "task_1"}, OutcomeUnknown),
    (200, "<html>", OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "body", "kind"), SUBMITTED)
async def test_what_a_submit_is_answered_with(
    sora: VideoBackend,
    wire: respx.MockRouter,
    status: int,
    body: Any,  # noqa: ANN401 - any JSON
    kind: type[BackendError],
) -> None:
    wire.post(TASKS).respond(status, json=body)

    with pytest.raises(BackendError) as caught:
        await submit(sora)

    assert type(caught.value) is kind


async def test_refused_credentials_name_their_settings_and_show_nothing(
    sora: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.post(TASKS).respond(401, json=error_body("token_expired", f"no {SENTINEL} or {CRUMB}"))

    with pytest.raises(Unauthorized) as caught:
        await submit(sora)

    told = f"{caught.value.message} {caught.value.detail}"
    assert "RUSHES_BACKEND_HEADERS" in told
    assert SENTINEL not in told
    assert CRUMB not in told


# --- poll ---------------------------------------------------------------------------------------


async def test_a_poll_asks_for_the_list(sora: VideoBackend, wire: respx.MockRouter) -> None:
    route = wire.get(TASKS).respond(200, json=listed(task()))

    await sora.poll(REMOTE)

    request = route.calls.last.request
    assert str(request.url) == f"{TASKS}?limit=10"
    assert request.headers["cookie"] == f"session={CRUMB}; theme=dark"


STATES: list[tuple[dict[str, Any], RemoteStatus, int | None]] = [
    ({"status": "preprocessing"}, RemoteStatus.QUEUED, None),
    ({"status": "queued"}, RemoteStatus.QUEUED, None),
    ({"status": "running", "progress_pct": 0}, RemoteStatus.IN_PROGRESS, 0),
    ({"status": "running", "progress_pct": 0.42}, RemoteStatus.IN_PROGRESS, 42),
    ({"status": "processing", "progress_pct": 1.0}, RemoteStatus.IN_PROGRESS, 100),
    ({"status": "running", "progress_pct": 7}, RemoteStatus.IN_PROGRESS, 100),
    ({"status": None, "generations": [{"url": CLIP}]}, RemoteStatus.COMPLETED, None),
    ({"status": "succeeded", "generations": [{"url": CLIP}]}, RemoteStatus.COMPLETED, None),
    ({"status": "succeeded", "generations": [{"url": None}]}, RemoteStatus.IN_PROGRESS, None),
    ({"status": "succeeded", "generations": []}, RemoteStatus.FAILED, None),
    ({"status": "failed"}, RemoteStatus.FAILED, None),
    ({"failure_reason": "no", "progress_pct": 0.5}, RemoteStatus.FAILED, 50),
]


@pytest.mark.parametrize(("fields", "status", "progress"), STATES)
async def test_a_task_in_the_list_stands(
    sora: VideoBackend,
    wire: respx.MockRouter,
    fields: dict[str, Any],
    status: RemoteStatus,
    progress: int | None,
) -> None:
    job = await polled(sora, wire, **fields)

    assert (job.id, job.status, job.progress) == ("task_1", status, progress)


async def test_a_failure_has_its_reason(sora: VideoBackend, wire: respx.MockRouter) -> None:
    job = await polled(sora, wire, status="failed", failure_reason="out of memory")

    assert job.failure is not None
    assert (job.failure.kind, job.failure.message) == ("generation_failed", "out of memory")


async def test_a_rejected_output_is_a_matter_of_content(
    sora: VideoBackend, wire: respx.MockRouter
) -> None:
    verdict = {"is_output_rejection": True, "code": 451}

    job = await polled(sora, wire, moderation_result=verdict, generations=[{"url": CLIP}])

    assert job.failure is not None
    assert job.failure.kind == "rejected_by_moderation"


PROSE: list[tuple[Any, str | None]] = [
    ({"0": "A kite, wide."}, "A kite, wide."),
    ({"0": "A kite.", "75": "It falls."}, "A kite.\nIt falls."),
    ("A kite, plainly.", "A kite, plainly."),
    (None, None),
    ({}, None),
    ({"0": {"odd": 1}}, None),
]


@pytest.mark.parametrize(("actions", "prompt"), PROSE)
async def test_the_expanded_prompt_is_kept(
    sora: VideoBackend,
    wire: respx.MockRouter,
    actions: Any,  # noqa: ANN401 - any JSON
    prompt: str | None,
) -> None:
    assert (await polled(sora, wire, actions=actions)).effective_prompt == prompt


async def test_a_job_that_newer_ones_pushed_out_of_the_list_is_only_out_of_sight(
    sora: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get(TASKS).respond(200, json=listed())

    with pytest.raises(RemoteJobNotFound) as caught:
        await sora.poll(REMOTE)

    assert caught.value.retryable is True


@pytest.mark.parametrize("body", [{}, [], {"task_responses": {"id": "task_1"}}, "task_1"])
async def test_an_answer_without_a_list_is_no_news(
    sora: VideoBackend,
    wire: respx.MockRouter,
    body: Any,  # noqa: ANN401 - any JSON
) -> None:
    wire.get(TASKS).respond(200, json=body)

    with pytest.raises(BadBackendResponse) as caught:
        await sora.poll(REMOTE)

    assert caught.value.retryable is True


# --- the clip -----------------------------------------------------------------------------------


async def test_the_clip_is_fetched_without_any_credential(
    sora: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.get(CLIP).respond(200, content=b"clip", headers={"Content-Type": "video/mp4"})

    async with sora.open_clip(RemoteJob("task_1", urls={"clip": CLIP})) as source:
        got = b"".join([chunk async for chunk in source.chunks()])

    sent = route.calls.last.request.headers
    assert got == b"clip"
    assert {"cookie", "authorization", "openai-sentinel-token"}.isdisjoint(sent)


async def test_a_clip_that_moved_is_looked_up_in_the_list_once(
    sora: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get("https://files.test/old.mp4").respond(403, text="expired")
    wire.get(TASKS).respond(200, json=listed(task(generations=[{"url": CLIP}])))
    wire.get(CLIP).respond(200, content=b"clip", headers={"Content-Type": "video/mp4"})

    old = RemoteJob("task_1", urls={"clip": "https://files.test/old.mp4"})
    async with sora.open_clip(old) as source:
        assert b"".join([chunk async for chunk in source.chunks()]) == b"clip"


async def test_a_clip_that_is_gone_for_good_has_expired(
    sora: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get(CLIP).respond(404)
    wire.get(TASKS).respond(200, json=listed(task(generations=[{"url": CLIP}])))

    with pytest.raises(ResultExpired):
        async with sora.open_clip(RemoteJob("task_1", urls={"clip": CLIP})):
            pass


@pytest.mark.parametrize(
    "address", ["http://files.test/a.mp4", "https://files.test:8443/a.mp4", "file:///etc/passwd"]
)
async def test_a_clip_s_address_is_not_followed_anywhere(
    sora: VideoBackend, wire: respx.MockRouter, address: str
) -> None:
    with pytest.raises(NotSent):
        async with sora.open_clip(RemoteJob("task_1", urls={"clip": address})):
            pass

    assert not wire.calls


# --- the rest -----------------------------------------------------------------------------------


async def test_nothing_can_be_stopped_or_looked_up(
    sora: VideoBackend, wire: respx.MockRouter
) -> None:
    assert await sora.cancel(REMOTE) is CancelOutcome.STOPPED_WAITING
    assert await sora.forget(REMOTE) is False
    assert await sora.find(JOB_ID) is None
    assert not wire.calls


CHECKS: list[tuple[httpx.Response, Severity, str]] = [
    (httpx.Response(200, json=listed()), Severity.OK, "RUSHES_BACKEND_URL"),
    (httpx.Response(401, json={}), Severity.ERROR, "RUSHES_BACKEND_HEADERS"),
    (httpx.Response(404, html="<html>"), Severity.ERROR, "RUSHES_BACKEND_URL"),
    (httpx.Response(200, json={"data": []}), Severity.ERROR, "RUSHES_BACKEND_PROFILE"),
]


@pytest.mark.parametrize(("answer", "severity", "setting"), CHECKS)
async def test_a_check_names_the_setting(
    sora: VideoBackend,
    wire: respx.MockRouter,
    answer: httpx.Response,
    severity: Severity,
    setting: str,
) -> None:
    wire.get(TASKS).mock(return_value=answer)

    (finding,) = await sora.check()

    assert (finding.severity, finding.subject) == (severity, setting)
