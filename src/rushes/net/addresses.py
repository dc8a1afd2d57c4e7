"""Addresses before anything is dialled: how they are written, named, and what is no address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx

from rushes.errors import BadBackendResponse, Misconfigured, NotSent

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_PORTS = {"http": 80, "https": 443}
UNNAMED = "no result_hosts (RUSHES_BACKEND_RESULT_HOSTS) name it"
"""What an operator can change where a clip's host is refused."""
_PEER = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?")

Origin = tuple[str, str, int]
"""Scheme, host and port, the default port spelled out."""
Peer = tuple[str, int]
"""Host and port."""


def origin_of(url: httpx.URL) -> Origin:
    """Return the origin; port 0 for a scheme that we do not speak."""
    return url.scheme, url.raw_host.decode("ascii"), url.port or DEFAULT_PORTS.get(url.scheme, 0)


def host_and_port(url: httpx.URL) -> str:
    """Return how an operator names the peer."""
    _, host, port = origin_of(url)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def base_url(text: str) -> httpx.URL:
    """Read a configured address; raises Misconfigured."""
    try:
        url = httpx.URL(text.rstrip("/"))
    except httpx.InvalidURL as error:
        raise Misconfigured((("url",), f"cannot be read: {error}")) from error
    if url.scheme not in DEFAULT_PORTS or not url.host:
        raise Misconfigured((("url",), "must begin with http:// or https:// and a host"))
    if url.userinfo or url.query or url.fragment:
        raise Misconfigured((("url",), "takes no user, no ? and no #; keys have a setting"))
    return url


def below(base: httpx.URL, address: str) -> httpx.URL:
    """Return a path below `base`, or a whole URL as it is; raises NotSent for neither."""
    try:
        if address.startswith("/") and not address.startswith("//"):
            return httpx.URL(str(base).rstrip("/") + address)
        return base.join(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise NotSent("no usable address", retryable=False) from error


def next_hop(url: httpx.URL, location: str | None) -> httpx.URL:
    """Return where a redirect leads; raises BadBackendResponse when that is nowhere."""
    try:
        return url.join(location or "//")
    except (httpx.InvalidURL, ValueError) as error:
        raise BadBackendResponse("a redirect that leads nowhere") from error


def peers(hosts: Iterable[str]) -> frozenset[Peer]:
    """Read a list of `host` or `host:port`; raises Misconfigured.

    Without a port those of http and https are meant.
    """
    found: set[Peer] = set()
    for text in hosts:
        match = _PEER.fullmatch(text)
        if match is None:
            raise Misconfigured((("result_hosts",), f"{text!r} is no host and no host:port"))
        host, port = match.groups()
        ports = [int(port)] if port else DEFAULT_PORTS.values()
        found.update((host.strip("[]").lower(), port) for port in ports)
    return frozenset(found)


def permit_clip(url: httpx.URL, backend: Origin, trusted: frozenset[Peer]) -> None:
    """Refuse a clip's address by scheme and port; raises NotSent.

    Which network the host leads into is checked when it is dialled. `trusted` peers need no
    usual port.
    """
    scheme, host, port = origin = origin_of(url)
    if origin == backend or (scheme in DEFAULT_PORTS and (host, port) in trusted):
        return
    if not host or scheme not in {"https", backend[0]}:
        raise refused(url, f"neither https nor the backend's own {backend[0]}, and {UNNAMED}")
    if port not in {DEFAULT_PORTS[scheme], backend[2]}:
        raise refused(url, f"an unusual port, and {UNNAMED}")


def refused(url: httpx.URL, why: str) -> NotSent:
    """Return the error for an address that we do not go to."""
    where = host_and_port(url)
    return NotSent(f"{where} is not an allowed address", retryable=False, detail=f"{where}: {why}")
