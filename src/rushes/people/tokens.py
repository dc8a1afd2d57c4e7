"""API tokens: a program's way in, for one person, that can be taken back at any time."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.domain import ApiToken, new_id, utc_now
from rushes.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rushes.domain import TokenScope
    from rushes.people.presence import Presence
    from rushes.ports import AccountStore

PREFIX = "rushes_"
"""What a token of ours begins with, so that people and scanners see what it is."""
TOKEN_BYTES = 32
LABEL_MAX = 60
TOKENS_MAX = 50
USED_EVERY = timedelta(minutes=1)
LONGEST_VOUCHED = timedelta(days=90)
"""Where a portal decides who comes in, it is not asked again about tokens: they must end."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Gives out tokens and knows them again. Raises StorageError."""

    store: AccountStore
    presence: Presence
    clock: Callable[[], datetime] = utc_now
    longest: timedelta | None = None
    """For how long a token may be good; None lets it be good until it is revoked."""
    lock: Callable[[], str | None] = lambda: None
    """What tells the shared password in force: a token made under another one opens nothing."""

    async def issue(self, owner: str, label: str, scope: TokenScope, life: timedelta | None) -> str:
        """Return a new token, which nobody can be told again; raises InvalidRequest."""
        words = " ".join(label.split())
        if not 1 <= len(words) <= LABEL_MAX:
            raise InvalidRequest(
                "A token's name has 1 to {limit} characters.", field="label", limit=LABEL_MAX
            )
        if len(await self.good_ones(owner)) >= TOKENS_MAX:
            raise InvalidRequest(
                "{limit} tokens are enough: revoke one first.", field="label", limit=TOKENS_MAX
            )
        if self.longest is not None and (life is None or life > self.longest):
            raise InvalidRequest(
                "A token lasts at most {days} days here.", field="days", days=self.longest.days
            )
        now, text = self.clock(), PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        ends = None if life is None else now + life
        token = ApiToken(new_id(), owner, words, scope, now, ends, lock=self.lock())
        await self.store.add_token(token, digest(text))
        return text

    async def find(self, text: str) -> ApiToken | None:
        """Return a good token, and note that it was used."""
        now = self.clock()
        token = await self.store.find_token(digest(text))
        if token is None or not self._is_good(token, now):
            return None
        if token.used_at is None or token.used_at <= now - USED_EVERY:
            await self.store.mark_token(token.id, used_at=now)
        return token if self._is_good(token, now) else None  # the lock may be another one by now

    async def good_ones(self, owner: str) -> list[ApiToken]:
        """Return somebody's tokens that open something, newest first."""
        now = self.clock()
        tokens = await self.store.tokens_of(owner)
        return [token for token in tokens if self._is_good(token, now)]

    async def revoke(self, owner: str, token_id: str) -> bool:
        """End one of somebody's own tokens and its streams; return whether there was such a one."""
        if token_id not in {token.id for token in await self.store.tokens_of(owner)}:
            return False
        await self.store.mark_token(token_id, revoked_at=self.clock())
        self.presence.end(token_id)
        return True

    async def drop(self, owner: str) -> int:
        """End all of somebody's tokens and their streams, and forget them; return how many."""
        for token in await self.store.tokens_of(owner):
            self.presence.end(token.id)
        return await self.store.drop_tokens(owner)

    def _is_good(self, token: ApiToken, now: datetime) -> bool:
        return token.is_good(now) and token.lock == self.lock()


def digest(text: str) -> str:
    """Return what is stored of a token: found by it, how long that takes tells nothing."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
