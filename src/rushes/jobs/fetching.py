"""Brings a clip home: one download for however many viewers, resumable, whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from rushes.counts import OK
from rushes.domain import CancelOutcome, Clip, Download, Failure, JobStatus, Stage
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    ClipNotFound,
    ClipNotReady,
    ClipUnusable,
    InvalidRequest,
    ResultExpired,
    ResultLost,
    StorageError,
    StorageFull,
)
from rushes.jobs.media import SNIFF_BYTES, BrokenClip, MediaFacts, inspect, sniff
from rushes.jobs.posters import POSTER_MAX, Posters
from rushes.jobs.reading_ahead import read_ahead
from rushes.ports import BlobState, StoredBlob

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from rushes.domain import Job
    from rushes.jobs.directory import ConfiguredBackend
    from rushes.ports import ClipReader, ClipSource, ClipStore, ClipWriter, JobStore

log = logging.getLogger(__name__)

FETCH_TRIES = 12
RETRY_PAUSE = timedelta(seconds=1)
RETRY_PAUSE_MAX = timedelta(seconds=30)
DISK_PAUSE = timedelta(seconds=30)
THUMBNAIL_WAIT = timedelta(seconds=5)
READ_BYTES = 512 * 1024


class Wish(Protocol):
    """Tells when the person has changed their mind."""

    async def wait(self) -> object:
        """Return once the job is to be cancelled."""
        ...


class _Unwanted(Exception):
    """The person cancelled while the clip was coming."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Carries a job through `fetching`; raises LeaseLost when another worker has taken it over."""

    store: JobStore
    clips: ClipStore
    clock: Callable[[], datetime]

    async def fetch(
        self,
        job: Job,
        backend: ConfiguredBackend,
        wish: Wish,
        *,
        source: AbstractAsyncContextManager[ClipSource] | None = None,
    ) -> None:
        """Bring the clip of a leased job home and save how it went.

        `source` is a clip that is coming already, as the answer to a submit.
        """
        try:
            clip = await _unless(wish, self._clip_of(job, backend, source))
        except _Unwanted:
            job = await self._fresh(job)
            await self.drop(job.download)
            job = job.cancelled(CancelOutcome.STOPPED_WAITING, now=self.clock())
        except ResultExpired as error:
            job = await self._ask_anew(await self._fresh(job), backend, error)
        except BackendError as error:
            job = self._after_trouble(await self._fresh(job), error)
        except StorageFull:
            failure = Failure(kind=StorageFull.kind, stage=Stage.RESULT, retryable=True)
            job = (await self._fresh(job)).set_back(failure, next_at=self.clock() + DISK_PAUSE)
        else:
            job = (await self._fresh(job)).completed(clip, now=self.clock())
            await self._keep_thumbnail(job, backend)
        _count(job, backend)
        await self.store.save(job)

    async def _fresh(self, job: Job) -> Job:
        """Return the row as it is now, under the fence that this worker was given."""
        return replace(await self.store.get(job.id), fence=job.fence)

    async def _keep_thumbnail(self, job: Job, backend: ConfiguredBackend) -> None:
        """Keep the backend's own picture, if it has one; for want of it no clip is held up."""
        if job.remote is None:
            return
        try:
            async with asyncio.timeout(THUMBNAIL_WAIT.total_seconds()):
                picture = await backend.backend.thumbnail(job.remote, max_bytes=POSTER_MAX)
            if picture is not None:
                await Posters(self.clips).keep(job, picture)
        except (BackendError, StorageError, InvalidRequest, TimeoutError) as error:
            log.info("job %s: the backend's picture is not kept: %s", job.id, error)

    async def _clip_of(
        self,
        job: Job,
        backend: ConfiguredBackend,
        source: AbstractAsyncContextManager[ClipSource] | None,
    ) -> Clip:
        clip = await self._adopt(job) if source is None else None
        return clip or await self._bring(job, backend, source)

    async def _adopt(self, job: Job) -> Clip | None:
        """Take over a clip that was finished just before a crash."""
        if job.download is None:
            return None
        try:
            async with self.clips.open(job.download.key) as reader:
                if reader.state is not BlobState.WHOLE or reader.size is None:
                    return None
                facts = await _facts(reader.media_type, reader.size, reader)
                blob = StoredBlob(reader.size, await _sha256(reader, reader.size))
                return clip_of(job.download.key, reader.media_type, blob, facts)
        except (ClipNotFound, ClipNotReady):
            return None

    async def _bring(
        self,
        job: Job,
        backend: ConfiguredBackend,
        source: AbstractAsyncContextManager[ClipSource] | None,
    ) -> Clip:
        if source is not None:
            async with source as coming:
                return await self._receive(job, coming)
        if job.remote is None:
            raise ResultLost("the clip was on its way when the server stopped")
        start = await self._resumable(job)
        validator = job.download.validator if job.download and start else None
        opened = backend.backend.open_clip(job.remote, start=start, validator=validator)
        async with opened as coming:
            return await self._receive(job, coming)

    async def _resumable(self, job: Job) -> int:
        """Return how many bytes an earlier attempt left that may be built upon."""
        known = job.download
        if known is None or known.validator is None or known.media_type is None:
            return 0
        async with self.clips.receive(known.key, fence=job.fence, resume=True) as writer:
            return writer.position

    async def _receive(self, job: Job, source: ClipSource) -> Clip:
        known = job.download
        resume = known is not None and source.start > 0
        if not resume:
            await self.drop(known)
            download = Download(_next_key(job), source.size, source.validator)
            job = await self.store.save(job.arriving(download), release=False)
        if job.download is None:
            raise ResultLost("the backend went on with a clip that was never begun")
        key, fence = job.download.key, job.fence
        async with self.clips.receive(key, fence=fence, resume=resume) as writer:
            if writer.position != source.start:
                await writer.abandon()
                raise ClipUnusable("the backend resumed at another place", retryable=True)
            return await self._write(job, job.download, source, writer)

    async def drop(self, download: Download | None) -> None:
        """Remove what has come of a clip so far."""
        if download is not None:
            await self.clips.delete(download.key)

    async def _write(
        self, job: Job, download: Download, source: ClipSource, writer: ClipWriter
    ) -> Clip:
        try:
            media_type = await self._copy(job, download, source, writer)
            if source.size is not None and writer.position < source.size:
                missing = source.size - writer.position
                raise BackendUnavailable(f"the clip broke off, {missing} bytes are missing")
            facts = await self._facts(download.key, media_type, writer.position)
        except ClipUnusable:
            await writer.abandon()
            raise
        blob = await writer.finish(media_type)
        return clip_of(download.key, media_type, blob, facts)

    async def _copy(
        self, job: Job, download: Download, source: ClipSource, writer: ClipWriter
    ) -> str:
        """Write every byte; let readers in as soon as the beginning is known to be a clip."""
        media_type, head = download.media_type, bytearray()
        if media_type is not None:
            await writer.release(media_type, source.size)
        async with aclosing(read_ahead(source.chunks())) as pieces:
            async for piece in pieces:
                await writer.write(piece)
                if media_type is None:
                    head += piece[: SNIFF_BYTES - len(head)]
                    if len(head) == SNIFF_BYTES:
                        media_type = await self._let_in(job, download, bytes(head), source, writer)
        return media_type or await self._let_in(job, download, bytes(head), source, writer)

    async def _let_in(
        self, job: Job, download: Download, head: bytes, source: ClipSource, writer: ClipWriter
    ) -> str:
        media_type = sniff(head)
        if media_type is None:
            raise ClipUnusable("a file came, but it does not begin like a video")
        await writer.release(media_type, source.size)
        known = replace(download, media_type=media_type)
        await self.store.save(job.arriving(known), release=False)
        return media_type

    async def _facts(self, key: str, media_type: str, size: int) -> MediaFacts:
        async with self.clips.open(key) as reader:
            return await _facts(media_type, size, reader)

    async def _ask_anew(self, job: Job, backend: ConfiguredBackend, error: BackendError) -> Job:
        """The address of the clip went stale: poll once for a fresh one."""
        setback = Failure.from_error(error, Stage.RESULT)
        was_stale = job.setback is not None and job.setback.kind == setback.kind
        if job.remote is None or was_stale or job.attempt >= FETCH_TRIES:
            return job.failed(setback, now=self.clock())
        try:
            remote = await backend.backend.poll(job.remote)
        except BackendError as trouble:
            return self._after_trouble(job, trouble)
        return replace(job, remote=remote).set_back(setback, next_at=self.clock())

    def _after_trouble(self, job: Job, error: BackendError) -> Job:
        failure, now = Failure.from_error(error, Stage.RESULT), self.clock()
        if error.retryable and job.attempt + 1 < FETCH_TRIES:
            pause = error.retry_after or min(RETRY_PAUSE * 2**job.attempt, RETRY_PAUSE_MAX)
            return job.set_back(failure, next_at=now + pause)
        return job.failed(failure, now=now)


