"""Pictures of clips: posters, put there once by whoever has one first, and first frames."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from rushes.errors import ClipNotFound
from rushes.jobs.posters import Posters, poster_key
from rushes.web.clips.ranges import select
from rushes.web.clips.serving import FOR_EVER, WHILE_SHOWN, relay
from rushes.web.dependencies import CurrentSite, CurrentViewer, OwnJob, SeenJob, Site
from rushes.web.headers import CLIP_POLICY

router = APIRouter(include_in_schema=False)


def posters_of(site: CurrentSite) -> Posters:
    """Return the pictures in the site's clip store."""
    return Posters(site.clips)


@router.api_route("/jobs/{job_id}/poster", methods=["PUT", "POST"], status_code=204)
async def keep(
    request: Request, job: OwnJob, posters: Annotated[Posters, Depends(posters_of)]
) -> None:
    """Take a JPEG or WebP picture of a finished clip; the first one stays."""
    await posters.keep(job, await request.body())


@router.api_route("/jobs/{job_id}/poster", methods=["GET", "HEAD"])
async def poster(
    request: Request, job: SeenJob, site: CurrentSite, viewer: CurrentViewer
) -> Response:
    """Answer with the picture; raises ClipNotFound where there is none."""
    kept = FOR_EVER if job.owner == viewer.owner else WHILE_SHOWN
    return await picture(request, site, poster_key(job.id), kept)


@router.api_route("/jobs/{job_id}/first-frame", methods=["GET", "HEAD"])
async def first_frame(request: Request, job: OwnJob, site: CurrentSite) -> Response:
    """Answer with the picture that the clip was to begin with; raises ClipNotFound."""
    if job.request.first_frame is None:
        raise ClipNotFound("this clip begins with no picture")
    return await picture(request, site, job.request.first_frame, FOR_EVER)


async def picture(request: Request, site: Site, key: str, kept: str) -> Response:
    """Answer with a picture of ours; `kept` is what caches are told. Raises ClipNotFound."""
    async with site.clips.open(key) as reader:
        headers = {
            "Cache-Control": kept,
            "Content-Security-Policy": CLIP_POLICY,
            "ETag": f'"{key}"',
        }
        match = request.headers.get("if-none-match")
        selection = select(size=reader.size, etag=headers["ETag"], ranges=None, if_none_match=match)
        if selection.status == 304:
            return Response(status_code=304, headers=headers)
        data = b"".join([part async for part in relay(reader, 0, reader.size)])
        return Response(data, headers=headers, media_type=reader.media_type)
