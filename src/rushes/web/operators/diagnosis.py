"""What the way from the browser through the proxies to us did to a handful of probes. Pure.

The probes are made by `rushes doctor` and by the administrator's page; both judge by this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from rushes.ports import Finding, Severity
from rushes.web.operators.remedies import Proxy, proxies_in_front, remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rushes.web.prefix import PublicAddress

EVENTS = 5
EVENT_PAUSE_MS = 200
BYTES = 64 * 1024
BODY = 4_000_000
FORGED_ADDRESS = "203.0.113.9"
FORGED_NAME = "doctor-forged"
STRANGE_HOST_KIND = "strange_host"
"""The kind of problem that we answer a Host with that is none of our names."""


class Observation(BaseModel):
    """One part of what was observed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Seen(Observation):
    """A request as it arrived at us; every text is cut."""

    scheme: str
    host: str
    path: str
    """As it came, before our own middleware made its prefix regular."""
    client: str
    peer: str
    is_proxied: bool
    """Whether a proxy has left its marks on it."""
    is_trusted: bool
    """Whether we believe what it says of the sender."""
    forged: tuple[str, ...] = ()
    """Names of forged headers that came through with our forged value."""

    @property
    def is_unheard(self) -> bool:
        """Whether a proxy speaks whose word is not taken."""
        return self.is_proxied and not self.is_trusted


class Ranged(Observation):
    """The answer to `Range: bytes=0-1`."""

    status: int
    length: int
    encoding: str = ""


class Observations(Observation):
    """What the probes brought; None where a probe got no usable answer."""

    server: str = ""
    seen: Seen | None = None
    trouble: str = ""
    """Why the first probe brought nothing."""
    refused: str = Field(default="", max_length=50)
    """The kind of problem that we answered the first probe with."""
    location: str | None = None
    cookie: bool | None = None
    """Whether a cookie that we set below our prefix came back to us."""
    static: int | None = None
    events_ms: tuple[int, ...] | None = Field(default=None, max_length=50)
    """When each event arrived, counted from the first."""
    events_encoding: str = ""
    ranged: Ranged | None = None
    body: int | None = None
    """How many bytes of a large body arrived; 0 for an answer that was not ours."""


class Expected(Observation):
    """What the settings promise. `page` is the address that the prober used."""

    page: str
    origin: str
    prefix: str
    identity_header: str = ""
    """The header that says who somebody is, where one is believed; in lower case."""

    @classmethod
    def of(cls, public: PublicAddress, page: str, identity_header: str = "") -> Expected:
        """Take the promise from the settings."""
        header = identity_header.lower()
        return cls(page=page, origin=public.origin, prefix=public.prefix, identity_header=header)


def diagnose(expected: Expected, observed: Observations) -> list[Finding]:
    """Return a finding for each thing that was looked at: fine, or wrong and how to mend it."""
    seen = observed.seen
    proxies = proxies_in_front(observed.server, is_proxied=seen is None or seen.is_proxied)
    if seen is None:
        return [_lost(observed, proxies)]
    return [
        _fine("reachable", f"a request to {expected.page} arrives"),
        *_address(expected, seen, proxies),
        *_sender(expected, seen, proxies),
        *_answers(expected, observed, proxies),
        *_flow(observed, proxies),
    ]


def _lost(observed: Observations, proxies: tuple[Proxy, ...]) -> Finding:
    """Say why not even the first probe came through."""
    if observed.refused == STRANGE_HOST_KIND:
        return _wrong("host", "requests arrive with a Host that is none of our names", proxies)
    if observed.refused:
        told = f"requests arrive at another path, or at another Rushes ({observed.refused})"
        return _wrong("prefix", told, proxies)
    return _wrong("reachable", observed.trouble or "no answer of ours came back", proxies)


def _address(expected: Expected, seen: Seen, proxies: tuple[Proxy, ...]) -> Iterator[Finding]:
    asked = urlsplit(expected.page)
    if seen.host != asked.netloc:
        yield _wrong("host", f"asked for {asked.netloc}, we were told {seen.host}", proxies)
    else:
        yield _fine("host", f"Host is {seen.host}, as asked")
    if seen.scheme != asked.scheme and not seen.is_unheard:
        yield _wrong("scheme", f"asked by {asked.scheme}, we were told {seen.scheme}", proxies)
    elif seen.scheme == asked.scheme:
        yield _fine("scheme", f"the scheme is {seen.scheme}, as asked")
    if expected.origin and expected.origin != f"{asked.scheme}://{asked.netloc}":
        told = f"RUSHES_PUBLIC_URL begins with {expected.origin}, you came by {expected.page}"
        yield _wrong("public address", told, proxies)
    yield _prefix(expected, seen, proxies)


