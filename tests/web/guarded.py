"""A site that asks for a password, and browsers that come to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING

import httpx

from rushes.domain import LOCAL_OWNER, TokenScope
from rushes.people.accounts import Accounts
from rushes.people.tokens import LONGEST_VOUCHED, Tokens
from rushes.web.dependencies import People
from rushes.web.entry.door import Door
from rushes.web.entry.identity import IdentityRules
from rushes.web.site import create_site
from tests.fakes import StoppedClock
from tests.fakes.accounts import MemoryAccounts, PlainPasswords
from tests.fakes.sessions import MemorySessions
from tests.web.stage import Stage

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rushes.web.dependencies import Site

PASSWORD = "correct horse battery"
HERE = "203.0.113.9"
ANNS, BOBS = "ann's password", "bob's password"
NEW = {"new": "a better one", "again": "a better one"}


@dataclass
class Guarded(Stage):
    """A stage behind a door; `asked` are the passwords that were looked at."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sessions = MemorySessions(self.clock)
        self.people_store = MemoryAccounts()
        self.door = Door(self.sessions, self._recognise, lambda: "lock 1", self.clock)
        self.tokens = Tokens(self.people_store, self.door.presence, self.clock)
        self.people = People(self.tokens, self.door.presence)

    async def _recognise(self, _name: str, password: str) -> str | None:
        self.asked.append(password)
        return LOCAL_OWNER if password == PASSWORD else None

    def site(self) -> Site:
        return replace(super().site(), door=self.door, people=self.people)

    def browser(
        self,
        host: str = HERE,
        *,
        scheme: str = "http",
        app: FastAPI | None = None,
        cookies: dict[str, str] | None = None,
        follow_redirects: bool = False,
    ) -> httpx.AsyncClient:
        """Return somebody's browser: it keeps cookies, and says that it comes from our pages."""
        transport = httpx.ASGITransport(app or create_site(self.site()), client=(host, 5000))
        return httpx.AsyncClient(
            transport=transport,
            base_url=f"{scheme}://localhost",
            headers={"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"},
            cookies=cookies,
            follow_redirects=follow_redirects,
        )


@dataclass
class Peopled(Guarded):
    """A stage where everybody has a name and a password of their own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        presence = self.door.presence
        self.hasher = PlainPasswords()
        self.residents = Accounts(
            self.people_store, self.sessions, presence, self.hasher, self.clock
        )
        self.door = Door(
            self.sessions, self.residents.recognise, lambda: "accounts", self.clock, True, presence
        )
        self.accounts = self.residents
        self.people = People(self.tokens, presence, self.residents)


async def sign_in(
    client: httpx.AsyncClient, password: str = PASSWORD, path: str = "/login", **fields: str
) -> httpx.Response:
    """Fill the form and press the button."""
    return await client.post(path, data={"password": password, **fields})


@dataclass
class Vouched(Guarded):
    """A stage where a proxy says who somebody is."""

    rules: IdentityRules = field(
        default_factory=lambda: IdentityRules("Remote-User", "Remote-Groups", "admins")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        presence = self.door.presence
        self.residents = Accounts(
            self.people_store, self.sessions, presence, PlainPasswords(), self.clock
        )
        self.accounts = self.residents
        self.tokens = Tokens(self.people_store, presence, self.clock, LONGEST_VOUCHED)
        self.people = People(self.tokens, presence, self.residents, self.rules)

    def site(self) -> Site:
        config = self.config
        if not config.trusted_proxies:
            config = replace(config, trusted_proxies=(ip_network("0.0.0.0/0"),))
        return replace(super().site(), config=config, door=None)


async def town() -> Peopled:
    """Return a stage with Ann, who runs the server, and Bob."""
    stage = Peopled()
    await stage.residents.add("ann", ANNS, is_operator=True)
    await stage.residents.add("bob", BOBS)
    return stage


async def a_token(stage: Guarded, owner: str, scope: TokenScope = TokenScope.CREATE) -> str:
    return await stage.tokens.issue(owner, "a program", scope, timedelta(days=30))


def program(stage: Guarded, token: str, **headers: str) -> httpx.AsyncClient:
    """Return a program: no cookie, no page that it comes from, only its token."""
    client = stage.browser()
    client.headers = httpx.Headers({"Authorization": f"Bearer {token}", **headers})
    return client
