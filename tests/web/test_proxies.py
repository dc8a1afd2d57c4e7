"""Whom a forwarded address is believed from, and what is made of it."""

from __future__ import annotations

import logging
from ipaddress import ip_network
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import JSONResponse

from rushes.web.dependencies import WebConfig
from rushes.web.prefix import PublicAddress
from rushes.web.proxies import TrustedProxies, household
from tests.web.stage import Stage

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio

PROXY = "10.0.0.1"
STRANGER = "203.0.113.9"
TRUSTED = tuple(map(ip_network, ("10.0.0.0/24", "fd00::/8")))
FOR, PROTO = "X-Forwarded-For", "X-Forwarded-Proto"


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    told = JSONResponse([scope["client"][0], scope["scheme"]])
    await told(scope, receive, send)


async def seen(peer: str, headers: list[tuple[str, str]]) -> list[str]:
    """Return the client and the scheme that the application is told of."""
    transport = httpx.ASGITransport(TrustedProxies(tell, trusted=TRUSTED), client=(peer, 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        told: list[str] = (await client.get("/", headers=headers)).json()
    return told


@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        (STRANGER, [], STRANGER),
        (STRANGER, ["198.51.100.1"], STRANGER),
        (PROXY, [], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, [STRANGER], STRANGER),
        (PROXY, [f"198.51.100.1, {STRANGER}"], STRANGER),
        (PROXY, [f"127.0.0.1,10.0.0.9 , {STRANGER}"], STRANGER),
        (PROXY, ["198.51.100.1", STRANGER], STRANGER),
        (PROXY, [f"198.51.100.1, {STRANGER}, 10.0.0.7"], STRANGER),
        (PROXY, [f"{STRANGER}, fd00::1"], STRANGER),
        (PROXY, ["10.0.0.8, 10.0.0.7"], "10.0.0.8"),
        (PROXY, [f"{STRANGER}, unknown"], PROXY),
        (PROXY, [f"{STRANGER}, nonsense, 10.0.0.7"], "10.0.0.7"),
        (PROXY, [f"{STRANGER}, x\x1b[2J"], PROXY),
        (PROXY, [f"::ffff:{STRANGER}"], STRANGER),
        (PROXY, ["2001:db8::7"], "2001:db8::7"),
        (f"::ffff:{PROXY}", [STRANGER], STRANGER),
        ("fd00::1", [STRANGER], STRANGER),
        ("", [STRANGER], ""),
        (PROXY, [", ".join([STRANGER, *["10.0.0.7"] * 50])], "10.0.0.7"),
    ],
)
async def test_the_client_is_the_rightmost_that_is_not_trusted(
    peer: str, told: list[str], client: str
) -> None:
    assert (await seen(peer, [(FOR, value) for value in told]))[0] == client


@pytest.mark.parametrize(
    ("peer", "told", "scheme"),
    [
        (PROXY, ["https"], "https"),
        (PROXY, ["HTTPS"], "https"),
        (PROXY, ["http"], "http"),
        (PROXY, [], "http"),
        (PROXY, ["https", "http"], "http"),
        (PROXY, ["https, http"], "http"),
        (PROXY, ["javascript"], "http"),
        (STRANGER, ["https"], "http"),
    ],
)
async def test_the_scheme_is_believed_once_and_from_a_trusted_proxy(
    peer: str, told: list[str], scheme: str
) -> None:
    assert (await seen(peer, [(PROTO, value) for value in told]))[1] == scheme


@pytest.mark.parametrize(
    "header",
    [
        ("X-Forwarded-Host", "evil.test"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Forwarded-Port", "666"),
        ("Forwarded", "for=6.6.6.6;host=evil.test;proto=https"),
        ("X-Real-IP", "6.6.6.6"),
        ("X_Forwarded_For", "6.6.6.6"),
        ("X-Forwarded-For-", "6.6.6.6"),
    ],
)
async def test_everything_else_is_ignored(header: tuple[str, str]) -> None:
    assert await seen(PROXY, [header]) == [PROXY, "http"]
    config = WebConfig(
        public=PublicAddress.parse("http://localhost/video"), trusted_proxies=TRUSTED
    )
    async with Stage(config).client(headers=dict([header])) as client:
        page = await client.get("/video/")
        made = await client.post("/video/jobs", data={"prompt": "Rain"})

    assert "evil" not in page.text
    assert made.headers["location"].startswith("/video/jobs/")


async def test_the_log_names_the_client_and_not_the_proxy(caplog: pytest.LogCaptureFixture) -> None:
    config = WebConfig(trusted_proxies=(ip_network("127.0.0.1"),))
    forwarded = {FOR.encode(): f"evil\u2028, {STRANGER}".encode()}
    with caplog.at_level(logging.INFO, "rushes.access"):
        async with Stage(config).client() as client:
            await client.get("/healthz", headers=forwarded)

    (line,) = [r.getMessage() for r in caplog.records if r.name == "rushes.access"]
    assert line.endswith(f" ms {STRANGER}")
    assert "127.0.0.1" not in line


async def test_without_trusted_proxies_nobody_is_believed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "rushes.access"):
        async with Stage().client() as client:
            await client.get("/healthz", headers={FOR: STRANGER})

    (line,) = [r.getMessage() for r in caplog.records if r.name == "rushes.access"]
    assert line.endswith(" ms 127.0.0.1")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_a_household_is_an_address_or_a_network_of_64_bits(host: str, expected: str) -> None:
    assert household(host) == expected