def _prefix(expected: Expected, seen: Seen, proxies: tuple[Proxy, ...]) -> Finding:
    asked = urlsplit(expected.page).path.rstrip("/")
    ours = "/doctor/seen"
    kept = {f"{expected.prefix}{ours}": "kept", ours: "stripped"}
    if asked != expected.prefix or seen.path not in kept:
        told = f"the path arrives as {seen.path}; RUSHES_PUBLIC_URL has {expected.prefix or '/'}"
        return _wrong("prefix", told, proxies)
    if not expected.prefix:
        return _fine("prefix", "none")
    return _fine("prefix", f"{expected.prefix}, {kept[seen.path]} on its way")


def _sender(expected: Expected, seen: Seen, proxies: tuple[Proxy, ...]) -> Iterator[Finding]:
    if seen.client == FORGED_ADDRESS:
        yield _wrong("sender", "an address that the sender made up is believed", proxies)
    elif seen.is_unheard:
        told = f"a proxy at {seen.peer} says who asks and how, and we do not listen to it"
        mend = f"if it is yours: RUSHES_TRUSTED_PROXIES={seen.peer}"
        yield Finding(Severity.ERROR, "trusted proxies", told, mend)
    else:
        yield _fine("sender", f"requests come from {seen.client}")
    if expected.identity_header in seen.forged:
        told = f"a made-up {expected.identity_header} comes through"
        yield _wrong("identity headers", told, proxies)
    elif expected.identity_header:
        yield _fine("identity headers", "a made-up one does not come through")


def _answers(
    expected: Expected, observed: Observations, proxies: tuple[Proxy, ...]
) -> Iterator[Finding]:
    home = f"{expected.prefix}/"
    if observed.location is None or observed.location not in {home, f"{expected.origin}{home}"}:
        told = f"ours to {home} arrives as {observed.location or 'something else'}"
        yield _wrong("redirects", told, proxies)
    else:
        yield _fine("redirects", "arrive as sent")
    if observed.cookie:
        yield _fine("cookies", f"kept below {home} and sent back")
    else:
        yield _wrong("cookies", f"a cookie for {home} did not come back", proxies)
    if observed.static == 200:
        yield _fine("static files", "arrive")
    else:
        yield _wrong("static files", f"answered {observed.static or 'nothing of ours'}", proxies)


def _flow(observed: Observations, proxies: tuple[Proxy, ...]) -> Iterator[Finding]:
    yield _events(observed, proxies)
    ranged = observed.ranged
    if ranged is None or (ranged.status, ranged.length) != (206, 2) or ranged.encoding:
        told = "two bytes were asked for and something else came"
        yield _wrong("ranges", told if ranged is None else f"{told} ({ranged.status})", proxies)
    else:
        yield _fine("ranges", "two bytes asked for, two bytes came")
    if observed.body == BODY:
        yield _fine("uploads", f"a body of {BODY // 1_000_000} MB arrives whole")
    else:
        yield _wrong("uploads", f"a body of {BODY // 1_000_000} MB does not arrive", proxies)


def _events(observed: Observations, proxies: tuple[Proxy, ...]) -> Finding:
    if observed.events_encoding not in {"", "identity"}:
        return _wrong("compression", f"events arrive as {observed.events_encoding}", proxies)
    times = observed.events_ms
    if times is None or len(times) < EVENTS:
        return _wrong("events", "the stream of events does not arrive", proxies)
    whole = times[-1] - times[0]
    if whole < EVENT_PAUSE_MS * (EVENTS - 1) / 2:
        told = f"sent over {EVENT_PAUSE_MS * (EVENTS - 1)} ms, they arrived within {whole} ms"
        return _wrong("events", f"they are held back on the way: {told}", proxies)
    return _fine("events", "arrive one by one")


def _fine(subject: str, message: str) -> Finding:
    return Finding(Severity.OK, subject, message)


def _wrong(subject: str, message: str, proxies: tuple[Proxy, ...]) -> Finding:
    return Finding(Severity.ERROR, subject, message, remedy(subject, proxies))
