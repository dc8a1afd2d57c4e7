"""The sync-bytes profile: the answer to a submit is the clip, from its first byte on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator  # noqa: TC003 - pytest reads fixtures' hints
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, VideoRequest
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    GenerationFailed,
    ModelUnavailable,
    NotConfigured,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RefusedByBackend,
    RejectedByModeration,
    RemoteJobNotFound,
    ResultLost,
    Unauthorized,
)
from rushes.net import Patience, Secret
from tests.backends.wire import BASE, JOB_ID, KEY, NASTY, error_body, form_of
from tests.net.hostile import hostile, sends

if TYPE_CHECKING:
    import respx

    from rushes.ports import Submission, VideoBackend

pytestmark = pytest.mark.anyio

SYNC = "/videos/sync"
VIDEO = {"Content-Type": "video/mp4"}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n"


def loaded(url: str = BASE, patience: Patience | None = None) -> VideoBackend:
    config = BackendConfig(
        name="sync",
        url=url,
        key=Secret(KEY),
        profile="sync-bytes",
        patience=patience or Patience(),
    )
    return load_backend(config)


@pytest.fixture
async def sync() -> AsyncIterator[VideoBackend]:
    backend = loaded()
    yield backend
    await backend.aclose()


async def submit(backend: VideoBackend, **fields: Any) -> Submission:  # noqa: ANN401 - request fields
    request = VideoRequest(**({"prompt": "a kite"} | fields))
    return await backend.submit(request, idempotency_key=JOB_ID)


async def test_a_submit_is_exactly_this_form(sync: VideoBackend, wire: respx.MockRouter) -> None:
    route = wire.post(SYNC).respond(200, content=b"clip", headers=VIDEO)

    submission = await submit(
        sync, prompt=NASTY, aspect_ratio="9:16", resolution="720p", duration_s=8, seed=0
    )
    assert submission.clip is not None
    async with submission.clip:
        pass

    request = route.calls.last.request
    assert form_of(request) == {"prompt": NASTY, "size": "720x1280", "seconds": "8", "seed": "0"}
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept"].startswith("video/*")


async def test_the_answer_is_the_clip(sync: VideoBackend, wire: respx.MockRouter) -> None:
    headers = VIDEO | {"Content-Length": "4", "ETag": '"v1"'}
    wire.post(SYNC).respond(200, content=b"clip", headers=headers)

    submission = await submit(sync)

    assert submission.remote == RemoteJob(JOB_ID, RemoteStatus.COMPLETED)
    assert submission.clip is not None
    async with submission.clip as source:
        assert (source.size, source.start) == (4, 0)
        assert b"".join([chunk async for chunk in source.chunks()]) == b"clip"


INSTEAD: list[tuple[int, Any, type[BackendError]]] = [
    (400, error_body("content_policy_violation"), RejectedByModeration),
    (400, error_body(400, "blocked by the guardrail"), RejectedByModeration),
    (400, error_body(400, "bad size"), RefusedByBackend),
    (401, {"error": "Unauthorized"}, Unauthorized),
    (404, {"detail": "Not Found"}, ModelUnavailable),
    (409, error_body(409, "several workers"), OutcomeUnknown),
    (429, error_body("rate_limit_exceeded"), RateLimited),
    (500, error_body(500, "CUDA out of memory"), GenerationFailed),
    (500, error_body("content_policy_violation"), RejectedByModeration),
    (500, {}, OutcomeUnknown),
    (502, error_body(502, "bad gateway"), OutcomeUnknown),
    (503, {}, OutcomeUnknown),
    (504, error_body(504, "Video generation timed out"), OutcomeUnknown),
    (200, {"id": "video_1"}, OutcomeUnknown),
    (202, {}, OutcomeUnknown),
    (307, {}, NotConfigured),
]


@pytest.mark.parametrize(("status", "body", "kind"), INSTEAD)
async def test_what_comes_instead_of_a_clip(
    sync: VideoBackend,
    wire: respx.MockRouter,
    status: int,
    body: Any,  # noqa: ANN401 - any JSON
    kind: type[BackendError],
) -> None:
    wire.post(SYNC).respond(status, json=body)

    with pytest.raises(BackendError) as caught:
        await submit(sync)

    assert type(caught.value) is kind
    assert caught.value.retryable is (kind is RateLimited)


async def test_503_with_a_wait_was_not_executed(sync: VideoBackend, wire: respx.MockRouter) -> None:
    wire.post(SYNC).respond(503, json={}, headers={"Retry-After": "3"})

    with pytest.raises(BackendUnavailable) as caught:
        await submit(sync)

    assert (caught.value.retryable, caught.value.retry_after) == (True, timedelta(seconds=3))


async def test_a_web_page_with_500_leaves_it_unknown(
    sync: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.post(SYNC).respond(500, html="<html>gateway</html>")

    with pytest.raises(OutcomeUnknown):
        await submit(sync)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (httpx.ConnectError("refused"), NotSent),
        (httpx.ReadTimeout("slow"), OutcomeUnknown),
        (httpx.RemoteProtocolError("cut"), OutcomeUnknown),
    ],
)
async def test_no_answer_is_told_apart(
    sync: VideoBackend, wire: respx.MockRouter, fault: Exception, kind: type[BackendError]
) -> None:
    wire.post(SYNC).mock(side_effect=fault)

    with pytest.raises(kind):
        await submit(sync)


async def test_the_bytes_come_as_they_are_sent_and_not_at_the_end() -> None:
    body = sends(HEAD + b"Content-Length: 8\r\n\r\nfirst", b"", b"end", pause=0.2)
    async with hostile(body) as peer:
        backend = loaded(f"{peer.url}/v1")
        submission = await submit(backend)
        assert submission.clip is not None
        loop = asyncio.get_running_loop()
        async with submission.clip as source:
            began = loop.time()
            times = [(chunk, loop.time() - began) async for chunk in source.chunks()]
        await backend.aclose()

    assert [chunk for chunk, _ in times] == [b"first", b"end"]
    assert times[0][1] < 0.15 < times[1][1]


async def test_a_long_silence_before_the_answer_is_waited_for() -> None:
    hasty = Patience(answer=timedelta(seconds=0.1), clip_head=timedelta(seconds=0.1))
    body = sends(b"", b"", HEAD + b"Content-Length: 4\r\n\r\nclip", pause=0.3)
    async with hostile(body) as peer:
        backend = loaded(f"{peer.url}/v1", hasty)
        submission = await submit(backend)
        assert submission.clip is not None
        async with submission.clip as source:
            assert b"".join([chunk async for chunk in source.chunks()]) == b"clip"
        await backend.aclose()


async def test_a_clip_that_breaks_off_is_lost_for_good() -> None:
    async with hostile(sends(HEAD + b"Content-Length: 99\r\n\r\nhalf", abort=True)) as peer:
        backend = loaded(f"{peer.url}/v1")
        submission = await submit(backend)
        assert submission.clip is not None
        with pytest.raises(BackendUnavailable):
            async with submission.clip as source:
                [chunk async for chunk in source.chunks()]
        with pytest.raises(ResultLost) as caught:
            async with backend.open_clip(submission.remote, start=4, validator='"v"'):
                pass
        await backend.aclose()

    assert caught.value.retryable is False
    assert peer.connects == 1


async def test_there_is_no_job_to_ask_for(sync: VideoBackend, wire: respx.MockRouter) -> None:
    remote = RemoteJob(JOB_ID, RemoteStatus.COMPLETED)

    with pytest.raises(RemoteJobNotFound):
        await sync.poll(remote)
    assert await sync.find(JOB_ID) is None
    assert await sync.cancel(remote) is CancelOutcome.STOPPED_WAITING
    assert await sync.forget(remote) is False
    assert not wire.calls
