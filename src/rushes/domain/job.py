"""The job: its states, the arrows between them, and how it moves along them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rushes.domain.remote import CancelOutcome
from rushes.errors import JobConflict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from rushes.domain.clip import Clip, Download
    from rushes.domain.failure import Failure
    from rushes.domain.remote import RemoteJob
    from rushes.domain.request import VideoRequest


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
UNDER_WAY = RUNNING | {JobStatus.QUEUED}
"""What waits or runs; of a job whose end is unknown nobody can say that it does."""

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
    expected_at: datetime | None = None
    """When the forecast of that moment expected the clip."""
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
    """When it was last handed over; one that had to come back has had its turn then."""
    finished_at: datetime | None = None
    fence: int = 0
    # the viewer's
    cancel_requested_at: datetime | None = None
    deleted_at: datetime | None = None
    starred: bool = False
    title: str | None = None
    shared_with: str | None = None
    """Who else may watch: None nobody, `everyone` who signs in, or `group:<name>`."""
    # over all
    revision: int = 0

    @property
    def is_final(self) -> bool:
        """Whether the job has ended for certain."""
        return self.status in FINAL

    @property
    def is_under_way(self) -> bool:
        """Whether the job waits or runs."""
        return self.status in UNDER_WAY

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
        return self.is_under_way and self.cancel_requested_at is None

    @property
    def is_unwanted(self) -> bool:
        """Whether it was put away, or there is a cancel wish that did not come too late."""
        is_too_late = self.cancel_outcome is CancelOutcome.TOO_LATE
        is_wished = self.cancel_requested_at is not None and not is_too_late
        return is_wished or self.deleted_at is not None

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
            deadline_at=None,
        )

    def accepted(self, remote: RemoteJob, *, next_at: datetime) -> Job:
        """The backend has the job, under `remote.id`."""
        return self._to(JobStatus.IN_PROGRESS, **self._seen(remote), next_at=next_at)

    def polled(self, remote: RemoteJob, *, next_at: datetime) -> Job:
        """News from the backend; progress never goes back."""
        return self._to(JobStatus.IN_PROGRESS, **self._seen(remote), next_at=next_at)

    def fetching(self, remote: RemoteJob, *, next_at: datetime) -> Job:
        """The backend is done, the clip is to be brought home; a wish to cancel came too late."""
        outcome = CancelOutcome.TOO_LATE if self.cancel_requested_at else self.cancel_outcome
        return self._to(
            JobStatus.FETCHING, **self._seen(remote), next_at=next_at, cancel_outcome=outcome
        )

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
        """A person asks to look again at a job whose remote id is known, so it is wanted again."""
        if self.remote is None:
            raise JobConflict("the backend never told us an id for this job")
        return self._to(
            JobStatus.IN_PROGRESS,
            failure=None,
            finished_at=None,
            next_at=now,
            deadline_at=now + deadline,
            cancel_requested_at=None,
            cancel_outcome=None,
        )

    def evident(self, remote: RemoteJob, *, now: datetime, deadline: timedelta) -> Job:
        """Evidence about an unknown job turned up: it is followed again."""
        job = self.accepted(remote, next_at=now)
        return replace(job, finished_at=None, deadline_at=now + deadline, cancel_outcome=None)

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
