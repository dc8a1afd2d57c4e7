"""The comfyui backend: what each answer to a poll, a look-up or a cancel comes to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx

from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    RemoteJobNotFound,
    Unauthorized,
)
from tests.backends.following import KEY
from tests.backends.graphs import COMFY, made

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

ID = "0c2bb2f4-58dd-5b8e-a0ab-0cf9ea0f4f5a"
REMOTE = RemoteJob(ID)
NO_API = httpx.Response(404, text="404: Not Found")
FILE = {"filename": "rushes_00001_.mp4", "subfolder": "video", "type": "output"}
VIEW = "/view?filename=rushes_00001_.mp4&subfolder=video&type=output"


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=COMFY, assert_all_mocked=True, assert_all_called=False) as router:
        yield router


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[VideoBackend]:
    loaded = made(tmp_path)
    yield loaded
    await loaded.aclose()


ERROR = {
    "node_id": "5",
    "node_type": "KSampler",
    "exception_message": f"CUDA out of memory in /opt/comfy/ComfyUI/nodes.py {KEY}",
    "exception_type": "torch.OutOfMemoryError",
    "traceback": ['File "/opt/comfy/ComfyUI/execution.py", line 1'],
}
NODES = {"8": {"images": [FILE], "animated": [True]}}
API_JOBS: list[tuple[dict[str, Any], RemoteStatus, str]] = [
    ({"status": "in_progress"}, RemoteStatus.IN_PROGRESS, ""),
    ({"status": "thinking"}, RemoteStatus.IN_PROGRESS, ""),
    ({"status": "completed", "outputs": NODES}, RemoteStatus.COMPLETED, ""),
    ({"status": "completed", "outputs": {}}, RemoteStatus.FAILED, "made no video file"),
    ({"status": "cancelled", "outputs": {}}, RemoteStatus.CANCELLED, ""),
    (
        {"status": "failed", "execution_error": ERROR},
        RemoteStatus.FAILED,
        "Sampler (node 5): CUDA out of memory in … ***",
    ),
    ({"status": "failed"}, RemoteStatus.FAILED, ""),
]


@pytest.mark.parametrize(("body", "status", "message"), API_JOBS)
async def test_the_jobs_api_is_read_into_our_words(
    backend: VideoBackend,
    wire: respx.MockRouter,
    body: dict[str, Any],
    status: RemoteStatus,
    message: str,
) -> None:
    wire.get(f"/api/jobs/{ID}").respond(200, json={"id": ID} | body)

    job = await backend.poll(REMOTE)

    assert (job.id, job.status) == (ID, status)
    assert (job.urls == {"clip": VIEW}) == (status is RemoteStatus.COMPLETED)
    assert message in told_of(job)
    assert len(wire.calls) == 1


QUEUE = {
    "queue_running": [[4, "other", {}, {}, []]],
    "queue_pending": [[7, "later", {}, {}, []], [6, ID, {}, {}, []], [5, "sooner", {}, {}, []]],
}


async def test_a_waiting_job_has_a_place_where_it_can_be_told(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get(f"/api/jobs/{ID}").respond(200, json={"id": ID, "status": "pending"})
    wire.get("/queue").mock(
        side_effect=[httpx.Response(200, json=QUEUE), httpx.Response(200, text="x" * 2_000_000)]
    )

    assert (await backend.poll(REMOTE)).queue_position == 2
    lost = await backend.poll(REMOTE)

    assert (lost.status, lost.queue_position) == (RemoteStatus.QUEUED, None)


def told_of(job: RemoteJob) -> str:
    failure = job.failure
    return f"{failure.message} {failure.detail or ''}" if failure else ""


def history(**entry: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {ID: {"outputs": {}, "status": {}, "meta": {}, "prompt": []} | entry}


def ended(word: str, *messages: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"status_str": word, "completed": word == "success", "messages": list(messages)}


HISTORIES: list[tuple[dict[str, Any], RemoteStatus, str]] = [
    (history(outputs=NODES, status=ended("success")), RemoteStatus.COMPLETED, ""),
    (history(status=ended("success")), RemoteStatus.FAILED, "made no video file"),
    (
        history(status=ended("error", ["execution_start", {}], ["execution_error", ERROR])),
        RemoteStatus.FAILED,
        "Sampler (node 5): CUDA",
    ),
    (
        history(status=ended("error", ["execution_interrupted", {"node_id": "7"}])),
        RemoteStatus.CANCELLED,
        "",
    ),
    (history(status=ended("error", "odd", [], 3)), RemoteStatus.FAILED, ""),
]


@pytest.mark.parametrize(("body", "status", "message"), HISTORIES)
async def test_without_a_jobs_api_the_history_tells_the_end(
    backend: VideoBackend,
    wire: respx.MockRouter,
    body: dict[str, Any],
    status: RemoteStatus,
    message: str,
) -> None:
    probe = wire.get(f"/api/jobs/{ID}").mock(return_value=NO_API)
    wire.get(f"/history/{ID}").respond(200, json=body)

    job = await backend.poll(REMOTE)
    await backend.poll(REMOTE)

    assert job.status is status
    assert message in told_of(job)
    assert probe.call_count == 1


async def test_a_job_that_ends_between_two_questions_is_not_lost(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get(f"/api/jobs/{ID}").mock(return_value=NO_API)
    done = history(outputs=NODES, status=ended("success"))
    wire.get(f"/history/{ID}").mock(
        side_effect=[httpx.Response(200, json={}), httpx.Response(200, json=done)]
    )
    wire.get("/queue").respond(200, json={"queue_running": [], "queue_pending": []})

    assert (await backend.poll(REMOTE)).status is RemoteStatus.COMPLETED


@pytest.mark.parametrize("has_api", [True, False])
async def test_a_job_that_is_nowhere_has_vanished(
    backend: VideoBackend, wire: respx.MockRouter, has_api: bool
) -> None:
    gone = httpx.Response(404, json={"error": "Job not found"})
    wire.get(f"/api/jobs/{ID}").mock(return_value=gone if has_api else NO_API)
    wire.get(f"/history/{ID}").respond(200, json={})
    wire.get("/queue").respond(200, json={"queue_running": [], "queue_pending": []})

    with pytest.raises(RemoteJobNotFound):
        await backend.poll(REMOTE)
    assert len(wire.calls) == (1 if has_api else 5)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(500, text="oops"), BackendUnavailable),
        (httpx.Response(401, text="no"), Unauthorized),
        (httpx.Response(200, html="<html>"), BadBackendResponse),
        (httpx.Response(200, json=[]), BadBackendResponse),
        (httpx.Response(200, json={"id": ID}), BadBackendResponse),
    ],
)
async def test_an_odd_poll_may_be_tried_again(
    backend: VideoBackend, wire: respx.MockRouter, answer: httpx.Response, kind: type[BackendError]
) -> None:
    wire.get(f"/api/jobs/{ID}").mock(side_effect=[answer])

    with pytest.raises(BackendError) as caught:
        await backend.poll(REMOTE)

    assert (type(caught.value), caught.value.retryable) == (kind, True)


OUTPUTS: list[tuple[Any, str | None]] = [
    ({"1": {"gifs": [FILE | {"format": "video/h264-mp4"}]}}, "rushes_00001_.mp4"),
    ({"1": {"images": [FILE | {"filename": "a.png"}], "video": [FILE]}}, "rushes_00001_.mp4"),
    (
        {"1": {"x": [FILE | {"filename": "t.mp4", "type": "temp"}]}, "2": {"x": [FILE]}},
        FILE["filename"],
    ),
    ({"1": {"x": [FILE | {"filename": "A.WEBM"}, FILE]}}, "rushes_00001_.mp4"),
    ({"1": {"x": [FILE | {"filename": "A.WEBM"}]}}, "A.WEBM"),
    ({"1": {"x": [FILE | {"filename": "a.png"}]}}, None),
    ({"1": {"x": ["a.mp4", 3, None, {"filename": 4}]}, "2": "odd", "3": [1]}, None),
    (None, None),
]


@pytest.mark.parametrize(("outputs", "name"), OUTPUTS)
async def test_the_clip_is_the_saved_video_whatever_list_it_is_in(
    backend: VideoBackend,
    wire: respx.MockRouter,
    outputs: Any,  # noqa: ANN401 - any JSON
    name: str | None,
) -> None:
    body = {"id": ID, "status": "completed", "outputs": outputs}
    wire.get(f"/api/jobs/{ID}").respond(200, json=body)

    job = await backend.poll(REMOTE)

    found = httpx.URL(job.urls["clip"]).params["filename"] if job.urls else None
    assert found == name


# --- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"cancelled": True}, CancelOutcome.CONFIRMED),
        ({"cancelled": False}, CancelOutcome.STOPPED_WAITING),
        ({"cancelled": "yes"}, CancelOutcome.STOPPED_WAITING),
    ],
)
async def test_a_cancel_is_what_the_jobs_api_says(
    backend: VideoBackend, wire: respx.MockRouter, told: dict[str, Any], outcome: CancelOutcome
) -> None:
    wire.post(f"/api/jobs/{ID}/cancel").respond(200, json=told)

    assert await backend.cancel(REMOTE) is outcome
    assert len(wire.calls) == 1


async def test_an_old_server_is_told_to_interrupt_only_what_is_ours(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.post(f"/api/jobs/{ID}/cancel").mock(return_value=httpx.Response(405))
    running = {"queue_running": [[1, ID]], "queue_pending": []}
    wire.get("/queue").respond(200, json=running)
    interrupt = wire.post("/interrupt").respond(200)
    stopped = history(status=ended("error", ["execution_interrupted", {}]))
    wire.get(f"/history/{ID}").respond(200, json=stopped)

    assert await backend.cancel(REMOTE) is CancelOutcome.CONFIRMED
    assert json.loads(interrupt.calls.last.request.content) == {"prompt_id": ID}

    wire.get("/queue").respond(200, json={"queue_running": [[1, "other"]], "queue_pending": []})
    assert await backend.cancel(REMOTE) is CancelOutcome.STOPPED_WAITING
    assert interrupt.call_count == 1


async def test_a_cancel_that_found_no_ear_may_be_tried_again(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.post(f"/api/jobs/{ID}/cancel").respond(502)

    with pytest.raises(BackendUnavailable) as caught:
        await backend.cancel(REMOTE)

    assert caught.value.retryable is True
