"""Reading what belongs to somebody else, where the server's policy lets its operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushes.domain import AuditLine, utc_now
from rushes.errors import JobNotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rushes.domain import Job, Viewer
    from rushes.ports import JobStore, OperatorStore

PROMPT_READ = "prompt_read"


@dataclass(frozen=True, slots=True)
class Oversight:
    """The operators' eyes. The About page tells everybody whether `may_read` is so."""

    store: JobStore
    operators: OperatorStore
    may_read: bool = False
    clock: Callable[[], datetime] = utc_now

    async def read(self, viewer: Viewer, job_id: str) -> Job:
        """Return anybody's job to an operator, once the audit says so; raises JobNotFound.

        A job that was put away is nobody's to read any more.
        """
        if not (self.may_read and viewer.is_operator):
            raise JobNotFound(f"there is no job {job_id}")
        job = await self.store.get(job_id)
        if job.deleted_at is not None:
            raise JobNotFound(f"there is no job {job_id}")
        about = f"{job.id} of {job.owner}"
        await self.operators.note(AuditLine(self.clock(), viewer.owner, PROMPT_READ, about))
        return job
