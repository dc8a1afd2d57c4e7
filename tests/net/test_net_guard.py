"""No spelling of a private address is dialled unless the operator named that very host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpcore
import httpx
import pytest

from rushes.errors import NotSent
from rushes.net import AddressRefused, Credentials, GuardedClient, Patience, is_public
from rushes.net.guard import GuardedNetwork
from tests.net.hostile import hostile, sends

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.anyio

PUBLIC = "93.184.215.14"

SPELLINGS = [
    *("127.0.0.1", "localhost", "LOCALHOST", "127.1", "127.0.1", "2130706433", "0x7f000001"),
    *("0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.000.000.001", "0", "127.8.8.8"),
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]"),
    *("[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[ff02::1]", "[2001:db8::1]", "[100::1]"),
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1"),
    *("0.0.0.0", "255.255.255.255", "0xa9fea9fe", "2852039166"),  # noqa: S104 - not bound
]


class Dialler(httpcore.AsyncNetworkBackend):
    """Notes what is dialled, and connects to nothing."""

    def __init__(self) -> None:
        self.dialled: list[tuple[str, int]] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append((host, port))
        raise httpcore.ConnectError("only noted")


def answering(*addresses: str) -> object:
    async def resolver(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return resolver


def test_there_are_forty_spellings_of_which_none_is_there_twice() -> None:
    assert len(set(SPELLINGS)) == len(SPELLINGS) >= 40


@pytest.mark.parametrize("host", SPELLINGS)
async def test_a_private_address_is_never_dialled_however_it_is_spelt(host: str) -> None:
    async with hostile(sends(b"")) as listener:
        client = GuardedClient(
            f"http://backend.test:{listener.port}",
            credentials=Credentials(),
            patience=Patience(),
            max_clip_bytes=1,
        )
        with pytest.raises(NotSent):
            async with client.download(f"http://{host}:{listener.port}/clip.mp4"):
                pass
        await client.aclose()

    assert listener.connects == 0


@pytest.mark.parametrize("host", SPELLINGS)
async def test_the_system_s_resolver_leads_none_of_them_past_the_guard(host: str) -> None:
    dialler = Dialler()
    network = GuardedNetwork(frozenset({("backend.test", 8000)}), dialler=dialler)

    with pytest.raises(httpcore.ConnectError):
        await network.connect_tcp(host.strip("[]"), 8000)

    assert dialler.dialled == []


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1", PUBLIC], ["no address"]]
)
async def test_a_name_is_refused_if_any_of_its_addresses_is_private(addresses: list[str]) -> None:
    dialler = Dialler()
    network = GuardedNetwork(
        frozenset({("backend.test", 443)}),
        resolver=answering(*addresses),  # type: ignore[arg-type]
        dialler=dialler,
    )

    with pytest.raises(AddressRefused):
        await network.connect_tcp("rebound.test", 443)

    assert dialler.dialled == []


async def test_the_address_that_was_checked_is_the_one_that_is_dialled() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])

    async def rebinding(_host: str, _port: int) -> list[str]:
        return next(answers)

    dialler = Dialler()
    network = GuardedNetwork(
        frozenset({("backend.test", 443)}), resolver=rebinding, dialler=dialler
    )

    with pytest.raises(httpcore.ConnectError):
        await network.connect_tcp("rebound.test", 443)
    with pytest.raises(AddressRefused):
        await network.connect_tcp("rebound.test", 443)

    assert dialler.dialled == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("backend.test", 8000, True),
        ("backend.test", 8001, False),
        ("other.test", 8000, False),
        ("backend.test.", 8000, False),
    ],
)
async def test_only_the_configured_host_and_port_may_be_private(
    host: str, port: int, allowed: bool
) -> None:
    dialler = Dialler()
    network = GuardedNetwork(
        frozenset({("backend.test", 8000)}),
        resolver=answering("10.0.0.5"),  # type: ignore[arg-type]
        dialler=dialler,
    )

    with pytest.raises(httpcore.ConnectError):
        await network.connect_tcp(host, port)

    assert dialler.dialled == ([("10.0.0.5", port)] if allowed else [])


async def test_each_address_is_tried_until_one_answers() -> None:
    dialler = Dialler()
    network = GuardedNetwork(
        frozenset({("backend.test", 80)}),
        resolver=answering("::1", "127.0.0.1"),  # type: ignore[arg-type]
        dialler=dialler,
    )

    with pytest.raises(httpcore.ConnectError, match="only noted"):
        await network.connect_tcp("backend.test", 80)

    assert dialler.dialled == [("::1", 80), ("127.0.0.1", 80)]


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "172.32.0.1"])
def test_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_httpx_still_has_the_place_where_the_guard_is_put() -> None:
    transport = httpx.AsyncHTTPTransport()

    assert isinstance(transport._pool, httpcore.AsyncConnectionPool)
    assert isinstance(transport._pool._network_backend, httpcore.AsyncNetworkBackend)
