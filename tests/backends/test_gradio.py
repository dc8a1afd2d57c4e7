"""The gradio backend's exact requests, and what each answer comes to."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    ConcurrencyLimited,
    NotConfigured,
    NotSent,
    OutcomeUnknown,
    RefusedByBackend,
    RemoteJobNotFound,
    Unauthorized,
)
from rushes.net import Secret
from tests.backends.following import KEY, fetch, submit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

BASE = "https://owner-clips.hf.test"
API = "/gradio_api"
JOB = "j" * 26
CONFIG = {
    "version": "6.31.0",
    "api_prefix": API,
    "components": [{"id": 1, "skip_api": False}, {"id": 2, "skip_api": True}],
    "dependencies": [{"id": 4, "api_name": "generate", "inputs": [1, 2]}],
}
INFO = {
    "named_endpoints": {
        "/generate": {
            "parameters": [{"parameter_name": "prompt", "type": {"type": "string"}}],
            "returns": [{"component": "Video"}],
        }
    }
}
FILE = {"path": "/tmp/gradio/ab/clip.mp4", "meta": {"_type": "gradio.FileData"}}  # noqa: S108
DONE = {"msg": "process_completed", "success": True, "output": {"data": [FILE]}}
CLIP = {"clip": f"{API}/file=/tmp/gradio/ab/clip.mp4"}


def stream(*messages: dict[str, Any]) -> httpx.Response:
    lines = "".join(f"data: {json.dumps(message)}\n\n" for message in messages)
    return httpx.Response(200, text=lines, headers={"content-type": "text/event-stream"})


def config(**more: Any) -> BackendConfig:  # noqa: ANN401 - fields of the config
    usual: dict[str, Any] = {"name": "app", "url": BASE, "profile": "gradio", "key": Secret(KEY)}
    return BackendConfig(**(usual | more))


@pytest.fixture
async def backend() -> AsyncIterator[VideoBackend]:
    loaded = load_backend(config())
    yield loaded
    await loaded.aclose()


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=BASE, assert_all_mocked=True, assert_all_called=False) as router:
        router.get("/config").respond(200, json=CONFIG)
        router.get(f"{API}/info").respond(200, json=INFO)
        router.post(f"{API}/call/generate").respond(200, json={"event_id": "e1"})
        router.get(f"{API}/queue/data").mock(return_value=stream(DONE))
        yield router


async def test_a_submit_is_these_requests_and_no_other(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    remote = await submit(backend, JOB, prompt='a "red"\nkite')
    done = await backend.poll(remote)

    assert [(c.request.method, c.request.url.raw_path.decode()) for c in wire.calls] == [
        ("GET", "/config"),
        ("GET", f"{API}/info"),
        ("POST", f"{API}/call/generate"),
        ("GET", f"{API}/queue/data?session_hash={JOB}"),
    ]
    assert {call.request.headers["authorization"] for call in wire.calls} == {f"Bearer {KEY}"}
    sent = wire.calls[2].request
    assert sent.headers["content-type"] == "application/json"
    assert json.loads(sent.content) == {"data": ['a "red"\nkite', None], "session_hash": JOB}
    assert wire.calls[3].request.headers["accept"] == "text/event-stream"
    assert (remote.id, remote.status, remote.next_poll) == (
        JOB,
        RemoteStatus.QUEUED,
        timedelta(seconds=1),
    )
    assert (done.status, done.urls, done.context) == (
        RemoteStatus.COMPLETED,
        CLIP,
        '{"event": "e1"}',
    )


REFUSALS: list[tuple[httpx.Response, type[BackendError], bool]] = [
    (
        httpx.Response(503, json={"detail": "Queue is full. Max size is 1."}),
        ConcurrencyLimited,
        True,
    ),
    (httpx.Response(503, json={"detail": "Queue is stopped."}), OutcomeUnknown, False),
    (httpx.Response(422, json={"detail": [{"msg": "too short"}]}), RefusedByBackend, False),
    (httpx.Response(400, json={"detail": "No function index provided."}), RefusedByBackend, False),
    (httpx.Response(401, json={"detail": {"error": "Not authenticated"}}), Unauthorized, False),
    (httpx.Response(500, text="Internal Server Error"), OutcomeUnknown, False),
    (httpx.Response(502, html="<html>gateway</html>"), OutcomeUnknown, False),
    (httpx.Response(200, html="<html>sleeping</html>"), OutcomeUnknown, False),
    (httpx.Response(200, json={}), OutcomeUnknown, False),
    (httpx.Response(302, headers={"location": "https://other.test/"}), NotConfigured, False),
]


@pytest.mark.parametrize(("answer", "kind", "retryable"), REFUSALS)
async def test_a_refused_submit_says_whether_anything_runs(
    backend: VideoBackend,
    wire: respx.MockRouter,
    answer: httpx.Response,
    kind: type[BackendError],
    retryable: bool,
) -> None:
    wire.post(f"{API}/call/generate").mock(side_effect=[answer])

    with pytest.raises(BackendError) as caught:
        await submit(backend, JOB)

    assert (type(caught.value), caught.value.retryable) == (kind, retryable)


async def test_an_app_that_does_not_describe_itself_is_asked_later(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get("/config").respond(503, html="<html>The Space is starting</html>")

    with pytest.raises(BackendUnavailable) as caught:
        await submit(backend, JOB)
    (finding,) = await backend.check()

    assert caught.value.retryable is True
    assert finding.kind == "backend_unavailable"
    assert not wire.routes[2].called


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"named_endpoints": {"/chat": {"returns": []}}}, "makes a video; it has chat"),
        (
            {"named_endpoints": {"/go": {"returns": [{"component": "Video"}]}}},
            "no parameter of go is a prompt",
        ),
    ],
)
async def test_the_check_names_the_option_that_an_app_needs(
    backend: VideoBackend, wire: respx.MockRouter, info: dict[str, Any], said: str
) -> None:
    wire.get(f"{API}/info").respond(200, json=info)

    for _ in range(2):
        (finding,) = await backend.check()
        assert (finding.severity, finding.kind) == ("error", "not_configured")
        assert said in finding.message
        assert "`parameters`" in str(finding.remedy)


async def test_a_described_app_is_not_asked_again_by_the_check(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    await backend.describe()
    (finding,) = await backend.check()

    assert (finding.severity, len(wire.calls)) == ("ok", 2)


async def test_a_config_of_four_megabytes_is_read_and_an_endless_one_refused(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get("/config").respond(200, json=CONFIG | {"css": "x" * 4_000_000})
    assert (await backend.describe()).default == ""

    wire.get("/config").respond(200, json=CONFIG | {"css": "x" * 9_000_000})
    with pytest.raises(BadBackendResponse, match="longer than"):
        await backend.describe()


STREAMS: list[tuple[httpx.Response, type[BackendError], bool]] = [
    (
        stream({"msg": "unexpected_error", "message": "404: Not Found", "session_not_found": True}),
        RemoteJobNotFound,
        False,
    ),
    (stream({"msg": "estimation", "rank": 0}), BackendUnavailable, True),
    (stream(), BackendUnavailable, True),
    (httpx.Response(200, text="data: {not json\n\n"), BadBackendResponse, True),
    (httpx.Response(200, text="data: " + "x" * 1_100_000), BadBackendResponse, True),
    (httpx.Response(404, json={"detail": "Not Found"}), RemoteJobNotFound, False),
    (httpx.Response(401, json={"detail": "no"}), Unauthorized, True),
    (httpx.Response(500, text="oops"), BackendUnavailable, True),
]


@pytest.mark.parametrize(("answer", "kind", "retryable"), STREAMS)
async def test_a_broken_stream_is_told_and_opened_again_by_the_next_poll(
    backend: VideoBackend,
    wire: respx.MockRouter,
    answer: httpx.Response,
    kind: type[BackendError],
    retryable: bool,
) -> None:
    listening = wire.get(f"{API}/queue/data").mock(side_effect=[answer, stream(DONE)])
    remote = await submit(backend, JOB)

    with pytest.raises(BackendError) as caught:
        await backend.poll(remote)
    again = await backend.poll(remote)

    assert (type(caught.value), caught.value.retryable) == (kind, retryable)
    assert again.status is RemoteStatus.COMPLETED
    assert listening.call_count == 2


async def test_polls_of_a_running_job_cost_the_app_nothing(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    remote = await submit(backend, JOB)

    for _ in range(5):
        remote = await backend.poll(remote)

    assert len(wire.calls) == 4


async def test_cancel_leaves_the_stream_and_then_asks(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.post(f"{API}/cancel").respond(200, json={"success": True})
    remote = await submit(backend, JOB)

    outcome = await backend.cancel(remote)

    assert outcome is CancelOutcome.STOPPED_WAITING
    assert json.loads(route.calls.last.request.content) == {
        "session_hash": JOB,
        "fn_index": 4,
        "event_id": "e1",
    }
    wire.post(f"{API}/cancel").respond(500)
    with pytest.raises(BackendUnavailable):
        await backend.cancel(remote)


async def test_nothing_is_found_where_the_session_is_unknown(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    gone = {"msg": "unexpected_error", "message": "404: Not Found", "session_not_found": True}
    wire.get(f"{API}/queue/data").mock(return_value=stream(gone))

    assert await backend.find(JOB) is None


async def test_the_answer_s_headers_go_nowhere(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    echo = {"authorization": f"Bearer {KEY}", "cookie": "a=b", "content-type": "video/mp4"}
    wire.get(CLIP["clip"]).respond(200, content=b"0123", headers=echo | {"etag": '"x"'})

    clip = await fetch(backend, RemoteJob(JOB, urls=CLIP))

    assert (clip.data, clip.size, clip.start, clip.validator) == (b"0123", 4, 0, '"x"')


async def test_a_file_that_lives_elsewhere_is_fetched_without_our_token(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get(CLIP["clip"]).respond(302, headers={"location": "https://cdn.test/c.mp4"})
    elsewhere = wire.get("https://cdn.test/c.mp4").respond(200, content=b"0123")

    await fetch(backend, RemoteJob(JOB, urls=CLIP))

    assert "authorization" not in elsewhere.calls.last.request.headers


# --- a login --------------------------------------------------------------------------------------

COOKIES = [
    ("set-cookie", "access-token-Ab-1_c=tok1; HttpOnly; Path=/; SameSite=none; Secure"),
    ("set-cookie", "access-token-unsecure-Ab-1_c=tok1; HttpOnly; Path=/; SameSite=lax"),
    ("set-cookie", "session=elsewhere; Path=/"),
]
LOGIN = {"username": Secret("me"), "password": Secret("pass word")}


async def test_a_login_is_made_once_and_again_when_it_is_over(wire: respx.MockRouter) -> None:
    login = wire.post("/login").respond(200, json={"success": True}, headers=COOKIES)
    over = httpx.Response(401, json={"detail": {"error": "Not authenticated"}})
    taken = httpx.Response(200, json={"event_id": "e1"})
    calls = wire.post(f"{API}/call/generate").mock(side_effect=[over, taken])
    backend = load_backend(config(key=None, extras=LOGIN))

    remote = await submit(backend, JOB)
    done = await backend.poll(remote)
    await backend.aclose()

    cookie = "access-token-Ab-1_c=tok1; access-token-unsecure-Ab-1_c=tok1"
    assert done.status is RemoteStatus.COMPLETED
    assert (login.call_count, calls.call_count) == (2, 2)
    assert b'name="password"\r\n\r\npass word\r\n' in login.calls.last.request.content
    assert [call.request.headers.get("cookie") for call in calls.calls] == [cookie, cookie]


async def test_a_login_that_is_turned_away_names_no_password(wire: respx.MockRouter) -> None:
    told = {"detail": "Incorrect credentials: pass word"}
    wire.post("/login").respond(400, json=told)
    backend = load_backend(config(key=None, extras=LOGIN))

    with pytest.raises(Unauthorized) as caught:
        await submit(backend, JOB)
    await backend.aclose()

    assert "pass word" not in str(caught.value.detail)
    assert "username and password" in str(caught.value.detail)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"apii": "x"}, r"options\.apii"),
        ({"api": 3}, r"options\.api"),
        ({"parameters": {"x": "=promt"}}, r"options\.parameters"),
        ({"parameters": {"x": "=prompt|shout"}}, r"options\.parameters"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(NotConfigured, match=complaint):
        load_backend(config(options=options))


# --- a connection that breaks ---------------------------------------------------------------------


@asynccontextmanager
async def an_app_that_hangs_up() -> AsyncIterator[str]:
    """Serve one app whose stream says one thing and is then cut in the middle of a chunk."""
    answers = {
        "/config": json.dumps(CONFIG),
        f"{API}/info": json.dumps(INFO),
        f"{API}/call/generate": '{"event_id": "e1"}',
    }

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1].partition("?")[0]
        if path in answers:
            body = answers[path].encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        else:
            said = b'data: {"msg": "process_starts", "event_id": "e1"}\n\n'
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            writer.write(b"%x\r\n%s\r\nff\r\ncut" % (len(said), said))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


async def test_a_stream_that_is_cut_is_opened_again_until_the_app_is_gone() -> None:
    async with an_app_that_hangs_up() as url:
        backend = load_backend(config(url=url))
        remote = await submit(backend, JOB)
        seen = []
        for _ in range(3):
            seen.append((await backend.poll(remote)).status)
            await asyncio.sleep(0.05)
    with pytest.raises(NotSent) as gone:
        await backend.poll(remote)
    await backend.aclose()

    assert seen == [RemoteStatus.IN_PROGRESS] * 3
    assert gone.value.retryable is True
