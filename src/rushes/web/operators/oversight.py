"""Somebody else's prompt, read by an operator where the policy lets them."""

from fastapi import APIRouter, Request, Response

from rushes.web.dependencies import CurrentSite, CurrentViewer, JobId

router = APIRouter(include_in_schema=False)


@router.api_route("/admin/jobs/{job_id}", methods=["GET", "HEAD"])
async def read(
    request: Request, site: CurrentSite, viewer: CurrentViewer, job_id: JobId
) -> Response:
    """Show what was asked, but not the clip; the audit has the line before the page is drawn."""
    job = await site.oversight.read(viewer, job_id)
    return site.renderer.page("read_job.html", request=request, viewer=viewer, job=job)
