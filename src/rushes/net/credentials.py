"""What proves to the backend who asks: headers and cookies, for its own origin alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rushes.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rushes.net.redaction import Secret

TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
CONNECTION_HEADERS = frozenset(
    {
        *("accept-encoding", "connection", "content-encoding", "content-length", "content-type"),
        *("expect", "host", "keep-alive", "range", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""What a list of headers copied from a browser may hold, and what would break ours."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Headers and cookies for the configured origin alone; `secrets` are hidden wherever met."""

    headers: Mapping[str, Secret] = field(default_factory=dict)
    cookies: Mapping[str, Secret] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    usual: Mapping[str, Secret] = field(default_factory=dict)
    """Headers that go along and prove nothing; a call's own of the same name goes in its place."""

    def as_headers(self) -> dict[str, str]:
        """Return the request headers; raises Misconfigured for what none can carry."""
        if flaws := list(self._flaws()):
            raise Misconfigured(*flaws)
        headers = {name: value.reveal() for name, value in self.headers.items()}
        if self.cookies:
            pairs = (f"{name}={value.reveal()}" for name, value in self.cookies.items())
            headers["Cookie"] = "; ".join(pairs)
        return headers

    def _flaws(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.cookies and any(name.lower() == "cookie" for name in self.headers):
            yield ("cookies",), "cookies are given twice, as such and as a header"
        for name, value in (*self.headers.items(), *self.usual.items()):
            if reason := _flaw(name, value):
                yield ("headers", name), reason
        for name, value in self.cookies.items():
            if not is_sendable(f"{name}={value.reveal()}"):
                yield ("cookies", name), f"the cookie {name} has a character that none can carry"


def merged(*tables: Mapping[str, str]) -> dict[str, str]:
    """Return each header once, whatever the case of its name: the last table's goes before."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in (pair for table in tables for pair in table.items()):
        found[name.lower()] = name, value
    return dict(found.values())


def is_sendable(text: str) -> bool:
    """Whether a header can carry a text."""
    return text.isascii() and text.isprintable()


def _flaw(name: str, value: Secret) -> str | None:
    if not TOKEN.fullmatch(name):
        return f"{name[:50]!r} is no name for a header"
    if name.lower() in CONNECTION_HEADERS:
        return f"the header {name} belongs to the connection: leave it out"
    if not is_sendable(value.reveal()):
        return f"the header {name} has a character that none can carry"
    return None
