"""One's own account: name and groups, a new password, and tokens for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from rushes.domain import TokenScope, Viewer
from rushes.errors import InvalidRequest, NotAllowed
from rushes.web.dependencies import (
    CurrentSite,
    CurrentTranslate,
    CurrentViewer,
    CurrentVisit,
    People,
)
from rushes.web.entry.door import SessionCookie
from rushes.web.entry.signing_in import whose
from rushes.web.errors import Problem
from rushes.web.proxies import client_host

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rushes.web.dependencies import Site

READ = ["GET", "HEAD"]
LIVES = (7, 30, 90, 365)
"""For how many days a token may open something; 0 is until it is revoked."""

router = APIRouter(include_in_schema=False)


def own_people(site: CurrentSite, visit: CurrentVisit) -> People:
    """Return the people, for whoever came in person: a token must not make another one."""
    if site.people is None:
        raise HTTPException(404)
    if visit is None or visit.by_token:
        raise NotAllowed("a token cannot change an account")
    site.people.tokens.lock()  # a form can take long to arrive: is it still the same one?
    if visit.over.is_set():
        raise HTTPException(401)
    return site.people


OwnPeople = Annotated[People, Depends(own_people)]


@dataclass(frozen=True, slots=True)
class Said:
    """What the page has to say beside what it always says."""

    token: str = ""
    """A new one: it is shown this once."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """A message for each field to blame."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@router.api_route("/account", methods=READ)
async def account_page(
    request: Request, site: CurrentSite, viewer: CurrentViewer, people: OwnPeople
) -> Response:
    """Show who one is here, and the tokens that speak for one."""
    return await _page(request, site, viewer, people, Said())


async def _page(
    request: Request, site: Site, viewer: Viewer, people: People, said: Said
) -> Response:
    longest = people.tokens.longest
    response = site.renderer.page(
        "account.html",
        request=request,
        status_code=said.status,
        viewer=viewer,
        has_password=site.door is not None and site.door.asks_name,
        changed=request.query_params.get("changed", ""),
        tokens=await people.tokens.good_ones(viewer.owner),
        lives=[days for days in LIVES if longest is None or days <= longest.days],
        may_be_endless=longest is None,
        said=said,
    )
    response.headers.update(said.headers)
    if said.token:
        response.headers["Cache-Control"] = "no-store"
    return response


@router.post("/account/password")
async def change_password(
    request: Request,
    site: CurrentSite,
    viewer: CurrentViewer,
    people: OwnPeople,
    translate: CurrentTranslate,
    password: Annotated[str, Form(max_length=2_000)] = "",
    new: Annotated[str, Form(max_length=2_000)] = "",
    again: Annotated[str, Form(max_length=2_000)] = "",
    end_tokens: Annotated[bool, Form()] = False,
) -> Response:
    """Take a new password from whoever knows the old one; every other session ends."""
    door, accounts, _ = site.door, people.accounts, translate
    if door is None or accounts is None:
        raise HTTPException(404)
    if new != again:
        said = Said(errors={"again": _("These are two different passwords.")}, status=422)
        return await _page(request, site, viewer, people, said)
    host, cookie = client_host(request.scope), SessionCookie.of(request, site.config.public)
    wait = await door.must_wait_inside(viewer.owner)
    owner = await whose(door, host, wait, viewer.owner, password, translate)
    if isinstance(owner, Problem):
        said = Said(errors={"old": owner.message}, status=owner.status, headers=owner.headers)
        return await _page(request, site, viewer, people, said)
    try:
        await accounts.change_password(owner, new, keeps_tokens=not end_tokens)
    except InvalidRequest as error:
        return await _page(request, site, viewer, people, _refused(error, translate))
    token = await door.open(host, cookie.token(request), owner)
    answer = RedirectResponse(site.addresses.account("password"), status_code=303)
    cookie.give(answer, token)
    return answer


@router.post("/account/tokens")
async def make_token(
    request: Request,
    site: CurrentSite,
    viewer: CurrentViewer,
    people: OwnPeople,
    translate: CurrentTranslate,
    label: Annotated[str, Form(max_length=1_000)] = "",
    scope: Annotated[TokenScope, Form()] = TokenScope.READ,
    days: Annotated[int, Form(ge=0, le=max(LIVES))] = 30,
) -> Response:
    """Make a token and show it, this once."""
    life = timedelta(days=days) if days else None
    try:
        token = await people.tokens.issue(viewer.owner, label, scope, life)
    except InvalidRequest as error:
        return await _page(request, site, viewer, people, _refused(error, translate))
    return await _page(request, site, viewer, people, Said(token=token))


@router.post("/account/tokens/{token_id}/revoke")
async def revoke_token(
    site: CurrentSite, viewer: CurrentViewer, people: OwnPeople, token_id: str
) -> Response:
    """Take a token back, at once."""
    if not await people.tokens.revoke(viewer.owner, token_id):
        raise HTTPException(404)
    return RedirectResponse(site.addresses.account("token"), status_code=303)


def _refused(error: InvalidRequest, translate: CurrentTranslate) -> Said:
    return Said(errors={error.field or "form": error.told(translate)}, status=422)
