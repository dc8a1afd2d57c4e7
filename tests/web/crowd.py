"""A site where people sign in by name, and a browser or a program for each of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx

from rushes.domain import Account, Catalogue, Share, TokenScope, new_id, utc_now
from rushes.jobs.sharing import digest_of
from rushes.people.tokens import digest
from rushes.web.entry.door import COOKIE
from rushes.web.site import create_site
from tests.fakes import ScriptedBackend
from tests.web.guarded import HERE, PASSWORD, Peopled
from tests.web.stage import CAPABILITIES, a_backend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI

    from rushes.domain import Job
    from rushes.jobs.directory import ConfiguredBackend

GROUPS = {"ann": {"film"}, "bob": {"film", "press"}, "cyd": {"press"}, "root": set[str]()}
OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}


def able() -> list[ConfiguredBackend]:
    """Return one backend that takes whatever is asked."""
    takes = replace(CAPABILITIES, negative_prompt=True, first_frame=True)
    return [a_backend(backend=ScriptedBackend(), catalogue=Catalogue({"": takes}))]


@dataclass
class Crowd(Peopled):
    """Ann and Bob make films, Bob and Cyd are the press, Root runs the server."""

    backends: Sequence[ConfiguredBackend] = field(default_factory=able)

    async def gather(self) -> None:
        """Open everybody's account; their passwords are alike."""
        hashed = await self.hasher.hashed(PASSWORD)
        for name, groups in GROUPS.items():
            account = Account(name, self.clock.now, hashed, name == "root", frozenset(groups))
            await self.people_store.put(account)

    async def cookie(self, name: str) -> str:
        """Sign somebody in; return the header that their browser sends from then on."""
        return f"{COOKIE}={await self.door.open(HERE, None, name)}"

    async def token(self, name: str, scope: TokenScope = TokenScope.READ) -> str:
        """Give somebody's program a token; return the header that it sends."""
        return f"Bearer {await self.tokens.issue(name, 'a program', scope, None)}"

    async def revoked_token(self, name: str) -> str:
        """Return the header of a program whose token was taken back."""
        header = await self.token(name)
        token = self.people_store.tokens[digest(header.removeprefix("Bearer "))]
        await self.people_store.mark_token(token.id, revoked_at=self.clock.now)
        return header

    async def link(self, job: Job, *, days: int = 7, with_prompt: bool = False) -> str:
        """Share a clip; return the token. A negative number of days is over."""
        token, now = new_id(), utc_now()
        ends = now + timedelta(days=days)
        share = Share(new_id(), job.id, job.owner, min(now, ends), ends, with_prompt)
        await self.shares.add(share, digest_of(token))
        return token


def caller(app: FastAPI, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """Return somebody who says these things with every request, and nothing of where it began."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False, client=(HERE, 5000)),
        base_url="http://localhost",
        headers={"Accept": "text/html,*/*;q=0.8"} | dict(headers),
    )


async def browser(stage: Crowd, name: str) -> httpx.AsyncClient:
    """Return somebody's browser, signed in, on a page of ours."""
    headers = {"Cookie": await stage.cookie(name), **OUR_PAGE}
    return caller(create_site(stage.site()), headers)
