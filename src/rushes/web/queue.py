"""The queue: one's own jobs in their order, and of all others only how many there are."""

from fastapi import APIRouter, Request, Response

from rushes.domain import UNDER_WAY, Job, JobQuery, JobStatus, Scope
from rushes.jobs.forecast import Turn
from rushes.web.cards import around
from rushes.web.dependencies import CurrentSite, CurrentViewer

SHOWN_MAX = 200

router = APIRouter(include_in_schema=False)


@router.api_route("/queue", methods=["GET", "HEAD"])
async def queue(
    request: Request, site: CurrentSite, viewer: CurrentViewer, watch: str = ""
) -> Response:
    """Show what waits and what runs; `?watch=1` refreshes itself without a script."""
    revision = await site.jobs.newest(viewer)
    mine = JobQuery(Scope(viewer.owner), statuses=UNDER_WAY, limit=SHOWN_MAX)
    page = await site.jobs.search(viewer, mine)
    beside = await around(site, page.jobs)
    beside["jobs"].sort(key=lambda job: _order(job, beside["turns"].get(job.id)))
    return site.renderer.page(
        "queue.html",
        request=request,
        viewer=viewer,
        state=await site.jobs.outlook.state(),
        has_more=page.next is not None,
        watch=watch == "1",
        revision=revision,
        **beside,
    )


def _order(job: Job, turn: Turn | None) -> tuple[object, ...]:
    """Sort what runs before what waits, each in the order of its beginning."""
    if job.status is not JobStatus.QUEUED:
        return 0, 0, job.submitted_at or job.created_at, job.id
    return 1, turn.place if turn else SHOWN_MAX * SHOWN_MAX, job.created_at, job.place
