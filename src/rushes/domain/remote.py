"""The backend's side of a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta  # noqa: TC003 - pydantic reads the annotations
from enum import StrEnum

from rushes.domain.failure import Failure  # noqa: TC001 - pydantic reads the annotations


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
    eta: timedelta | None = None
    """How long the backend itself expects to need from now on; nobody promises it."""
    failure: Failure | None = None
    effective_prompt: str | None = None
    urls: dict[str, str] = field(default_factory=dict)
    context: str | None = None
    next_poll: timedelta | None = None
    expires_at: datetime | None = None
    cost: str | None = None
    thumbnail: str | None = None


class CancelOutcome(StrEnum):
    """What became of a wish to cancel: three truths about a cancelled job, and one of another."""

    NOTHING_SPENT = "nothing_spent"
    CONFIRMED = "confirmed"
    STOPPED_WAITING = "stopped_waiting"
    TOO_LATE = "too_late"
    """The backend had finished already: the job goes on to its clip."""
