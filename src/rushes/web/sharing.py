"""The owner's forms: who else sees a clip, and links to it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from rushes.web.dependencies import CurrentSite, CurrentViewer, JobId, Site

router = APIRouter(include_in_schema=False)


@router.post("/jobs/{job_id}/visibility")
async def show(
    site: CurrentSite,
    viewer: CurrentViewer,
    job_id: JobId,
    audience: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Let a group or everybody who signs in watch a clip, or nobody else any more."""
    await site.sharing.show(viewer, job_id, audience)
    return RedirectResponse(site.addresses.job(job_id, saved=True), status_code=303)


@router.post("/jobs/{job_id}/shares")
async def share(
    request: Request,
    site: CurrentSite,
    viewer: CurrentViewer,
    job_id: JobId,
    days: Annotated[int, Form()] = 7,
    prompt: Annotated[bool, Form()] = False,
) -> Response:
    """Make a link, and show it this once: only its digest is kept."""
    token = await site.sharing.link(viewer, job_id, days=days, with_prompt=prompt)
    page = site.renderer.page(
        "shared.html",
        request=request,
        viewer=viewer,
        job=await site.jobs.get(viewer, job_id),
        link=_origin(request, site) + site.addresses.shared(token),
        days=days,
        with_prompt=prompt,
    )
    page.headers["Cache-Control"] = "no-store"
    return page


@router.post("/jobs/{job_id}/shares/{share_id}/revoke")
async def revoke(
    site: CurrentSite, viewer: CurrentViewer, job_id: JobId, share_id: str
) -> Response:
    """End a link."""
    await site.sharing.revoke(viewer, job_id, share_id)
    return RedirectResponse(site.addresses.job(job_id), status_code=303)


def _origin(request: Request, site: Site) -> str:
    """Return what stands before a path when somebody elsewhere types it."""
    spoken = f"{request.scope['scheme']}://{request.headers['host']}"
    return site.config.public.origin or spoken
