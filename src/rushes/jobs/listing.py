"""What the studio lists: what is under way now, or the most of it, and what was before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from rushes.domain import RUNNING, UNDER_WAY, Job, JobQuery, JobStatus, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rushes.domain import Viewer
    from rushes.jobs.service import JobService

NOW_MAX = 24
"""Cards; of more that wait, the newest are shown."""
EARLIER = frozenset(JobStatus) - UNDER_WAY


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the studio: each job once, newest first."""

    jobs: tuple[Job, ...]
    next: str | None
    """The cursor of the next page of what was before."""
    unseen: int = 0
    """How many more are under way than are listed."""


async def listed(service: JobService, viewer: Viewer, after: str | None) -> Listing:
    """Return the viewer's page after a cursor; what is under way stands on the first one alone."""
    now = [] if after is not None else await _under_way(service, viewer)
    unseen = 0
    if len(now) == NOW_MAX:
        everything = JobQuery(Scope(viewer.owner), statuses=UNDER_WAY)
        unseen = max(0, await service.store.count(everything) - NOW_MAX)
    before = JobQuery(Scope(viewer.owner), statuses=EARLIER, after=after)
    page = await service.search(viewer, before)
    ended = {job.id for job in page.jobs}  # some of them since the first question
    still = [job for job in now if job.id not in ended]
    return Listing(tuple(_newest_first(still, page.jobs)), page.next, unseen)


async def _under_way(service: JobService, viewer: Viewer) -> list[Job]:
    """Return what runs, and of what waits as much as there is room for."""
    # In the order that jobs move in, so that one that moves between the questions is in an answer.
    waiting = await _newest(service, viewer, frozenset({JobStatus.QUEUED}))
    running = await _newest(service, viewer, RUNNING)
    ids = {job.id for job in running}
    still = [job for job in waiting if job.id not in ids]
    return [*running, *still[: NOW_MAX - len(running)]]


async def _newest(
    service: JobService, viewer: Viewer, statuses: frozenset[JobStatus]
) -> tuple[Job, ...]:
    query = JobQuery(Scope(viewer.owner), statuses=statuses, limit=NOW_MAX)
    return (await service.search(viewer, query)).jobs


def _newest_first(*parts: Iterable[Job]) -> list[Job]:
    return sorted(chain(*parts), key=lambda job: (job.created_at, job.place, job.id), reverse=True)
