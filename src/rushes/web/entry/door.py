"""The door: sessions for whoever knows a password, and a brake on guessing it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.people.accounts import typed_name
from rushes.people.presence import Presence
from rushes.web.proxies import household

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from rushes.ports import SessionStore
    from rushes.web.prefix import PublicAddress

LIFE = timedelta(days=30)
"""How long a session lives after it was last used."""
FRESH = LIFE - timedelta(days=1)
"""A session that ends later than this from now is not prolonged: one write a day is enough."""
TOKEN_BYTES = 32
COOKIE = "rushes_session"
EVERYBODY = "everybody"
ACCOUNT, INSIDE = "account:", "inside:"
"""Before a digest of a name: who guesses from outside, and who does on the account's own page."""
HELD_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Brake:
    """Some tries are free; after each one more the wait doubles."""

    free: int
    first: timedelta
    most: timedelta

    def pause(self, tries: int) -> timedelta:
        """Return how long to wait after so many tries."""
        over = tries - self.free
        return timedelta() if over < 0 else min(self.most, self.first * 2 ** min(over, 30))


ONE = Brake(free=5, first=timedelta(seconds=15), most=timedelta(minutes=15))
ALL = Brake(free=100, first=timedelta(seconds=1), most=timedelta(minutes=1))
"""Shorter: a crowd of guessers must not keep the owner out for long."""
NAMED = Brake(free=10, first=timedelta(seconds=1), most=timedelta(minutes=1))
"""Shorter too: anybody can type somebody's name, and that must not keep them out."""


def pause(who: str, tries: int) -> timedelta:
    """Return how long one household or account, or everybody together, waits after so many."""
    if who == EVERYBODY:
        return ALL.pause(tries)
    return (NAMED if who.startswith(ACCOUNT) else ONE).pause(tries)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `over` is set when it signs out; `is_renewed` asks for a new cookie."""

    token: str
    digest: str
    owner: str
    over: asyncio.Event
    is_renewed: bool


@dataclass(slots=True)
class Door:
    """Lets in whoever knows a password. Every method may raise StorageError.

    `recognise` returns whose name and password these are, and None for nobody's. `lock` tells what
    changes with the one shared password: sessions that another one opened are unknown.
    """

    sessions: SessionStore
    recognise: Callable[[str, str], Awaitable[str | None]]
    lock: Callable[[], str]
    clock: Callable[[], datetime]
    asks_name: bool = False
    """Whether people have passwords of their own."""
    presence: Presence = field(default_factory=Presence)

    async def must_wait(self, host: str, name: str = "") -> timedelta:
        """Count a try from an address, before its password is looked at; zero lets it try."""
        return await self.sessions.count_try(self._who(host, name), pause)

    async def must_wait_inside(self, owner: str) -> timedelta:
        """Count a try of somebody signed in at their own password, apart from all strangers'."""
        return await self.sessions.count_try([_held(INSIDE, owner)], pause)

    async def open(self, host: str, before: str | None, owner: str) -> str:
        """Begin a session after the right password, end the one before, return the new token."""
        if before:
            await self.close(before)
        await self._forgive(host, owner)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        await self.sessions.begin(self._digest(token), owner, self.clock() + LIFE)
        return token

    async def session(self, token: str | None) -> Session | None:
        """Return the session of a token if it lives, prolonged when a day of it has passed."""
        if not token:
            return None
        known_as, now = self._digest(token), self.clock()
        # Taken before the look-up, so that a sign-out in between is not missed.
        over = self.presence.over(known_as)
        kept = await self.sessions.find(known_as)
        if kept is None:
            return None
        is_renewed = kept.ends_at < now + FRESH
        if is_renewed:
            await self.sessions.prolong(known_as, now + LIFE)
        return Session(token, known_as, kept.owner, over, is_renewed)

    async def close(self, token: str) -> None:
        """End a session, and with it the streams that it opened."""
        known_as = self._digest(token)
        await self.sessions.end(known_as)
        self.presence.end(known_as)

    def _who(self, host: str, name: str) -> list[str]:
        """Return under which names a try is counted; what was typed as one is not kept."""
        names = [household(host), EVERYBODY]
        if self.asks_name:
            names.append(_held(ACCOUNT, name))
        return names

    async def _forgive(self, host: str, owner: str) -> None:
        """Forget the tries that the right password explains: never guesses at other people's."""
        if self.asks_name:
            await self.sessions.forgive([_held(ACCOUNT, owner), _held(INSIDE, owner)])
            await self.sessions.excuse([household(host), EVERYBODY])
        else:
            await self.sessions.forgive(self._who(host, owner))

    def _digest(self, token: str) -> str:
        """Return what is stored of a token.

        Sessions are found by it: how long that takes depends on the digest, never on the token.
        """
        locked = f"{self.lock()}\0{token}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(locked).hexdigest()


def _held(kind: str, name: str) -> str:
    """Return under what the tries at a name are counted, however it was written."""
    typed = typed_name(name).casefold().encode("utf-8", "surrogatepass")
    return kind + hashlib.sha256(typed).hexdigest()[:HELD_DIGITS]


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """Under which name, path and conditions a browser keeps its token."""

    name: str
    path: str
    is_secure: bool

    @classmethod
    def of(cls, request: Request, public: PublicAddress) -> SessionCookie:
        """Choose the strictest kind that this address allows.

        `__Host-` demands the whole host; below a prefix `__Secure-` is what is left.
        """
        path = public.prefix or "/"
        if request.scope["scheme"] != "https" and not public.origin.startswith("https://"):
            return cls(COOKIE, path, is_secure=False)
        return cls(f"__{'Secure' if public.prefix else 'Host'}-{COOKIE}", path, is_secure=True)

    def token(self, request: Request) -> str | None:
        """Return the token that a request brings."""
        return request.cookies.get(self.name)

    def give(self, response: Response, token: str) -> None:
        """Hand a token to the browser."""
        response.set_cookie(
            self.name,
            token,
            max_age=int(LIFE.total_seconds()),
            path=self.path,
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )

    def take(self, response: Response) -> None:
        """Take the token back."""
        response.delete_cookie(
            self.name, path=self.path, secure=self.is_secure, httponly=True, samesite="lax"
        )
