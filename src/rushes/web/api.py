"""The JSON API, version 1: what scripts can rely on."""

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from rushes.domain import Catalogue, Job, JobQuery, JobStatus, Scope, VideoRequest, Viewer
from rushes.errors import InvalidRequest
from rushes.jobs.directory import ConfiguredBackend
from rushes.jobs.forecast import Turn
from rushes.web.dependencies import CurrentSite, CurrentViewer, JobId, OwnJob, Site
from rushes.web.forms import ALSO_MAX, COUNT_MAX
from rushes.web.problems import ALWAYS, NO_SUCH_JOB, TOO_MANY
from rushes.web.wording.troubles import quotable

BackendId = Annotated[str, Field(max_length=300)]

router = APIRouter(prefix="/api/v1", tags=["jobs"], responses=ALWAYS)


class NewJob(BaseModel):
    """A recipe, and how many clips to make of it. An absent field is the backend's choice."""

    model_config = ConfigDict(extra="forbid")

    prompt: str
    negative_prompt: str | None = None
    model: str | None = None
    duration_s: float | None = Field(
        default=None, validation_alias=AliasChoices("duration_s", "duration")
    )
    aspect_ratio: str | None = None
    resolution: str | None = None
    width: int | None = None
    height: int | None = None
    fps: int | None = None
    num_frames: int | None = None
    seed: int | None = None
    audio: bool | None = None
    steps: int | None = None
    guidance: float | None = None
    extra: dict[str, bool | int | float | str] = Field(default_factory=dict, max_length=40)
    """Settings that only this backend knows: those of `passthrough` in `GET /api/v1/backends`."""
    count: int = Field(default=1, ge=1, le=COUNT_MAX)
    backend: BackendId | None = None
    also: list[BackendId] = Field(default_factory=list, max_length=ALSO_MAX)
    """Ids of other backends that get the same, with the nearest settings that they take."""

    def request(self) -> VideoRequest:
        """Return the recipe alone; raises InvalidRequest, naming the field."""
        recipe = self.model_dump(exclude={"count", "backend", "also"}, exclude_none=True)
        try:
            return VideoRequest(**recipe)
        except ValidationError as problem:
            error = problem.errors()[0]
            where = ".".join(str(part) for part in error["loc"])
            sentence = error["msg"].removeprefix("Value error, ")
            raise InvalidRequest(sentence, field=where or None) from problem


class FailureOut(BaseModel):
    """Why a job ended without a clip, or why its end is unknown.

    `message` is in the backend's own words; empty where it said nothing, and for all but operators
    where it speaks of the account.
    """

    kind: str
    message: str
    stage: str


class ClipOut(BaseModel):
    """The finished clip; `size` in bytes, sides in pixels."""

    url: str
    media_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    duration_s: float | None


class QueueOut(BaseModel):
    """Where a waiting job stands: how many start before it, and when its clip may be here.

    In seconds from now: half of all clips are here after `usual_s`, nine of ten after `late_s`;
    null where too little was measured, or the backend takes no jobs now.
    """

    ahead: int
    usual_s: int | None
    late_s: int | None

    @classmethod
    def of(cls, turn: Turn) -> Self:
        """Tell a turn to a program."""
        ready = turn.ready
        return cls(
            ahead=turn.place - 1,
            usual_s=round(ready.low.total_seconds()) if ready else None,
            late_s=round(ready.high.total_seconds()) if ready else None,
        )


class JobOut(BaseModel):
    """One job. `progress` is a percentage, or null while it is not known."""

    id: str
    status: JobStatus
    progress: int | None
    eta_s: int | None
    """How many seconds more the backend expects to need, while it works and where it says so."""
    failure: FailureOut | None
    request: dict[str, Any]
    clip: ClipOut | None
    created_at: datetime
    finished_at: datetime | None
    queue: QueueOut | None
    batch: str
    origin: str | None
    backend: str

    @classmethod
    async def of(cls, job: Job, site: Site, viewer: Viewer) -> Self:
        """Tell a job to a program: nothing of the backend's addresses, ids or details."""
        turn = await site.jobs.turn(job)
        return cls(
            id=job.id,
            status=job.status,
            progress=job.progress,
            eta_s=_eta(job),
            failure=_failure(job, viewer),
            request=_asked(job, site),
            clip=_clip(job, site),
            created_at=job.created_at,
            finished_at=job.finished_at,
            queue=QueueOut.of(turn) if turn else None,
            batch=job.batch,
            origin=job.origin,
            backend=job.backend,
        )


def _eta(job: Job) -> int | None:
    if job.status is not JobStatus.IN_PROGRESS or job.remote is None or job.remote.eta is None:
        return None
    return round(job.remote.eta.total_seconds())


def _asked(job: Job, site: Site) -> dict[str, Any]:
    asked = job.request.model_dump(exclude_none=True, exclude_defaults=True)
    if job.request.first_frame is not None:
        asked["first_frame"] = site.addresses.first_frame(job.id)
    return asked


def _failure(job: Job, viewer: Viewer) -> FailureOut | None:
    failure = job.failure
    if failure is None:
        return None
    message = quotable(failure.kind, failure.message, viewer)
    return FailureOut(kind=failure.kind, message=message, stage=failure.stage)


