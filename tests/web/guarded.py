"""A site that asks for a password, and browsers that come to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import httpx

from rushes.web.door import Door
from rushes.web.site import create_site
from tests.fakes import StoppedClock
from tests.fakes.sessions import MemorySessions
from tests.web.stage import Stage

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rushes.web.dependencies import Site

PASSWORD = "correct horse battery"
HERE = "203.0.113.9"


@dataclass
class Guarded(Stage):
    """A stage behind a door; `asked` are the passwords that were looked at."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sessions = MemorySessions(self.clock)
        self.door = Door(self.sessions, self._is_right, "lock 1", self.clock)

    async def _is_right(self, password: str) -> bool:
        self.asked.append(password)
        return password == PASSWORD

    def site(self) -> Site:
        return replace(super().site(), door=self.door)

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


async def sign_in(
    client: httpx.AsyncClient, password: str = PASSWORD, path: str = "/login", **fields: str
) -> httpx.Response:
    """Fill the form and press the button."""
    return await client.post(path, data={"password": password, **fields})
