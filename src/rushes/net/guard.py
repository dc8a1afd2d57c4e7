"""The connect-time guard: a name is resolved once, every address checked, a checked one dialled.

Checking a URL before the request is not enough: a name may resolve to something else a moment
later, and 2130706433 is 127.0.0.1 too. So the check sits where the socket is opened. TLS still
verifies the certificate by name, because only the address that is dialled is replaced.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

import httpcore

from rushes.net.addresses import UNNAMED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# Our own table: `ipaddress.is_global` changed its mind between Python releases.
NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23"),
        *("2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/9"),
        "ff00::/8",
    )
)


class AddressRefused(httpcore.ConnectError):
    """The name leads to an address that nobody configured."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet; False for what is no address at all."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    return not any(parsed in block for block in NOT_PUBLIC if block.version == parsed.version)


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of `host`, as the system's resolver tells them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Dials public addresses, and each `trusted` (host, port) that the operator named."""

    def __init__(
        self,
        trusted: frozenset[tuple[str, int]],
        *,
        resolver: Resolve = resolve,
        dialler: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._trusted = trusted
        self._resolve = resolver
        self._dialler = dialler or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection; `timeout` covers look-up and all addresses together."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._checked(host, port)
                each = timeout and timeout / max(len(addresses), 1)
                return await self._dial(addresses, port, each, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no connection to {host}:{port}") from error

    async def sleep(self, seconds: float) -> None:
        """See httpcore.AsyncNetworkBackend."""
        await self._dialler.sleep(seconds)

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:  # UnicodeError: no name that DNS could know
            raise httpcore.ConnectError(f"{host} cannot be found") from error
        if (host, port) not in self._trusted and not all(is_public(a) for a in addresses):
            raise AddressRefused(f"{host} leads into a private network, and {UNNAMED}")
        return addresses

    async def _dial(
        self,
        addresses: Sequence[str],
        port: int,
        each: float | None,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in addresses:
            try:
                return await self._dialler.connect_tcp(
                    address, port, each, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure
