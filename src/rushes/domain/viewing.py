"""Who looks, and at what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushes.domain.account import EVERYONE_SIGNED_IN, GROUP
from rushes.domain.identity import LOCAL_OWNER

if TYPE_CHECKING:
    from rushes.domain.job import Job, JobStatus


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is looking. An operator also sees the details meant for whoever runs the server.

    `may_create` is not so for a token that may only look. `is_known` is whether there are others
    whom clips could be shown to: nobody signs in by name in the open mode.
    """

    owner: str
    is_operator: bool = False
    groups: frozenset[str] = frozenset()
    may_create: bool = True
    is_known: bool = False

    @property
    def audiences(self) -> frozenset[str]:
        """Return whom a clip can be shown to so that this viewer sees it."""
        if not self.is_known:
            return frozenset()
        return frozenset({EVERYONE_SIGNED_IN, *(f"{GROUP}{group}" for group in self.groups)})


LOCAL_VIEWER = Viewer(owner=LOCAL_OWNER, is_operator=True)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose jobs a question is about; `EVERYONE` must be said aloud."""

    owner: str | None


EVERYONE = Scope(owner=None)


@dataclass(frozen=True, slots=True)
class JobQuery:
    """A page of jobs, newest first. `after` is the cursor that the page before gave.

    With `audiences` it is about what others show to them, not about the scope's own.
    """

    scope: Scope
    text: str | None = None
    statuses: frozenset[JobStatus] | None = None
    backend: str | None = None
    batch: str | None = None
    starred: bool | None = None
    deleted: bool = False
    audiences: frozenset[str] | None = None
    after: str | None = None
    limit: int = 24


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs newest first, and the cursor of the next page, if there is one."""

    jobs: tuple[Job, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs may wait, be asked for in a day and be out at once, in all and for one owner.

    What is out at once is counted at all backends together. None is any number. Money budgets
    would stand here too.
    """

    queued_total: int = 500
    queued_per_owner: int = 100
    daily_total: int | None = None
    daily_per_owner: int | None = None
    running_total: int | None = None
    running_per_owner: int | None = None
