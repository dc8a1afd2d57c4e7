"""The first failure: what is wrong, where to mend it, and who is told how much of it."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest

from rushes.app import build, site_for
from rushes.domain import LOCAL_OWNER, Viewer
from rushes.settings import load_settings
from rushes.web.dependencies import current_viewer
from tests.e2e.servers import Program, Programs, wait_for

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from _pytest.mark.structures import ParameterSet

CANARY = "canary-first-failure-77"
ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong, the words for whoever runs the server, and those for all."""

    name: str
    settings: dict[str, str]
    words: tuple[str, ...]
    plain: str


CAUSES = [
    Cause(
        "wrong key",
        {"RUSHES_BACKEND_URL": "{mock}/v1", "RUSHES_BACKEND_KEY": CANARY},
        ("RUSHES_BACKEND_KEY: correct it", "{host}", "401", '{"error":"Unauthorized"}'),
        "does not accept the key",
    ),
    Cause(
        "wrong path",
        {"RUSHES_BACKEND_URL": "{mock}", "RUSHES_BACKEND_KEY": "right"},
        ("let RUSHES_BACKEND_URL end in /v1", "{host}", "404", '{"detail":"Not Found"}'),
        "is missing or wrong",
    ),
    Cause(
        "wrong profile",
        {
            "RUSHES_BACKEND_URL": "{mock}/v1",
            "RUSHES_BACKEND_KEY": "right",
            "RUSHES_BACKEND_PROFILE": "sora-video-gen",
        },
        ("set RUSHES_BACKEND_PROFILE to its own", "sora-video-gen", "{host}", "404"),
        "is missing or wrong",
    ),
    Cause(
        "off",
        {"RUSHES_BACKEND_URL": "http://127.0.0.1:{closed}/v1"},
        ("correct host and port in RUSHES_BACKEND_URL", "127.0.0.1:{closed}", "cannot be reached"),
        "cannot be reached",
    ),
]


@pytest.fixture(scope="module")
def keyed(shared: Programs) -> Program:
    return shared.mock("--key", "right", folder="first-failure-mock")


def _drawn(cause: Cause) -> ParameterSet:
    """Return a cause for the suites: one in every run, the others in the slow one."""
    name = cause.name.replace(" ", "-")
    return pytest.param(cause, id=name, marks=() if name == "wrong-key" else pytest.mark.slow)


@pytest.fixture(params=[_drawn(cause) for cause in CAUSES])
def cause(request: pytest.FixtureRequest, keyed: Program) -> Cause:
    """One cause, its addresses filled in."""
    drawn: Cause = request.param
    with socket.create_server(("127.0.0.1", 0)) as closing:
        closed = closing.getsockname()[1]

    def filled(text: str) -> str:
        host = keyed.url.removeprefix("http://")
        for name, value in (("mock", keyed.url), ("host", host), ("closed", str(closed))):
            text = text.replace(f"{{{name}}}", value)
        return text

    settings = {name: filled(value) for name, value in drawn.settings.items()}
    return Cause(drawn.name, settings, tuple(map(filled, drawn.words)), drawn.plain)


def settled(site: Program, word: str) -> str:
    """Return the first page once the backend's trouble is on it."""
    return wait_for(lambda: word in (page := unescape(site.get("/").text)) and page, at_most=15)


def test_banner_and_job_say_what_is_wrong_and_where_to_mend_it(
    programs: Programs, cause: Cause
) -> None:
    site = programs.site(None, **cause.settings)
    first = settled(site, cause.plain)
    job_id = site.submit("the very first prompt")
    job = unescape(site.get(f"/jobs/{job_id}").text)

    for word in (*cause.words, "`rushes check`"):
        assert word in first
        assert word in job
    assert CANARY not in first + job + site.printed()
    assert site.job(job_id)["status"] == "queued"


@pytest.mark.anyio
async def test_somebody_who_is_not_the_operator_sees_the_plain_half(
    cause: Cause, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cause.settings.items():
        monkeypatch.setenv(name, value)
    rushes = build(load_settings(None, data_dir=tmp_path / "data"))
    app = site_for(rushes)
    app.dependency_overrides[current_viewer] = lambda: Viewer(LOCAL_OWNER, is_operator=False)

    (tmp_path / "data").mkdir()
    async with rushes.running():
        await rushes.directory.default.probe()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            made = await client.post("/jobs", data={"prompt": "the very first prompt"})
            pages = [await client.get(path) for path in ("/", made.headers["location"])]

    seen = unescape("".join(page.text for page in pages))
    assert [page.status_code for page in pages] == [200, 200]
    for word in (*cause.words, "RUSHES_BACKEND", "rushes check", CANARY):
        if word not in rushes.directory.default.host:
            assert word not in seen.replace(rushes.directory.default.host, "")


# --- a backend that is slow to boot -------------------------------------------------------------


class WarmingUp(BaseHTTPRequestHandler):
    """Answers everything with 503, as a server does whose model is still being loaded."""

    def do_GET(self) -> None:
        body = b'{"error": "model is still loading"}'
        self.send_response(503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Say nothing."""


@contextmanager
def warming_up() -> Generator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), WarmingUp)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.mark.slow
def test_a_backend_that_boots_slowly_is_waited_for_and_nothing_is_lost(
    programs: Programs,
) -> None:
    with warming_up() as port:
        site = programs.site(None, RUSHES_BACKEND_URL=f"http://127.0.0.1:{port}/v1")
        banner = settled(site, "still starting")
        job_id = site.submit("patience", **ASKED)
        waiting = site.job(job_id)["status"]
    mock = programs.start("mock", "--port", str(port), "--queue-s", "0.1", "--work-s", "0.3")

    job = site.wait_job(job_id, "completed", "failed", "unknown")

    for word in ("RUSHES_BACKEND_URL", f"127.0.0.1:{port}", "503", "model is still loading"):
        assert word in banner
    assert (waiting, job["status"]) == ("queued", "completed")
    assert mock.get("/_mock/stats").json()["by_prompt"] == {"patience": 1}
    assert "still starting" not in site.get("/").text
