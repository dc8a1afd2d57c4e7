"""Signing in and out, and what somebody gets who has not done so."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rushes.web.dependencies import (
    CurrentSite,
    CurrentTranslate,
    current_translate,
    current_visit,
    site_of,
)
from rushes.web.entry.door import SessionCookie
from rushes.web.errors import Problem, plain_answer, wants_json
from rushes.web.forms import typed_values
from rushes.web.proxies import client_host
from rushes.web.rendering import Access, here
from rushes.web.security import UPLOAD_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from rushes.web.dependencies import Site
    from rushes.web.entry.door import Door

logger = logging.getLogger(__name__)

READ = ["GET", "HEAD"]
FIELDS_MAX = 50
ADDRESS_SAFE = ":/%#?=@[]!$&'()*+,;~"
"""What an address may hold as it is."""

router = APIRouter(include_in_schema=False)


async def refusal(request: Request) -> Response:
    """Return what somebody without a session gets: the way to sign in, and typed text kept."""
    if wants_json(request.scope):
        problem = Problem(401, "sign_in_needed", "sign in first")
        return plain_answer(request.scope, problem)
    site, _ = site_of(request), current_translate(request)
    if request.method in READ:
        return _see(site.addresses.sign_in(here(request))) if site.door else _unnamed(request, site)
    values = await _typed(request, site)
    if "prompt" in values:
        told = _("You are signed out. Your text is kept: it is sent as soon as you have signed in.")
        if site.door is None:
            told = _("You are signed out. Your text is kept: sign in, then send it again.")
    else:
        told = _("You are signed out. Please sign in, then try again.")
    return _page(request, site, status_code=401, values=values, told=told)


def _unnamed(request: Request, site: Site) -> Response:
    """Tell somebody whom the proxy did not name; where to sign in only the proxy knows."""
    _ = current_translate(request)
    return site.renderer.page(
        "error.html",
        request=request,
        status_code=401,
        status=401,
        title=_("Not signed in"),
        message=_("Nobody told this server who you are. Reload the page to sign in."),
        request_id=request.state.request_id,
    )


async def _typed(request: Request, site: Site) -> dict[str, str]:
    """Return what was typed into the composer, if that is what was posted.

    A picture is not read for strangers: many of them could fill the disk that it is read to.
    """
    if request.scope["path"] != site.addresses.jobs() or _may_hold_a_picture(request, site):
        return {}
    async with request.form(max_files=1, max_fields=FIELDS_MAX) as form:
        return typed_values(form)


def _may_hold_a_picture(request: Request, site: Site) -> bool:
    media_type = request.headers.get("content-type", "").lower()
    declared = request.headers.get("content-length", "")
    is_small = declared.isdecimal() and int(declared[:10]) <= site.config.form_max
    return media_type.startswith(UPLOAD_TYPE) and not is_small


def _page(
    request: Request,
    site: Site,
    *,
    status_code: int = 200,
    back: str = "",
    name: str = "",
    values: Mapping[str, str] | None = None,
    told: str = "",
    problem: str = "",
) -> Response:
    return site.renderer.page(
        "sign_in.html",
        request=request,
        status_code=status_code,
        back=back,
        has_door=site.door is not None,
        asks_name=site.door is not None and site.door.asks_name,
        name=name,
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
        name, password = str(form.get("name", "")), str(form.get("password", ""))
        values, back = typed_values(form), _own(site, form.get("next"))
    host, cookie = client_host(request.scope), SessionCookie.of(request, site.config.public)
    wait = await door.must_wait(host, name)
    owner = await whose(door, host, wait, name, password, translate)
    if isinstance(owner, Problem):
        page = _page(request, site, back=back, name=name, values=values, problem=owner.message)
        page.status_code = owner.status
        page.headers.update(owner.headers)
        return page
    token = await door.open(host, cookie.token(request), owner)
    logger.info("signed in from %s", host)
    # 307 makes the browser post the same once more, this time as somebody we know.
    answer = _post_again(site) if "prompt" in values else _see(back or site.addresses.studio())
    cookie.give(answer, token)
    return answer


async def whose(
    door: Door, host: str, wait: timedelta, name: str, password: str, _: CurrentTranslate
) -> str | Problem:
    """Return whose password this is, or why it opens nothing: the same words whatever was typed."""
    seconds = math.ceil(wait.total_seconds())
    if seconds > 0:
        logger.warning("too many tries to sign in from %s", host)
        told = _("Too many tries. The next one is possible in {seconds} s.").format(seconds=seconds)
        return Problem.of_status(429, told, **{"Retry-After": str(seconds)})
    owner = await door.recognise(name, password)
    if owner is None:
        logger.warning("a wrong password from %s", host)
        wrong = _("The name or the password is wrong.") if door.asks_name else None
        return Problem.of_status(401, wrong or _("This is not the password."))
    return owner


@router.post("/logout")
async def sign_out(request: Request, site: CurrentSite) -> Response:
    """End the session, here and now, or lead on to the portal that ends it."""
    if site.door is None:
        return _to_the_portal(request, site)
    cookie = SessionCookie.of(request, site.config.public)
    token = cookie.token(request)
    if token:
        await site.door.close(token)
    answer = _see(site.addresses.sign_in())
    cookie.take(answer)
    return answer


def _to_the_portal(request: Request, site: Site) -> Response:
    """End whatever is open of somebody whom a portal vouches for, and lead them there.

    Not by a redirect: it would have to be let through `form-action`, and so would every further
    one, of hosts that only the portal knows.
    """
    visit, portal = current_visit(request), site.config.logout_url
    if site.people is None or visit is None or visit.by_token:
        return _see(site.addresses.studio())
    site.people.presence.end(visit.key)
    logger.info("signed out from %s", client_host(request.scope))
    if not portal:
        return _see(site.addresses.studio())
    request.state.access = Access.STRANGER
    address = quote(portal, safe=ADDRESS_SAFE)
    answer = site.renderer.page("leaving.html", request=request, portal=address)
    answer.headers["Refresh"] = f"0; url={address}"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _own(site: Site, address: object) -> str:
    """Return where to go after signing in; empty for anything that is not a page of ours."""
    return address if isinstance(address, str) and site.addresses.is_own(address) else ""


def _see(address: str) -> Response:
    return RedirectResponse(address, status_code=303)


def _post_again(site: Site) -> Response:
    return RedirectResponse(site.addresses.jobs(), status_code=307)
