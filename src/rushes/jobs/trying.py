"""One clip straight from a backend, outside the queue: made, followed, fetched, read, forgotten."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from rushes.domain import CancelOutcome, RemoteStatus, VideoRequest, new_id
from rushes.errors import BackendError, BackendTimeout, ClipUnusable, GenerationFailed
from rushes.jobs.fetching import clip_of
from rushes.jobs.media import SNIFF_BYTES, BrokenClip, inspect, sniff
from rushes.jobs.steps import backoff, poll_pause
from rushes.ports import StoredBlob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta

    from rushes.domain import Capabilities, Clip, RemoteJob
    from rushes.ports import ClipSource, VideoBackend

CANCELLED = {
    CancelOutcome.NOTHING_SPENT: "it never left this machine; nothing was spent",
    CancelOutcome.CONFIRMED: "the backend has confirmed that it stopped",
    CancelOutcome.STOPPED_WAITING: "we stopped waiting; it may still be made and billed",
}


class ClipFile(Protocol):
    """Where the clip's bytes are put, to be read again; nothing of it is kept."""

    def write(self, data: bytes, /) -> int:
        """Add bytes at the end."""
        ...

    def seek(self, offset: int, /) -> int:
        """Go to a place."""
        ...

    def read(self, size: int, /) -> bytes:
        """Read from there."""
        ...


def smallest(prompt: str, takes: Capabilities, picture: str | None = None) -> VideoRequest:
    """Return what is the least to ask for: the shortest and smallest clip that there is."""
    return VideoRequest(
        prompt=prompt,
        first_frame=picture,
        duration_s=min(takes.durations, default=None),
        aspect_ratio=next(iter(takes.aspect_ratios), None),
        resolution=min(takes.resolutions, key=_lines, default=None),
    )


def _lines(resolution: str) -> int:
    return int(resolution.removesuffix("p"))


async def try_out(
    backend: VideoBackend,
    request: VideoRequest,
    file: ClipFile,
    *,
    within: timedelta,
    say: Callable[[str], object],
) -> Clip:
    """Make one clip, which may cost money, and return what it is; `file` then holds it.

    Tells `say` how it goes. When it is cancelled, or `within` is over, the backend is asked to
    stop, and `say` hears truthfully what came of that. Raises BackendError.
    """
    try:
        submission = await backend.submit(request, idempotency_key=new_id())
    except asyncio.CancelledError:
        say("cancelled while it was being sent: nobody can tell whether it will be made and billed")
        raise
    remote = submission.remote
    say(f"accepted as {remote.id}")
    async with _stopping(backend, remote, say):
        async with asyncio.timeout(within.total_seconds()):
            if submission.clip is None:
                remote = await _followed(backend, remote, say)
            clip = await _read(submission.clip or backend.open_clip(remote), file)
    with suppress(BackendError):
        forgotten = await backend.forget(remote)
        say("forgotten at the backend" if forgotten else "the backend keeps what it keeps")
    return clip


@asynccontextmanager
async def _stopping(
    backend: VideoBackend, remote: RemoteJob, say: Callable[[str], object]
) -> AsyncIterator[None]:
    """Ask the backend to stop where nobody waits any more."""
    try:
        yield
    except TimeoutError as error:
        say(await _stopped(backend, remote))
        raise BackendTimeout("no clip came in the time that a job may take") from error
    except asyncio.CancelledError:
        say(await _stopped(backend, remote))
        raise


async def _stopped(backend: VideoBackend, remote: RemoteJob) -> str:
    try:
        return f"cancelled: {CANCELLED[await backend.cancel(remote)]}"
    except BackendError as error:
        told = CANCELLED[CancelOutcome.STOPPED_WAITING]
        return f"cancelled: {told} ({error.message})"


async def _followed(
    backend: VideoBackend, remote: RemoteJob, say: Callable[[str], object]
) -> RemoteJob:
    told, troubles = "", 0
    while remote.status in {RemoteStatus.QUEUED, RemoteStatus.IN_PROGRESS}:
        if told != (told := _standing(remote)):
            say(told)
        await asyncio.sleep(poll_pause(remote).total_seconds())
        try:
            remote = await backend.poll(remote)
            troubles = 0
        except BackendError as error:
            if not error.retryable:
                raise
            troubles += 1
            say(f"{error.kind}: {error.message}")
            await asyncio.sleep(backoff(troubles, error).total_seconds())
    if remote.status is not RemoteStatus.COMPLETED:
        failure = remote.failure
        why = f"{failure.kind}: {failure.message}" if failure else "no reason was given"
        raise GenerationFailed(f"the job ended as {remote.status}, {why}")
    return remote


def _standing(remote: RemoteJob) -> str:
    words = {RemoteStatus.QUEUED: "it waits", RemoteStatus.IN_PROGRESS: "it is being made"}
    parts = [words[remote.status]]
    if remote.queue_position:
        parts.append(f"{remote.queue_position} ahead")
    if remote.progress is not None:
        parts.append(f"{remote.progress} %")
    if remote.eta is not None:
        parts.append(f"{remote.eta.total_seconds():.0f} s expected")
    return ", ".join(parts)


async def _read(opened: AbstractAsyncContextManager[ClipSource], file: ClipFile) -> Clip:
    size, digest = 0, hashlib.sha256()
    async with opened as source:
        async for chunk in source.chunks():
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)

    async def read(start: int, stop: int) -> bytes:
        file.seek(start)
        return file.read(max(0, min(stop, size) - start))

    media_type = sniff(await read(0, SNIFF_BYTES))
    if media_type is None:
        raise ClipUnusable("a file came, but it does not begin like a video")
    try:
        facts = await inspect(media_type, size, read)
    except BrokenClip as error:
        raise ClipUnusable(f"the clip is broken: {error}") from error
    return clip_of("", media_type, StoredBlob(size, digest.hexdigest()), facts)
