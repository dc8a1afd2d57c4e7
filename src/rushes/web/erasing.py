"""Erasing without undo: one job, or everything; what came of it is told as it is."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from rushes.domain import Viewer
from rushes.errors import InvalidRequest, NotAllowed
from rushes.jobs.erasing import Eraser, Erasure
from rushes.web.dependencies import (
    CurrentSite,
    CurrentTranslate,
    CurrentViewer,
    CurrentVisit,
    JobId,
    Site,
)
from rushes.web.errors import Problem

router = APIRouter(include_in_schema=False)


@router.api_route("/erase", methods=["GET", "HEAD"])
async def ask(request: Request, site: CurrentSite, viewer: CurrentViewer) -> Response:
    """Say what would go, and ask for the word."""
    return await _question(request, site, viewer)


@router.post("/erase")
async def erase(
    request: Request,
    site: CurrentSite,
    viewer: CurrentViewer,
    visit: CurrentVisit,
    translate: CurrentTranslate,
    word: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Erase everything of the viewer, if the word was typed."""
    if visit is not None and visit.by_token:
        raise NotAllowed("a token cannot erase everything")
    _ = translate
    if word.strip().casefold() != _("erase").casefold():
        error = InvalidRequest("Type the word to say that you mean it.", field="word")
        status, told = Problem.of(error).status, error.told(translate)
        return await _question(request, site, viewer, status_code=status, problem=told)
    tokens = await site.people.tokens.drop(viewer.owner) if site.people else 0
    erasure = await Eraser(site.jobs).erase_all(viewer)
    return _report(request, site, viewer, erasure, tokens=tokens)


@router.post("/jobs/{job_id}/erase")
async def erase_job(
    request: Request, site: CurrentSite, viewer: CurrentViewer, job_id: JobId
) -> Response:
    """Erase one job of the viewer, put away already or not."""
    erasure = await Eraser(site.jobs).erase_one(viewer, job_id)
    return _report(request, site, viewer, erasure)


async def _question(
    request: Request, site: Site, viewer: Viewer, *, status_code: int = 200, problem: str = ""
) -> Response:
    counts = [count for count in await site.jobs.store.tally() if count.owner == viewer.owner]
    return site.renderer.page(
        "erase.html",
        request=request,
        status_code=status_code,
        viewer=viewer,
        problem=problem,
        jobs=sum(count.count for count in counts),
        clip_bytes=sum(count.clip_bytes for count in counts),
        has_tokens=site.people is not None,
    )


def _report(
    request: Request, site: Site, viewer: Viewer, erasure: Erasure, *, tokens: int = 0
) -> Response:
    page = site.renderer.page(
        "erased.html", request=request, viewer=viewer, erasure=erasure, tokens=tokens
    )
    # Clips may lie in the browser for a year; what a browser heeds of this is its own affair.
    page.headers.update({"Cache-Control": "no-store", "Clear-Site-Data": '"cache"'})
    return page
