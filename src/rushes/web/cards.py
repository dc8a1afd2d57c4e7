"""What a card shows that does not stand in its job's row."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from rushes.jobs.posters import Posters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rushes.domain import Job
    from rushes.jobs.forecast import Turn
    from rushes.web.dependencies import Site


class Around(TypedDict):
    """Jobs for a template: by id, where those stand that wait or tarry, and which have a poster."""

    jobs: list[Job]
    turns: dict[str, Turn]
    posters: frozenset[str]


async def around(site: Site, jobs: Sequence[Job]) -> Around:
    """Look up what the cards of these jobs show beside their rows."""
    turns = {job.id: await site.jobs.standing(job) for job in jobs}
    return Around(
        jobs=list(jobs),
        turns={job_id: turn for job_id, turn in turns.items() if turn is not None},
        posters=await Posters(site.clips).among(jobs),
    )
