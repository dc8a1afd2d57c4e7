"""Addresses that only lead on: a slash too many, the answer to a form, the icon of a browser."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from rushes.web.dependencies import CurrentSite, JobId

READ = ["GET", "HEAD"]
MOVED = 308

router = APIRouter(include_in_schema=False)


@router.api_route("/{page}/", methods=READ)
async def page_with_a_slash(
    request: Request, site: CurrentSite, page: Literal["jobs", "library", "about"]
) -> Response:
    """Lead on to the page without it."""
    to = site.addresses
    address = {"jobs": to.jobs, "library": to.library, "about": to.about}[page]()
    return _moved(request, address)


@router.api_route("/jobs/{job_id}/", methods=READ)
async def job_with_a_slash(request: Request, site: CurrentSite, job_id: JobId) -> Response:
    """Lead on to the job without it."""
    return _moved(request, site.addresses.job(job_id))


@router.api_route("/jobs/{job_id}/shares", methods=READ)
async def a_link_that_was_shown_once(site: CurrentSite, job_id: JobId) -> Response:
    """Lead back to the job: a link is shown by the answer to the form, and never again."""
    return RedirectResponse(site.addresses.job(job_id), 303)


@router.api_route("/account/tokens", methods=READ)
async def a_token_that_was_shown_once(site: CurrentSite) -> Response:
    """Lead back to the account: a token is shown by the answer to the form, and never again."""
    return RedirectResponse(site.addresses.account(), 303)


@router.api_route("/admin/people/add", methods=READ)
@router.api_route("/admin/people/password", methods=READ)
async def a_password_that_was_shown_once(site: CurrentSite) -> Response:
    """Lead back to the people: a password is shown by the answer to the form, and never again."""
    return RedirectResponse(site.addresses.admin(), 303)


@router.api_route("/favicon.ico", methods=READ)
async def icon(site: CurrentSite) -> Response:
    """Lead on to the icon, for whoever does not look into the page."""
    return RedirectResponse(site.addresses.static("favicon.svg"), 302)


def _moved(request: Request, address: str) -> Response:
    query = request.url.query
    return RedirectResponse(f"{address}?{query}" if query else address, MOVED)
