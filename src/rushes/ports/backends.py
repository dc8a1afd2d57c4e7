"""What the workflow needs of a backend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from rushes.domain import (
        CancelOutcome,
        Catalogue,
        Custody,
        RemoteJob,
        VideoRequest,
    )


class ClipSource(Protocol):
    """Clip bytes on their way from a backend.

    They begin at `start`: what was asked for, or 0 where the backend cannot resume.
    """

    @property
    def size(self) -> int | None:
        """The whole clip's size in bytes, if told."""
        ...

    @property
    def start(self) -> int:
        """The offset of the first byte to come."""
        ...

    @property
    def validator(self) -> str | None:
        """The backend's strong ETag, which lets a download go on after a break."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes once, in order. Raises BackendError when they break off."""
        ...


@dataclass(frozen=True, slots=True)
class Submission:
    """A backend's answer to a submit.

    A synchronous backend answers with the clip itself, at its response headers; whoever gets the
    submission must then enter `clip` and read it, or lose it.
    """

    remote: RemoteJob
    clip: AbstractAsyncContextManager[ClipSource] | None = None


class Severity(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `rushes check`: what was looked at, what was seen, what to do about it."""

    severity: Severity
    subject: str
    message: str
    remedy: str | None = None
    kind: str | None = None
    """The kind of BackendError that a job would meet there."""


class VideoBackend(Protocol):
    """A configured text-to-video service. Every method raises only BackendError."""

    name: str
    custody: Custody
    finds: bool
    """Whether `find` asks the service; where it cannot, nobody is promised a look-up."""

    async def describe(self) -> Catalogue:
        """Return the models and what each takes."""
        ...

    async def submit(self, request: VideoRequest, *, idempotency_key: str) -> Submission:
        """Hand the request over, at most once per call, on a fresh connection.

        A retryable error means that nothing was executed; `OutcomeUnknown` that nobody can tell.
        """
        ...

    async def poll(self, remote: RemoteJob) -> RemoteJob:
        """Ask how it stands. A failed or cancelled remote job is an answer, not an error."""
        ...

    async def find(self, idempotency_key: str) -> RemoteJob | None:
        """Look a job up by our key, where the service can; None is no evidence either way."""
        ...

    def open_clip(
        self, remote: RemoteJob, *, start: int = 0, validator: str | None = None
    ) -> AbstractAsyncContextManager[ClipSource]:
        """Open the finished clip, from `start` where the backend can still prove it the same."""
        ...

    async def thumbnail(self, remote: RemoteJob, *, max_bytes: int) -> bytes | None:
        """Return the backend's own still picture of a finished clip; None where it has none.

        What it calls a picture, nobody has looked at; more than `max_bytes` is as good as none.
        """
        ...

    async def cancel(self, remote: RemoteJob) -> CancelOutcome:
        """Ask the backend to stop, and say truthfully what came of it.

        Whoever calls has just looked, where that was possible; a job that has ended all the same is
        never called stopped.
        """
        ...

    async def forget(self, remote: RemoteJob) -> bool:
        """Delete the job at the backend; whether it was."""
        ...

    async def check(self) -> list[Finding]:
        """Try what can be tried without spending anything."""
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...
