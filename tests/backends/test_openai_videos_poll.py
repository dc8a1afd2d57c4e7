"""The openai-videos profile: what each answer to a poll, a cancel or a forget comes to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from rushes.domain import CancelOutcome, RemoteStatus
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    Forbidden,
    NotConfigured,
    RateLimited,
    RefusedByBackend,
    RemoteJobNotFound,
    Unauthorized,
)
from tests.backends.wire import BASE, JOB_ID, KEY, QUEUED, REMOTE, ZIPPED, submit

if TYPE_CHECKING:
    import respx

    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

POLLS: list[tuple[dict[str, Any], RemoteStatus, int | None]] = [
    ({"status": "queued", "progress": 0}, RemoteStatus.QUEUED, 0),
    ({"status": "in_progress", "progress": 12}, RemoteStatus.IN_PROGRESS, 12),
    ({"status": "IN_PROGRESS", "progress": "45"}, RemoteStatus.IN_PROGRESS, 45),
    ({"status": "in_progress", "progress": 150}, RemoteStatus.IN_PROGRESS, 100),
    ({"status": "in_progress", "progress": -5}, RemoteStatus.IN_PROGRESS, 0),
    ({"status": "in_progress", "progress": 1e308}, RemoteStatus.IN_PROGRESS, 100),
    ({"status": "in_progress", "progress": "NaN"}, RemoteStatus.IN_PROGRESS, None),
    ({"status": "in_progress", "progress": "half"}, RemoteStatus.IN_PROGRESS, None),
    ({"status": "in_progress", "progress": None}, RemoteStatus.IN_PROGRESS, None),
    ({"status": "in_progress", "progress": 10**400}, RemoteStatus.IN_PROGRESS, None),
    ({"status": "completed", "progress": 100}, RemoteStatus.COMPLETED, 100),
    ({"status": "succeeded"}, RemoteStatus.COMPLETED, None),
    ({"status": "deleted"}, RemoteStatus.CANCELLED, None),
    ({"status": None}, RemoteStatus.IN_PROGRESS, None),
    ({}, RemoteStatus.IN_PROGRESS, None),
]


@pytest.mark.parametrize(("body", "status", "progress"), POLLS)
async def test_a_poll_is_read_into_our_words(
    backend: VideoBackend,
    wire: respx.MockRouter,
    body: dict[str, Any],
    status: RemoteStatus,
    progress: int | None,
) -> None:
    route = wire.get("/videos/video_1").respond(200, json={"id": "video_1"} | body)

    remote = await backend.poll(REMOTE)

    assert (remote.id, remote.status, remote.progress) == ("video_1", status, progress)
    assert route.calls.last.request.headers["authorization"] == f"Bearer {KEY}"
    assert route.calls.last.request.content == b""


async def test_an_unknown_word_counts_as_running_is_kept_and_logged_once(
    backend: VideoBackend, wire: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    wire.get("/videos/video_1").respond(200, json=QUEUED | {"status": "quantizing"})

    remote = await backend.poll(REMOTE)
    await backend.poll(remote)

    assert remote.status is RemoteStatus.IN_PROGRESS
    assert remote.context == '{"word": "quantizing"}'
    assert [record.getMessage() for record in caplog.records if "rushes" in record.name] == [
        "backend main: unknown state 'quantizing' counts as running"
    ]


async def test_the_pause_grows_to_its_bound_and_follows_the_server_s_proposal(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.get("/videos/video_1").respond(200, json=QUEUED)

    pauses = []
    remote = REMOTE
    for _ in range(12):
        remote = await backend.poll(remote)
        assert remote.next_poll is not None
        pauses.append(remote.next_poll.total_seconds())
    route.respond(200, json=QUEUED, headers={"openai-poll-after-ms": "2500"})
    proposed = await backend.poll(remote)

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1.3, 10.0)
    assert proposed.next_poll == timedelta(seconds=2.5)


async def test_the_id_of_the_submit_stays_in_use(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    created = "video_bW9kZWw6c29yYQ==/+x"
    wire.post("/videos").respond(200, json=QUEUED | {"id": created})
    route = wire.get(url__startswith=f"{BASE}/videos/").respond(
        200, json=QUEUED | {"id": "video_bW9kZWw6", "status": "completed"}
    )

    remote = await submit(backend)
    polled = await backend.poll(await backend.poll(remote))

    assert polled.id == created
    assert {call.request.url.raw_path for call in route.calls} == {
        b"/v1/videos/video_bW9kZWw6c29yYQ%3D%3D%2F%2Bx"
    }


@pytest.mark.parametrize("status", [500, 400, 404])
async def test_an_error_status_with_a_job_as_body_is_the_end_of_the_job(
    backend: VideoBackend, wire: respx.MockRouter, status: int
) -> None:
    failed = QUEUED | {
        "status": "failed",
        "error": {"code": status, "message": f"CUDA out of memory {KEY}"},
    }
    wire.get("/videos/video_1").respond(status, json=failed)

    remote = await backend.poll(REMOTE)

    assert remote.status is RemoteStatus.FAILED
    assert remote.failure is not None
    assert remote.failure.kind == "generation_failed"
    assert remote.failure.message == "CUDA out of memory ***"
    assert remote.failure.remote_code == str(status)


FAILED_JOBS: list[tuple[Any, str, str]] = [
    ({"code": "moderation_blocked", "message": "no"}, "rejected_by_moderation", "no"),
    ({"code": "content_filter", "message": "no"}, "rejected_by_moderation", "no"),
    ({"message": "Blocked by guardrail"}, "rejected_by_moderation", "Blocked by guardrail"),
    ({"message": "CUDA"}, "generation_failed", "CUDA"),
    ("plain words", "generation_failed", "plain words"),
    (None, "generation_failed", ""),
]


@pytest.mark.parametrize(("error", "kind", "message"), FAILED_JOBS)
async def test_a_failed_job_says_why(
    backend: VideoBackend,
    wire: respx.MockRouter,
    error: Any,  # noqa: ANN401 - any JSON
    kind: str,
    message: str,
) -> None:
    wire.get("/videos/video_1").respond(200, json=QUEUED | {"status": "failed", "error": error})

    remote = await backend.poll(REMOTE)

    assert remote.failure is not None
    assert (remote.failure.kind, remote.failure.message) == (kind, message)


POLL_TROUBLES: list[tuple[int, type[BackendError], bool]] = [
    (400, RefusedByBackend, True),
    (401, Unauthorized, True),
    (403, Forbidden, True),
    (404, RemoteJobNotFound, False),
    (410, RemoteJobNotFound, False),
    (429, RateLimited, True),
    (500, BackendUnavailable, True),
    (502, BackendUnavailable, True),
    (302, NotConfigured, True),
]


@pytest.mark.parametrize(("status", "kind", "retryable"), POLL_TROUBLES)
async def test_only_a_missing_job_ends_the_polling(
    backend: VideoBackend,
    wire: respx.MockRouter,
    status: int,
    kind: type[BackendError],
    retryable: bool,
) -> None:
    wire.get("/videos/video_1").respond(status, json={"detail": "x"})

    with pytest.raises(BackendError) as caught:
        await backend.poll(REMOTE)

    assert (type(caught.value), caught.value.retryable) == (kind, retryable)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>maintenance</html>"),
        httpx.Response(200, content=b'{"status": "comple'),
        httpx.Response(200, json=["x"]),
        httpx.Response(200, content=ZIPPED, headers={"Content-Encoding": "gzip"}),
        httpx.Response(200, json={}, headers={f"x-{n}": "1" for n in range(101)}),
    ],
    ids=["html", "cut", "list", "compressed", "headers"],
)
async def test_an_unreadable_poll_may_be_tried_again(
    backend: VideoBackend, wire: respx.MockRouter, answer: httpx.Response
) -> None:
    wire.get("/videos/video_1").mock(side_effect=[answer])

    with pytest.raises(BadBackendResponse) as caught:
        await backend.poll(REMOTE)

    assert caught.value.retryable is True


async def test_a_wrong_key_names_the_setting_and_shows_what_came(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get("/videos/video_1").respond(401, json={"error": "Unauthorized"})

    with pytest.raises(Unauthorized) as caught:
        await backend.poll(REMOTE)

    assert caught.value.detail == (
        "RUSHES_BACKEND_KEY: video.test:8000 answered 401 application/json: "
        '{"error":"Unauthorized"} · run `rushes check`'
    )


# --- cancel, forget, find -----------------------------------------------------------------------

CANCELS: list[tuple[int, Any, CancelOutcome]] = [
    (200, {"id": "video_1", "deleted": True}, CancelOutcome.CONFIRMED),
    (200, QUEUED | {"status": "deleted"}, CancelOutcome.STOPPED_WAITING),
    (200, {"deleted": 1}, CancelOutcome.STOPPED_WAITING),
    (200, None, CancelOutcome.STOPPED_WAITING),
    (404, {}, CancelOutcome.STOPPED_WAITING),
    (405, {}, CancelOutcome.STOPPED_WAITING),
    (409, {"detail": "Cancellation in progress"}, CancelOutcome.STOPPED_WAITING),
]


@pytest.mark.parametrize(("status", "body", "outcome"), CANCELS)
async def test_a_cancel_is_confirmed_only_by_its_sign(
    backend: VideoBackend,
    wire: respx.MockRouter,
    status: int,
    body: Any,  # noqa: ANN401 - any JSON
    outcome: CancelOutcome,
) -> None:
    wire.get("/videos/video_1").respond(200, json=QUEUED)
    route = wire.delete("/videos/video_1").respond(status, json=body)

    assert await backend.cancel(REMOTE) is outcome
    assert route.call_count == 1


@pytest.mark.parametrize("word", ["completed", "failed"])
async def test_a_job_that_has_ended_is_not_deleted_by_a_cancel(
    backend: VideoBackend, wire: respx.MockRouter, word: str
) -> None:
    wire.get("/videos/video_1").respond(200, json=QUEUED | {"status": word})
    route = wire.delete("/videos/video_1").respond(200, json={"deleted": True})

    assert await backend.cancel(REMOTE) is CancelOutcome.STOPPED_WAITING
    assert not route.called


async def test_the_deletion_of_a_job_that_was_not_found_is_no_stop(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get("/videos/video_1").respond(404)
    route = wire.delete("/videos/video_1").respond(200, json={"deleted": True})

    assert await backend.cancel(REMOTE) is CancelOutcome.STOPPED_WAITING
    assert route.called


@pytest.mark.parametrize("status", [401, 429, 502])
async def test_where_nobody_can_tell_how_it_stands_nothing_is_deleted(
    backend: VideoBackend, wire: respx.MockRouter, status: int
) -> None:
    wire.get("/videos/video_1").respond(status)
    route = wire.delete("/videos/video_1").respond(200, json={"deleted": True})

    with pytest.raises(BackendError) as caught:
        await backend.cancel(REMOTE)

    assert caught.value.retryable is True
    assert not route.called


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_cancel_that_found_no_ear_may_be_tried_again(
    backend: VideoBackend, wire: respx.MockRouter, status: int
) -> None:
    wire.get("/videos/video_1").respond(200, json=QUEUED)
    wire.delete("/videos/video_1").respond(status)

    with pytest.raises(BackendError) as caught:
        await backend.cancel(REMOTE)

    assert caught.value.retryable is True


@pytest.mark.parametrize(("status", "gone"), [(200, True), (204, True), (404, True), (405, False)])
async def test_forget_tells_whether_the_job_is_gone(
    backend: VideoBackend, wire: respx.MockRouter, status: int, gone: bool
) -> None:
    wire.delete("/videos/video_1").respond(status)

    assert await backend.forget(REMOTE) is gone


async def test_this_service_cannot_look_a_job_up_by_our_key(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    assert await backend.find(JOB_ID) is None
    assert not wire.calls
