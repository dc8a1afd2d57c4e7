"""Signing in and out, and the gate that asks for it at every address but a few."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException

from rushes.domain import LOCAL_VIEWER
from rushes.errors import RushesError
from rushes.web.dependencies import CurrentSite, CurrentTranslate, current_translate, site_of
from rushes.web.door import SessionCookie
from rushes.web.errors import Problem, on_http_error, on_rushes_error, plain_answer, wants_json
from rushes.web.forms import typed_values
from rushes.web.proxies import client_host
from rushes.web.rendering import Access, here

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rushes.web.dependencies import Site
    from rushes.web.door import Door, Session
    from rushes.web.prefix import PublicAddress

logger = logging.getLogger(__name__)

READ = ["GET", "HEAD"]
OPEN_TO_ALL = frozenset({"/login", "/healthz", "/readyz"})
STATIC = "/static/"
FIELDS_MAX = 50

router = APIRouter(include_in_schema=False)


class RequireSession:
    """Lets through whoever has signed in; anybody else gets no further than the door."""

    def __init__(self, app: ASGIApp, *, door: Door, public: PublicAddress) -> None:
        self.app = app
        self.door = door
        self.public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request with its session, or answer with the way to sign in."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.access = Access.STRANGER
        if self._is_open_to_all(scope["path"]):
            await self.app(scope, receive, send)
            return
        cookie = SessionCookie.of(request, self.public)
        try:
            session = await self.door.session(cookie.token(request))
            refused = await refusal(request) if session is None else None
        except RushesError as error:
            session, refused = None, await on_rushes_error(request, error)
        except HTTPException as error:
            session, refused = None, await on_http_error(request, error)
        if refused is not None:
            await refused(scope, receive, send)
        elif session is not None:
            request.state.access, request.state.session = Access.SIGNED_IN, session
            request.state.viewer = LOCAL_VIEWER
            renewing = _renewing(send, session, cookie) if session.is_renewed else send
            await self.app(scope, receive, renewing)

    def _is_open_to_all(self, path: str) -> bool:
        # As the routes see it: by the path they are chosen by, never by an address put together.
        inside = path.removeprefix(self.public.prefix)
        return inside in OPEN_TO_ALL or inside.startswith(STATIC)


def _renewing(send: Send, session: Session, cookie: SessionCookie) -> Send:
    async def renewing(message: Message) -> None:
        if message["type"] == "http.response.start" and not session.over.is_set():
            response = Response()
            cookie.give(response, session.token)
            headers = MutableHeaders(scope=message)
            headers.append("Set-Cookie", response.headers["Set-Cookie"])
        await send(message)

    return renewing


async def refusal(request: Request) -> Response:
    """Return what somebody without a session gets: the way to sign in, and typed text kept."""
    if wants_json(request.scope):
        problem = Problem(401, "sign_in_needed", "sign in first")
        return plain_answer(request.scope, problem)
    site, _ = site_of(request), current_translate(request)
    if request.method in READ:
        return _see(site.addresses.sign_in(here(request)))
    values = await _typed(request, site)
    if "prompt" in values:
        told = _("You are signed out. Your text is kept: it is sent as soon as you have signed in.")
    else:
        told = _("You are signed out. Please sign in, then try again.")
    return _page(request, site, status_code=401, values=values, told=told)


async def _typed(request: Request, site: Site) -> dict[str, str]:
    """Return what was typed into the composer, if that is what was posted."""
    if request.scope["path"] != site.addresses.jobs():
        return {}
    async with request.form(max_files=1, max_fields=FIELDS_MAX) as form:
        return typed_values(form)


def _page(
    request: Request,
    site: Site,
    *,
    status_code: int = 200,
    back: str = "",
    values: Mapping[str, str] | None = None,
    told: str = "",
    problem: str = "",
) -> Response:
    return site.renderer.page(
        "sign_in.html",
        request=request,
        status_code=status_code,
        back=back,
        values=values or {},
        told=told,
        problem=problem,
    )


@router.api_route("/login", methods=READ)
async def sign_in_page(request: Request, site: CurrentSite) -> Response:
    """Ask for the password; `next` is where to go afterwards, if it is one of our own pages."""
    if site.door is None:
        return _see(site.addresses.studio())
    return _page(request, site, back=_own(site, request.query_params.get("next")))


@router.post("/login")
async def sign_in(request: Request, site: CurrentSite, translate: CurrentTranslate) -> Response:
    """Take the password, and with it what was typed before it was asked for."""
    door = site.door
    if door is None:
        return _see(site.addresses.studio())
    async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
        password, back = str(form.get("password", "")), _own(site, form.get("next"))
        values = typed_values(form)
    host, cookie = client_host(request.scope), SessionCookie.of(request, site.config.public)
    problem = await _problem(door, host, password, translate)
    if problem is not None:
        page = _page(request, site, back=back, values=values, problem=problem.message)
        page.status_code = problem.status
        page.headers.update(problem.headers)
        return page
    token = await door.open(host, before=cookie.token(request))
    logger.info("signed in from %s", host)
    # 307 makes the browser post the same once more, this time as somebody we know.
    answer = _post_again(site) if "prompt" in values else _see(back or site.addresses.studio())
    cookie.give(answer, token)
    return answer


async def _problem(door: Door, host: str, password: str, _: CurrentTranslate) -> Problem | None:
    """Return why a password does not open the door; the same words whatever was typed."""
    wait = math.ceil((await door.must_wait(host)).total_seconds())
    if wait > 0:
        logger.warning("too many tries to sign in from %s", host)
        told = _("Too many tries. The next one is possible in {seconds} s.").format(seconds=wait)
        return Problem.of_status(429, told, **{"Retry-After": str(wait)})
    if not await door.is_right(password):
        logger.warning("a wrong password from %s", host)
        return Problem.of_status(401, _("This is not the password."))
    return None


@router.post("/logout")
async def sign_out(request: Request, site: CurrentSite) -> Response:
    """End the session, here and now."""
    if site.door is None:
        return _see(site.addresses.studio())
    cookie = SessionCookie.of(request, site.config.public)
    token = cookie.token(request)
    if token:
        await site.door.close(token)
    answer = _see(site.addresses.sign_in())
    cookie.take(answer)
    return answer


def _own(site: Site, address: object) -> str:
    """Return where to go after signing in; empty for anything that is not a page of ours."""
    return address if isinstance(address, str) and site.addresses.is_own(address) else ""


def _see(address: str) -> Response:
    return RedirectResponse(address, status_code=303)


def _post_again(site: Site) -> Response:
    return RedirectResponse(site.addresses.jobs(), status_code=307)
