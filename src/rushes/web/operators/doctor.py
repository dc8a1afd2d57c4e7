"""The doctor's probes, and the administrator's page that makes them from a browser.

The probes tell nothing that is worth hiding, but they are for the doctor alone: each request
brings a key that the server makes anew whenever it starts.
"""

import asyncio
import hmac
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from rushes.web.clips.ranges import select
from rushes.web.clips.streaming import Stream
from rushes.web.dependencies import CurrentOperator, CurrentSite
from rushes.web.events import HEADERS as EVENT_HEADERS
from rushes.web.events import PATIENCE
from rushes.web.operators.diagnosis import (
    BYTES,
    EVENT_PAUSE_MS,
    EVENTS,
    FORGED_ADDRESS,
    FORGED_NAME,
    Expected,
    Observations,
    Seen,
    diagnose,
)
from rushes.web.proxies import client_host

READ = ["GET", "HEAD"]
KEY_HEADER = "x-rushes-doctor"
COOKIE = "rushes_doctor"
FORGED = (
    *("remote-user", "x-forwarded-user", "x-auth-request-user", "x-auth-username"),
    *("x-auth-request-preferred-username", "x-authentik-username"),
    *("x-forwarded-preferred-username", "x-webauth-user"),
)
"""What portals call their identity header."""
CUT = 200


def forgeable(*identity_headers: str) -> tuple[str, ...]:
    """Return the headers that are forged: those that are believed, if any, and their like."""
    return tuple(dict.fromkeys([*(name.lower() for name in identity_headers), *FORGED]))


def believed(site: CurrentSite) -> tuple[str, ...]:
    """Return the headers in which a proxy names people and groups; none where nothing is."""
    rules = site.people.identity if site.people is not None else None
    told = (rules.header, rules.groups_header) if rules is not None else ()
    return tuple(name for name in told if name)


BelievedHeaders = Annotated[tuple[str, ...], Depends(believed)]


def with_key(request: Request, site: CurrentSite) -> None:
    """Answer 404 to whoever does not bring the doctor's key."""
    given = request.headers.get(KEY_HEADER, "").encode()
    if not hmac.compare_digest(given, site.config.doctor_key.encode()):
        raise HTTPException(404)


router = APIRouter(include_in_schema=False)
probes = APIRouter(include_in_schema=False, dependencies=[Depends(with_key)])


@probes.get("/doctor/seen")
@probes.get("/api/v1/doctor/seen")
async def seen(request: Request, identity_headers: BelievedHeaders) -> Seen:
    """Tell how this very request arrived."""
    scope, headers = request.scope, request.headers
    raw: bytes = scope.get("raw_path") or b""
    peer = str(scope["state"].get("peer", ""))
    return Seen(
        scheme=scope["scheme"],
        host=headers.get("host", "")[:CUT],
        path=raw.decode("latin-1")[:CUT],
        client=client_host(scope)[:CUT],
        peer=peer[:CUT],
        is_proxied=_is_proxied(request),
        is_trusted=bool(scope["state"].get("is_trusted")),
        forged=tuple(
            name for name in forgeable(*identity_headers) if headers.get(name) == FORGED_NAME
        ),
    )


def _is_proxied(request: Request) -> bool:
    """Whether a proxy wrote something; the last address told was written by the last one."""
    senders = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    marks = ("via", "x-forwarded-proto", "x-forwarded-host")
    return senders[-1].strip() not in {"", FORGED_ADDRESS} or any(
        name in request.headers for name in marks
    )


@probes.get("/doctor/cookie")
async def cookie(request: Request, site: CurrentSite) -> Response:
    """Set a cookie below our prefix, and tell whether an earlier one came back."""
    response = JSONResponse({"came_back": COOKIE in request.cookies})
    is_secure = site.config.public.origin.startswith("https://")
    path = site.addresses.studio()
    response.set_cookie(COOKIE, "1", max_age=60, path=path, secure=is_secure, samesite="lax")
    return response


@probes.get("/doctor/redirect")
async def redirect(site: CurrentSite) -> Response:
    """Lead to the studio."""
    return RedirectResponse(site.addresses.studio(), status_code=303)


@probes.get("/doctor/events")
async def events(site: CurrentSite) -> Response:
    """Send a few events with a pause between them, as the real stream would."""

    async def told() -> AsyncGenerator[bytes]:
        for number in range(EVENTS):
            yield f"data: {number}\n\n".encode()
            await asyncio.sleep(EVENT_PAUSE_MS / 1000)

    return Stream(told(), stop=site.stop, patience=PATIENCE, headers=EVENT_HEADERS)


@probes.get("/doctor/bytes")
async def some_bytes(request: Request) -> Response:
    """Answer with bytes, or a range of them."""
    ranges = request.headers.get("range")
    chosen = select(size=BYTES, etag='"doctor"', ranges=ranges)
    headers = {"ETag": '"doctor"', "Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    if chosen.status == 206 and chosen.stop is not None:
        headers["Content-Range"] = f"bytes {chosen.start}-{chosen.stop - 1}/{BYTES}"
    part = bytes(BYTES)[chosen.start : chosen.stop]
    return Response(part, chosen.status, headers=headers, media_type="video/mp4")


@probes.post("/doctor/body")
async def body(request: Request) -> dict[str, int]:
    """Count what arrives of an upload."""
    async with request.form(max_files=1, max_fields=1) as form:
        upload = form.get("picture")
        return {"bytes": getattr(upload, "size", None) or 0}


@router.api_route("/admin/doctor", methods=READ)
async def page(
    request: Request, site: CurrentSite, viewer: CurrentOperator, headers: BelievedHeaders
) -> Response:
    """Show the page whose script makes the probes."""
    return site.renderer.page(
        "doctor.html",
        request=request,
        viewer=viewer,
        key=site.config.doctor_key,
        forged=forgeable(*headers),
    )


@router.post("/admin/doctor/verdict")
async def verdict(
    request: Request,
    site: CurrentSite,
    _viewer: CurrentOperator,
    headers: BelievedHeaders,
    observed: Observations,
    page: Annotated[str, Query(max_length=500)],
) -> list[dict[str, str]]:
    """Judge what a browser observed; `page` is where it stands."""
    public = site.config.public
    expected = Expected(
        page=page,
        origin=public.origin,
        prefix=public.prefix,
        identity_headers=headers,
        inside=_inside(request),
        is_open=site.people is None,
        is_open_on_purpose=site.config.is_open_on_purpose,
    )
    return [
        {
            "severity": finding.severity.value,
            "subject": finding.subject,
            "message": finding.message,
            "remedy": finding.remedy or "",
        }
        for finding in diagnose(expected, observed)
    ]


def _inside(request: Request) -> str:
    """Return the address that this very request reached."""
    host, port = request.scope.get("server") or ("", None)
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else f"unix:{host}"
