"""The pages, and the forms that they post; all of it works without a script."""

import re
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from rushes.domain import JobPage, JobQuery, JobStatus, Scope, Viewer, new_id
from rushes.errors import InvalidRequest, JobNotFound, RequestError
from rushes.web.dependencies import (
    CurrentSite,
    CurrentTranslate,
    CurrentViewer,
    JobId,
    OwnJob,
    Site,
)
from rushes.web.errors import Problem, wants_json
from rushes.web.forms import ComposerState, FormProblem, read_wish, typed_values, values_of
from rushes.web.language import COOKIE, LANGUAGES

READ = ["GET", "HEAD"]
A_YEAR = 365 * 24 * 3600
PLAIN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=READ)
async def studio(
    request: Request, site: CurrentSite, viewer: CurrentViewer, after: str | None = None
) -> Response:
    """Show the composer, filled from `?from=<job>` or `?prompt=`, and a page of jobs."""
    composer = ComposerState(token=new_id(), values=await _prefilled(request, site, viewer))
    return await _studio(request, site, viewer, composer, after=after)


async def _prefilled(request: Request, site: Site, viewer: Viewer) -> dict[str, str]:
    source = request.query_params.get("from")
    if source is None:
        return typed_values(request.query_params)
    try:
        return values_of(await site.jobs.get(viewer, source))
    except JobNotFound:
        return {}


async def _studio(
    request: Request,
    site: Site,
    viewer: Viewer,
    composer: ComposerState,
    *,
    status_code: int = 200,
    after: str | None = None,
) -> Response:
    # Asked first: a change that comes between is then told again, never left out.
    revision = await site.jobs.revision()
    page = await site.jobs.search(viewer, JobQuery(Scope(viewer.owner), after=after))
    return site.renderer.page(
        "studio.html",
        request=request,
        status_code=status_code,
        viewer=viewer,
        composer=composer,
        backend=site.jobs.backends.default,
        jobs=list(page.jobs),
        aheads=await _aheads(site, page),
        next=page.next,
        revision=revision,
    )


async def _aheads(site: Site, page: JobPage) -> dict[str, int]:
    waiting = [job for job in page.jobs if job.status is JobStatus.QUEUED]
    return {job.id: await site.jobs.ahead(job) for job in waiting}


@router.post("/jobs")
async def create(
    request: Request, site: CurrentSite, viewer: CurrentViewer, translate: CurrentTranslate
) -> Response:
    """Take a filled composer; what cannot be used comes back with every word still in it."""
    async with request.form(max_files=1, max_fields=50) as form:
        values = typed_values(form)
    try:
        wish = read_wish(values, translate)
        jobs = await site.jobs.submit(
            viewer, wish.request, count=wish.count, backend=wish.backend, token=wish.token
        )
    except RequestError as error:
        if wants_json(request.scope):
            raise
        problem = Problem.of(error)
        told = error.told(translate) if isinstance(error, InvalidRequest) else problem.message
        shown = {problem.where or "form": told}
        errors = error.errors if isinstance(error, FormProblem) else shown
        composer = ComposerState(token=new_id(), values=values, errors=errors)
        response = await _studio(request, site, viewer, composer, status_code=problem.status)
        response.headers.update(problem.headers)
        return response
    return _see(site.addresses.job(jobs[0].id))


@router.api_route("/jobs", methods=READ)
async def to_studio(site: CurrentSite) -> Response:
    """Lead on whoever asks for the address that the form posts to."""
    return _see(site.addresses.studio())


@router.api_route("/jobs/{job_id}", methods=READ)
async def job_page(
    request: Request, site: CurrentSite, viewer: CurrentViewer, job_id: JobId, watch: str = ""
) -> Response:
    """Show one job: its state or player, what was asked, and what happened."""
    revision = await site.jobs.revision()
    job = await site.jobs.get(viewer, job_id)
    origin = None
    if job.origin is not None:
        try:
            origin = await site.jobs.get(viewer, job.origin)
        except JobNotFound:
            origin = None
    return site.renderer.page(
        "job.html",
        request=request,
        viewer=viewer,
        job=job,
        events=await site.jobs.history(viewer, job_id),
        ahead=await site.jobs.ahead(job) if job.status is JobStatus.QUEUED else None,
        watch=watch == "1" and not job.is_final,
        origin=origin,
        revision=revision,
    )


@router.post("/jobs/{job_id}/cancel")
async def cancel(site: CurrentSite, viewer: CurrentViewer, job_id: JobId) -> Response:
    """Wish a job's end."""
    await site.jobs.cancel(viewer, job_id)
    return _see(site.addresses.job(job_id))


@router.post("/jobs/{job_id}/retry")
async def retry(
    site: CurrentSite,
    viewer: CurrentViewer,
    job_id: JobId,
    token: Annotated[str | None, Form(max_length=100)] = None,
) -> Response:
    """Ask for the same again, as a new job."""
    job = await site.jobs.retry(viewer, job_id, token=token)
    return _see(site.addresses.job(job.id))


@router.post("/jobs/{job_id}/check-again")
async def check_again(site: CurrentSite, viewer: CurrentViewer, job_id: JobId) -> Response:
    """Look at the backend once more."""
    await site.jobs.check_again(viewer, job_id)
    return _see(site.addresses.job(job_id))


@router.post("/jobs/{job_id}/give-up")
async def give_up(site: CurrentSite, viewer: CurrentViewer, job_id: JobId) -> Response:
    """Stop wondering about a job."""
    await site.jobs.give_up(viewer, job_id)
    return _see(site.addresses.job(job_id))


@router.post("/jobs/{job_id}/star")
async def star(
    site: CurrentSite,
    viewer: CurrentViewer,
    job_id: JobId,
    starred: Annotated[bool, Form()] = True,
) -> Response:
    """Mark a favourite, or no longer."""
    await site.jobs.star(viewer, job_id, starred)
    return _see(site.addresses.job(job_id))


@router.api_route("/jobs/{job_id}/delete", methods=READ)
async def confirm_delete(
    request: Request, site: CurrentSite, viewer: CurrentViewer, job: OwnJob
) -> Response:
    """Ask before a job is put away."""
    return site.renderer.page(
        "confirm_delete.html",
        request=request,
        viewer=viewer,
        job=job,
        revision=await site.jobs.revision(),
    )


@router.post("/jobs/{job_id}/delete")
async def delete(site: CurrentSite, viewer: CurrentViewer, job_id: JobId) -> Response:
    """Put a job away."""
    await site.jobs.delete(viewer, job_id)
    return _see(site.addresses.studio())


@router.post("/jobs/{job_id}/restore")
async def restore(site: CurrentSite, viewer: CurrentViewer, job_id: JobId) -> Response:
    """Take a delete back."""
    await site.jobs.restore(viewer, job_id)
    return _see(site.addresses.job(job_id))


@router.post("/language")
async def choose_language(
    site: CurrentSite,
    language: Annotated[str, Form(max_length=20)],
    back: Annotated[str, Form(alias="next", max_length=2_000)] = "",
) -> Response:
    """Remember a language, and go back to where it was chosen."""
    studio_address = site.addresses.studio()
    is_ours = PLAIN_PATH.fullmatch(back) is not None and back.startswith(studio_address)
    response = _see(back if is_ours else studio_address)
    if language in LANGUAGES:
        response.set_cookie(
            COOKIE,
            language,
            max_age=A_YEAR,
            path=studio_address,
            secure=site.config.public.origin.startswith("https://"),
            httponly=True,
            samesite="lax",
        )
    return response


def _see(address: str) -> Response:
    return RedirectResponse(address, status_code=303)
