"""What a card shows that does not stand in its job's row."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from rushes.domain import JobStatus
from rushes.jobs.posters import Posters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rushes.domain import Job
    from rushes.web.dependencies import Site


class Around(TypedDict):
    """Jobs for a template: by id, how many wait before each, and which have a poster."""

    jobs: list[Job]
    aheads: dict[str, int]
    posters: frozenset[str]


async def around(site: Site, jobs: Sequence[Job]) -> Around:
    """Look up what the cards of these jobs show beside their rows."""
    waiting = [job for job in jobs if job.status is JobStatus.QUEUED]
    return Around(
        jobs=list(jobs),
        aheads={job.id: await site.jobs.ahead(job) for job in waiting},
        posters=await Posters(site.clips).among(jobs),
    )
