"""The pages, and the forms that they post; all of it works without a script."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from rushes.domain import Job, Viewer, new_id
from rushes.errors import InvalidRequest, JobNotFound, RequestError
from rushes.jobs.directory import ConfiguredBackend
from rushes.jobs.forecast import Turn
from rushes.jobs.frames import Frames
from rushes.jobs.listing import listed
from rushes.jobs.posters import Posters
from rushes.web.cards import around
from rushes.web.dependencies import (
    CurrentSite,
    CurrentTranslate,
    CurrentViewer,
    JobId,
    OwnJobOrDeleted,
    Site,
    Translate,
)
from rushes.web.errors import Problem, wants_json
from rushes.web.forms import (
    DURATION_MAX,
    ComposerState,
    FormProblem,
    chosen_by_hand,
    read_wish,
    typed_number,
    typed_values,
    values_of,
)
from rushes.web.receipts import receipt_of
from rushes.web.wording.language import COOKIE, LANGUAGES

READ = ["GET", "HEAD"]
A_YEAR = 365 * 24 * 3600

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=READ)
async def studio(
    request: Request, site: CurrentSite, viewer: CurrentViewer, after: str | None = None
) -> Response:
    """Show the composer and a page of jobs.

    `?from=<job>` and `?prompt=` fill the composer; `?deleted=<job>` offers to take that back.
    """
    return await _studio(
        request,
        site,
        viewer,
        await _prefilled(request, site, viewer),
        after=after,
        undo=await _just_deleted(request, site, viewer),
    )


async def _prefilled(request: Request, site: Site, viewer: Viewer) -> ComposerState:
    query = request.query_params
    origin = await _job_or_none(site, viewer, query.get("from"))
    if origin is None:
        return ComposerState(token=new_id(), values=typed_values(query))
    values = values_of(origin, expanded="expanded" in query)
    return ComposerState(token=new_id(), values=values, origin=origin)


async def _job_or_none(site: Site, viewer: Viewer, job_id: str | None) -> Job | None:
    if job_id is None:
        return None
    try:
        return await site.jobs.get(viewer, job_id)
    except JobNotFound:
        return None


async def _just_deleted(request: Request, site: Site, viewer: Viewer) -> Job | None:
    job_id = request.query_params.get("deleted")
    if job_id is None:
        return None
    try:
        return await site.jobs.deleted(viewer, job_id)
    except JobNotFound:
        return None


async def _studio(
    request: Request,
    site: Site,
    viewer: Viewer,
    composer: ComposerState,
    *,
    status_code: int = 200,
    after: str | None = None,
    undo: Job | None = None,
) -> Response:
    # Asked first: a change that comes between is then told again, never left out.
    revision = await site.jobs.newest(viewer)
    listing = await listed(site.jobs, viewer, after)
    backends = site.jobs.backends
    backend = backends.find(composer.values.get("backend", "")) or backends.default
    composer = composer.standing_at(backend)
    return site.renderer.page(
        "studio.html",
        request=request,
        status_code=status_code,
        viewer=viewer,
        composer=composer,
        new_turn=await _new_turn(site, viewer, composer, backend),
        backend=backend,
        backends=backends.all(),
        next=listing.next,
        unseen=listing.unseen,
        undo=undo,
        revision=revision,
        **await around(site, listing.jobs),
    )


async def _new_turn(
    site: Site, viewer: Viewer, composer: ComposerState, backend: ConfiguredBackend
) -> Turn | None:
    """Return where a clip would stand that is asked for as the composer stands."""
    standing = composer.standing
    seconds = typed_number(standing.get("duration", ""), DURATION_MAX)
    return await site.jobs.outlook.turn_of(viewer.owner, backend, standing.get("model"), seconds)


@router.post("/jobs")
async def create(
    request: Request, site: CurrentSite, viewer: CurrentViewer, translate: CurrentTranslate
) -> Response:
    """Take a filled composer; what cannot be used comes back with every word still in it."""
    values, flaw = await _typed(request, site, viewer)
    origin = await _job_or_none(site, viewer, values.get("origin"))
    try:
        if flaw is not None:
            raise flaw
        wish = read_wish(values, translate)
        jobs = await site.jobs.submit(
            viewer,
            wish.request,
            count=wish.count,
            backend=wish.backend,
            also=wish.also,
            token=wish.token,
            origin=origin.id if origin else None,
        )
    except RequestError as error:
        if wants_json(request.scope):
            raise
        problem, errors = Problem.of(error), _problems(error, translate)
        composer = ComposerState(token=new_id(), values=values, errors=errors, origin=origin)
        response = await _studio(request, site, viewer, composer, status_code=problem.status)
        response.headers.update(problem.headers)
        return response
    return _see(site.addresses.job(jobs[0].id))


@router.post("/compose")
async def compose(
    request: Request, site: CurrentSite, viewer: CurrentViewer, translate: CurrentTranslate
) -> Response:
    """Draw the composer anew, for another backend or model; nothing typed is lost or judged."""
    typed, flaw = await _typed(request, site, viewer)
    values = chosen_by_hand(typed, site.jobs.backends)
    origin = await _job_or_none(site, viewer, values.get("origin"))
    token = values.get("submit_token") or new_id()
    errors = _problems(flaw, translate) if flaw else {}
    composer = ComposerState(token=token, values=values, errors=errors, origin=origin)
    return await _studio(request, site, viewer, composer)


async def _typed(
    request: Request, site: Site, viewer: Viewer
) -> tuple[dict[str, str], InvalidRequest | None]:
    """Return what was typed, an uploaded picture by the key it is kept under, and what is wrong."""
    async with request.form(max_files=1, max_fields=50) as form:
        values, picture = typed_values(form), form.get("picture")
        if "no_picture" in form:
            values.pop("first_frame", None)
        if isinstance(picture, UploadFile) and picture.size:
            try:
                drafts, brought = Frames(site.clips), await picture.read()
                values["first_frame"] = await drafts.keep_draft(viewer.owner, brought)
            except InvalidRequest as flaw:
                return values, flaw
    return values, None


def _problems(error: RequestError, translate: Translate) -> Mapping[str, str]:
    """Return a message for each field to blame; `form` is for the composer as a whole."""
    if isinstance(error, FormProblem):
        return error.errors
    problem = Problem.of(error)
    return {problem.where or "form": problem.told(translate)}


@router.api_route("/jobs", methods=READ)
@router.api_route("/compose", methods=READ)
async def to_studio(site: CurrentSite) -> Response:
    """Lead on whoever asks for an address that the form posts to."""
    return _see(site.addresses.studio())


@router.api_route("/jobs/{job_id}", methods=READ)
async def job_page(
    request: Request, site: CurrentSite, viewer: CurrentViewer, job_id: JobId, watch: str = ""
) -> Response:
    """Show one job: its state or player, what was asked and made, and what was born with it.

    Whoever is only shown the clip gets a page to watch and read it, without any move; whoever has
    deleted it may take that back.
    """
    revision = await site.jobs.newest(viewer)
    try:
        job = await site.jobs.look(viewer, job_id)
    except JobNotFound:
        return await _deleted_page(request, site, viewer, job_id)
    if job.owner != viewer.owner:
        posters = await Posters(site.clips).among([job])
        return site.renderer.page(
            "shown.html", request=request, viewer=viewer, job=job, posters=posters
        )
    batch = await site.jobs.batch(viewer, job)
    return site.renderer.page(
        "job.html",
        request=request,
        viewer=viewer,
        job=job,
        events=await site.jobs.history(viewer, job_id),
        number=1 + sum(sibling.place < job.place for sibling in batch),
        watch=watch == "1" and not job.is_final,
        origin=await _job_or_none(site, viewer, job.origin),
        links=await site.sharing.links_to(job),
        has_saved="saved" in request.query_params,
        receipt=await receipt_of(request, site, viewer, job),
        revision=revision,
        **await around(site, batch),
    )


async def _deleted_page(request: Request, site: Site, viewer: Viewer, job_id: str) -> Response:
    """Show that the viewer has deleted a job that can still be restored; raises JobNotFound."""
    job = await site.jobs.deleted(viewer, job_id)
    if wants_json(request.scope):
        raise JobNotFound(f"there is no job {job_id}")
    return site.renderer.page(
        "deleted.html", request=request, status_code=404, viewer=viewer, job=job
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


@router.post("/jobs/{job_id}/title")
async def rename(
    site: CurrentSite,
    viewer: CurrentViewer,
    job_id: JobId,
    title: Annotated[str, Form(max_length=1_000)] = "",
) -> Response:
    """Call a job something else."""
    await site.jobs.rename(viewer, job_id, title)
    return _see(site.addresses.job(job_id))


@router.api_route("/jobs/{job_id}/delete", methods=READ)
async def confirm_delete(
    request: Request, site: CurrentSite, viewer: CurrentViewer, job: OwnJobOrDeleted
) -> Response:
    """Ask before a job is put away, or before one that was put away is erased."""
    return site.renderer.page(
        "confirm_delete.html",
        request=request,
        viewer=viewer,
        job=job,
        revision=await site.jobs.newest(viewer),
    )


@router.post("/jobs/{job_id}/delete")
async def delete(site: CurrentSite, viewer: CurrentViewer, job_id: JobId) -> Response:
    """Put a job away; the studio then offers to take that back."""
    await site.jobs.delete(viewer, job_id)
    return _see(site.addresses.studio(deleted=job_id))


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
    response = _see(back if site.addresses.is_own(back) else studio_address)
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
