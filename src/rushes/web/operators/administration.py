"""Pages for whoever runs the server; to everybody else nothing is here."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from rushes.domain import EVERY_BACKEND, AuditLine, Viewer
from rushes.jobs.operating import BackendView
from rushes.people.commands import COMMAND_LINE
from rushes.web.dependencies import (
    CurrentOperator,
    CurrentSite,
    CurrentTranslate,
    Site,
    Translate,
)
from rushes.web.wording.troubles import outage_of

READ = ["GET", "HEAD"]
NAME_MAX = 200

router = APIRouter(prefix="/admin", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class BackendRow:
    """A backend, and its last trouble in words: a sentence, and what only operators are told."""

    view: BackendView
    trouble: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A line of the audit, and in words its deed and who did it."""

    line: AuditLine
    deed: str
    who: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the page has to say of people beside what it always says."""

    name: str = ""
    """Whose new password it is, or the name that was typed."""
    password: str = ""
    """A new one: it is shown this once."""
    problem: str = ""
    is_operator: bool = False


@router.api_route("", methods=READ)
async def overview(
    request: Request, site: CurrentSite, viewer: CurrentOperator, translate: CurrentTranslate
) -> Response:
    """Show backends, people, limits and disk."""
    return await overview_page(request, site, viewer, translate, Said())


async def overview_page(
    request: Request, site: Site, viewer: Viewer, translate: Translate, said: Said
) -> Response:
    """Draw the overview, with what there is to say of people."""
    seen = await site.operators.overview(viewer)
    response = site.renderer.page(
        "admin.html",
        request=request,
        status_code=422 if said.problem else 200,
        viewer=viewer,
        seen=seen,
        rows=[_backend_row(view, translate) for view in seen.backends],
        every=EVERY_BACKEND,
        limits=site.jobs.limits,
        config=site.config,
        has_passwords=site.door is not None and site.door.asks_name,
        said=said,
    )
    if said.password:
        response.headers["Cache-Control"] = "no-store"
    return response


@router.api_route("/settings", methods=READ)
async def settings(request: Request, site: CurrentSite, viewer: CurrentOperator) -> Response:
    """Show every setting as it is in force."""
    return site.renderer.page(
        "admin_settings.html", request=request, viewer=viewer, settings=site.config.settings
    )


@router.api_route("/audit", methods=READ)
async def audit(
    request: Request, site: CurrentSite, viewer: CurrentOperator, translate: CurrentTranslate
) -> Response:
    """Show what operators did, newest first."""
    rows = _audit_rows(await site.operators.audit(viewer), translate)
    return site.renderer.page("admin_audit.html", request=request, viewer=viewer, rows=rows)


BackendId = Annotated[str, Form(max_length=NAME_MAX)]


@router.post("/hold")
async def hold(site: CurrentSite, viewer: CurrentOperator, backend: BackendId) -> Response:
    """Keep new jobs of a backend here, or of all."""
    await site.operators.hold(viewer, backend)
    return _back(site.addresses.admin())


@router.post("/release")
async def release(site: CurrentSite, viewer: CurrentOperator, backend: BackendId) -> Response:
    """Let them go again."""
    await site.operators.release(viewer, backend)
    return _back(site.addresses.admin())


def _back(address: str) -> Response:
    return RedirectResponse(address, status_code=303)


def _backend_row(view: BackendView, translate: Translate) -> BackendRow:
    trouble = view.backend.last_trouble
    if trouble is None:
        return BackendRow(view)
    sentence = translate(outage_of(trouble.kind)) % {"backend": view.backend.name}
    told = (trouble.remote_code, trouble.message, trouble.detail)
    return BackendRow(view, sentence, " · ".join(part for part in told if part))


def _audit_rows(lines: Iterable[AuditLine], _: Translate) -> list[AuditRow]:
    deeds = {
        "hold": _("Put on hold"),
        "release": _("Hold taken back"),
        "user_added": _("Account made"),
        "user_password": _("Password replaced"),
        "user_disabled": _("Account disabled"),
        "user_enabled": _("Account enabled"),
        "jobs_adopted": _("Jobs given an owner"),
        "prompt_read": _("Prompt read"),
    }
    places = {COMMAND_LINE: _("command line")}
    return [
        AuditRow(line, deeds.get(line.what, line.what), places.get(line.who, line.who))
        for line in lines
    ]
