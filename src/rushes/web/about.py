"""What this server is, where prompts go, and what its operator wants to say."""

from fastapi import APIRouter, Request, Response

import rushes
from rushes.web.dependencies import CurrentSite, CurrentViewer

router = APIRouter(include_in_schema=False)


@router.api_route("/about", methods=["GET", "HEAD"])
async def about(request: Request, site: CurrentSite, viewer: CurrentViewer) -> Response:
    """Show the version, the backends, what is kept, and the operator's own words as plain text."""
    return site.renderer.page(
        "about.html",
        request=request,
        viewer=viewer,
        version=rushes.__version__,
        backends=site.jobs.backends.all(),
        operators_may_read=site.oversight.may_read,
        paragraphs=[part.strip() for part in site.config.about.split("\n\n") if part.strip()],
    )
