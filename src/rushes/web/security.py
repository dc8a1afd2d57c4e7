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

from rushes.web.door import COOKIE
from rushes.web.errors import Problem, plain_answer
from rushes.web.proxies import client_host

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rushes.web.prefix import PublicAddress

access = logging.getLogger("rushes.access")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
UPLOAD_TYPE = "multipart/form-data"
UPLOAD_PATHS = ("/jobs", "/compose")
"""Where the composer posts, with a picture or without."""
PICTURE_TYPES = ("image/jpeg", "image/webp")
HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
LOGGED_PATH = 200
LINGER_MAX = 8_000_000
LINGER_S = 5
"""How many bytes, for how many seconds, are thrown away after a body was refused."""


class RequestLog:
    """Gives each request an id and, when it is over, one line: method, path, status, time, client.

    No query, no header, no client-made text but the path, whose odd characters are escaped.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request and watch its status."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})["request_id"] = secrets.token_hex(8)
        began, status = time.monotonic(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            access.info(
                "%s %s %d %d ms %s %s",
                escaped(scope["method"]),
                escaped(scope["path"]),
                status,
                (time.monotonic() - began) * 1000,
                escaped(client_host(scope)) or "-",
                scope["state"]["request_id"],
            )


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
        if media_type.startswith(UPLOAD_TYPE) and path.endswith(UPLOAD_PATHS):
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
        problem = Problem.of_status(400, "this server does not answer to that host name")
        await plain_answer(scope, problem)(scope, receive, send)

    def _is_ours(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        match = HOST.fullmatch(hosts[0].lower())
        return match is not None and match[1] in self.allowed


class SameOriginOnly:
    """Refuses whatever would change something and comes from another site's page."""

    def __init__(self, app: ASGIApp, *, public: PublicAddress) -> None:
        self.app = app
        self.public = public

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
        return _is_no_browser(headers)

    def _is_own(self, origin: str, host: str) -> bool:
        # Behind a proxy that ends TLS our scheme is not the browser's: hosts are compared.
        return origin == self.public.origin or origin.partition("://")[2] == host


def _is_no_browser(headers: Headers) -> bool:
    """Whether a request without either header can be trusted: no cookie speaks for a person."""
    cookies = headers.get("cookie", "").split(";")
    return not any(cookie.partition("=")[0].strip().endswith(COOKIE) for cookie in cookies)
