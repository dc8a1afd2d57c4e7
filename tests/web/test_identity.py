"""The identity that a proxy tells: believed from the named one, once, in its exact header.

Every row is sent as bytes over real sockets: from a trusted peer, from another one, and over a
Unix socket, whose peer has no address and is never trusted.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import tempfile
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from rushes.net import Secret
from rushes.web.dependencies import WebConfig
from rushes.web.entry.identity import IdentityRules
from tests.web.guarded import Vouched
from tests.web.test_server import StoppingServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

SECRET = "0123456789abcdef"
TRUSTED = (ip_network("127.0.0.0/8"),)
OTHERS = (ip_network("10.0.0.0/8"),)
LONG = "a" * 128

# What is sent, and what a trusted peer is answered; nobody else ever gets a 200.
TABLE = [
    ([], 401),
    ([("Remote-User", "ann")], 200),
    ([("REMOTE-USER", "ann")], 200),
    ([("Remote-User", LONG)], 200),
    ([("Remote-User", "o'neil+x@example.org")], 200),
    ([("Remote-User", "EXAMPLE\\ann")], 200),
    ([("Remote-User", "ann"), ("Remote-Groups", "makers, Élan|admins")], 200),
    ([("Remote-User", "ann"), ("Remote-Groups", "")], 200),
    ([("Remote-User", "ann"), ("Remote-User-Agent", "x"), ("X-Remote-User", "x")], 200),
    # twice, or under a name that looks like it
    ([("Remote-User", "ann"), ("Remote-User", "ann")], 400),
    ([("Remote-User", "ann"), ("remote-user", "eve")], 400),
    ([("Remote-User", "ann"), ("Remote_User", "eve")], 400),
    ([("Remote_User", "eve"), ("Remote-User", "ann")], 400),
    ([("Remote_User", "eve")], 400),
    ([("Remote.User", "eve")], 400),
    ([("Remote!User", "eve")], 400),
    ([("Remote~User", "eve")], 400),
    ([("Remote+User", "eve")], 400),
    ([("Remote-User", "ann"), ("Remote-Groups", "a"), ("Remote-Groups", "admins")], 400),
    ([("Remote-User", "ann"), ("Remote_Groups", "admins")], 400),
    ([("Remote-Groups", "a"), ("Remote.Groups", "admins")], 400),
    # what is no name
    ([("Remote-User", "")], 400),
    ([("Remote-User", "  ")], 400),
    ([("Remote-User", "{http.reverse_proxy.header.Remote-User}")], 400),
    ([("Remote-User", "ann,eve")], 400),
    ([("Remote-User", "ann eve")], 400),
    ([("Remote-User", "<ann>")], 400),
    ([("Remote-User", "Élan")], 400),
    ([("Remote-User", f"{LONG}a")], 400),
    ([("Remote-User", "local")], 400),
    ([("Remote-User", "ann"), ("Remote-Groups", "{http.reverse_proxy.header.Remote-Groups}")], 400),
]
Headers = list[tuple[str, str]]


@asynccontextmanager
async def served(stage: Vouched, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        stage.app(),
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=4,
        proxy_headers=False,  # as `rushes serve` has it
    )
    server = StoppingServer(config, stage.stop)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()


async def ask(
    listener: socket.socket, headers: Headers, path: str = "/api/v1/jobs", method: str = "GET"
) -> tuple[int, str]:
    """Send these very bytes, and return status and text."""
    where = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        reader, writer = await asyncio.open_unix_connection(where)
    else:
        reader, writer = await asyncio.open_connection(*where[:2])
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async with asyncio.timeout(10):
        answer = (await reader.read()).decode()
    writer.close()
    return int(answer.split(" ", 2)[1]), answer


def tcp() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def vouched(*, trusted: bool = True, secret: str = "") -> Vouched:
    rules = IdentityRules(
        "Remote-User",
        "Remote-Groups",
        "admins",
        secret=(lambda: Secret(secret)) if secret else None,
    )
    return Vouched(WebConfig(trusted_proxies=TRUSTED if trusted else OTHERS), rules=rules)


async def test_the_table_from_a_trusted_peer(caplog: pytest.LogCaptureFixture) -> None:
    stage, listener, logged = vouched(), tcp(), []
    async with served(stage, listener):
        for headers, expected in TABLE:
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                status, _ = await ask(listener, headers)
            assert status == expected, headers
            logged.append(len(caplog.records))

    assert logged == [int(expected == 400) for _, expected in TABLE]
    assert set(stage.people_store.kept) == {"ann", LONG, "o'neil+x@example.org", "EXAMPLE\\ann"}


async def test_the_table_from_anybody_else() -> None:
    stage, listener = vouched(trusted=False), tcp()
    async with served(stage, listener):
        for headers, expected in TABLE:
            status, _ = await ask(listener, headers)
            assert status == (401 if expected == 401 else 400), headers

    assert stage.people_store.kept == {}


async def test_the_table_over_a_unix_socket() -> None:
    stage = vouched()
    with tempfile.TemporaryDirectory() as folder:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(Path(folder) / "s"))
        async with served(stage, listener):
            for headers, expected in TABLE:
                status, _ = await ask(listener, headers)
                assert status == (401 if expected == 401 else 400), headers

    assert stage.people_store.kept == {}


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ([SECRET], 200),
        ([], 400),
        ([SECRET.upper()], 400),
        ([SECRET[:-1]], 400),
        ([""], 400),
        ([SECRET, SECRET], 400),
        ([SECRET, "x"], 400),
    ],
)
async def test_a_proxy_with_a_secret_must_say_it(secrets: list[str], expected: int) -> None:
    stage, listener = vouched(secret=SECRET), tcp()
    headers = [("Remote-User", "ann"), *(("X-Proxy-Secret", secret) for secret in secrets)]
    async with served(stage, listener):
        status, _ = await ask(listener, headers)
        nobody, _ = await ask(listener, headers[1:])

    assert (status, nobody) == (expected, 401)


async def test_the_secret_is_nothing_without_the_address() -> None:
    stage, listener = vouched(trusted=False, secret=SECRET), tcp()
    async with served(stage, listener):
        status, _ = await ask(listener, [("Remote-User", "ann"), ("X-Proxy-Secret", SECRET)])

    assert status == 400


async def test_groups_make_an_administrator_and_are_told_on_the_page() -> None:
    stage, listener = vouched(), tcp()
    async with served(stage, listener):
        both = [("Remote-User", "ann"), ("Remote-Groups", "makers|admins, Élan")]
        _, page = await ask(listener, both, "/account")
        _, plain = await ask(listener, [("Remote-User", "ann")], "/account")

    assert "Administrator" in page
    assert "admins, makers, Élan" in page
    assert "Administrator" not in plain
    assert stage.people_store.kept["ann"].groups == frozenset()


async def test_whoever_is_closed_out_here_is_told_so_whatever_the_proxy_says() -> None:
    stage, listener = vouched(), tcp()
    headers = [("Remote-User", "ann"), ("Remote-Groups", "admins"), ("Accept", "text/html")]
    async with served(stage, listener):
        first, _ = await ask(listener, headers, "/library")
        await stage.residents.disable("ann")
        closed, page = await ask(listener, headers, "/library")
        _, told = await ask(listener, headers[:1])

    assert (first, closed) == (200, 403)
    assert "This account is closed." in page
    assert '"kind":"account_closed"' in told


async def test_a_page_without_a_name_says_so_and_a_health_check_needs_none() -> None:
    stage, listener = vouched(), tcp()
    async with served(stage, listener):
        status, page = await ask(listener, [("Accept", "text/html")], "/library")
        well, _ = await ask(listener, [], "/healthz")
        odd, _ = await ask(listener, [("Remote_User", "eve")], "/healthz")

    assert status == 401
    assert "Nobody told this server who you are" in page
    assert (well, odd) == (200, 200)


async def test_a_forwarded_address_makes_nobody_trusted() -> None:
    stage, listener = vouched(trusted=False), tcp()
    headers = [("Remote-User", "ann"), ("X-Forwarded-For", "10.0.0.1, 127.0.0.1")]
    async with served(stage, listener):
        status, _ = await ask(listener, headers)

    assert status == 400


async def test_a_program_that_changes_something_must_bring_a_token() -> None:
    """What a portal knows people by may be what a browser sends by itself."""
    stage, listener = vouched(), tcp()
    job = await stage.job(owner="ann")
    cancel = f"/api/v1/jobs/{job.id}/cancel"
    async with served(stage, listener):
        bare, _ = await ask(listener, [("Remote-User", "ann")], cancel, "POST")
        own, _ = await ask(
            listener, [("Remote-User", "ann"), ("Sec-Fetch-Site", "same-origin")], cancel, "POST"
        )

    assert (bare, own) == (403, 200)


@pytest.mark.parametrize(
    "told",
    [
        [("Authorization", "Basic x"), ("Authorization", "Bearer rushes_x")],
        [("Authorization", "Basic x, Bearer rushes_x")],
        [("Authorization", "bearer  rushes_x")],
    ],
)
async def test_a_token_that_a_proxy_may_have_let_past_speaks_alone(
    told: list[tuple[str, str]],
) -> None:
    stage, listener = vouched(), tcp()
    async with served(stage, listener):
        status, _ = await ask(listener, [("Remote-User", "ann"), *told], "/api/v1/jobs")

    assert status == 401
