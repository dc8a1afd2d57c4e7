"""Figures for monitors, off until networks are named that may read them."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from rushes.domain import utc_now
from rushes.errors import StorageError
from rushes.web.dependencies import CurrentSite, Site
from rushes.web.events import CurrentFeed
from rushes.web.operators.figures import Family, of_backends, of_jobs, of_process, written
from rushes.web.proxies import client_host, is_within

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FORWARDED = ("forwarded", "via", "x-forwarded-for")
"""What a proxy adds."""

router = APIRouter(include_in_schema=False)


@router.api_route("/metrics", methods=["GET", "HEAD"])
async def metrics(request: Request, site: CurrentSite, feed: CurrentFeed) -> Response:
    """Answer monitors on the networks that the operator named; to others nothing is here."""
    if not may_look(request, site):
        raise HTTPException(404)
    jobs = await _jobs(site)
    families = [
        *of_process(site.counts, streams=feed.streams.total(), store_is_up=bool(jobs)),
        *of_backends(site.jobs.backends.all()),
        *jobs,
    ]
    return Response(written(families), media_type=MEDIA_TYPE)


def may_look(request: Request, site: Site) -> bool:
    """Whether a request comes from a network that may.

    What a proxy passes on that nobody trusts comes from who knows where, whatever its address.
    """
    is_passed_on = any(name in request.headers for name in FORWARDED)
    if is_passed_on and not request.scope["state"].get("is_trusted"):
        return False
    return is_within(client_host(request.scope), site.config.metrics_networks)


async def _jobs(site: Site) -> Sequence[Family]:
    """Return the figures of jobs; none while the store does not answer, which is told too."""
    store = site.jobs.store
    try:
        return of_jobs(await store.census(), await store.queue(), utc_now())
    except StorageError:
        return ()
