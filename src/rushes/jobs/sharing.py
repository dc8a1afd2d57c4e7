"""Who else may watch a clip: people who sign in, and whoever has a link to it.

Nobody but the owner decides, and every decision can be taken back.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.domain import Share, new_id, utc_now
from rushes.errors import InvalidRequest, JobConflict, JobNotFound, ShareNotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rushes.domain import Job, JobPage, JobQuery, Viewer
    from rushes.jobs.service import JobService
    from rushes.ports import AccountStore, ShareStore

LIVES = (1, 7, 30)
"""For how many days a link can be asked for."""
LINKS_MAX = 50
"""Links to one clip that work at the same time."""
TOKEN_BYTES = 16
"""What cannot be guessed needs no brake on guessing."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """The owner's ways to show a clip, and the guest's way to it. Raises StorageError."""

    jobs: JobService
    links: ShareStore
    clock: Callable[[], datetime] = utc_now
    accounts: AccountStore | None = None
    """None where nobody has an account."""

    async def show(self, viewer: Viewer, job_id: str, audience: str) -> Job:
        """Let one of the viewer's own audiences watch a finished clip; "" takes that back.

        They see its prompt too. Raises InvalidRequest for any other audience.
        """
        job = await self.jobs.get(viewer, job_id)
        if not audience:
            return await self.jobs.store.mark(job_id, shared_with="")
        if audience not in viewer.audiences:
            raise InvalidRequest("You can show it to your own groups only.", field="audience")
        _require_clip(job)
        return await self.jobs.store.mark(job_id, shared_with=audience)

    async def shown(self, viewer: Viewer, query: JobQuery) -> JobPage:
        """Return a page of the clips that others show the viewer; stars are their owners' own."""
        query = replace(query, audiences=viewer.audiences, starred=None)
        page = await self.jobs.search(viewer, query)
        return replace(page, jobs=tuple(job for job in page.jobs if job.clip is not None))

    async def link(self, viewer: Viewer, job_id: str, *, days: int, with_prompt: bool) -> str:
        """Make a link to a finished clip and return its token, which is told this once."""
        job = await self.jobs.get(viewer, job_id)
        _require_clip(job)
        if days not in LIVES:
            raise InvalidRequest("A link lasts 1, 7 or 30 days.", field="days")
        if len(await self.links_to(job)) >= LINKS_MAX:
            raise InvalidRequest("At most {limit} links can open one clip.", limit=LINKS_MAX)
        now, token = self.clock(), secrets.token_urlsafe(TOKEN_BYTES)
        share = Share(new_id(), job.id, job.owner, now, now + timedelta(days=days), with_prompt)
        await self.links.add(share, digest_of(token))
        return token

    async def links_to(self, job: Job) -> list[Share]:
        """Return the links that still open a job's clip, newest first."""
        now = self.clock()
        return [share for share in await self.links.of_job(job.id) if share.is_good(now)]

    async def revoke(self, viewer: Viewer, job_id: str, share_id: str) -> None:
        """End one of the links to the viewer's clip; raises ShareNotFound."""
        await self.jobs.get(viewer, job_id)
        if share_id not in {share.id for share in await self.links.of_job(job_id)}:
            raise ShareNotFound("there is no such link to this clip")
        await self.links.revoke(share_id, self.clock())

    async def opened(self, token: str) -> tuple[Share, Job]:
        """Return a link and what its guest may know of the job.

        Without the owner's wish that is nothing in their words: no prompt, no title. Raises
        ShareNotFound alike for a link that never was, has expired or was revoked, for a clip that
        was put away, and for as long as its owner's account is closed.
        """
        share = await self.links.find(digest_of(token))
        job = await self._job_of(share) if share and share.is_good(self.clock()) else None
        if share is None or job is None or job.deleted_at is not None or job.clip is None:
            raise ShareNotFound("this link opens nothing")
        if await self._is_shut_out(job.owner):
            raise ShareNotFound("this link opens nothing")
        return share, job if share.with_prompt else wordless(job)

    async def _is_shut_out(self, owner: str) -> bool:
        account = await self.accounts.get(owner) if self.accounts else None
        return account is not None and account.disabled_at is not None

    async def _job_of(self, share: Share) -> Job | None:
        try:
            return await self.jobs.store.get(share.job_id)
        except JobNotFound:
            return None


def digest_of(token: str) -> str:
    """Return what is stored of a link's token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def wordless(job: Job) -> Job:
    """Return a job without anything that its owner or its backend wrote about it."""
    silent = job.request.model_copy(update={"prompt": "", "negative_prompt": None})
    return replace(job, title=None, request=silent, remote=None)


def _require_clip(job: Job) -> None:
    if job.clip is None:
        raise JobConflict("only a finished clip can be shown to others")
