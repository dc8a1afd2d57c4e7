"""A portal of ours, and the blocks of docs/hosting.md that stand it before the site."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from tests.e2e.proxies import PROXIES, ROOT, replaced

if TYPE_CHECKING:
    from tests.e2e.proxies import Words

HOSTING = (ROOT / "docs/hosting.md").read_text()
SETS: dict[str, tuple[str, str]] = {
    name.split(" ")[0]: (user, groups)
    for name, user, groups in re.findall(
        r"^\| ([\w-]+[^|]*) \| `([\w-]+)` \| `([\w-]+)` \| `/", HOSTING, re.MULTILINE
    )
}
"""The headers of each portal in the documents: who somebody is, and in which groups."""
IDENTITY_HEADERS = tuple(header for headers in SETS.values() for header in headers)
ASKING = ("nginx", "caddy", "traefik", "haproxy")
"""The proxies that ask a portal."""
PARTED = {"Authentik": "|"}
LOCATION_WITH_401 = ("Authelia",)
"""These name their own page with a 401 too."""
LUA = ROOT / "deploy/haproxy-portal.lua"
ASKED_AT = ("127.0.0.1:9091", "127.0.0.1:4180")


class Portal(ThreadingHTTPServer):
    """Single sign-on in a few lines: a cookie is a name, no cookie is a 302 or a 401."""

    daemon_threads = True
    answer = 302
    told: tuple[tuple[str, str], ...] = ()
    names_login = True
    """Whether it says with a 401 too where people sign in."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)

    @property
    def address(self) -> str:
        return f"localhost:{self.server_port}"

    def play(self, kind: str, answer: int) -> None:
        """Be one of the four, which answers strangers so, and knows ann."""
        user, groups = SETS[kind]
        self.answer = answer
        self.names_login = answer == 302 or kind in LOCATION_WITH_401
        self.told = ((user, "ann"), (groups, PARTED.get(kind, ",").join(["makers", "admins"])))


class _Asked(BaseHTTPRequestHandler):
    server: Portal

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/login":
            (back,) = parse_qs(asked.query).get("rd") or [""]
            self._say(302, ("Set-Cookie", "portal=ann; Path=/"), ("Location", back or "/"))
        elif asked.path == "/oauth2/start":
            self._say(302, ("Location", self._login(self.headers["X-Auth-Request-Redirect"])))
        elif "portal=ann" in self.headers.get("Cookie", ""):
            self._say(200, *self.server.told)
        elif self.server.names_login:
            self._say(self.server.answer, ("Location", self._login(self._original())))
        else:
            self._say(self.server.answer)

    def _original(self) -> str:
        told = (self.headers.get(f"X-Forwarded-{name}", "") for name in ("Proto", "Host", "Uri"))
        return "{}://{}{}".format(*told)

    def _login(self, back: str) -> str:
        return f"http://{self.server.address}/login?rd={quote(back, safe='')}"

    def _say(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", "0")):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        """Keep quiet."""


def block(language: str, start: str) -> str:
    """Return a block of docs/hosting.md."""
    (found,) = re.findall(rf"```{language}\n(\s*{start}(?:(?!```).)*)```", HOSTING, re.DOTALL)
    return str(found)


@dataclass(frozen=True)
class Recipe:
    """What the documents say is to be done to a shipped file, for one portal."""

    kind: str
    portal: Portal

    def changes(self, proxy: str) -> Words:
        make = {
            "nginx": self._nginx,
            "caddy": self._caddy,
            "traefik": self._traefik,
            "haproxy": self._haproxy,
        }
        return make[proxy]()

    def _told(self, language: str, start: str) -> str:
        user, groups = SETS[self.kind]
        words = {
            "Remote-User": user,
            "Remote-Groups": groups,
            "remote_user": user.lower().replace("-", "_"),
            "remote_groups": groups.lower().replace("-", "_"),
            **dict.fromkeys(ASKED_AT, f"127.0.0.1:{self.portal.server_port}"),
            "https://portal.example.org/": f"http://{self.portal.address}/login",
        }
        return replaced(block(language, start), words)

    def _nginx(self) -> Words:
        user, groups = SETS[self.kind]
        inside, beside = self._told("nginx", "auth_request"), self._told("nginx", "location = ")
        if self.kind == "oauth2-proxy":
            beside = beside[: beside.index("    location @portal")]
            beside += self._told("nginx", "location @portal")
        shipped = PROXIES["nginx"].site.text()
        emptied = re.findall(
            rf"^ *proxy_set_header (?:{user}|{groups}) +\"\";\n", shipped, re.MULTILINE
        )
        assert len(emptied) == 2
        return {
            **dict.fromkeys(emptied, ""),
            "    location /video/ {\n": f"{beside}    location /video/ {{\n{inside}",
        }

    def _caddy(self) -> Words:
        start = "\t\treverse_proxy 127.0.0.1:8000 {"
        return {start: self._told("caddy", "route") + start}

    def _traefik(self) -> Words:
        router, nobody = self._told("yaml", "unasked"), "    nobody:\n"
        return {
            "middlewares: [nobody, again] #": "middlewares: [nobody, portal, again] #",
            "    bare:\n": f"{router}    bare:\n",
            nobody: self._told("yaml", "portal") + nobody,
        }

    def _haproxy(self) -> Words:
        last = "    http-request del-header ^x[^a-z0-9]webauth -m reg\n"
        return {
            "defaults\n": f"global\n    lua-load {LUA}\n\ndefaults\n",
            last: last + self._told("haproxy", "acl"),
        }
