"""Jobs to rows and back."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from rushes.domain import Job
from rushes.storage.tables import jobs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import RowMapping

JOB_FIELDS = tuple(field.name for field in fields(Job))
JOB_COLUMNS = tuple(jobs.c[name] for name in JOB_FIELDS)
VIEWER_FIELDS = ("cancel_requested_at", "deleted_at", "starred", "title", "shared_with")
WORKER_FIELDS = (
    "status",
    "progress",
    "remote",
    "download",
    "clip",
    "failure",
    "setback",
    "cancel_outcome",
    "attempt",
    "next_at",
    "deadline_at",
    "submitted_at",
    "finished_at",
)


def job_of(row: RowMapping) -> Job:
    """Return the job in a row that has at least JOB_COLUMNS."""
    return Job(**{name: row[name] for name in JOB_FIELDS})


def values_of(job: Job, names: Iterable[str]) -> dict[str, Any]:
    """Return the named columns of a job."""
    return {name: getattr(job, name) for name in names}


def searched_text(job: Job) -> str:
    """Return what a search looks into. Case is folded here: SQLite folds only ASCII."""
    return f"{job.request.prompt}\n{job.title or ''}".casefold()
