"""One job taken away with all that belongs to it, at its backend too where that can be asked."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from rushes.errors import BackendError
from rushes.jobs.frames import Frames
from rushes.jobs.posters import poster_key

if TYPE_CHECKING:
    from rushes.domain import Job
    from rushes.jobs.directory import Directory
    from rushes.ports import ClipStore

log = logging.getLogger(__name__)

ANSWER_AT_MOST = timedelta(seconds=15)


class Answer(StrEnum):
    """What became of a job at its backend."""

    NEVER_THERE = "never_there"
    DELETED = "deleted"
    REFUSED = "refused"
    """It was asked, and did not say yes."""
    SILENT = "silent"
    """It did not answer."""
    NO_WAY = "no_way"
    """Nobody can ask: it has no such request, is not configured any more, or told us no id."""


@dataclass(frozen=True, slots=True)
class Remover:
    """Asks backends to delete, and drops bytes; the rows are the store's to erase."""

    clips: ClipStore
    backends: Directory

    async def ask(self, job: Job) -> Answer:
        """Have the backend delete its side of a job, and say truthfully what came of it."""
        backend = self.backends.find(job.backend)
        if job.remote is None:
            return Answer.NO_WAY if job.submitted_at is not None else Answer.NEVER_THERE
        if backend is None:
            return Answer.NO_WAY
        try:
            async with asyncio.timeout(ANSWER_AT_MOST.total_seconds()):
                is_deleted = await backend.backend.forget(job.remote)
        except (BackendError, TimeoutError) as error:
            log.info("job %s was not deleted at %s: %s", job.id, backend.name, error)
            return Answer.SILENT
        if is_deleted:
            return Answer.DELETED
        return Answer.REFUSED if backend.custody.forgets else Answer.NO_WAY

    async def drop_bytes(self, job: Job) -> None:
        """Remove clip, poster and first picture, whole or arriving; raises StorageError."""
        for there in (job.clip, job.download):
            if there is not None:
                await self.clips.delete(there.key)
        await self.clips.delete(poster_key(job.id))
        if job.request.first_frame is not None:
            await Frames(self.clips).drop(job.owner, job.request.first_frame)
