"""Behind nginx and Caddy with a portal that asks who is there, set up as docs/hosting.md says."""

from __future__ import annotations

import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.fronts import Front, House, Street, street
from tests.e2e.proxies import PROXIES, ROOT, Layout, replaced
from tests.e2e.test_browser import SOON

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.proxies import Words
    from tests.e2e.servers import Program

pytestmark = pytest.mark.slow

HOSTING = (ROOT / "docs/hosting.md").read_text()
SETS: dict[str, tuple[str, str]] = {
    name.split(" ")[0]: (user, groups)
    for name, user, groups in re.findall(
        r"^\| ([\w-]+[^|]*) \| `([\w-]+)` \| `([\w-]+)` \| `/", HOSTING, re.MULTILINE
    )
}
PARTED = {"Authentik": "|"}
PORTAL = "127.0.0.1:9091"
MALLORY = "mallory"


class Portal(ThreadingHTTPServer):
    """Thirty lines of single sign-on: a cookie is a name, no cookie is a 302 or a 401."""

    daemon_threads = True
    answer = 302
    told: tuple[tuple[str, str], ...] = ()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)

    @property
    def address(self) -> str:
        return f"localhost:{self.server_port}"


class _Asked(BaseHTTPRequestHandler):
    server: Portal

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/login":
            (back,) = parse_qs(asked.query).get("rd") or [""]
            self._say(302, ("Set-Cookie", "portal=ann; Path=/"), ("Location", back or "/"))
        elif "portal=ann" in self.headers.get("Cookie", ""):
            self._say(200, *self.server.told)
        else:
            back = f"https://{self.headers.get('X-Forwarded-Host', '')}/video/"
            login = f"http://{self.server.address}/login?rd={back}"
            self._say(self.server.answer, ("Location", login))

    def _say(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", "0")):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        """Keep quiet."""


@pytest.fixture(scope="module")
def portal() -> Generator[Portal]:
    with Portal() as portal:
        Thread(target=portal.serve_forever, daemon=True).start()
        yield portal
        portal.shutdown()


@pytest.fixture(scope="module")
def built(mock: Program, tmp_path_factory: pytest.TempPathFactory) -> Generator[Street]:
    with street(tmp_path_factory.mktemp("portals"), mock) as built:
        yield built


@pytest.fixture(scope="module")
def houses() -> dict[str, House]:
    """One site for each set of headers."""
    return {}


def block(language: str, start: str) -> str:
    """Return a block of docs/hosting.md."""
    (found,) = re.findall(rf"```{language}\n(\s*{start}.*?)```", HOSTING, re.DOTALL)
    return str(found)


def changes(proxy: str, headers: tuple[str, str], portal: Portal, answer: int) -> Words:
    """Return what the documents say is to be done to a shipped file, for one set of headers."""
    user, groups = headers
    words = {
        "Remote-User": user,
        "Remote-Groups": groups,
        "remote_user": user.lower().replace("-", "_"),
        "remote_groups": groups.lower().replace("-", "_"),
        PORTAL: f"127.0.0.1:{portal.server_port}",
        "https://portal.example.org/": f"http://{portal.address}/login",
    }
    if proxy == "caddy":
        start = "\t\treverse_proxy 127.0.0.1:8000 {"
        return {start: replaced(block("caddy", "route"), words) + start}
    inside = replaced(block("nginx", "auth_request"), words)
    beside = replaced(block("nginx", "location"), words)
    if answer == 401:
        inside = inside.replace("error_page 401 = @portal;", "")
    shipped = PROXIES["nginx"].site.text()
    emptied = re.findall(rf"^ *proxy_set_header (?:{user}|{groups}) +\"\";\n", shipped, re.M | re.I)
    return {
        **dict.fromkeys(emptied, ""),
        "    location /video/ {\n": f"{beside}    location /video/ {{\n{inside}",
    }


@contextmanager
def standing(
    built: Street, houses: dict[str, House], portal: Portal, proxy: str, kind: str, answer: int
) -> Generator[Front]:
    """Stand a proxy with a portal before the site, so that strangers are answered as asked.

    nginx knows a portal's 401 alone, and makes the redirect by itself.
    """
    user, groups = SETS[kind]
    portal.answer = 401 if proxy == "nginx" else answer
    portal.told = ((user, "ann"), (groups, PARTED.get(kind, ",").join(["makers", "admins"])))
    if kind not in houses:
        settings = {
            "RUSHES_AUTH": "proxy",
            "RUSHES_AUTH_HEADER": user,
            "RUSHES_AUTH_GROUPS_HEADER": groups,
            "RUSHES_ADMIN_GROUP": "admins",
        }
        houses[kind] = built.build("/video", settings)
    with built.front(
        proxy,
        Layout.KEPT,
        changes(proxy, SETS[kind], portal, answer),
        house=houses[kind],
        is_whole=False,
    ) as front:
        yield front


def test_the_documents_name_four_portals() -> None:
    assert list(SETS) == ["Authelia", "Authentik", "oauth2-proxy", "Keycloak"]


@pytest.mark.parametrize("answer", [302, 401])
@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
@pytest.mark.parametrize("kind", list(SETS))
def test_only_the_portal_says_who_somebody_is(
    built: Street, houses: dict[str, House], portal: Portal, kind: str, proxy: str, answer: int
) -> None:
    user, groups = SETS[kind]
    known = {"Cookie": "portal=ann"}
    twins = [user.replace("-", "_"), user.replace("-", ".")]
    forged = [
        {user: MALLORY},
        {user: MALLORY, groups: "admins"},
        *({twin: MALLORY} for twin in twins),
    ]
    with (
        standing(built, houses, portal, proxy, kind, answer) as front,
        front.client() as client,
    ):
        strangers = [client.get(front.address("/account"), headers=lie) for lie in ({}, *forged)]
        post = client.post(front.address("/jobs"), data={"prompt": "x"})
        page = client.get(front.address("/account"), headers=known)
        lies = [client.get(front.address("/account"), headers=known | lie) for lie in forged]
        portal.told = ((user, "ann"),)
        plain = client.get(front.address("/account"), headers=known | {groups: "admins"})
        portal.told = ()
        nobody = client.get(front.address("/account"), headers=known | {user: MALLORY})

    assert {answered.status_code for answered in (*strangers, post)} == {answer}
    if answer == 302:
        assert strangers[0].headers["location"].startswith(f"http://{portal.address}/login?rd=")
    assert page.status_code == 200
    assert "<dd>ann</dd>" in page.text
    assert "<dd>admins, makers</dd>" in page.text
    assert "Administrator" in page.text
    for lie in lies:
        assert lie.status_code in {200, 400}
        assert MALLORY not in lie.text
    assert plain.status_code == 200
    assert "<dd>Administrator</dd>" not in plain.text
    assert nobody.status_code in {400, 401}


@pytest.mark.browser
@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
def test_what_was_typed_is_sent_after_the_portal_let_one_in_again(
    built: Street, houses: dict[str, House], portal: Portal, browser: Browser, proxy: str
) -> None:
    text = f"a heron behind {proxy}"
    with standing(built, houses, portal, proxy, "Authelia", 302) as front:
        context = browser.new_context(locale="en", ignore_https_errors=True)
        page = context.new_page()
        page.goto(front.address("/"))
        prompt = page.get_by_role("textbox", name="Describe your video")
        prompt.fill(text)
        context.clear_cookies()
        page.get_by_role("button", name="Create video").click()
        again = page.get_by_role("link", name="Sign in again")
        expect(again).to_be_visible()
        expect(prompt).to_have_value(text)
        with context.expect_page() as opened:
            again.click()

        expect(page.locator("#jobs").get_by_text(text).first).to_be_visible(timeout=SOON)
        expect(again).to_be_hidden()
        answer = opened.value.request.get(front.address(f"/api/v1/jobs?q={proxy}"))
        assert [job["request"]["prompt"] for job in answer.json()["jobs"]] == [text]
        context.close()
