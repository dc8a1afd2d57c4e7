"""Keeps the folder clean: jobs that were put away for good, and what crashes left behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.domain import EVERYONE, RUNNING, JobQuery, JobStatus
from rushes.jobs.frames import FRAME
from rushes.jobs.posters import POSTER
from rushes.jobs.removing import Remover

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from rushes.domain import Job
    from rushes.jobs.directory import Directory
    from rushes.ports import ClipStore, JobStore

UNDO = timedelta(hours=1)
"""How long a delete can be taken back; then all of it goes."""
PAGE = 200


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Removes what nobody can reach any more."""

    store: JobStore
    clips: ClipStore
    backends: Directory
    clock: Callable[[], datetime]

    async def arriving_keys(self) -> frozenset[str]:
        """Return the keys of downloads that will be gone on with after a restart."""
        unfinished = JobQuery(EVERYONE, statuses=frozenset({JobStatus.FETCHING}), limit=PAGE)
        return frozenset(
            [job.download.key async for job in self._all(unfinished) if job.download is not None]
        )

    async def empty_the_bin(self) -> int:
        """Erase the jobs deleted longer ago than the undo window; return how many.

        Their backends are asked to delete them too, once.
        """
        before, emptied = self.clock() - UNDO, 0
        remover = Remover(self.clips, self.backends)
        async for job in self._all(JobQuery(EVERYONE, deleted=True, limit=PAGE)):
            if job.deleted_at is None or job.deleted_at > before or job.status in RUNNING:
                continue
            await remover.ask(job)
            await remover.drop_bytes(job)
            emptied += len(await self.store.erase(job.owner, only=job.id))
        if emptied:
            await self.store.scrub(rewrite=False)
        return emptied

    async def sweep_pictures(self) -> None:
        """Remove the pictures of jobs that are not there: a crash, or a cut, left them behind.

        Only before anybody can ask for jobs, whose pictures come before their rows.
        """
        found = {stat.key: _job_of(stat.key) async for stat in self.clips.list()}
        pictures = {key: job_id for key, job_id in found.items() if job_id is not None}
        present = await self.store.present(frozenset(pictures.values()))
        for key, job_id in pictures.items():
            if job_id not in present:
                await self.clips.delete(key)

    async def _all(self, query: JobQuery) -> AsyncIterator[Job]:
        while True:
            page = await self.store.search(query)
            for job in page.jobs:
                yield job
            if page.next is None:
                return
            query = replace(query, after=page.next)


def _job_of(key: str) -> str | None:
    """Return the id of the job whose picture this is; None for what is no job's picture."""
    for suffix in (FRAME, POSTER):
        if key.endswith(suffix):
            return key.removesuffix(suffix)
    return None
