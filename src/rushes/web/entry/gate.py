"""The gate: finds out who is asking at every address but a few, and lets in nobody else.

There is one way to each answer: a token of ours speaks for itself, then a proxy's word or a
session, whichever the server is set up for. Where one is wrong, no other one is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException

from rushes.domain import LOCAL_OWNER, LOCAL_VIEWER, TokenScope, Viewer
from rushes.errors import AccountClosed, NotAllowed, RushesError
from rushes.people.presence import vouched_key
from rushes.web import manifest, security_txt
from rushes.web.dependencies import Visit
from rushes.web.entry.door import SessionCookie
from rushes.web.entry.signing_in import refusal
from rushes.web.errors import on_http_error, on_rushes_error
from rushes.web.rendering import Access
from rushes.web.security import SAFE_METHODS, bearer_token

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rushes.domain import Account
    from rushes.web.dependencies import People, Site
    from rushes.web.entry.door import Session
    from rushes.web.entry.identity import Identity

OPEN_TO_ALL = frozenset(
    {
        "/login",
        "/language",
        "/favicon.ico",
        "/healthz",
        "/readyz",
        "/metrics",
        security_txt.ADDRESS,
        manifest.ADDRESS,
    }
)
STATIC = "/static/"
DOCTOR = ("/doctor/", "/api/v1/doctor/")
"""Opened by a key of its own."""
SHARED = "/s/"
"""Opened by whoever has the link."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who was let in, and how."""

    viewer: Viewer
    access: Access
    visit: Visit
    session: Session | None = None


class Gate:
    """Lets through whoever is known; anybody else gets no further."""

    def __init__(self, app: ASGIApp, *, site: Site, people: People) -> None:
        self.app = app
        self.site = site
        self.people = people
        self.public = site.config.public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request with its visitor, or answer with the way in."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.access = Access.STRANGER
        if self._is_open_to_all(scope["path"]):
            await self.app(scope, receive, send)
            return
        came = await self._admitted(request)
        if isinstance(came, Response):
            await came(scope, receive, send)
            return
        request.state.access, request.state.viewer = came.access, came.viewer
        request.state.visit = came.visit
        await self.app(scope, receive, self._renewing(send, request, came.session))

    def _is_open_to_all(self, path: str) -> bool:
        # As the routes see it: by the path they are chosen by, never by an address put together.
        inside = path.removeprefix(self.public.prefix)
        return inside in OPEN_TO_ALL or inside.startswith((STATIC, *DOCTOR, SHARED))

    async def _admitted(self, request: Request) -> Visitor | Response:
        """Return who came in, or the answer to whoever did not."""
        try:
            visitor = await self._visitor(request)
            if visitor is None:
                return await refusal(request)
            if not visitor.viewer.may_create and request.method not in SAFE_METHODS:
                raise NotAllowed("this token may only look")
        except RushesError as error:
            return await on_rushes_error(request, error)
        except HTTPException as error:
            return await on_http_error(request, error)
        return visitor

    async def _visitor(self, request: Request) -> Visitor | None:
        rules, token = self.people.identity, bearer_token(request.headers)
        identity = rules.told(request.scope) if rules else None
        if rules and not rules.comes_from_proxy(request.scope):
            return None
        if token is not None:
            return await self._by_token(token)
        if rules:
            return await self._vouched_for(identity) if identity else None
        return await self._signed_in(request)

    async def _by_token(self, text: str) -> Visitor | None:
        token = await self.people.tokens.find(text)
        if token is None:
            return None
        may_create = token.scope is TokenScope.CREATE
        visit = Visit(token.id, self.people.presence.over(token.id), by_token=True)
        if self.people.accounts is None:
            viewer = Viewer(LOCAL_OWNER, may_create=may_create)
            return Visitor(viewer, Access.BY_TOKEN, visit) if token.owner == LOCAL_OWNER else None
        account = await self.people.accounts.find(token.owner)
        if account is None:
            return None
        viewer = Viewer(account.name, False, account.groups, may_create, is_known=True)
        return Visitor(viewer, Access.BY_TOKEN, visit)

    async def _vouched_for(self, identity: Identity) -> Visitor:
        key = vouched_key(identity.name)
        visit = Visit(key, self.people.presence.over(key))
        if self.people.accounts is None:
            raise NotAllowed
        account = await self.people.accounts.vouched_for(
            identity.name, identity.groups, is_operator=identity.is_operator
        )
        if account is None:
            raise AccountClosed("this account is closed")
        return Visitor(_viewer(account), Access.VOUCHED_FOR, visit)

    async def _signed_in(self, request: Request) -> Visitor | None:
        cookie = SessionCookie.of(request, self.public)
        door, accounts = self.site.door, self.people.accounts
        session = await door.session(cookie.token(request)) if door else None
        if session is None:
            return None
        viewer = LOCAL_VIEWER
        if accounts is not None:
            account = await accounts.find(session.owner)
            if account is None:
                return None
            viewer = _viewer(account)
        visit = Visit(session.digest, session.over)
        return Visitor(viewer, Access.SIGNED_IN, visit, session)

    def _renewing(self, send: Send, request: Request, session: Session | None) -> Send:
        """Hand the browser its token anew, where the session was prolonged."""
        if session is None or not session.is_renewed:
            return send
        cookie = SessionCookie.of(request, self.public)

        async def renewing(message: Message) -> None:
            if message["type"] == "http.response.start" and not session.over.is_set():
                response = Response()
                cookie.give(response, session.token)
                headers = MutableHeaders(scope=message)
                headers.append("Set-Cookie", response.headers["Set-Cookie"])
            await send(message)

        return renewing


def _viewer(account: Account) -> Viewer:
    return Viewer(account.name, account.is_operator, account.groups, is_known=True)