def _clip(job: Job, site: Site) -> ClipOut | None:
    clip = job.clip
    if clip is None:
        return None
    return ClipOut(
        url=site.addresses.clip(job.id),
        media_type=clip.media_type,
        size=clip.size,
        sha256=clip.sha256,
        width=clip.width,
        height=clip.height,
        duration_s=clip.duration_s,
    )


class JobsOut(BaseModel):
    """A page of jobs, newest first; `next` goes into `after` for the page that follows."""

    jobs: list[JobOut]
    next: str | None


class ListQuery(BaseModel):
    """Which jobs to list."""

    model_config = ConfigDict(extra="forbid")

    after: str | None = Field(default=None, max_length=200)
    limit: int = Field(default=24, ge=1, le=100)
    q: str | None = Field(default=None, max_length=200)
    status: list[JobStatus] = Field(default_factory=list)
    batch: str | None = Field(default=None, max_length=100)
    backend: str | None = Field(default=None, max_length=100)

    def job_query(self, owner: str) -> JobQuery:
        """Return the question in the domain's words."""
        return JobQuery(
            Scope(owner),
            text=self.q,
            statuses=frozenset(self.status) or None,
            batch=self.batch,
            backend=self.backend,
            after=self.after,
            limit=self.limit,
        )


@router.get("/jobs")
async def list_jobs(
    site: CurrentSite, viewer: CurrentViewer, query: Annotated[ListQuery, Query()]
) -> JobsOut:
    """List your jobs."""
    page = await site.jobs.search(viewer, query.job_query(viewer.owner))
    return JobsOut(jobs=[await JobOut.of(job, site, viewer) for job in page.jobs], next=page.next)


@router.post("/jobs", status_code=202, responses=TOO_MANY)
async def create_jobs(
    site: CurrentSite,
    viewer: CurrentViewer,
    new: NewJob,
    response: Response,
    key: Annotated[
        str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)
    ] = None,
) -> JobOut:
    """Ask for a clip, or for `count` of them; the answer is the first job of the batch.

    With an `Idempotency-Key`, the same body is the same batch, and another body an error.
    """
    recipe = new.request()
    if key is None:
        batch = await site.jobs.submit(
            viewer, recipe, count=new.count, backend=new.backend, also=new.also
        )
    else:
        batch = await site.jobs.submit_once(
            viewer, recipe, count=new.count, backend=new.backend, also=new.also, key=key
        )
    response.headers["Location"] = site.addresses.api_job(batch[0].id)
    return await JobOut.of(batch[0], site, viewer)


async def told_job(job: OwnJob, site: CurrentSite, viewer: CurrentViewer) -> JobOut:
    """Return one job as the API tells it."""
    return await JobOut.of(job, site, viewer)


@router.get("/jobs/{job_id}", responses=NO_SUCH_JOB)
async def get_job(job: Annotated[JobOut, Depends(told_job)]) -> JobOut:
    """Look at one job."""
    return job


@router.post("/jobs/{job_id}/cancel", responses=NO_SUCH_JOB)
async def cancel_job(site: CurrentSite, viewer: CurrentViewer, job_id: JobId) -> JobOut:
    """Wish a job's end; `status` tells when it has come."""
    return await JobOut.of(await site.jobs.cancel(viewer, job_id), site, viewer)


@router.delete("/jobs/{job_id}", status_code=204, responses=NO_SUCH_JOB)
async def delete_job(site: CurrentSite, viewer: CurrentViewer, job_id: JobId) -> None:
    """Put a job away; one that still runs is cancelled first."""
    await site.jobs.delete(viewer, job_id)


class SettingOut(BaseModel):
    """Which values a setting may have: of one type, among `choices` where there are any."""

    type: str
    min: float | None
    max: float | None
    choices: list[bool | int | float | str]


class ModelOut(BaseModel):
    """What one model takes; an empty list means that there is no such choice.

    `pixels` tells whether any `width` and `height` can be asked for; else they must be what a shape
    and a resolution mean there. `has_sound`: a clip has sound where `audio` is absent. `prompt_max`
    counts code points or units of UTF-16 (`utf16`).
    """

    durations: list[float]
    aspect_ratios: list[str]
    resolutions: list[str]
    pixels: bool
    seed: bool
    negative_prompt: bool
    audio: bool
    has_sound: bool
    fps: SettingOut | None
    num_frames: SettingOut | None
    steps: SettingOut | None
    guidance: SettingOut | None
    passthrough: dict[str, SettingOut]
    n_max: int
    prompt_max: int
    prompt_unit: str


class BackendOut(BaseModel):
    """A backend that jobs can be sent to. `models` is empty until it has told them."""

    id: str
    name: str
    host: str
    is_up: bool
    is_held: bool
    default_model: str
    models: dict[str, ModelOut]

    @classmethod
    def of(cls, backend: ConfiguredBackend) -> Self:
        """Tell a backend to a program."""
        catalogue = backend.catalogue or Catalogue({})
        models = {
            name: ModelOut.model_validate(takes, from_attributes=True)
            for name, takes in catalogue.models.items()
        }
        return cls(
            id=backend.id,
            name=backend.name,
            host=backend.host,
            is_up=backend.is_up,
            is_held=backend.is_held,
            default_model=backend.default_model,
            models=models,
        )


@router.get("/backends")
async def list_backends(site: CurrentSite, _: CurrentViewer) -> list[BackendOut]:
    """List the backends, the default one first."""
    return [BackendOut.of(backend) for backend in site.jobs.backends.all()]
