"""The sockets: what the workflow needs of a backend, of a job store and of a clip store.

Each protocol has one contract suite in `tests/contract/` that every implementation must pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from rushes.domain import (
        Account,
        ApiToken,
        AuditLine,
        CancelOutcome,
        Catalogue,
        Hold,
        Job,
        JobEvent,
        JobPage,
        JobQuery,
        JobStatus,
        Limits,
        RemoteJob,
        Scope,
        Share,
        VideoRequest,
    )

# --- backends -----------------------------------------------------------------------------------


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
        """Ask the backend to stop, and say truthfully what came of it."""
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


# --- jobs ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QueueRow:
    """What `choose` may know of a due job."""

    id: str
    owner: str
    backend: str
    status: JobStatus
    created_at: datetime
    place: int
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True)
class QueueView:
    """The queue at one moment, inside the claim's transaction.

    `due` holds unleased jobs that are due, oldest first. `running` counts, by backend, the jobs
    that hold one of its slots now (submitting or in_progress, leased or not).
    """

    due: Sequence[QueueRow]
    running: Mapping[str, int]


Choose = Callable[[QueueView], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Claimed:
    """Jobs now leased to the caller, and when the next job falls due (None: none waits)."""

    jobs: Sequence[Job]
    wake_at: datetime | None


class JobStore(Protocol):
    """Remembers jobs over restarts; the only truth. Raises StorageError.

    Every transaction that changes a job raises one counter, the revision, and stamps it on the
    rows it wrote; taking or prolonging a lease changes none. A status change, a setback, a cancel
    wish and a delete leave an event row.
    """

    async def add(self, jobs: Sequence[Job], limits: Limits) -> list[Job]:
        """Add a batch, all or none. Limits are counted in the same transaction, else QueueFull.

        Where (owner, submit_token) exists already, nothing is written and those jobs return.
        """
        ...

    async def get(self, job_id: str) -> Job:
        """Return one job, deleted ones too; raises JobNotFound."""
        ...

    async def search(self, query: JobQuery) -> JobPage:
        """Return a page of jobs, newest first, by keyset."""
        ...

    async def claim(self, worker: str, lease: timedelta, choose: Choose) -> Claimed:
        """Lease due jobs to `worker`: one serialised transaction in which `choose` decides.

        Each claimed job comes back with its fence raised by one.
        """
        ...

    async def renew(self, worker: str, lease: timedelta) -> list[Job]:
        """Prolong all leases of `worker` at once; the rows bring new cancel wishes along."""
        ...

    async def save(self, job: Job, *, release: bool = True) -> Job:
        """Write the worker's columns if the job's fence still holds, else raise LeaseLost.

        Returns the row as it is now, the viewer's columns included. `release` ends the lease.
        """
        ...

    async def amend(self, job: Job) -> Job:
        """Write the worker's columns for a person's move.

        The revision must hold and nobody may hold a lease, else JobConflict. Raises the fence.
        """
        ...

    async def mark(
        self,
        job_id: str,
        *,
        cancel_requested_at: datetime | None = None,
        deleted_at: datetime | None = None,
        starred: bool | None = None,
        title: str | None = None,
        shared_with: str | None = None,
        restored: bool = False,
    ) -> Job:
        """Write the viewer's columns that are given. A cancel wish makes the job due at once.

        `restored` takes a delete back, an empty `shared_with` shows the clip to nobody else.
        """
        ...

    async def record_remote(self, job_id: str, remote: RemoteJob) -> None:
        """Keep a remote id that came too late for its lease; only where none is known yet.

        An `unknown` job becomes due at once, so that the evidence is followed.
        """
        ...

    async def changed_since(self, revision: int, scope: Scope) -> list[Job]:
        """Return jobs with a higher revision, in its order, deleted ones included.

        About a thousand at a time: ask again from the last one's until none is left.
        """
        ...

    async def revision(self) -> int:
        """Return the counter as it stands."""
        ...

    async def wait_changed(self, after: int, at_most: timedelta) -> int:
        """Return the counter as soon as it is above `after`, or when `at_most` has passed."""
        ...

    async def history(self, job_id: str) -> list[JobEvent]:
        """Return a job's events, oldest first."""
        ...

    async def count_ahead(self, job: Job) -> int:
        """Return how many queued jobs of the same backend are older than `job`."""
        ...


# --- people -------------------------------------------------------------------------------------

Pause = Callable[[str, int], timedelta]
"""How long somebody who has tried so often must wait before the next try."""


@dataclass(frozen=True, slots=True)
class KeptSession:
    """Whose session it is, and until when."""

    owner: str
    ends_at: datetime


