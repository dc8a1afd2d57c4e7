"""People in memory, and passwords that cost nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rushes.people.accounts import Accounts
from rushes.people.presence import Presence
from tests.fakes.sessions import MemorySessions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rushes.domain import Account, ApiToken


class MemoryAccounts:
    """See ports.AccountStore."""

    def __init__(self) -> None:
        self.kept: dict[str, Account] = {}
        self.tokens: dict[str, ApiToken] = {}
        """By digest."""

    async def get(self, name: str) -> Account | None:
        return self.kept.get(name)

    async def all(self) -> list[Account]:
        return [self.kept[name] for name in sorted(self.kept)]

    async def put(self, account: Account) -> None:
        self.kept[account.name] = account

    async def add_token(self, token: ApiToken, digest: str) -> None:
        self.tokens[digest] = token

    async def find_token(self, digest: str) -> ApiToken | None:
        return self.tokens.get(digest)

    async def tokens_of(self, owner: str) -> list[ApiToken]:
        theirs = [token for token in self.tokens.values() if token.owner == owner]
        return sorted(theirs, key=lambda token: token.created_at, reverse=True)

    async def mark_token(
        self, token_id: str, *, used_at: datetime | None = None, revoked_at: datetime | None = None
    ) -> None:
        for digest, token in self.tokens.items():
            if token.id == token_id:
                self.tokens[digest] = replace(
                    token,
                    used_at=used_at or token.used_at,
                    revoked_at=revoked_at or token.revoked_at,
                )

    async def drop_tokens(self, owner: str) -> int:
        theirs = [digest for digest, token in self.tokens.items() if token.owner == owner]
        for digest in theirs:
            del self.tokens[digest]
        return len(theirs)

    async def forget_tokens(self, before: datetime) -> None:
        self.tokens = {
            digest: token
            for digest, token in self.tokens.items()
            if min(token.expires_at or before, token.revoked_at or before) >= before
        }


class PlainPasswords:
    """See people.accounts.Hasher: a hash that hides nothing, and a list of what was checked."""

    def __init__(self) -> None:
        self.checked: list[tuple[str | None, str]] = []

    async def hashed(self, password: str) -> str:
        if len(password) < 8:
            raise ValueError("too short")
        return f"hash of {password}"

    async def is_right(self, encoded: str | None, password: str) -> bool:
        self.checked.append((encoded, password))
        return encoded == f"hash of {password}"


def accounts_in_memory(clock: Callable[[], datetime]) -> Accounts:
    """Return nobody's accounts yet, over memory."""
    return Accounts(MemoryAccounts(), MemorySessions(clock), Presence(), PlainPasswords(), clock)
