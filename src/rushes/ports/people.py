"""What remembers people: sessions, accounts, tokens, share links, and what operators did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rushes.domain import (
        Account,
        ApiToken,
        AuditLine,
        Hold,
        Share,
    )


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

    async def excuse(self, names: Sequence[str]) -> None:
        """Take one try of each name back, which turned out to be a right one."""
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

    async def drop_tokens(self, owner: str) -> int:
        """Forget somebody's tokens, revoked ones too; return how many there were."""
        ...

    async def forget_tokens(self, before: datetime) -> None:
        """Forget the tokens that expired, or were revoked, before a moment."""
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

    async def forget(self, before: datetime) -> None:
        """Forget the links that expired, or were revoked, before a moment."""
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
