"""Somebody's jobs erased without undo: stopped, asked back from the backends, and gone here."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.domain import RUNNING, JobQuery, Scope
from rushes.errors import JobNotFound
from rushes.jobs.frames import Frames
from rushes.jobs.removing import Answer, Remover

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from rushes.domain import Job, Viewer
    from rushes.jobs.service import JobService

PAGE = 200
STOP_AT_MOST = timedelta(seconds=10)
ASK_AT_MOST = timedelta(seconds=40)
"""For all backends together: whoever waits for the page must not be cut off by a proxy."""
AT_ONCE = 4
LOOK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased here, and how many jobs met which answer at their backends."""

    jobs: int
    clips: int
    answers: Mapping[Answer, int] = field(default_factory=dict)

    def count(self, answer: str) -> int:
        """Return how many jobs met an answer."""
        return self.answers.get(Answer(answer), 0)

    @property
    def sent(self) -> int:
        """How many jobs had left this server."""
        return sum(self.answers.values()) - self.count(Answer.NEVER_THERE)

    @property
    def asked(self) -> int:
        """For how many jobs a backend was asked to delete them."""
        return self.sent - self.count(Answer.NO_WAY)


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases. Raises StorageError; what is left then can be erased again."""

    jobs: JobService

    async def erase_all(self, viewer: Viewer) -> Erasure:
        """Erase every job of the viewer, put away or not, with prompts, pictures and links."""
        await self._stop(viewer, await self._all(viewer))
        found = await self._all(viewer)
        erasure = await self._erase(viewer, found)
        await Frames(self.jobs.clips).drop_drafts(viewer.owner)
        await self.jobs.store.scrub(rewrite=erasure.jobs > 0)
        return erasure

    async def erase_one(self, viewer: Viewer, job_id: str) -> Erasure:
        """Erase one job of the viewer, put away or not; raises JobNotFound."""
        await self._stop(viewer, [await self._own(viewer, job_id)])
        erasure = await self._erase(viewer, [await self._own(viewer, job_id)], only=job_id)
        await self.jobs.store.scrub(rewrite=False)
        return erasure

    async def _erase(
        self, viewer: Viewer, found: Sequence[Job], *, only: str | None = None
    ) -> Erasure:
        remover = Remover(self.jobs.clips, self.jobs.backends)
        answers = await self._ask(remover, found)
        for job in found:
            await remover.drop_bytes(job)
        erased = await self.jobs.store.erase(viewer.owner, only=only)
        for job in erased:
            if job.status in RUNNING or job not in found:  # more may have come meanwhile
                await remover.drop_bytes(job)
        return Erasure(len(erased), sum(job.clip is not None for job in erased), answers)

    async def _own(self, viewer: Viewer, job_id: str) -> Job:
        job = await self.jobs.store.get(job_id)
        if job.owner != viewer.owner:
            raise JobNotFound(f"there is no job {job_id}")
        return job

    async def _all(self, viewer: Viewer) -> list[Job]:
        found: list[Job] = []
        for is_deleted in (False, True):
            query = JobQuery(Scope(viewer.owner), deleted=is_deleted, limit=PAGE)
            found += [job async for job in self._pages(query)]
        return found

    async def _pages(self, query: JobQuery) -> AsyncIterator[Job]:
        while True:
            page = await self.jobs.store.search(query)
            for job in page.jobs:
                yield job
            if page.next is None:
                return
            query = replace(query, after=page.next)

    async def _stop(self, viewer: Viewer, found: Sequence[Job]) -> None:
        """Cancel what waits or runs, and give the worker a moment to tell the backends."""
        for job in found:
            if job.is_cancellable and job.deleted_at is None:
                await self.jobs.cancel(viewer, job.id)
        with contextlib.suppress(TimeoutError, JobNotFound):
            async with asyncio.timeout(STOP_AT_MOST.total_seconds()):
                for job in found:
                    if job.status in RUNNING:
                        await self._ended(job.id)

    async def _ended(self, job_id: str) -> None:
        store = self.jobs.store
        while True:
            revision = await store.revision()
            if (await store.get(job_id)).status not in RUNNING:
                return
            await store.wait_changed(revision, LOOK)

    async def _ask(self, remover: Remover, found: Sequence[Job]) -> Mapping[Answer, int]:
        """Ask the backends, a few at once; whom there was no time for counts as silent."""
        answers = {job.id: Answer.SILENT for job in found}
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(job: Job) -> None:
            async with gate:
                answers[job.id] = await remover.ask(job)

        # Those that need no answer come first, so that nobody's silence hides them.
        in_order = sorted(found, key=lambda job: job.remote is not None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASK_AT_MOST.total_seconds()), asyncio.TaskGroup() as group:
                for job in in_order:
                    group.create_task(ask(job))
        return Counter(answers.values())
