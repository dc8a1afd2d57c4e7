"""What a viewer can do: ask for clips, look, cancel, try again, throw away."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rushes.domain import (
    CancelOutcome,
    Failure,
    Job,
    JobQuery,
    JobStatus,
    Scope,
    Stage,
    derived_id,
    new_id,
    utc_now,
)
from rushes.errors import InvalidRequest, JobConflict, JobNotFound, OutcomeUnknown
from rushes.jobs.fitting import fitted
from rushes.jobs.forecast import Turn
from rushes.jobs.frames import Frames, is_draft, is_draft_of, owner_of, picture_gone
from rushes.jobs.housekeeping import UNDO
from rushes.jobs.outlook import Outlook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from rushes.domain import (
        JobEvent,
        JobPage,
        Limits,
        VideoRequest,
        Viewer,
    )
    from rushes.jobs.directory import ConfiguredBackend, Directory
    from rushes.ports import ClipStore, JobStore

Asked = tuple["ConfiguredBackend", "VideoRequest"]
MARK_TRIES = 3
TITLE_MAX = 120
BATCH_MAX = 100
BIN_PAGE = 200
BIN_PAGES = 25
"""How far back the list of what can be restored looks, in pages of deleted jobs."""


@dataclass(slots=True)
class JobService:
    """The one door to jobs for whoever is looking; every method asks who that is."""

    store: JobStore
    clips: ClipStore
    backends: Directory
    limits: Limits
    clock: Callable[[], datetime] = utc_now
    outlook: Outlook = field(init=False)

    def __post_init__(self) -> None:
        self.outlook = Outlook(self.store, self.backends, self.limits, self.clock)

    async def submit(
        self,
        viewer: Viewer,
        request: VideoRequest,
        *,
        count: int = 1,
        backend: str | None = None,
        also: Sequence[str] = (),
        token: str | None = None,
        origin: str | None = None,
    ) -> list[Job]:
        """Remember a batch of `count` jobs for one recipe; nothing has left the machine yet.

        The backends in `also` get as many each, or as many as they take, with the nearest settings
        that they take. The same `token` with the same recipe is the same batch; with another
        recipe a new one.
        Raises InvalidRequest or LimitReached.
        """
        recipe = _recipe_digest(request, count, [backend, *also])
        submit_token = f"form:{token}:{recipe}" if token else f"new:{new_id()}"
        asked = self._asked(request, count, backend, also)
        batch = self._batch(viewer, asked, submit_token, new_id(), origin)
        if request.first_frame is not None:  # the copies are large: first see if they have a use
            known = await self.store.admit(batch, self.limits)
            if known:
                return known
        return await self._add_with_frames(viewer, batch)

    async def submit_once(
        self,
        viewer: Viewer,
        request: VideoRequest,
        *,
        count: int = 1,
        backend: str | None = None,
        also: Sequence[str] = (),
        key: str,
    ) -> list[Job]:
        """As `submit`, for a caller's own idempotency key: another recipe with it is an error."""
        # What the backends take may have changed since the first time; what was asked has not.
        recipe = _recipe_digest(request, count, [backend, *also])
        batch_id = derived_id(viewer.owner, key, recipe)
        asked = self._asked(request, count, backend, also)
        batch = self._batch(viewer, asked, f"key:{key}", batch_id)
        kept = await self.store.add(await self.outlook.expected(batch), self.limits)
        if kept[0].batch != batch_id:
            raise InvalidRequest(
                "This key was used before for another request.", field="Idempotency-Key"
            )
        return kept

    async def get(self, viewer: Viewer, job_id: str) -> Job:
        """Return the viewer's job; raises JobNotFound for others' and deleted ones alike."""
        job = await self.store.get(job_id)
        if job.owner != viewer.owner or job.deleted_at is not None:
            raise JobNotFound(f"there is no job {job_id}")
        return job

    async def look(self, viewer: Viewer, job_id: str) -> Job:
        """Return a job that the viewer may watch: one's own, or a clip that others show them."""
        job = await self.store.get(job_id)
        is_shown = job.clip is not None and job.shared_with in viewer.audiences
        if job.deleted_at is not None or not (job.owner == viewer.owner or is_shown):
            raise JobNotFound(f"there is no job {job_id}")
        return job

    async def search(self, viewer: Viewer, query: JobQuery) -> JobPage:
        """Return a page of the viewer's own jobs, or of what others show them.

        Raises JobNotFound for a query about anything else.
        """
        audiences = query.audiences or frozenset()
        if query.scope.owner != viewer.owner or not audiences <= viewer.audiences:
            raise JobNotFound("only your own jobs and what you are shown can be searched")
        return await self.store.search(query)

    async def batch(self, viewer: Viewer, job: Job) -> list[Job]:
        """Return the jobs that were born with this one, itself included, in their order."""
        query = JobQuery(Scope(viewer.owner), batch=job.batch, limit=BATCH_MAX)
        page = await self.search(viewer, query)
        return sorted(page.jobs, key=lambda sibling: sibling.place)

    async def restorable(self, viewer: Viewer, query: JobQuery) -> list[Job]:
        """Return what the query finds that can still be taken back, the last deleted first."""
        query = replace(query, deleted=True, after=None, limit=BIN_PAGE)
        found: list[Job] = []
        for _ in range(BIN_PAGES):
            page = await self.search(viewer, query)
            found += [job for job in page.jobs if self._is_restorable(job)]
            if page.next is None:
                break
            query = replace(query, after=page.next)
        return sorted(found, key=lambda job: job.deleted_at or job.created_at, reverse=True)

    def _is_restorable(self, job: Job) -> bool:
        return job.deleted_at is not None and job.deleted_at > self.clock() - UNDO

    async def deleted(self, viewer: Viewer, job_id: str) -> Job:
        """Return the viewer's deleted job that can still be taken back; raises JobNotFound."""
        job = await self.store.get(job_id)
        if job.owner != viewer.owner or not self._is_restorable(job):
            raise JobNotFound(f"there is no job {job_id} to take back")
        return job

    async def history(self, viewer: Viewer, job_id: str) -> list[JobEvent]:
        """Return what happened to a job, oldest first."""
        await self.get(viewer, job_id)
        return await self.store.history(job_id)

    async def cancel(self, viewer: Viewer, job_id: str) -> Job:
        """Stop a job: at once while it waits here, else as a wish that the worker carries out.

        Cancelling what has ended changes nothing.
        """
        job = await self.get(viewer, job_id)
        for _ in range(MARK_TRIES):
            if not job.is_cancellable:
                return job
            if job.status is not JobStatus.QUEUED:
                return await self.store.mark(job_id, cancel_requested_at=self.clock())
            try:
                return await self.store.amend(
                    job.cancelled(CancelOutcome.NOTHING_SPENT, now=self.clock())
                )
            except JobConflict:  # a worker was faster, or the row changed: look again
                job = await self.get(viewer, job_id)
                if job.status is JobStatus.QUEUED:
                    return await self.store.mark(job_id, cancel_requested_at=self.clock())
        return job

    async def retry(self, viewer: Viewer, job_id: str, *, token: str | None = None) -> Job:
        """Ask for the same again: a new job that remembers where it came from."""
        job = await self.get(viewer, job_id)
        backend, request = self.backends.find(job.backend), job.request
        if backend is None:
            backend = self.backends.default
            request = backend.nearest(request)
        batch = await self.submit(viewer, request, backend=backend.id, token=token, origin=job.id)
        return batch[0]

    async def check_again(self, viewer: Viewer, job_id: str) -> Job:
        """Look at the backend again for a job that failed or was lost sight of.

        Raises JobConflict where the backend never told us an id, or the job is not such a one.
        """
        job = await self.get(viewer, job_id)
        backend = self.backends.get(job.backend)
        if job.status is JobStatus.UNKNOWN and job.remote is None:
            if not backend.finds:
                raise JobConflict("this backend cannot be asked about a job without an id")
            return await self.store.amend(
                job.unknown(job.failure or _gave_up(), next_at=self.clock())
            )
        return await self.store.amend(job.reopened(now=self.clock(), deadline=backend.deadline))

    async def give_up(self, viewer: Viewer, job_id: str) -> Job:
        """Stop wondering about an unknown job; it counts as failed from now on."""
        job = await self.get(viewer, job_id)
        if job.status is not JobStatus.UNKNOWN:
            raise JobConflict("only a job whose end is unknown can be given up")
        return await self.store.amend(job.failed(job.failure or _gave_up(), now=self.clock()))

    async def delete(self, viewer: Viewer, job_id: str) -> Job:
        """Put a job away; one that still runs is cancelled first."""
        job = await self.cancel(viewer, job_id)
        return await self.store.mark(job.id, deleted_at=self.clock())

    async def restore(self, viewer: Viewer, job_id: str) -> Job:
        """Take a delete back; raises JobNotFound once the time for that has passed."""
        job = await self.store.get(job_id)
        if job.owner == viewer.owner and job.deleted_at is None:
            return job
        await self.deleted(viewer, job_id)
        return await self.store.mark(job_id, restored=True)

    async def star(self, viewer: Viewer, job_id: str, starred: bool) -> Job:
        """Mark a job as a favourite, or no longer."""
        await self.get(viewer, job_id)
        return await self.store.mark(job_id, starred=starred)

    async def rename(self, viewer: Viewer, job_id: str, title: str) -> Job:
        """Give a job a title; an empty one brings the prompt's first words back.

        Raises InvalidRequest for one that is too long.
        """
        await self.get(viewer, job_id)
        words = " ".join(title.split())
        if len(words) > TITLE_MAX:
            raise InvalidRequest(
                "A title has at most {limit} characters.", field="title", limit=TITLE_MAX
            )
        return await self.store.mark(job_id, title=words)

    async def changes(self, viewer: Viewer, after: int) -> list[Job]:
        """Return the viewer's jobs that changed after a revision, deleted ones included."""
        return await self.store.changed_since(after, Scope(viewer.owner))

    async def revision(self) -> int:
        """Return the store's revision as it stands: everybody's, to be told to nobody."""
        return await self.store.revision()

    async def newest(self, viewer: Viewer) -> int:
        """Return the revision that the viewer's own jobs have reached, whatever others do."""
        return await self.store.newest(Scope(viewer.owner))

    async def wait_changed(self, after: int, at_most: timedelta) -> int:
        """Return the revision as soon as it is above `after`, or when `at_most` has passed."""
        return await self.store.wait_changed(after, at_most)

    async def turn(self, job: Job) -> Turn | None:
        """Return where a waiting job stands, as the scheduler would take it; None for others."""
        is_waiting = job.status is JobStatus.QUEUED and job.deleted_at is None
        return (await self.outlook.turns()).get(job.id) if is_waiting else None

    async def standing(self, job: Job) -> Turn | None:
        """Return what there is to say of when: of a waiting job, or of one that is overdue."""
        overdue = await self.outlook.overdue(job)
        return Turn(0, overdue=overdue) if overdue else await self.turn(job)

    def _asked(
        self, request: VideoRequest, count: int, backend: str | None, also: Sequence[str]
    ) -> list[Asked]:
        """Return what is asked of which backend, one for each job; raises InvalidRequest."""
        chosen = self.backends.get(backend)
        others = {other.id: other for other in map(self.backends.get, also) if other is not chosen}
        asked = [(chosen, chosen.completed(request), count)]
        asked += [
            (other, other.completed(other.nearest(request)), other.at_most(count))
            for other in others.values()
        ]
        fitted = [(there, _fitted(there, wanted, many), many) for there, wanted, many in asked]
        return [(there, wanted) for there, wanted, many in fitted for _ in range(many)]

    async def _add_with_frames(self, viewer: Viewer, batch: list[Job]) -> list[Job]:
        """Add a batch with its own copies of the first frame; one that is not taken leaves none."""
        async with AsyncExitStack() as undo:
            if (key := batch[0].request.first_frame) is not None:
                await self._require_own(viewer, key)
                batch = await Frames(self.clips).copied(key, batch, undo)
            expected = await self.outlook.expected(batch)
            try:
                kept = await self.store.add(expected, self.limits)
            except asyncio.CancelledError:
                undo.pop_all()  # the jobs may be kept all the same; the sweep at start will know
                raise
            if kept[0].id == batch[0].id:
                undo.pop_all()
        return kept

    async def _require_own(self, viewer: Viewer, key: str) -> None:
        if is_draft(key):
            if not is_draft_of(viewer.owner, key):
                raise picture_gone()
            return
        try:
            await self.get(viewer, owner_of(key))
        except JobNotFound as error:
            raise picture_gone() from error

    def _batch(
        self,
        viewer: Viewer,
        asked: Sequence[Asked],
        submit_token: str,
        batch: str,
        origin: str | None = None,
    ) -> list[Job]:
        now = self.clock()
        return [
            Job(
                id=new_id(),
                batch=batch,
                place=place,
                owner=viewer.owner,
                backend=backend.id,
                request=request,
                submit_token=submit_token,
                created_at=now,
                origin=origin,
                next_at=now,
            )
            for place, (backend, request) in enumerate(asked)
        ]


def _gave_up() -> Failure:
    return Failure(kind=OutcomeUnknown.kind, stage=Stage.SUBMIT)


def _fitted(there: ConfiguredBackend, wanted: VideoRequest, many: int) -> VideoRequest:
    if there.catalogue is None:
        return wanted
    return fitted(wanted, many, there.catalogue.capabilities(wanted.model), there.name)


def _recipe_digest(request: VideoRequest, count: int, backends: Sequence[str | None]) -> str:
    recipe = f"{request.model_dump_json()}\n{count}\n{','.join(map(str, backends))}"
    return hashlib.sha256(recipe.encode()).hexdigest()[:32]
