"""A clip's receipt: where its prompt went, what is kept of it, until when, and who can see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rushes.domain import Custody, JobStatus
from rushes.jobs.housekeeping import UNDO
from rushes.jobs.posters import Posters
from rushes.web.rendering import Access

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fastapi import Request

    from rushes.domain import Job, JobEvent, Viewer
    from rushes.web.dependencies import Site


@dataclass(frozen=True, slots=True)
class Receipt:
    """What can be said of one job; what nobody knows is said to be unknown."""

    backend: str
    host: str
    """Empty for a backend that is not configured any more."""
    model: str
    sent_at: datetime | None
    """When it was first handed over; from then on the backend may have read it."""
    kept: tuple[str, ...]
    """Of `prompt`, `picture`, `clip`, `poster`, `history`."""
    seen_by: str
    """`anybody`, `password`, `owner`, `everyone` who signs in, or `group:<name>`."""
    links: int
    operators_may_read: bool
    custody: Custody
    has_number: bool
    """Whether the backend told us an id, without which nobody can ask it about the job."""

    @property
    def can_be_asked_to_delete(self) -> bool:
        """Whether a delete here is passed on."""
        return self.custody.forgets and self.has_number

    def document(self) -> dict[str, Any]:
        """Return the receipt as it stands beside a clip's recipe."""
        stated_on = self.custody.stated_on if self.custody.keeps else None
        return {
            "sent_to": {
                "backend": self.backend,
                "host": self.host or None,
                "model": self.model or None,
                "at": self.sent_at.isoformat() if self.sent_at else None,
                "keeps": self.custody.keeps or "unknown",
                "keeps_as_of": stated_on.isoformat() if stated_on else None,
                "can_be_asked_to_delete": self.can_be_asked_to_delete,
            },
            "kept_here": list(self.kept),
            "kept_until": "deleted by its owner",
            "undo_hours": UNDO.total_seconds() / 3600,
            "seen_by": self.seen_by,
            "share_links": self.links,
            "administrators_may_read": self.operators_may_read,
        }


async def receipt_of(request: Request, site: Site, viewer: Viewer, job: Job) -> Receipt:
    """Return the receipt of the viewer's own job."""
    backend = site.jobs.backends.find(job.backend)
    links = await site.sharing.links_to(job)
    return Receipt(
        backend=site.jobs.backends.label(job.backend),
        host=backend.host if backend else "",
        model=job.request.model or (backend.default_model if backend else ""),
        sent_at=_first_sent(await site.jobs.store.history(job.id)),
        kept=tuple(_kept(job, has_poster=await Posters(site.clips).has(job))),
        seen_by=_seen_by(request, viewer, job),
        links=len(links),
        operators_may_read=site.oversight.may_read,
        custody=backend.custody if backend else Custody(),
        has_number=job.remote is not None,
    )


def _first_sent(history: Sequence[JobEvent]) -> datetime | None:
    return next((event.at for event in history if event.what == JobStatus.SUBMITTING), None)


def _kept(job: Job, *, has_poster: bool) -> Sequence[str]:
    there = {
        "prompt": True,
        "picture": job.request.first_frame is not None,
        "clip": job.is_watchable,
        "poster": has_poster,
        "history": True,
    }
    return [what for what, is_there in there.items() if is_there]


def _seen_by(request: Request, viewer: Viewer, job: Job) -> str:
    if getattr(request.state, "access", Access.OPEN) is Access.OPEN:
        return "anybody"
    if not viewer.is_known:
        return "password"
    return job.shared_with or "owner"
