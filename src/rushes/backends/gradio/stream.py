"""Event streams held open in the background, one for each job that an app works on.

Gradio tells how a job stands on an open stream and nowhere else, and tells it once: an app drops
a waiting job whose stream breaks, and the result of a running one. Our worker asks step by step.
So a `Follower` listens all the while and a poll reads what was heard last. After a restart of
ours the stream is opened again; what the app then says (mostly: no such session) is the answer.
A job is never submitted again.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.backends.extraction import eta_of
from rushes.domain import RemoteStatus
from rushes.errors import BackendError, BackendUnavailable, BadBackendResponse
from rushes.net import Answer
from rushes.net.events import read_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from pydantic import JsonValue

    from rushes.backends.gradio.messages import Reader
    from rushes.domain import RemoteJob
    from rushes.ports import ClipSource

    Listen = Callable[[str], AbstractAsyncContextManager[ClipSource]]

STREAMS_MAX = 128
FIRST_WORD = timedelta(seconds=5)
"""A live session has something to say at once: what was queued for it so far."""
LONGEST = timedelta(hours=12)
ENDED = frozenset({RemoteStatus.COMPLETED, RemoteStatus.FAILED, RemoteStatus.CANCELLED})
SMALL_TALK = frozenset({"heartbeat", "close_stream"})


class Follower:
    """Listens to one job's stream until it ends, breaks, or `close` is called."""

    def __init__(self, job: RemoteJob, listen: Listen, reader: Reader) -> None:
        self._job = job
        self._listen = listen
        self._reader = reader
        self._trouble: BackendError | None = None
        self._spoken = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._estimated_at = self._clock()
        self._task = asyncio.create_task(self._follow(), name=f"gradio {job.id}")

    @property
    def is_broken(self) -> bool:
        """Whether the stream is over although the job is not."""
        return self._trouble is not None

    async def report(self) -> RemoteJob:
        """Return the job as last heard of; raises BackendError where the stream is over.

        Waits a moment for the first word.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_WORD.total_seconds()):
                await self._spoken.wait()
        if self._trouble is not None:
            raise self._trouble
        if not self._spoken.is_set():
            raise BadBackendResponse("the app does not tell how this job stands", retryable=True)
        return replace(self._job, eta=self._eta())

    def _eta(self) -> timedelta | None:
        """Return what is left of the time that the app expected when it last said so."""
        passed = self._clock() - self._estimated_at
        return eta_of(self._job.eta.total_seconds() - passed) if self._job.eta else None

    def _hear(self, message: JsonValue) -> None:
        before = self._job.eta
        self._job = self._reader.read(message, self._job)
        if self._job.eta is not before:
            self._estimated_at = self._clock()

    async def close(self) -> None:
        """Stop listening; an app drops a waiting job then."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        try:
            async with asyncio.timeout(LONGEST.total_seconds()):
                await self._hear_all()
        except TimeoutError:
            self._trouble = BackendUnavailable("the app took too long")
        except BackendError as error:
            self._trouble = error
        finally:
            self._spoken.set()

    async def _hear_all(self) -> None:
        async with self._listen(self._job.id) as source:
            async for data in read_events(_unbroken(source)):
                message = Answer(200, {}, data.encode(), "an event of the stream").json()
                self._hear(message)
                if not isinstance(message, dict) or message.get("msg") not in SMALL_TALK:
                    self._spoken.set()
                if self._job.status in ENDED:
                    return
        raise _broken_off()


class Streams:
    """The followers of one app, by session; at most 128, the oldest go first."""

    def __init__(self, listen: Listen) -> None:
        self._listen = listen
        self._followers: dict[str, Follower] = {}

    async def follow(self, job: RemoteJob, reader: Reader) -> Follower:
        """Return who follows the job, a new listener where none does or its stream broke."""
        known = self._followers.get(job.id)
        if known is not None and not known.is_broken:
            return known
        while len(self._followers) >= STREAMS_MAX:
            await self.leave(next(iter(self._followers)))
        follower = Follower(replace(job, failure=None), self._listen, reader)
        self._followers[job.id] = follower
        return follower

    async def leave(self, session: str) -> None:
        """Stop following a job, if anybody does."""
        follower = self._followers.pop(session, None)
        if follower is not None:
            await follower.close()

    async def aclose(self) -> None:
        """Stop following all."""
        for session in tuple(self._followers):
            await self.leave(session)


async def _unbroken(source: ClipSource) -> AsyncIterator[bytes]:
    """Yield the stream's bytes; its limits are a clip's, its troubles are not."""
    try:
        async for chunk in source.chunks():
            yield chunk
    except BackendError as error:
        raise _broken_off(error.detail) from error


def _broken_off(detail: str | None = None) -> BackendUnavailable:
    return BackendUnavailable("the event stream broke off", detail=detail)