async def _unless(wish: Wish, bringing: Coroutine[None, None, Clip]) -> Clip:
    """Return the clip; raises _Unwanted as soon as it is not wanted any more, come what may."""
    clip, change = asyncio.create_task(bringing), asyncio.create_task(wish.wait())
    try:
        done, _ = await asyncio.wait({clip, change}, return_when=asyncio.FIRST_COMPLETED)
        if change in done:
            raise _Unwanted
        return clip.result()
    finally:
        clip.cancel()
        change.cancel()
        await asyncio.gather(clip, change, return_exceptions=True)


def _count(job: Job, backend: ConfiguredBackend) -> None:
    """Count how it went, unless nobody wanted the clip any more."""
    if job.status is JobStatus.CANCELLED:
        return
    trouble = job.failure or job.setback
    backend.counts.calls[Stage.RESULT, trouble.kind if trouble else OK] += 1
    if job.clip is not None:
        backend.counts.clip_bytes += job.clip.size
        if job.submitted_at is not None and job.finished_at is not None:
            backend.counts.seconds.add((job.finished_at - job.submitted_at).total_seconds())


def _next_key(job: Job) -> str:
    generation = 1 if job.download is None else int(job.download.key.rpartition("-")[2]) + 1
    return f"{job.id}-{generation}"


async def _facts(media_type: str, size: int, reader: ClipReader) -> MediaFacts:
    try:
        return await inspect(media_type, size, reader.read)
    except BrokenClip as error:
        raise ClipUnusable(f"the clip is broken: {error}") from error


async def _sha256(reader: ClipReader, size: int) -> str:
    digest, position = hashlib.sha256(), 0
    while position < size:
        part = await reader.read(position, min(position + READ_BYTES, size))
        if not part:
            raise ResultLost("the clip became shorter while it was read")
        digest.update(part)
        position += len(part)
    return digest.hexdigest()


def clip_of(key: str, media_type: str, blob: StoredBlob, facts: MediaFacts) -> Clip:
    """Return what is known of a clip under one roof."""
    return Clip(
        key=key,
        media_type=media_type,
        size=blob.size,
        sha256=blob.sha256,
        width=facts.width,
        height=facts.height,
        duration_s=facts.duration_s,
        fps=facts.fps,
        has_sound=facts.has_sound,
        mark=facts.mark,
        codec=facts.codec,
    )
