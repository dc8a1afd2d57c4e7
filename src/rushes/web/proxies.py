"""Who really asks: a forwarded address is believed from a named proxy, and from nobody else."""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOPS_MAX = 16
SCHEMES = frozenset({"http", "https"})
NOBODY = "unknown"


class TrustedProxies:
    """Puts the client's own address and scheme in the place of a trusted proxy's.

    Only X-Forwarded-For and X-Forwarded-Proto are read. Host and prefix are configuration.
    """

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network]) -> None:
        self.app = app
        self.trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, told as its sender would have told it."""
        peer = _address(client_host(scope)) if scope["type"] == "http" else None
        scope.setdefault("state", {})["peer"] = str(peer or "")
        if peer is not None and self._is_trusted(peer):
            scope["state"]["is_trusted"] = True
            headers = Headers(scope=scope)
            client = self._client(peer, headers.getlist("x-forwarded-for"))
            scope["client"] = (str(client), 0)
            schemes = headers.getlist("x-forwarded-proto")
            if len(schemes) == 1 and schemes[0].lower() in SCHEMES:
                scope["scheme"] = schemes[0].lower()
        await self.app(scope, receive, send)

    def _client(self, peer: Address, told: Sequence[str]) -> Address:
        """Walk from the right, where each entry was written by the one just passed.

        The first that is not trusted is the client; what it says of itself proves nothing.
        """
        client = peer
        for entry in reversed(",".join(told).rsplit(",", HOPS_MAX)):
            address = _address(entry.strip())
            if address is None:
                return client
            client = address
            if not self._is_trusted(client):
                return client
        return client

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self.trusted)


def client_host(scope: Scope) -> str:
    """Return the address that a request comes from; empty over a Unix socket."""
    client = scope.get("client")
    return client[0] if client else ""


def is_within(host: str, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of these networks."""
    address = _address(host)
    return address is not None and any(address in network for network in networks)


def household(host: str) -> str:
    """Return what one person is expected to hold: an IPv4 address, or an IPv6 network of /64."""
    address = _address(host)
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), 64), strict=False))
    return str(address or NOBODY)


def _address(text: str) -> Address | None:
    """Read an address; an IPv4 one in IPv6 clothes is an IPv4 one."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
