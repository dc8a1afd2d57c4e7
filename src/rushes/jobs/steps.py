"""The single steps of a job: submit, poll, look up, cancel.

Each step gets a job under lease, does one thing at the backend and saves what came of it with the
time of the next step. Killed between any two lines, the row says what is known.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.counts import OK
from rushes.domain import CancelOutcome, Failure, JobStatus, RemoteStatus, Stage
from rushes.errors import (
    BackendError,
    BackendTimeout,
    GenerationFailed,
    JobNotFound,
    LeaseLost,
    NotConfigured,
    OutcomeUnknown,
    RemoteJobNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rushes.domain import Job, RemoteJob
    from rushes.jobs.directory import ConfiguredBackend, Directory
    from rushes.jobs.fetching import Fetcher
    from rushes.jobs.frames import Frames
    from rushes.ports import JobStore, Submission

POLL_PAUSE = timedelta(seconds=2)
BACKOFF_FIRST = timedelta(milliseconds=500)
BACKOFF_MAX = timedelta(seconds=30)
CREATED_GRACE = timedelta(seconds=60)
"""How long a backend may answer 404 for a job that it has just accepted."""
LOOK_UPS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
CANCEL_TRIES = 3
LOOK_AT_MOST = timedelta(seconds=10)
"""How long a cancel waits to hear whether the job has ended already."""
ENDED = frozenset({RemoteStatus.COMPLETED, RemoteStatus.FAILED, RemoteStatus.CANCELLED})


def backoff(attempt: int, error: BackendError | None = None) -> timedelta:
    """Return the pause before trying again: the backend's own wish, else doubling, jittered."""
    if error is not None and error.retry_after is not None:
        return error.retry_after * random.uniform(1.0, 1.2)  # noqa: S311 - spreads load
    ceiling = min(BACKOFF_FIRST * (1 << min(attempt, 10)), BACKOFF_MAX)
    return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load


def poll_pause(remote: RemoteJob) -> timedelta:
    """Return the pause before the next poll: what the backend's side wishes, jittered."""
    return (remote.next_poll or POLL_PAUSE) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load


def asked_at(job: Job) -> datetime | None:
    """Return when an unknown job was last looked up in vain; None for never, or long ago."""
    if job.next_at is None or not 0 < job.attempt < len(LOOK_UPS):
        return None
    return job.next_at - LOOK_UPS[job.attempt]


