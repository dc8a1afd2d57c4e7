"""What a write means for a job: pure rules that every job store shares."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.domain import Job, JobEvent, JobStatus, VideoRequest

if TYPE_CHECKING:
    from datetime import datetime

    from rushes.domain import RemoteJob

NOWHERE = ""
"""The backend of an erased job, and of no other."""
TOMBSTONE_LIFE = timedelta(days=2)
"""How long open pages can learn of an erased job, and it counts among what was asked for today."""


def saved(row: Job, job: Job, *, now: datetime) -> Job:
    """Return what a worker's save leaves of `row`: the worker's columns, the viewer's kept.

    A cancel wish or a remote id that came while the worker was busy must not wait for the time
    it had in mind: the job is due at once. A remote id that is known is never forgotten.
    """
    has_news = (row.cancel_requested_at is not None and job.cancel_requested_at is None) or (
        row.remote is not None and job.remote is None
    )
    return replace(
        job,
        remote=job.remote or row.remote,
        next_at=now if has_news and not job.is_final else job.next_at,
        cancel_requested_at=row.cancel_requested_at,
        deleted_at=row.deleted_at,
        starred=row.starred,
        title=row.title,
        shared_with=row.shared_with,
    )


def amended(row: Job, job: Job, *, now: datetime) -> Job:
    """Return what a person's own move leaves of `row`: as a save, but it may take a wish back."""
    return replace(saved(row, job, now=now), cancel_requested_at=job.cancel_requested_at)


def marked(
    row: Job,
    *,
    now: datetime,
    cancel_requested_at: datetime | None,
    deleted_at: datetime | None,
    starred: bool | None,
    title: str | None,
    shared_with: str | None,
    restored: bool,
) -> Job:
    """Return `row` with the viewer's columns that are given; a cancel wish makes it due.

    An empty `shared_with` shows the clip to nobody else any more.
    """
    is_wish = cancel_requested_at is not None and not row.is_final
    return replace(
        row,
        cancel_requested_at=cancel_requested_at or row.cancel_requested_at,
        deleted_at=None if restored else deleted_at or row.deleted_at,
        starred=row.starred if starred is None else starred,
        title=row.title if title is None else title,
        shared_with=row.shared_with if shared_with is None else shared_with or None,
        next_at=now if is_wish else row.next_at,
    )


def evidenced(row: Job, remote: RemoteJob, *, now: datetime) -> Job:
    """Return `row` with a remote id that came late; an unknown job is due to follow it."""
    is_unknown = row.status is JobStatus.UNKNOWN
    return replace(row, remote=remote, next_at=now if is_unknown else row.next_at)


def tombstone(row: Job, *, now: datetime) -> Job:
    """Return what an erased job leaves: that it was asked for, and nothing that anybody said."""
    return Job(
        id=row.id,
        batch=row.id,
        place=0,
        owner=row.owner,
        backend=NOWHERE,
        request=VideoRequest(prompt="-"),
        submit_token=row.id,
        created_at=row.created_at,
        status=JobStatus.CANCELLED,
        fence=row.fence + 1,
        deleted_at=now,
    )


def events_between(before: Job | None, after: Job, *, now: datetime) -> list[JobEvent]:
    """Return the lines of history that a write leaves; `before` is None at birth."""
    trouble = after.failure or after.setback
    kind = trouble.kind if trouble else None
    if before is None or before.status is not after.status:
        return [JobEvent(now, after.status.value, kind), *_viewer_events(before, after, now)]
    if after.setback is not None and after.attempt > before.attempt:
        return [JobEvent(now, "set_back", kind), *_viewer_events(before, after, now)]
    return _viewer_events(before, after, now)


def _viewer_events(before: Job | None, after: Job, now: datetime) -> list[JobEvent]:
    if before is None:
        return []
    words = {
        "cancel_requested": after.cancel_requested_at and not before.cancel_requested_at,
        "deleted": after.deleted_at and not before.deleted_at,
        "restored": before.deleted_at and not after.deleted_at,
    }
    return [JobEvent(now, word) for word, is_news in words.items() if is_news]
