"""What can be done with accounts: begun, changed, recognised, closed."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from rushes.domain import LOCAL_OWNER, NAME, Account, utc_now
from rushes.errors import InvalidRequest
from rushes.people.presence import vouched_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rushes.people.presence import Presence
    from rushes.ports import AccountStore, SessionStore

SEEN_EVERY = timedelta(hours=1)
"""How old what is known of a last visit may be: not every request is worth a write."""
TYPED_MAX = 128
"""So many characters of a typed name are looked at: twice what a name has, for split accents."""


class Hasher(Protocol):
    """Makes and checks hashes of passwords; see people.passwords."""

    async def hashed(self, password: str) -> str:
        """Return a hash; raises ValueError for a password that cannot be taken."""
        ...

    async def is_right(self, encoded: str | None, password: str) -> bool:
        """Check a password; without a hash it takes the same time and is never right."""
        ...


@dataclass(slots=True)
class Accounts:
    """Everybody who may sign in, or whom a proxy has vouched for. Raises StorageError."""

    store: AccountStore
    sessions: SessionStore
    presence: Presence
    hasher: Hasher
    clock: Callable[[], datetime] = utc_now
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from the look at an account until its change is kept."""

    async def find(self, name: str) -> Account | None:
        """Return somebody who may come in as things stand."""
        account = await self.store.get(name)
        return None if account is None or account.disabled_at is not None else account

    async def all(self) -> list[Account]:
        """Return everybody, by name."""
        return await self.store.all()

    async def add(self, name: str, password: str, *, is_operator: bool = False) -> Account:
        """Begin an account; raises InvalidRequest for a name or a password that cannot be."""
        hashed = await self._hashed(password)
        plain = plain_name(name)
        async with self._changing:
            if any(known.name.casefold() == plain.casefold() for known in await self.all()):
                raise InvalidRequest(
                    "There is somebody called {name} already.", field="name", name=plain
                )
            account = Account(plain, self.clock(), hashed, is_operator)
            await self.store.put(account)
        return account

    async def recognise(self, name: str, password: str) -> str | None:
        """Return whose name and password these are, in a time that tells nothing of either."""
        typed = typed_name(name)
        account = await self.find(typed)
        if not await self.hasher.is_right(account.password if account else None, password):
            return None
        await self._change(typed, seen_at=self.clock())
        return typed

    async def change_password(
        self, name: str, password: str, *, keeps_tokens: bool = False
    ) -> None:
        """Give somebody a new password; whoever came in by the old one is shown out.

        Whoever knew the old one may have made a token with it: tokens end too, unless kept.
        """
        await self._change(name, password=await self._hashed(password))
        if not keeps_tokens:
            await self._revoke_tokens(name)
        await self.show_out(name)

    async def disable(self, name: str) -> None:
        """Close an account; its sessions, tokens and streams end at once, tokens for good."""
        await self._change(name, disabled_at=self.clock())
        await self._revoke_tokens(name)
        await self.show_out(name)

    async def enable(self, name: str) -> None:
        """Open a closed account again."""
        await self._change(name, disabled_at=None)

    async def show_out(self, name: str) -> None:
        """End somebody's sessions, and every stream of theirs whatever opened it."""
        ended = await self.sessions.end_all(name)
        tokens = [token.id for token in await self.store.tokens_of(name)]
        self.presence.end(*ended, *tokens, vouched_key(name))

    async def vouched_for(
        self, name: str, groups: frozenset[str], *, is_operator: bool
    ) -> Account | None:
        """Return whom a proxy names, kept from the first sight on; None if closed here."""
        now = self.clock()
        known = await self.store.get(name)
        told = (groups, is_operator)
        if known is None or (known.groups, known.is_operator) != told or _is_long_ago(known, now):
            async with self._changing:
                known = await self.store.get(name) or Account(name, now)
                known = replace(known, groups=groups, is_operator=is_operator, seen_at=now)
                await self.store.put(known)
        return known if known.disabled_at is None else None

    async def _change(self, name: str, **changes: Any) -> None:  # noqa: ANN401 - Account's fields
        async with self._changing:
            account = await self.store.get(name)
            if account is None:
                raise InvalidRequest("There is nobody called {name}.", field="name", name=name)
            await self.store.put(replace(account, **changes))

    async def _revoke_tokens(self, name: str) -> None:
        for token in await self.store.tokens_of(name):
            if token.revoked_at is None:
                await self.store.mark_token(token.id, revoked_at=self.clock())

    async def _hashed(self, password: str) -> str:
        try:
            return await self.hasher.hashed(password)
        except ValueError as error:
            raise InvalidRequest(
                "A password has at least {least} characters.", field="password", least=8
            ) from error


def typed_name(name: str) -> str:
    """Return a name as it is looked for, however a keyboard wrote it; what is too long is cut."""
    return unicodedata.normalize("NFC", name.strip()[:TYPED_MAX])


def plain_name(name: str) -> str:
    """Return a name for a new account, as it is kept; raises InvalidRequest."""
    plain = typed_name(name)
    if not NAME.fullmatch(plain) or plain.casefold() == LOCAL_OWNER:
        raise InvalidRequest(
            "A name has letters, digits and . _ @ + - only, at most 64, and is not {local}.",
            field="name",
            local=LOCAL_OWNER,
        )
    return plain


def _is_long_ago(account: Account, now: datetime) -> bool:
    return account.seen_at is None or account.seen_at <= now - SEEN_EVERY
