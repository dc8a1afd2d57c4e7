"""One clip for whoever has a link to it, and nothing else: no way into the site, no trace of it.

Guests need not sign in: the gate lets everybody through to these addresses.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from rushes.domain import Job, Share
from rushes.errors import ClipNotFound, ClipNotReady, RushesError, ShareNotFound
from rushes.jobs.posters import Posters, poster_key
from rushes.web.clips.posters import picture
from rushes.web.clips.serving import WHILE_SHOWN, OpenClip, holding, sent
from rushes.web.dependencies import CurrentSite, site_of
from rushes.web.errors import Problem, plain_answer, wants_json

READ = ["GET", "HEAD"]
DISCREET = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
"""The address opens the clip: it is told to nobody, and no crawler keeps it."""

router = APIRouter(include_in_schema=False)

Opened = tuple[Share, Job]


async def opened(token: str, site: CurrentSite) -> Opened:
    """Return the link and what its guest may know of the job; raises ShareNotFound."""
    return await site.sharing.opened(token)


CurrentLink = Annotated[Opened, Depends(opened)]


async def open_clip(link: CurrentLink, site: CurrentSite) -> AsyncIterator[OpenClip]:
    """Hold the clip behind a link open; raises ShareNotFound."""
    _, job = link
    try:
        async with holding(job, site, WHILE_SHOWN) as held:
            yield held
    except (ClipNotFound, ClipNotReady) as error:
        raise ShareNotFound("the clip behind this link is gone") from error


@router.api_route("/s/{token}", methods=READ)
async def page(request: Request, site: CurrentSite, token: str, link: CurrentLink) -> Response:
    """Show the player, until when the link works, and the prompt if the owner wished so."""
    share, job = link
    drawn = site.renderer.page(
        "guest.html",
        request=request,
        token=token,
        share=share,
        job=job,
        has_poster=await Posters(site.clips).has(job),
    )
    return _unkept(drawn)


@router.api_route("/s/{token}/clip", methods=READ)
async def clip(
    request: Request,
    site: CurrentSite,
    held: Annotated[OpenClip, Depends(open_clip)],
    download: str = "",
) -> Response:
    """Answer with the clip, or the part of it that was asked for."""
    answer = sent(request, site, held, is_download=bool(download))
    answer.headers.update(DISCREET)
    return answer


@router.api_route("/s/{token}/poster", methods=READ)
async def poster(request: Request, site: CurrentSite, link: CurrentLink) -> Response:
    """Answer with the clip's picture."""
    _, job = link
    try:
        answer = await picture(request, site, poster_key(job.id), WHILE_SHOWN)
    except ClipNotFound as error:
        raise ShareNotFound("there is no picture behind this link") from error
    answer.headers.update(DISCREET)
    return answer


async def on_dead_link(request: Request, error: RushesError) -> Response:
    """Say that a link opens nothing; never why."""
    if not wants_json(request.scope):
        renderer = site_of(request).renderer
        return _unkept(renderer.page("guest.html", request=request, status_code=404, share=None))
    answer = plain_answer(request.scope, Problem.of(error))
    answer.headers.update(DISCREET)
    return answer


def _unkept(answer: Response) -> Response:
    answer.headers.update(DISCREET | {"Cache-Control": "private, no-store"})
    return answer
