"""What proves to the backend who asks: headers and cookies, for its own origin alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rushes.errors import NotConfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    def as_headers(self) -> dict[str, str]:
        """Return the request headers; raises NotConfigured for a value that none can carry."""
        headers = {name: value.reveal() for name, value in self.headers.items()}
        if self.cookies:
            if any(name.lower() == "cookie" for name in headers):
                raise NotConfigured("cookies are given twice, as such and as a header")
            pairs = (f"{name}={value.reveal()}" for name, value in self.cookies.items())
            headers["Cookie"] = "; ".join(pairs)
        for name, value in headers.items():
            _require_usable(name, value)
        return headers


def _require_usable(name: str, value: str) -> None:
    if not TOKEN.fullmatch(name):
        raise NotConfigured(f"{name[:50]!r} is no name for a header")
    if name.lower() in CONNECTION_HEADERS:
        raise NotConfigured(f"the header {name} belongs to the connection: leave it out")
    if not (value.isascii() and value.isprintable()):
        raise NotConfigured(f"the header {name} has a character that none can carry")
