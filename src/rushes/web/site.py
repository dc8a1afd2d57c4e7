"""The whole site as one ASGI application, put together from its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

import rushes
from rushes.errors import RushesError, ShareNotFound
from rushes.jobs.frames import FRAME_MAX
from rushes.web import (
    about,
    api,
    detours,
    erasing,
    errors,
    events,
    exporting,
    guests,
    health,
    library,
    manifest,
    pages,
    queue,
    security_txt,
    sharing,
)
from rushes.web.clips import posters, serving
from rushes.web.entry import account, signing_in
from rushes.web.entry.gate import Gate
from rushes.web.headers import ResponseHeaders, Scripted, complete
from rushes.web.operators import administration, doctor, metrics, oversight, people
from rushes.web.prefix import NormalisePrefix
from rushes.web.proxies import TrustedProxies
from rushes.web.security import BodyLimit, HostCheck, RequestLog, SameOriginOnly
from rushes.web.static import FOR_A_WHILE, FOR_EVER, CachedFiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from fastapi import Request
    from starlette.responses import Response

    from rushes.web.dependencies import Site

PARTS = (
    signing_in,
    account,
    pages,
    library,
    manifest,
    queue,
    serving,
    posters,
    about,
    events,
    api,
    health,
    doctor,
    sharing,
    guests,
    oversight,
    exporting,
    erasing,
    security_txt,
    detours,
)


def create_site(
    site: Site, *, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None
) -> FastAPI:
    """Return the application; `lifespan` starts and stops whatever runs beside it."""
    app = FastAPI(
        title="Rushes",
        version=rushes.__version__,
        docs_url=None,  # it would load its scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        lifespan=lifespan,
        middleware=_middleware(site),
        exception_handlers={
            RushesError: errors.on_rushes_error,
            ShareNotFound: guests.on_dead_link,
            HTTPException: errors.on_http_error,
            RequestValidationError: errors.on_invalid_input,
            Exception: _on_crash,
        },
    )
    app.state.site = site
    app.state.feed = events.Feed(site)
    for part in PARTS:
        app.include_router(part.router)
    app.include_router(doctor.probes)
    app.include_router(administration.router)
    app.include_router(people.router)
    app.include_router(metrics.router)
    _mount_static(app, site)
    return app


def _middleware(site: Site) -> list[Middleware]:
    """Return what a request passes, outermost first."""
    config = site.config
    passed = [
        Middleware(TrustedProxies, trusted=config.trusted_proxies),
        Middleware(RequestLog),
        Middleware(ResponseHeaders),
        Middleware(Scripted),
        Middleware(
            BodyLimit,
            form_max=config.form_max,
            json_max=config.json_max,
            upload_max=config.form_max + FRAME_MAX,
        ),
        Middleware(HostCheck, allowed=config.allowed_hosts),
        Middleware(SameOriginOnly, public=config.public, is_strict=_is_vouched(site)),
        Middleware(NormalisePrefix, prefix=config.public.prefix),
    ]
    if site.people is not None:
        passed.append(Middleware(Gate, site=site, people=site.people))
    return passed


def _is_vouched(site: Site) -> bool:
    """Whether it is a proxy that says who somebody is."""
    return site.people is not None and site.people.identity is not None


def _mount_static(app: FastAPI, site: Site) -> None:
    folder, digest = site.config.static, site.addresses.static_digest
    if digest:
        app.mount(f"/static/{digest}", CachedFiles(folder, FOR_EVER))
    app.mount("/static", CachedFiles(folder, FOR_A_WHILE))


async def _on_crash(request: Request, error: Exception) -> Response:
    # The framework answers a crash outside of our middleware.
    response = await errors.on_crash(request, error)
    complete(response.headers, request.state.request_id)
    return response
