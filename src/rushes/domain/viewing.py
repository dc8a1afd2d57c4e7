"""Who looks, and at what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushes.domain.identity import LOCAL_OWNER

if TYPE_CHECKING:
    from rushes.domain.job import Job, JobStatus


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is looking. An operator also sees the details meant for whoever runs the server."""

    owner: str
    is_operator: bool = False


LOCAL_VIEWER = Viewer(owner=LOCAL_OWNER, is_operator=True)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose jobs a question is about; `EVERYONE` must be said aloud."""

    owner: str | None


EVERYONE = Scope(owner=None)


@dataclass(frozen=True, slots=True)
class JobQuery:
    """A page of jobs, newest first. `after` is the cursor that the page before gave."""

    scope: Scope
    text: str | None = None
    statuses: frozenset[JobStatus] | None = None
    backend: str | None = None
    batch: str | None = None
    starred: bool | None = None
    deleted: bool = False
    after: str | None = None
    limit: int = 24


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs newest first, and the cursor of the next page, if there is one."""

    jobs: tuple[Job, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs may wait: in all, and for one owner."""

    queued_total: int = 500
    queued_per_owner: int = 100