class SessionStore(Protocol):
    """Remembers who has signed in, by digests alone, and who guesses. Raises StorageError."""

    async def begin(self, digest: str, owner: str, ends_at: datetime) -> None:
        """Keep a new session, and forget those that have ended."""
        ...

    async def find(self, digest: str) -> KeptSession | None:
        """Return a session that lives; None if it has ended, or never was."""
        ...

    async def prolong(self, digest: str, ends_at: datetime) -> None:
        """Move the end of a session that still lives."""
        ...

    async def end(self, digest: str) -> None:
        """End a session, if there is one."""
        ...

    async def end_all(self, owner: str) -> list[str]:
        """End every session of somebody; return their digests."""
        ...

    async def count_try(self, names: Sequence[str], pause: Pause) -> timedelta:
        """Count one more try for each name, all in one transaction, and return zero.

        If one of them must still wait, count nothing and return for how long. A name that has not
        tried for a day is forgotten.
        """
        ...

    async def forgive(self, names: Sequence[str]) -> None:
        """Forget the tries of these names."""
        ...


class AccountStore(Protocol):
    """Remembers people and their tokens. Raises StorageError."""

    async def get(self, name: str) -> Account | None:
        """Return somebody by name, case as kept."""
        ...

    async def all(self) -> list[Account]:
        """Return everybody, by name."""
        ...

    async def put(self, account: Account) -> None:
        """Keep a new account, or what has changed of one."""
        ...

    async def add_token(self, token: ApiToken, digest: str) -> None:
        """Keep a new token by its digest."""
        ...

    async def find_token(self, digest: str) -> ApiToken | None:
        """Return the token of a digest, good or not."""
        ...

    async def tokens_of(self, owner: str) -> list[ApiToken]:
        """Return somebody's tokens, newest first."""
        ...

    async def mark_token(
        self, token_id: str, *, used_at: datetime | None = None, revoked_at: datetime | None = None
    ) -> None:
        """Write what is given of a token."""
        ...


class ShareStore(Protocol):
    """Remembers links to single clips. Raises StorageError."""

    async def add(self, share: Share, digest: str) -> None:
        """Keep a new link by its digest."""
        ...

    async def find(self, digest: str) -> Share | None:
        """Return the link of a digest, good or not."""
        ...

    async def of_job(self, job_id: str) -> list[Share]:
        """Return the links to a clip, newest first, revoked ones too."""
        ...

    async def revoke(self, share_id: str, at: datetime) -> None:
        """End a link."""
        ...


class OperatorStore(Protocol):
    """Remembers what operators did: holds, and a line for each deed. Raises StorageError."""

    async def note(self, line: AuditLine) -> None:
        """Add a line to the audit."""
        ...

    async def audit(self, *, limit: int) -> list[AuditLine]:
        """Return the newest lines, newest first."""
        ...

    async def holds(self) -> list[Hold]:
        """Return what is on hold."""
        ...

    async def hold(self, hold: Hold) -> None:
        """Put a backend on hold, or `*` for all; one that is stays so."""
        ...

    async def release(self, backend: str) -> None:
        """Take a hold back; no error where there is none."""
        ...


# --- clips --------------------------------------------------------------------------------------


class BlobState(StrEnum):
    """Whether all bytes under a key are here."""

    ARRIVING = "arriving"
    WHOLE = "whole"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BlobStat:
    """One key of a clip store: size in bytes, and when it was last written."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What a finished write amounts to."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Location:
    """A path or a presigned address that a web server can be pointed at."""

    path: Path | None = None
    url: str | None = None


class ClipWriter(Protocol):
    """One writer of one key. Leaving its context without `finish` keeps the part for a resume."""

    position: int
    """How many bytes are already there; writing goes on from here."""

    async def write(self, data: bytes) -> None:
        """Append; raises StorageFull when the disk is."""
        ...

    async def release(self, media_type: str, size: int | None) -> None:
        """Let readers in: from here on `open` answers. `size` is the whole size, if known."""
        ...

    async def finish(self, media_type: str) -> StoredBlob:
        """Make the bytes durable and whole: synced, then renamed. Nothing may be written after."""
        ...

    async def abandon(self) -> None:
        """Drop what was written; readers see it fail."""
        ...


class ClipReader(Protocol):
    """An open clip, whole or still arriving; it stays readable even when the key is deleted."""

    media_type: str
    size: int | None
    """The whole size in bytes; None while unknown."""

    @property
    def state(self) -> BlobState:
        """Whether all bytes are here by now."""
        ...

    async def read(self, start: int, stop: int) -> bytes:
        """Return bytes from `start`, at most up to `stop`, waiting until at least one is there.

        b"" is the end of a whole clip. Raises ResultLost when the clip fails to arrive.
        """
        ...


class ClipStore(Protocol):
    """Keeps bytes under keys `[a-z0-9-]{1,80}`: clips, posters, first frames."""

    def receive(
        self, key: str, *, fence: int, resume: bool
    ) -> AbstractAsyncContextManager[ClipWriter]:
        """Write a key: whole or not at all. `fence` parts this writer from an older, stalled one.

        With `resume` the synced prefix that an earlier writer left is taken over.
        """
        ...

    def open(self, key: str) -> AbstractAsyncContextManager[ClipReader]:
        """Open for reading; raises ClipNotFound, or ClipNotReady before readers are let in."""
        ...

    def list(self) -> AsyncIterator[BlobStat]:
        """Yield every whole key, for the sweep of orphans."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the key and any part of it; no error if there is none."""
        ...

    async def location(self, key: str) -> Location | None:
        """Return where a web server could read a whole clip by itself, if there is such a place."""
        ...
