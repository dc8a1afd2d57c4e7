"""Signing out behind a portal in a real browser: streams end, and the portal is reached."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import Browser, expect

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Program, Programs

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ANN = {"Remote-User": "ann"}


class Portal(ThreadingHTTPServer):
    """Leads from its sign-out to the one of another host, as single sign-on does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Leaving)
        self.asked: list[str] = []

    @property
    def logout_url(self) -> str:
        return f"http://localhost:{self.server_port}/logout"


class _Leaving(BaseHTTPRequestHandler):
    server: Portal

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.headers['Host'].partition(':')[0]}{self.path}")
        leads = self.path == "/logout"
        self.send_response(302 if leads else 200)
        if leads:
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/goodbye")
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>Goodbye</title><h1>Goodbye</h1>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        """Keep quiet."""


@pytest.fixture
def portal() -> Generator[Portal]:
    with Portal() as portal:
        Thread(target=portal.serve_forever, daemon=True).start()
        yield portal
        portal.shutdown()


@pytest.mark.parametrize("has_scripts", [True, False], ids=["with scripts", "without scripts"])
def test_signing_out_ends_streams_and_reaches_the_portals_last_page(
    programs: Programs, mock: Program, portal: Portal, browser: Browser, has_scripts: bool
) -> None:
    site = programs.site(
        mock,
        RUSHES_AUTH="proxy",
        RUSHES_AUTH_HEADER="Remote-User",
        RUSHES_TRUSTED_PROXIES="127.0.0.1",
        RUSHES_LOGOUT_URL=portal.logout_url,
    )
    context = browser.new_context(
        locale="en", java_script_enabled=has_scripts, extra_http_headers=ANN
    )
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    page.goto(site.url + "/")
    with httpx.stream("GET", f"{site.url}/events", headers=ANN, timeout=20) as elsewhere:
        lines = elsewhere.iter_lines()
        assert next(lines) == "event: snapshot"
        page.locator("summary", has_text="ann").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Goodbye")).to_be_visible()
        last = [line for line in lines if line][-2:]
    context.close()

    assert last == ["event: bye", "data: {}"]
    wanted = [asked for asked in portal.asked if "favicon" not in asked]
    assert wanted == ["localhost/logout", "127.0.0.1/goodbye"]
    assert [text for text in refused if "Content Security Policy" in text] == []
