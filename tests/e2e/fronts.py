"""One site for each prefix, and the proxies that stand before it one after the other."""

from __future__ import annotations

import random
import socket
import ssl
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from tests.e2e.proxies import (
    PASSWORD,
    PASSWORD_HASH,
    PROXIES,
    Layout,
    Place,
    certificate,
    prepare,
)
from tests.e2e.relay import relay_to
from tests.e2e.servers import Programs, wait_for

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.e2e.proxies import Prepared, Words
    from tests.e2e.relay import Relay
    from tests.e2e.servers import Program

ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2", "seed": "7"}
# Else the kernel takes up to 32 MB on behalf of somebody who reads nothing.
NARROW = (socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
WITH_PASSWORD = {"RUSHES_AUTH": "password", "RUSHES_PASSWORD_HASH": PASSWORD_HASH}
SMALL, BIG = "a proxy's clip", "a proxy's clip #big"


def quiet_port() -> int:
    """Return a free port that no outgoing connection is given while nobody listens there."""
    for port in random.sample(range(20_000, 32_000), 50):
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no free port")


@dataclass
class House:
    """One site that asks for a password, behind a relay, at one public address."""

    prefix: str
    port: int
    data: Path
    site: Program
    relay: Relay
    jobs: dict[str, str] = field(default_factory=dict)
    """Where each prompt's job is, as a path."""

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"


@dataclass
class Front:
    """The site as it is seen through a proxy."""

    name: str
    layout: Layout
    house: House
    programs: Programs
    prepared: Prepared
    proxy: Program
    trust: ssl.SSLContext

    @property
    def prefix(self) -> str:
        return self.house.prefix

    @property
    def origin(self) -> str:
        return self.house.origin

    @property
    def site(self) -> Program:
        return self.house.site

    @property
    def relay(self) -> Relay:
        return self.house.relay

    def address(self, path: str) -> str:
        """Return a path of the site as people type it."""
        return f"{self.origin}{self.prefix}{path}"

    def restart(self) -> None:
        """Start the proxy anew, once it is dead, as it was."""
        self.proxy = self.prepared.start(self.programs)
        self.wait()

    def wait(self) -> None:
        """Wait until the site is seen through the proxy: it may listen before it knows for whom."""

        def is_seen() -> bool:
            assert self.proxy.process.poll() is None, self.proxy.printed()
            with suppress(httpx.TransportError), self.client() as client:
                return client.get(self.address("/readyz")).status_code == 200
            return False

        wait_for(is_seen, at_most=20)

    def client(self) -> httpx.Client:
        """Return somebody who has not signed in yet."""
        headers = {"Origin": self.origin, "Accept": "text/html,*/*"}
        transport = httpx.HTTPTransport(verify=self.trust, socket_options=[NARROW])
        return httpx.Client(transport=transport, timeout=15, headers=headers)

    @contextmanager
    def signed_in(self) -> Generator[httpx.Client]:
        """Be somebody who has."""
        with self.client() as client:
            entered = client.post(self.address("/login"), data={"password": PASSWORD})
            assert entered.status_code == 303, entered.text
            yield client

    def job(self, prompt: str) -> str:
        """Return the address of a job whose clip is here; it is made once for each site."""
        if prompt not in self.house.jobs:
            with self.signed_in() as client:
                self.house.jobs[prompt] = self._made(client, prompt)
        return self.origin + self.house.jobs[prompt]

    def _made(self, client: httpx.Client, prompt: str) -> str:
        sent = client.post(self.address("/jobs"), data={"prompt": prompt, **ASKED})
        assert sent.status_code == 303, sent.text
        path: str = sent.headers["location"]
        api = self.origin + path.replace("/jobs/", "/api/v1/jobs/")
        wait_for(lambda: client.get(api).json()["status"] == "completed", at_most=30)
        return path


class Street:
    """Builds houses, each once, and lets proxies stand before them."""

    def __init__(self, folder: Path, mock: Program) -> None:
        self.folder = folder
        self.mock = mock
        self.certificate = certificate(folder)
        self.trust = ssl.create_default_context(cafile=self.certificate.cert)
        self.programs = Programs(folder)
        self.houses: dict[str, House] = {}
        self.stood = 0
        self.stack = ExitStack()
        self.stack.callback(self.programs.end_all)

    @contextmanager
    def front(
        self,
        name: str,
        layout: Layout,
        changes: Words | None = None,
        *,
        house: House | None = None,
        is_whole: bool = True,
    ) -> Generator[Front]:
        """Stand a proxy before a house, or the one that a layout needs.

        `changes` are made to its file; where they hide the site, it is not to be waited for.
        """
        house = house or self._house(layout.prefix)
        self.stood += 1
        folder = self.folder / f"{name}-{self.stood}"
        place = Place(house.port, house.relay.address, self.certificate)
        prepared = prepare(PROXIES[name], layout, place, folder, changes or {})
        proxy = prepared.start(self.programs)
        front = Front(name, layout, house, self.programs, prepared, proxy, self.trust)
        try:
            if is_whole:
                front.wait()
            yield front
        finally:
            front.proxy.kill()

    def _house(self, prefix: str) -> House:
        if prefix not in self.houses:
            self.houses[prefix] = self.build(prefix)
        return self.houses[prefix]

    def build(self, prefix: str, auth: Words = WITH_PASSWORD) -> House:
        """Build a house that asks who is there."""
        port, inside = quiet_port(), quiet_port()
        data = self.folder / f"data-{port}"
        site = self.programs.launch(
            "serve",
            "--data-dir",
            str(data),
            RUSHES_PORT=str(inside),
            RUSHES_BACKEND_URL=f"{self.mock.url}/v1",
            RUSHES_PUBLIC_URL=f"https://localhost:{port}{prefix}",
            RUSHES_TRUSTED_PROXIES="127.0.0.1",
            **auth,
        )
        relay = self.stack.enter_context(relay_to(inside))
        house = House(prefix, port, data, site, relay)
        wait_for(lambda: _is_ready(house), at_most=30)
        return house


@contextmanager
def street(folder: Path, mock: Program) -> Generator[Street]:
    """Build a street, and end whatever was started in it."""
    built = Street(folder, mock)
    with built.stack:
        yield built


def _is_ready(house: House) -> bool:
    assert house.site.process.poll() is None, house.site.printed()
    try:
        answer = httpx.get(f"http://{house.relay.address}{house.prefix}/readyz", timeout=5)
    except httpx.TransportError:
        return False
    return answer.status_code == 200
