"""What stands before the routes: who is addressed, from where, and how much may be sent.

All of it is pure ASGI: nothing is read into memory, nothing is decided by `request.url`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from rushes import logs
from rushes.people.tokens import PREFIX
from rushes.web.entry.door import COOKIE
from rushes.web.errors import Problem, plain_answer
from rushes.web.proxies import client_host

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rushes.web.prefix import PublicAddress

access = logging.getLogger("rushes.access")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
UPLOAD_TYPE = "multipart/form-data"
UPLOAD_PATHS = ("/jobs", "/compose", "/doctor/body")
"""Where the composer posts, with a picture or without, and where the doctor tries it."""
JSON_PATH = "/api/v1/jobs"
"""Ends like one of them, and takes no picture."""
PICTURE_TYPES = ("image/jpeg", "image/webp")
HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
STRANGE_HOST = (
    "this server does not answer to that host name: whoever runs it can give it that name with "
    "RUSHES_PUBLIC_URL or RUSHES_ALLOWED_HOSTS"
)
LOGGED_PATH = 200
LINK = re.compile(r"/s/.*", re.DOTALL)
"""From here on an address is a link that opens a clip to whoever reads it."""
LINGER_MAX = 8_000_000
LINGER_S = 5
"""How many bytes, for how many seconds, are thrown away after a body was refused."""


class RequestLog:
    """Gives each request an id and, when it is over, one line: method, path, status, time, client.

    No query, no header, no client-made text but the path, whose odd characters are escaped; a link
    to a clip is cut short, since it opens what it names.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request and watch its status."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        logs.request_id.set(request_id)  # for this request's own task and those it begins
        began, status = time.monotonic(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            _tell(scope, status, time.monotonic() - began)


def _tell(scope: Scope, status: int, took_s: float) -> None:
    fields = {
        "method": escaped(scope["method"]),
        "path": escaped(LINK.sub("/s/***", scope["path"])),
        "status": status,
        "ms": round(took_s * 1000),
        "client": escaped(client_host(scope)) or "-",
    }
    line = "%(method)s %(path)s %(status)d %(ms)d ms %(client)s"
    access.info(line, fields, extra={"fields": fields})


def escaped(text: str) -> str:
    """Return text that cannot begin a new log line or steer a terminal."""
    return text[:LOGGED_PATH].encode("unicode_escape").decode("ascii")


class BodyLimit:
    """Refuses a body that is too large: by its declared length, else once it has grown past it."""

    def __init__(self, app: ASGIApp, *, form_max: int, json_max: int, upload_max: int) -> None:
        self.app = app
        self.form_max = form_max
        self.upload_max = upload_max
        self.json_max = json_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request with its body counted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        media_type = headers.get("content-type", "").lower()
        limit = self._limit(scope["path"], media_type)
        body = _Body(receive, limit)
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or len(declared) > len(str(limit)) or int(declared) > limit:
            problem = Problem.of_status(413, _too_large(limit), Connection="close")
            body.is_refused = True
            await plain_answer(scope, problem)(scope, receive, body.lingering(send))
            return
        await self.app(scope, body.counted, body.lingering(send))

    def _limit(self, path: str, media_type: str) -> int:
        is_upload = path.endswith(UPLOAD_PATHS) and not path.endswith(JSON_PATH)
        if media_type.startswith(UPLOAD_TYPE) and is_upload:
            return self.upload_max
        is_from_page = media_type.startswith(FORM_TYPES + PICTURE_TYPES)
        return self.form_max if is_from_page else self.json_max


class _Body:
    """What is being sent: counted while it is read, and thrown away once it is refused."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.receive = receive
        self.limit = limit
        self.seen = 0
        self.is_refused = False
        self.is_whole = False

    async def counted(self) -> Message:
        """Receive the next part; raises HTTPException once it is too much."""
        message = await self._next()
        if self.seen > self.limit:
            self.is_refused = True
            raise HTTPException(413, _too_large(self.limit), {"Connection": "close"})
        return message

    def lingering(self, send: Send) -> Send:
        """Answer at once, but do not hang up on what is still being sent: that undoes the answer.

        A connection that is closed with bytes unread is reset, and the far side, a proxy above
        all, then loses what it was told.
        """

        async def lingering(message: Message) -> None:
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            if is_last and self.is_refused:
                await send({**message, "more_body": True})
                await self._run_out()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        return lingering

    async def _run_out(self) -> None:
        most = self.seen + LINGER_MAX
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while self.seen < most and not self.is_whole:
                    await self._next()

    async def _next(self) -> Message:
        message = await self.receive()
        self.seen += len(message.get("body", b""))
        self.is_whole = not message.get("more_body")
        return message


def _too_large(limit: int) -> str:
    return f"at most {limit // 1024} KiB can be sent here"


class HostCheck:
    """Answers only to our own names, so that a stranger's name cannot be pointed at us."""

    def __init__(self, app: ASGIApp, *, allowed: frozenset[str]) -> None:
        self.app = app
        self.allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request if it carries exactly one `Host`, and a known one."""
        if scope["type"] != "http" or self._is_ours(Headers(scope=scope).getlist("host")):
            await self.app(scope, receive, send)
            return
        problem = Problem(400, "strange_host", STRANGE_HOST)
        await plain_answer(scope, problem)(scope, receive, send)

    def _is_ours(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        match = HOST.fullmatch(hosts[0].lower())
        return match is not None and match[1] in self.allowed


class SameOriginOnly:
    """Refuses whatever would change something and comes from another site's page.

    With `is_strict` a program must bring a token of ours: what a proxy knows people by may be
    anything that a browser sends by itself.
    """

    def __init__(self, app: ASGIApp, *, public: PublicAddress, is_strict: bool = False) -> None:
        self.app = app
        self.public = public
        self.is_strict = is_strict

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward safe methods, our own pages' requests, and programs that are no browsers."""
        is_safe = scope["type"] != "http" or scope["method"] in SAFE_METHODS
        if is_safe or self._is_trusted(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        problem = Problem.of_status(403, "this request came from another site")
        await plain_answer(scope, problem)(scope, receive, send)

    def _is_trusted(self, headers: Headers) -> bool:
        """Decide as Go's CrossOriginProtection does, and distrust an origin of `null` always."""
        origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
        if "null" in origins or len(origins) > 1 or len(sites) > 1:
            return False
        if sites:
            return sites[0] in {"same-origin", "none"}
        if origins:
            return self._is_own(origins[0].lower(), headers.get("host", "").lower())
        # No browser adds a token of ours by itself, and at the gate it alone speaks.
        by_token = bearer_token(headers) is not None
        return by_token or (not self.is_strict and _is_no_browser(headers))

    def _is_own(self, origin: str, host: str) -> bool:
        # Behind a proxy that ends TLS our scheme is not the browser's: hosts are compared.
        return origin == self.public.origin or origin.partition("://")[2] == host


def bearer_token(headers: Headers) -> str | None:
    """Return the token of ours that a request brings; what a portal sends there is none.

    Proxies look for one wherever it may stand to let a request pass, and so it counts anywhere.
    """
    for value in ",".join(headers.getlist("authorization")).split(","):
        kind, _, text = value.strip().partition(" ")
        if kind.lower() == "bearer" and text.strip().startswith(PREFIX):
            return text.strip()
    return None


def _is_no_browser(headers: Headers) -> bool:
    """Whether a request without either header can be trusted: no cookie speaks for a person."""
    cookies = headers.get("cookie", "").split(";")
    return not any(cookie.partition("=")[0].strip().endswith(COOKIE) for cookie in cookies)
