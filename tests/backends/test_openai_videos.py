"""The openai-videos profile: what a submit sends, and what each answer to it comes to."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.domain import RemoteJob, RemoteStatus
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    Forbidden,
    ModelUnavailable,
    NotConfigured,
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    RateLimited,
    RefusedByBackend,
    RejectedByModeration,
    Unauthorized,
)
from tests.backends.wire import BASE, KEY, NASTY, QUEUED, error_body, form_of, submit

if TYPE_CHECKING:
    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio


# --- submit: what is sent -----------------------------------------------------------------------

FORMS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"prompt": "a kite"}),
    ({"prompt": NASTY}, {"prompt": NASTY}),
    ({"prompt": "=seed"}, {"prompt": "=seed"}),
    ({"duration_s": 8.0}, {"prompt": "a kite", "seconds": "8"}),
    ({"width": 832, "height": 480}, {"prompt": "a kite", "size": "832x480"}),
    (
        {"aspect_ratio": "9:16", "resolution": "720p"},
        {"prompt": "a kite", "size": "720x1280"},
    ),
    ({"seed": 0}, {"prompt": "a kite", "seed": "0"}),
    ({"negative_prompt": "rain"}, {"prompt": "a kite", "negative_prompt": "rain"}),
    ({"model": "wan2.2"}, {"prompt": "a kite", "model": "wan2.2"}),
    ({"fps": 24, "audio": True}, {"prompt": "a kite"}),
]


@pytest.mark.parametrize(("asked", "sent"), FORMS)
async def test_a_submit_is_exactly_this_form(
    backend: VideoBackend, wire: respx.MockRouter, asked: dict[str, Any], sent: dict[str, str]
) -> None:
    route = wire.post("/videos").respond(200, json=QUEUED)

    await submit(backend, **asked)

    request = route.calls.last.request
    assert form_of(request) == sent
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")


async def test_a_submit_carries_exactly_these_headers(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.post("/videos").respond(200, json=QUEUED, headers={"Set-Cookie": "sid=1"})

    await submit(backend)
    await submit(backend)

    request = route.calls.last.request
    assert {name: request.headers[name] for name in ("authorization", "accept-encoding")} == {
        "authorization": f"Bearer {KEY}",
        "accept-encoding": "identity",
    }
    assert set(request.headers) == {
        *("host", "accept", "accept-encoding", "connection", "user-agent"),
        *("authorization", "content-length", "content-type"),
    }


async def test_without_a_key_no_authorization_is_sent(wire: respx.MockRouter) -> None:
    route = wire.post("/videos").respond(200, json=QUEUED)
    backend = load_backend(BackendConfig(name="main", url=f"{BASE}/"))

    await submit(backend)
    await backend.aclose()

    assert "authorization" not in route.calls.last.request.headers
    assert str(route.calls.last.request.url) == f"{BASE}/videos"


async def test_the_first_configured_model_is_named_when_none_is_asked_for(
    wire: respx.MockRouter,
) -> None:
    route = wire.post("/videos").respond(200, json=QUEUED)
    backend = load_backend(BackendConfig(name="main", url=BASE, models=("a", "b")))

    await submit(backend)
    catalogue = await backend.describe()
    await backend.aclose()

    assert form_of(route.calls.last.request)["model"] == "a"
    assert (list(catalogue.models), catalogue.default) == (["a", "b"], "a")


async def test_an_unmocked_request_fails(backend: VideoBackend, wire: respx.MockRouter) -> None:
    with pytest.raises(respx.models.AllMockedAssertionError):
        await submit(backend)


async def test_a_fraction_of_a_second_is_refused_before_anything_is_sent(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.post("/videos").respond(200, json=QUEUED)

    with pytest.raises(RefusedByBackend, match="no whole number"):
        await submit(backend, duration_s=4.5)

    assert not route.called


# --- submit: what comes back --------------------------------------------------------------------

ACCEPTED: list[tuple[int, dict[str, Any], RemoteJob]] = [
    (200, QUEUED, RemoteJob("video_1", progress=0)),
    (202, {"id": "v", "status": "queued"}, RemoteJob("v")),
    (200, {"id": 17}, RemoteJob("17", RemoteStatus.IN_PROGRESS)),
    (
        200,
        {"id": "v", "status": "completed", "progress": 100},
        RemoteJob("v", RemoteStatus.COMPLETED, 100),
    ),
    (
        200,
        {"id": "v", "status": "processing", "revised_prompt": "A kite."},
        RemoteJob("v", RemoteStatus.IN_PROGRESS, effective_prompt="A kite."),
    ),
]


@pytest.mark.parametrize(("status", "body", "expected"), ACCEPTED)
async def test_an_accepted_submit_names_the_remote_job(
    backend: VideoBackend,
    wire: respx.MockRouter,
    status: int,
    body: dict[str, Any],
    expected: RemoteJob,
) -> None:
    wire.post("/videos").respond(status, json=body)

    remote = await submit(backend)

    assert remote.next_poll == timedelta(seconds=1)
    assert _without_pause(remote) == expected


async def test_a_submit_may_be_answered_with_a_failed_job(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.post("/videos").respond(200, json={"id": "v", "status": "failed", "error": "no memory"})

    remote = await submit(backend)

    assert remote.status is RemoteStatus.FAILED
    assert remote.failure is not None
    assert (remote.failure.kind, remote.failure.message) == ("generation_failed", "no memory")


REFUSED: list[tuple[int, Any, type[BackendError], bool]] = [
    (400, error_body(400, "bad size"), RefusedByBackend, False),
    (400, error_body("moderation_blocked"), RejectedByModeration, False),
    (400, error_body(None, "violates our content policy"), RejectedByModeration, False),
    (401, {"error": "Unauthorized"}, Unauthorized, False),
    (401, error_body("invalid_api_key"), Unauthorized, False),
    (402, {}, QuotaExhausted, False),
    (403, {"detail": "no"}, Forbidden, False),
    (404, {"detail": "Not Found"}, ModelUnavailable, False),
    (404, error_body("model_not_found"), ModelUnavailable, False),
    (405, {}, RefusedByBackend, False),
    (410, {}, ModelUnavailable, False),
    (413, {}, RefusedByBackend, False),
    (415, {}, RefusedByBackend, False),
    (422, {"detail": [{"loc": ["body", "size"], "msg": "bad"}]}, RefusedByBackend, False),
    (429, error_body("rate_limit_exceeded"), RateLimited, True),
    (429, {}, RateLimited, True),
    (429, error_body("insufficient_quota"), QuotaExhausted, False),
    (408, {}, OutcomeUnknown, False),
    (409, {}, OutcomeUnknown, False),
    (500, error_body("500"), OutcomeUnknown, False),
    (500, error_body("moderation_blocked"), OutcomeUnknown, False),
    (500, QUEUED | {"status": "failed"}, OutcomeUnknown, False),
    (502, {}, OutcomeUnknown, False),
    (503, {}, OutcomeUnknown, False),
    (504, {}, OutcomeUnknown, False),
    (529, {}, OutcomeUnknown, False),
]


@pytest.mark.parametrize(("status", "body", "kind", "retryable"), REFUSED)
async def test_a_refused_submit_says_whether_it_may_be_sent_again(
    backend: VideoBackend,
    wire: respx.MockRouter,
    status: int,
    body: Any,  # noqa: ANN401 - any JSON
    kind: type[BackendError],
    retryable: bool,
) -> None:
    wire.post("/videos").respond(status, json=body)

    with pytest.raises(BackendError) as caught:
        await submit(backend)

    assert (type(caught.value), caught.value.retryable) == (kind, retryable)
    assert f"video.test:8000 answered {status}" in (caught.value.detail or "")


WAITS: list[tuple[str, timedelta | None]] = [
    ("7", timedelta(seconds=7)),
    ("0", timedelta(seconds=1)),
    ("999999999", timedelta(minutes=10)),
    ("Thu, 01 Jan 1970 00:00:00 GMT", timedelta(seconds=1)),
    ("-1", None),
    ("soon", None),
]


@pytest.mark.parametrize(("header", "wait"), WAITS)
async def test_429_waits_as_long_as_it_says_within_bounds(
    backend: VideoBackend, wire: respx.MockRouter, header: str, wait: timedelta | None
) -> None:
    wire.post("/videos").respond(429, json={}, headers={"Retry-After": header})

    with pytest.raises(RateLimited) as caught:
        await submit(backend)

    assert caught.value.retry_after == wait


@pytest.mark.parametrize(
    ("header", "kind"), [("3", BackendUnavailable), ("soon", OutcomeUnknown), ("", OutcomeUnknown)]
)
async def test_503_is_not_executed_only_with_a_readable_retry_after(
    backend: VideoBackend, wire: respx.MockRouter, header: str, kind: type[BackendError]
) -> None:
    wire.post("/videos").respond(503, json={}, headers={"Retry-After": header})

    with pytest.raises(BackendError) as caught:
        await submit(backend)

    assert type(caught.value) is kind
    assert caught.value.retryable is (kind is BackendUnavailable)


ODDITIES: list[bytes] = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b'"video_1"',
    b'{"id": null, "status": "queued"}',
    b'{"id": ""}',
    b'{"id": true}',
    b'{"id": {"x": 1}}',
    b'{"id": "a\\nb"}',
    json.dumps({"id": "x" * 2049}).encode(),
    json.dumps({"id": f"video-{KEY}"}).encode(),
    b'{"id": "video_1", "progress": NaN}',
    b'{"id": "video_1", "progress": 1e999}',
    b'{"id": "video_1", "status": "que',
    b"<html>Welcome to nginx!</html>",
    b"\xff\xfe",
    b"[" * 200_000,
    b'{"id": "video_1", "n": ' + b"1" * 5_000 + b"}",
    json.dumps({"id": "video_1", "x": "x" * 5_000_000}).encode(),
    json.dumps({"error": {"message": "boom"}}).encode(),
]


@pytest.mark.parametrize("body", ODDITIES, ids=lambda body: repr(body[:40]))
async def test_200_without_a_readable_id_is_unknown(
    backend: VideoBackend, wire: respx.MockRouter, body: bytes
) -> None:
    wire.post("/videos").respond(200, content=body)

    with pytest.raises(OutcomeUnknown) as caught:
        await submit(backend)

    assert caught.value.retryable is False
    assert KEY not in f"{caught.value.message}{caught.value.detail}"


TRANSPORT: list[tuple[Exception, type[BackendError], bool]] = [
    (httpx.ConnectError("refused"), NotSent, True),
    (httpx.ConnectTimeout("slow"), NotSent, True),
    (httpx.PoolTimeout("full"), NotSent, True),
    (httpx.ReadTimeout("slow"), OutcomeUnknown, False),
    (httpx.WriteTimeout("slow"), OutcomeUnknown, False),
    (httpx.ReadError("reset"), OutcomeUnknown, False),
    (httpx.WriteError("reset"), OutcomeUnknown, False),
    (httpx.RemoteProtocolError("cut"), OutcomeUnknown, False),
]


@pytest.mark.parametrize(
    ("fault", "kind", "retryable"), TRANSPORT, ids=[type(fault).__name__ for fault, *_ in TRANSPORT]
)
async def test_a_submit_without_an_answer_is_told_apart(
    backend: VideoBackend,
    wire: respx.MockRouter,
    fault: Exception,
    kind: type[BackendError],
    retryable: bool,
) -> None:
    route = wire.post("/videos").mock(side_effect=fault)

    with pytest.raises(BackendError) as caught:
        await submit(backend)

    assert (type(caught.value), caught.value.retryable) == (kind, retryable)
    assert route.call_count == 1
    assert "video.test:8000" in (caught.value.detail or "")


async def test_not_reached_names_the_setting(backend: VideoBackend, wire: respx.MockRouter) -> None:
    wire.post("/videos").mock(side_effect=httpx.ConnectError("Connection refused"))

    with pytest.raises(NotSent) as caught:
        await submit(backend)

    assert caught.value.detail == (
        "RUSHES_BACKEND_URL: video.test:8000: Connection refused · run `rushes check`"
    )


async def test_a_redirected_submit_is_refused_and_not_followed(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.post("/videos").respond(307, headers={"Location": "https://elsewhere.test/v1/videos"})
    elsewhere = wire.post("https://elsewhere.test/v1/videos").respond(200, json=QUEUED)

    with pytest.raises(NotConfigured, match=r"elsewhere\.test") as caught:
        await submit(backend)

    assert caught.value.retryable is False
    assert not elsewhere.called


async def test_an_error_quotes_at_most_500_safe_characters_and_no_key(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    message = f"bad\x00\u202e {KEY} {KEY[3:15]} " + "x" * 10_000
    wire.post("/videos").respond(400, json=error_body(400, message))

    with pytest.raises(RefusedByBackend) as caught:
        await submit(backend)

    assert len(caught.value.message) == 500
    assert caught.value.message.startswith("bad\\x00\\u202e *** *** xxx")
    assert KEY[3:15] not in f"{caught.value.detail}"


async def test_an_endless_html_refusal_stays_a_refusal(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.post("/videos").respond(
        422, content=b"<html>" + b"x" * 10_000_000, headers={"Content-Type": "text/html"}
    )

    with pytest.raises(RefusedByBackend) as caught:
        await submit(backend)

    assert caught.value.message == "the backend answered 422"
    assert "422 text/html: <html>xxx" in (caught.value.detail or "")
    assert len(caught.value.detail or "") < 260


def _without_pause(remote: RemoteJob) -> RemoteJob:
    return RemoteJob(
        remote.id,
        remote.status,
        remote.progress,
        failure=remote.failure,
        effective_prompt=remote.effective_prompt,
    )
