"""Keeps the folder clean: bytes of jobs that were put away, and what crashes left behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.domain import EVERYONE, JobQuery, JobStatus
from rushes.errors import JobConflict
from rushes.jobs.posters import poster_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from rushes.domain import Job
    from rushes.ports import ClipStore, JobStore

UNDO = timedelta(hours=1)
"""How long a delete can be taken back; then the bytes go."""
PAGE = 200


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Removes bytes that nobody can reach any more."""

    store: JobStore
    clips: ClipStore
    clock: Callable[[], datetime]

    async def arriving_keys(self) -> frozenset[str]:
        """Return the keys of downloads that will be gone on with after a restart."""
        unfinished = JobQuery(EVERYONE, statuses=frozenset({JobStatus.FETCHING}), limit=PAGE)
        return frozenset(
            [job.download.key async for job in self._all(unfinished) if job.download is not None]
        )

    async def empty_the_bin(self) -> int:
        """Drop the clips of jobs deleted longer ago than the undo window; return how many."""
        before, emptied = self.clock() - UNDO, 0
        async for job in self._all(JobQuery(EVERYONE, deleted=True, limit=PAGE)):
            if job.deleted_at is None or job.deleted_at > before:
                continue
            if job.request.first_frame is not None:
                await self.clips.delete(job.request.first_frame)
            if job.clip is None:
                continue
            await self.clips.delete(job.clip.key)
            await self.clips.delete(poster_key(job.id))
            try:
                await self.store.amend(replace(job, clip=None, download=None))
            except JobConflict:  # restored or changed this very moment; next round tells
                continue
            emptied += 1
        return emptied

    async def _all(self, query: JobQuery) -> AsyncIterator[Job]:
        while True:
            page = await self.store.search(query)
            for job in page.jobs:
                yield job
            if page.next is None:
                return
            query = replace(query, after=page.next)
