"""A backend that is there but not warm yet: told as that, and never mistaken for a lost answer."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.net import Patience
from tests.backends.wire import submit
from tests.net.hostile import hostile, sends

if TYPE_CHECKING:
    import respx

    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

JOB = b'{"id": "video_1", "status": "queued"}'
ACCEPTED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
    JOB
)


async def test_a_submit_that_is_held_while_the_model_warms_up_is_waited_for() -> None:
    """SGLang-Diffusion 0.5.23 blocks POSTs until it is warm; GETs answer meanwhile."""
    hasty = Patience(answer=timedelta(seconds=0.1))
    async with hostile(sends(b"", b"", ACCEPTED + JOB, pause=0.3)) as peer:
        config = BackendConfig(name="main", url=f"{peer.url}/v1", patience=hasty)
        backend = load_backend(config)
        async with asyncio.timeout(5):
            remote = await submit(backend)
        await backend.aclose()

    assert (remote.id, peer.connects) == ("video_1", 1)


KINDS: list[tuple[httpx.Response | Exception, str | None]] = [
    (httpx.Response(200, json={"data": []}), None),
    (httpx.Response(503, json={"error": "still loading"}), "backend_unavailable"),
    (httpx.Response(503, text="warming up"), "backend_unavailable"),
    (httpx.Response(502, html="<html>"), "backend_unavailable"),
    (httpx.Response(401, json={}), "unauthorized"),
    (httpx.Response(403, json={}), "forbidden"),
    (httpx.Response(404, json={}), "not_configured"),
    (httpx.Response(404, html="<html>"), "not_configured"),
    (httpx.Response(200, json={"version": 1}), "not_configured"),
    (httpx.Response(301, headers={"Location": "https://x/"}), "not_configured"),
    (httpx.ConnectError("refused"), "not_sent"),
    (httpx.ReadTimeout("slow"), "backend_unavailable"),
]


@pytest.mark.parametrize(("answer", "kind"), KINDS)
async def test_a_check_tells_the_kind_of_trouble(
    backend: VideoBackend,
    wire: respx.MockRouter,
    answer: httpx.Response | Exception,
    kind: str | None,
) -> None:
    wire.get("/videos").mock(side_effect=[answer])

    (finding,) = await backend.check()

    assert finding.kind == kind


PLAIN = "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>"
SCHEMES: list[tuple[httpx.Response | Exception, str]] = [
    (httpx.ConnectError("", request=None), "correct host and port"),
    (httpx.RemoteProtocolError("Server disconnected without sending a response."), "https://"),
    (httpx.Response(400, html=PLAIN), "https://"),
    (httpx.Response(400, text="Client sent an HTTP request to an HTTPS server."), "https://"),
    (httpx.Response(400, html="<html>Bad request</html>"), "no video API"),
]


@pytest.mark.parametrize(("answer", "remedy"), SCHEMES)
async def test_a_check_names_the_scheme_where_that_is_wrong(
    backend: VideoBackend, wire: respx.MockRouter, answer: httpx.Response | Exception, remedy: str
) -> None:
    wire.get("/videos").mock(side_effect=[answer])

    (finding,) = await backend.check()

    assert remedy in (finding.remedy or "")
    assert "RUSHES_BACKEND_URL" in (finding.remedy or "")


async def test_a_check_asks_one_harmless_question_and_no_health_page(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    """/health says 503 until SGLang is warm, and costs money at a LiteLLM proxy."""
    wire.get("/videos").respond(200, json={"data": []})

    await backend.check()

    assert [(c.request.method, c.request.url.path) for c in wire.calls] == [("GET", "/v1/videos")]