@dataclass(frozen=True, slots=True)
class Wishes:
    """Tell, while a job is carried, when the person has changed their mind."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    away: asyncio.Event = field(default_factory=asyncio.Event)
    """The job was put away."""

    def of(self, job: Job) -> asyncio.Event:
        """Return what ends the fetching: once a cancel came too late, only putting it away."""
        return self.away if job.cancel_outcome is CancelOutcome.TOO_LATE else self.stop


@dataclass(frozen=True, slots=True)
class Steps:
    """Carries a job one step further; raises LeaseLost when another worker has taken it over."""

    store: JobStore
    directory: Directory
    fetcher: Fetcher
    frames: Frames
    clock: Callable[[], datetime]

    async def step(self, job: Job, wishes: Wishes) -> None:
        """Do whatever is due for this job now."""
        backend = self.directory.find(job.backend)
        if backend is None:
            await self._save(self._without_backend(job))
            return
        if job.is_unwanted and job.status is not JobStatus.UNKNOWN:
            await self._cancel(job, backend, wishes)
        elif job.status is JobStatus.QUEUED:
            await self._submit(job, backend, wishes)
        elif job.status is JobStatus.SUBMITTING:
            await self._recover(job, backend)
        elif job.status is JobStatus.IN_PROGRESS:
            await self._poll(job, backend, wishes)
        elif job.status is JobStatus.FETCHING:
            await self.fetcher.fetch(job, backend, wishes.of(job))
        elif job.status is JobStatus.UNKNOWN:
            await self._look_up(job, backend, wishes)

    def _without_backend(self, job: Job) -> Job:
        """Keep a job whose backend is not configured any more: with the setting it comes back."""
        now = self.clock()
        if job.is_unwanted and job.status is not JobStatus.UNKNOWN:
            nothing = job.status is JobStatus.QUEUED
            spent = CancelOutcome.NOTHING_SPENT if nothing else CancelOutcome.STOPPED_WAITING
            return job.cancelled(spent, now=now)
        failure = Failure(kind=NotConfigured.kind, stage=Stage.POLL)
        return job.unknown(failure, next_at=now + LOOK_UPS[0])

    # --- submit ---------------------------------------------------------------------------------

    async def _submit(self, job: Job, backend: ConfiguredBackend, wishes: Wishes) -> None:
        intent = job.submitting(now=self.clock(), deadline=backend.deadline)
        job = await self.store.save(intent, release=False)
        if job.cancel_requested_at is not None:
            await self._save(job.cancelled(CancelOutcome.NOTHING_SPENT, now=self.clock()))
            return
        try:
            request = await self.frames.enclosed(job.request)
            submission = await backend.backend.submit(request, idempotency_key=job.id)
        except BackendError as error:
            backend.counts.calls[Stage.SUBMIT, error.kind] += 1
            backend.stumbled(error, Stage.SUBMIT)
            await self._save(self._after_failed_submit(job, backend, error))
            return
        backend.counts.calls[Stage.SUBMIT, OK] += 1
        backend.answered()
        await self._accept(job, backend, submission, wishes)

    def _after_failed_submit(
        self, job: Job, backend: ConfiguredBackend, error: BackendError
    ) -> Job:
        failure = Failure.from_error(error, Stage.SUBMIT)
        if isinstance(error, OutcomeUnknown):
            return job.unknown(failure, next_at=self._first_look_up(backend))
        if error.retryable:
            return job.requeued(failure, next_at=self.clock() + backoff(job.attempt, error))
        return job.failed(failure, now=self.clock())

    async def _accept(
        self, job: Job, backend: ConfiguredBackend, submission: Submission, wishes: Wishes
    ) -> None:
        now, remote = self.clock(), submission.remote
        if submission.clip is None:
            await self._follow(job.accepted(remote, next_at=now), backend, wishes)
            return
        async with submission.clip as coming:
            job = await self._save_remote(job.fetching(remote, next_at=now), release=False)
            await self.fetcher.fetch(job, backend, wishes.of(job), source=nullcontext(coming))

    # --- poll -----------------------------------------------------------------------------------

    async def _poll(self, job: Job, backend: ConfiguredBackend, wishes: Wishes) -> None:
        if job.remote is None:
            await self._recover(job, backend)
            return
        try:
            remote = await backend.backend.poll(job.remote)
        except BackendError as error:
            backend.counts.calls[Stage.POLL, error.kind] += 1
            backend.stumbled(error, Stage.POLL)
            await self._save(self._after_failed_poll(job, error))
            return
        backend.counts.calls[Stage.POLL, OK] += 1
        backend.answered()
        await self._follow(job.polled(remote, next_at=self.clock()), backend, wishes)

    async def _follow(self, job: Job, backend: ConfiguredBackend, wishes: Wishes) -> None:
        """Save what the backend told and go where it points."""
        remote = job.remote
        if remote is None:
            raise AssertionError("nothing to follow")
        if remote.status is RemoteStatus.COMPLETED:
            job = await self._save_remote(job.fetching(remote, next_at=self.clock()), release=False)
            if job.is_unwanted:  # the wish came while we asked, and what we asked for was done
                late = job.fetching(remote, next_at=self.clock())
                job = await self.store.save(late, release=False)
            if job.deleted_at is not None:
                await self._cancel(job, backend, wishes)
                return
            await self.fetcher.fetch(job, backend, wishes.of(job))
            return
        await self._save_remote(self._after_poll(job, remote))

    def _after_poll(self, job: Job, remote: RemoteJob) -> Job:
        now = self.clock()
        if remote.status is RemoteStatus.FAILED:
            return job.failed(remote.failure or _unexplained(), now=now)
        if remote.status is RemoteStatus.CANCELLED and job.is_unwanted:
            return job.cancelled(CancelOutcome.CONFIRMED, now=now)
        if remote.status is RemoteStatus.CANCELLED:
            return job.failed(remote.failure or _unexplained("cancelled"), now=now)
        if self._is_late(job):
            return self._lost_sight(job)
        next_at = now if job.is_unwanted else now + poll_pause(remote)
        return job.polled(remote, next_at=next_at)

    def _after_failed_poll(self, job: Job, error: BackendError) -> Job:
        now = self.clock()
        is_young = now - (job.submitted_at or job.created_at) < CREATED_GRACE
        if isinstance(error, RemoteJobNotFound) and not (is_young or error.retryable):
            return self._failed(job, error, Stage.POLL)
        if self._is_late(job):
            return self._lost_sight(job)
        if job.remote is not None and isinstance(error, RemoteJobNotFound) and error.retryable:
            return job.polled(job.remote, next_at=now + poll_pause(job.remote))
        failure = Failure.from_error(error, Stage.POLL)
        return job.set_back(failure, next_at=now + backoff(job.attempt + 1, error))

    def _is_late(self, job: Job) -> bool:
        return job.deadline_at is not None and self.clock() > job.deadline_at

    def _lost_sight(self, job: Job) -> Job:
        failure = Failure(kind=BackendTimeout.kind, stage=Stage.POLL)
        return job.unknown(failure, next_at=self.clock() + LOOK_UPS[0])

    # --- what a crash or a lost answer left behind ----------------------------------------------

    async def _recover(self, job: Job, backend: ConfiguredBackend) -> None:
        """A worker died between intent and answer: look it up, or send again only where safe."""
        try:
            remote = await backend.backend.find(job.id)
        except BackendError as error:
            await self._save(self._after_failed_recovery(job, backend, error))
            return
        now = self.clock()
        if remote is not None:
            await self._save(job.accepted(remote, next_at=now))
        elif job.cancel_requested_at is not None:
            await self._save(job.cancelled(CancelOutcome.STOPPED_WAITING, now=now))
        elif self._honours_key(job, backend):
            await self._save(job.requeued(_unanswered(), next_at=now))
        else:
            await self._save(job.unknown(_unanswered(), next_at=self._first_look_up(backend)))

    def _after_failed_recovery(
        self, job: Job, backend: ConfiguredBackend, error: BackendError
    ) -> Job:
        if self._is_late(job) or not error.retryable:
            return job.unknown(_unanswered(), next_at=self._first_look_up(backend))
        failure = Failure.from_error(error, Stage.SUBMIT)
        return job.set_back(failure, next_at=self.clock() + backoff(job.attempt, error))

    def _honours_key(self, job: Job, backend: ConfiguredBackend) -> bool:
        if backend.catalogue is None:
            return False
        capabilities = backend.catalogue.capabilities(job.request.model)
        return capabilities is not None and capabilities.idempotency

    async def _look_up(self, job: Job, backend: ConfiguredBackend, wishes: Wishes) -> None:
        """Seek evidence about an unknown job: by its remote id, else by our key."""
        try:
            remote = await (
                backend.backend.poll(job.remote) if job.remote else backend.backend.find(job.id)
            )
        except BackendError:
            remote = None
        now = self.clock()
        if remote is not None:
            job = job.evident(remote, now=now, deadline=backend.deadline)
            await self._follow(job, backend, wishes)
            return
        await self._save(job.wondering(next_at=self._next_look_up(job, backend, now)))

    def _first_look_up(self, backend: ConfiguredBackend) -> datetime | None:
        """Return when to look for a job without an id; None where the backend cannot be asked."""
        return self.clock() + LOOK_UPS[0] if backend.finds else None

    def _next_look_up(self, job: Job, backend: ConfiguredBackend, now: datetime) -> datetime | None:
        if job.remote is None and not backend.finds:
            return None
        done = job.attempt + 1
        return now + LOOK_UPS[done] if done < len(LOOK_UPS) else None

    # --- cancel ---------------------------------------------------------------------------------

    async def _cancel(self, job: Job, backend: ConfiguredBackend, wishes: Wishes) -> None:
        if job.status is JobStatus.SUBMITTING:
            await self._recover(job, backend)
        elif job.remote is not None and job.status is JobStatus.IN_PROGRESS:
            await self._stop(job, job.remote, backend, wishes)
        else:
            await self.fetcher.drop(job.download)
            nothing = job.status is JobStatus.QUEUED
            spent = CancelOutcome.NOTHING_SPENT if nothing else CancelOutcome.STOPPED_WAITING
            await self._save(job.cancelled(spent, now=self.clock()))

    async def _stop(
        self, job: Job, remote: RemoteJob, backend: ConfiguredBackend, wishes: Wishes
    ) -> None:
        """Ask the backend to stop; but what has ended meanwhile is told as it ended."""
        try:
            seen = await self._last_look(remote, backend)
        except BackendError as error:
            if await self._tries_again(job, error):
                return
            seen = None  # the last try: a cancel that could delete a whole clip looks for itself
        if seen is not None and seen.status in ENDED:
            await self._follow(job.polled(seen, next_at=self.clock()), backend, wishes)
            return
        try:
            outcome = await backend.backend.cancel(seen or remote)
        except BackendError as error:
            if await self._tries_again(job, error):
                return
            outcome = CancelOutcome.STOPPED_WAITING
        await self._save(job.cancelled(outcome, now=self.clock()))

    async def _last_look(self, remote: RemoteJob, backend: ConfiguredBackend) -> RemoteJob | None:
        """Return how the job stands before it is cancelled; None where the backend has no such."""
        try:
            async with asyncio.timeout(LOOK_AT_MOST.total_seconds()):
                return await backend.backend.poll(remote)
        except RemoteJobNotFound:
            return None
        except TimeoutError as error:
            raise BackendTimeout(
                "how the job stands was not told in time", retryable=True
            ) from error

    async def _tries_again(self, job: Job, error: BackendError) -> bool:
        """Put a cancel that failed off for a while; whether it may be tried again."""
        if not error.retryable or job.attempt >= CANCEL_TRIES:
            return False
        failure, pause = Failure.from_error(error, Stage.CANCEL), backoff(job.attempt, error)
        await self._save(job.set_back(failure, next_at=self.clock() + pause))
        return True

    # --- saving ---------------------------------------------------------------------------------

    async def _save(self, job: Job) -> Job:
        return await self.store.save(job)

    async def _save_remote(self, job: Job, *, release: bool = True) -> Job:
        """Save news of a remote job; its id is kept even where the lease is gone."""
        try:
            return await self.store.save(job, release=release)
        except LeaseLost:
            if job.remote is not None:
                await self._keep_late(job, job.remote)
            raise

    async def _keep_late(self, job: Job, remote: RemoteJob) -> None:
        try:
            await self.store.record_remote(job.id, remote)
        except JobNotFound:  # erased while it was being sent: it is not wanted there either
            backend = self.directory.find(job.backend)
            if backend is not None:
                with suppress(BackendError):
                    await backend.backend.cancel(remote)
                with suppress(BackendError):
                    await backend.backend.forget(remote)
            raise

    def _failed(self, job: Job, error: BackendError, stage: Stage) -> Job:
        return job.failed(Failure.from_error(error, stage), now=self.clock())


def _unexplained(word: str = "failed") -> Failure:
    return Failure(kind=GenerationFailed.kind, stage=Stage.POLL, remote_code=word)


def _unanswered() -> Failure:
    return Failure(kind=OutcomeUnknown.kind, stage=Stage.SUBMIT)
