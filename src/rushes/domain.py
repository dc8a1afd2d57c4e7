"""The nouns: what a person asks for, what a backend says of it, and what we keep.

Everything here is a frozen value. A job moves by methods that return the next job; the arrows
that exist are the table `MOVES`, and any other raises `JobConflict`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations of these types
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from rushes.errors import BackendError, JobConflict
from rushes.sizes import pixel_size

ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH = 26
ID_PATTERN = r"^[a-z2-7]{26}$"
PROMPT_MAX = 32_000
LOCAL_OWNER = "local"


def new_id() -> str:
    """Return a fresh id: 26 characters `[a-z2-7]`, 130 random bits."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


def utc_now() -> datetime:
    """Return the time, aware and in UTC; the one clock that programs hand to the workflow."""
    return datetime.now(UTC)


# --- what is asked ------------------------------------------------------------------------------

Prompt = Annotated[str, StringConstraints(min_length=1, max_length=PROMPT_MAX)]
Shape = Annotated[str, StringConstraints(pattern=r"^[1-9]\d?:[1-9]\d?$")]
Resolution = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{2,3}p$")]


class VideoRequest(BaseModel):
    """One clip, as asked. A field that is None is absent: it is not sent to the backend."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt
    negative_prompt: Annotated[str, StringConstraints(max_length=2_500)] | None = None
    model: Annotated[str, StringConstraints(max_length=200)] | None = None
    duration_s: Annotated[float, Field(gt=0, le=60)] | None = None
    aspect_ratio: Shape | None = None
    resolution: Resolution | None = None
    width: Annotated[int, Field(ge=64, le=4096)] | None = None
    height: Annotated[int, Field(ge=64, le=4096)] | None = None
    fps: Annotated[int, Field(ge=1, le=120)] | None = None
    num_frames: Annotated[int, Field(ge=1, le=2000)] | None = None
    seed: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None
    audio: bool | None = None
    first_frame: str | None = None
    guidance: Annotated[float, Field(ge=0, le=100)] | None = None
    steps: Annotated[int, Field(ge=1, le=500)] | None = None
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, prompt: str) -> str:
        if not prompt.strip() or "\0" in prompt:
            raise ValueError("a prompt needs words, and no NUL character")
        return prompt

    @model_validator(mode="after")
    def _both_sides_or_none(self) -> VideoRequest:
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height go together")
        return self

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels: as asked, else from shape and resolution, else None."""
        if self.width is not None and self.height is not None:
            return self.width, self.height
        if self.aspect_ratio is None or self.resolution is None:
            return None
        return pixel_size(self.aspect_ratio, self.resolution)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one model of a backend takes. The form is drawn from it; what is not here is not shown.

    An empty tuple means that the backend takes no such field.
    """

    durations: tuple[float, ...] = ()
    aspect_ratios: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    seed: bool = False
    negative_prompt: bool = False
    first_frame: bool = False
    n_max: int = 1
    prompt_max: int = PROMPT_MAX
    progress: bool = True
    cancel: Literal["none", "queued", "any"] = "none"
    idempotency: bool = False
    """The same submit with the same key is executed once, so it may be sent again."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The models of a backend. The key "" stands for "no model is named in the request"."""

    models: Mapping[str, Capabilities]
    default: str = ""

    def capabilities(self, model: str | None) -> Capabilities | None:
        """Return what `model` takes (None: the default model), or None for an unknown one."""
        return self.models.get(self.default if model is None else model)


# --- what goes wrong ----------------------------------------------------------------------------


class Stage(StrEnum):
    """Where on a job's way something went wrong."""

    SUBMIT = "submit"
    POLL = "poll"
    RESULT = "result"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended or waits. `kind` is translated for people, `message` is quoted.

    `detail` is for the operator alone: setting, host, status, first characters received.
    """

    kind: str
    stage: Stage
    message: str = ""
    retryable: bool = False
    retry_after: timedelta | None = None
    remote_code: str | None = None
    detail: str | None = None

    @classmethod
    def from_error(cls, error: BackendError, stage: Stage) -> Failure:
        """Keep what a backend error says, for the row and the page."""
        return cls(
            kind=error.kind,
            stage=stage,
            message=error.message,
            retryable=error.retryable,
            retry_after=error.retry_after,
            remote_code=error.remote_code,
            detail=error.detail,
        )


# --- the backend's side -------------------------------------------------------------------------


class RemoteStatus(StrEnum):
    """The five states that a profile maps every backend's words to."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """The backend's view of a job in our words; it never holds clip bytes.

    `context` is opaque JSON of at most 8 KiB that the backend's own code reads back later.
    `urls` are addresses that the backend gave for later calls; they never reach a browser.
    """

    id: str
    status: RemoteStatus = RemoteStatus.QUEUED
    progress: int | None = None
    queue_position: int | None = None
    failure: Failure | None = None
    effective_prompt: str | None = None
    urls: dict[str, str] = field(default_factory=dict)
    context: str | None = None
    next_poll: timedelta | None = None
    expires_at: datetime | None = None
    cost: str | None = None
    thumbnail: str | None = None


class CancelOutcome(StrEnum):
    """The three truths about a cancelled job."""

    NOTHING_SPENT = "nothing_spent"
    CONFIRMED = "confirmed"
    STOPPED_WAITING = "stopped_waiting"


# --- the clip -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Download:
    """One attempt to bring a clip home, noted before its first byte is written.

    `key` is new for each start from zero and is the clip's strong ETag from the first byte to
    the last. `validator` is the backend's own strong ETag, needed to resume. `media_type` is set
    once the first bytes were found to be a clip: from then on it can be watched.
    """

    key: str
    size: int | None = None
    validator: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """The finished bytes and what is known of them. Sides in pixels, length in seconds."""

    key: str
    media_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    fps: float | None = None
    has_sound: bool | None = None
    mark: str | None = None
    """The mark of machine making found in the file, such as "C2PA"; None: none was found."""


# --- the job ------------------------------------------------------------------------------------


class JobStatus(StrEnum):
    """The eight stored states. Words such as "starting" or "slow" are derived, never stored."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    IN_PROGRESS = "in_progress"
    FETCHING = "fetching"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


FINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})
RUNNING = frozenset({JobStatus.SUBMITTING, JobStatus.IN_PROGRESS, JobStatus.FETCHING})

# From each state, the states a job may move to. `failed -> in_progress | fetching` and every arrow
# out of `unknown` need evidence from the backend or a person; nothing leads back to `submitting`
# but `queued`, so one job is at most one executed submit.
MOVES: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.SUBMITTING, JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.SUBMITTING: frozenset(JobStatus) - {JobStatus.COMPLETED},
    JobStatus.IN_PROGRESS: frozenset(JobStatus) - {JobStatus.QUEUED, JobStatus.SUBMITTING},
    JobStatus.FETCHING: frozenset(JobStatus) - {JobStatus.QUEUED, JobStatus.SUBMITTING},
    JobStatus.UNKNOWN: frozenset(
        {
            JobStatus.UNKNOWN,
            JobStatus.IN_PROGRESS,
            JobStatus.FETCHING,
            JobStatus.FAILED,
            JobStatus.CANCELLED,
        }
    ),
    JobStatus.FAILED: frozenset({JobStatus.IN_PROGRESS, JobStatus.FETCHING}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One request for one clip, durable.

    The columns have three owners: those fixed at birth, the worker's (written through
    `JobStore.save` under a fence), and the viewer's (written through `JobStore.mark`).
    """

    # fixed at birth
    id: str
    batch: str
    place: int
    owner: str
    backend: str
    request: VideoRequest
    submit_token: str
    created_at: datetime
    origin: str | None = None
    # the worker's
    status: JobStatus = JobStatus.QUEUED
    progress: int | None = None
    remote: RemoteJob | None = None
    download: Download | None = None
    clip: Clip | None = None
    failure: Failure | None = None
    """Why the job ended; set only in `failed` and `unknown`."""
    setback: Failure | None = None
    """What last went wrong on the way while the job still lives; gone with the next success."""
    cancel_outcome: CancelOutcome | None = None
    attempt: int = 0
    """How many times the present step has been tried in vain, in a row."""
    next_at: datetime | None = None
    """When the job is due for its next step; None: nothing more to do."""
    deadline_at: datetime | None = None
    submitted_at: datetime | None = None
    finished_at: datetime | None = None
    fence: int = 0
    # the viewer's
    cancel_requested_at: datetime | None = None
    deleted_at: datetime | None = None
    starred: bool = False
    title: str | None = None
    # over all
    revision: int = 0

    @property
    def is_final(self) -> bool:
        """Whether the job has ended for certain."""
        return self.status in FINAL

    @property
    def is_watchable(self) -> bool:
        """Whether there are bytes to play: a whole clip, or one that is arriving."""
        return self.clip is not None or (
            self.status is JobStatus.FETCHING
            and self.download is not None
            and self.download.media_type is not None
        )

    @property
    def is_cancellable(self) -> bool:
        """Whether a cancel wish still makes sense."""
        return (
            self.status in RUNNING or self.status is JobStatus.QUEUED
        ) and self.cancel_requested_at is None

    def submitting(self, *, now: datetime, deadline: timedelta) -> Job:
        """Intent: from this commit on, bytes may be on the wire."""
        return self._to(JobStatus.SUBMITTING, submitted_at=now, deadline_at=now + deadline)

    def requeued(self, setback: Failure, *, next_at: datetime) -> Job:
        """The backend certainly executed nothing; the job waits its turn again."""
        return self._to(
            JobStatus.QUEUED,
            setback=setback,
            attempt=self.attempt + 1,
            next_at=next_at,
            submitted_at=None,
            deadline_at=None,
        )

    def accepted(self, remote: RemoteJob, *, next_at: datetime) -> Job:
        """The backend has the job, under `remote.id`."""
        return self._to(JobStatus.IN_PROGRESS, **self._seen(remote), next_at=next_at)

    def polled(self, remote: RemoteJob, *, next_at: datetime) -> Job:
        """News from the backend; progress never goes back."""
        return self._to(JobStatus.IN_PROGRESS, **self._seen(remote), next_at=next_at)

    def fetching(self, remote: RemoteJob, *, next_at: datetime) -> Job:
        """The backend is done; the clip is to be brought home."""
        return self._to(JobStatus.FETCHING, **self._seen(remote), next_at=next_at)

    def arriving(self, download: Download) -> Job:
        """The clip's bytes are about to be written under `download.key`."""
        return self._to(
            JobStatus.FETCHING, download=download, attempt=self.attempt, setback=self.setback
        )

    def set_back(self, setback: Failure, *, next_at: datetime) -> Job:
        """The present step failed for now and is due again at `next_at`."""
        return replace(self, setback=setback, attempt=self.attempt + 1, next_at=next_at)

    def completed(self, clip: Clip, *, now: datetime) -> Job:
        """The clip is whole and here."""
        return self._end(JobStatus.COMPLETED, now, clip=clip, progress=100)

    def failed(self, failure: Failure, *, now: datetime) -> Job:
        """The job ended without a clip."""
        return self._end(JobStatus.FAILED, now, failure=failure)

    def cancelled(self, outcome: CancelOutcome, *, now: datetime) -> Job:
        """The job ended by wish, with what is known of its cost."""
        return self._end(JobStatus.CANCELLED, now, cancel_outcome=outcome)

    def unknown(self, failure: Failure, *, next_at: datetime | None) -> Job:
        """We cannot tell how it ended; `next_at` is the next look-up, where one is possible."""
        return self._to(JobStatus.UNKNOWN, failure=failure, next_at=next_at)

    def reopened(self, *, now: datetime, deadline: timedelta) -> Job:
        """A person asks to look again at a job whose remote id is known."""
        if self.remote is None:
            raise JobConflict("the backend never told us an id for this job")
        return self._to(
            JobStatus.IN_PROGRESS,
            failure=None,
            finished_at=None,
            next_at=now,
            deadline_at=now + deadline,
        )

    def evident(self, remote: RemoteJob, *, now: datetime, deadline: timedelta) -> Job:
        """Evidence about an unknown job turned up: it is followed again."""
        job = self.accepted(remote, next_at=now)
        return replace(job, finished_at=None, deadline_at=now + deadline)

    def wondering(self, *, next_at: datetime | None) -> Job:
        """Still no evidence about an unknown job; `next_at` is the next look-up, if any."""
        return replace(self, attempt=self.attempt + 1, next_at=next_at)

    def _seen(self, remote: RemoteJob) -> dict[str, Any]:
        known = [p for p in (self.progress, remote.progress) if p is not None]
        return {"remote": remote, "progress": max(known, default=None)}

    def _end(self, status: JobStatus, now: datetime, **changes: Any) -> Job:  # noqa: ANN401
        return self._to(status, finished_at=now, next_at=None, **changes)

    def _to(self, status: JobStatus, **changes: Any) -> Job:  # noqa: ANN401 - dataclass fields
        if status is not self.status and status not in MOVES[self.status]:
            raise JobConflict(f"a {self.status} job cannot become {status}")
        fresh = {"failure": None, "setback": None, "attempt": 0} | changes
        return replace(self, status=status, **fresh)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's history, written in the same transaction as the change it tells."""

    at: datetime
    what: str
    """A status word, or `cancel_requested`, `deleted`, `restored`, `set_back`."""
    kind: str | None = None
    """The failure kind, when the event tells of trouble."""


# --- who looks, and at what ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is looking. An operator also sees the details meant for whoever runs the server."""

    owner: str
    is_operator: bool = False


LOCAL_VIEWER = Viewer(owner=LOCAL_OWNER, is_operator=True)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose jobs a question is about; `EVERYONE` must be said aloud."""

    owner: str | None


EVERYONE = Scope(owner=None)


@dataclass(frozen=True, slots=True)
class JobQuery:
    """A page of jobs, newest first. `after` is the cursor that the page before gave."""

    scope: Scope
    text: str | None = None
    statuses: frozenset[JobStatus] | None = None
    backend: str | None = None
    batch: str | None = None
    starred: bool | None = None
    deleted: bool = False
    after: str | None = None
    limit: int = 24


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs newest first, and the cursor of the next page, if there is one."""

    jobs: tuple[Job, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs may wait: in all, and for one owner."""

    queued_total: int = 500
    queued_per_owner: int = 100
