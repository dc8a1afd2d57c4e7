"""What the way from the browser through the proxies to us did to a handful of probes. Pure.

The probes are made by `rushes doctor` and by the administrator's page; both judge by this table.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from rushes.ports import Finding, Severity
from rushes.web.operators.remedies import Proxy, Way, proxies_in_front, remedy

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

OWN_HOST = re.compile(r"localhost|.+\.localhost|127\.[0-9.]+|::1")
"""Names of this machine, whoever asks."""


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
    forged_in_api: tuple[str, ...] | None = Field(default=None, max_length=50)
    """As `Seen.forged`, for a request below /api/v1/: programs often have a way of their own."""
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
    identity_headers: tuple[str, ...] = ()
    """The headers that say who somebody is, and in which groups, where they are believed."""
    inside: str = "127.0.0.1:8000"
    """Where the server listens, as a proxy reaches it."""
    is_open: bool = False
    """Whether nobody is asked who they are."""
    is_open_on_purpose: bool = False

    @classmethod
    def of(cls, public: PublicAddress, page: str, *identity_headers: str) -> Expected:
        """Take the promise from the settings."""
        return cls(
            page=page,
            origin=public.origin,
            prefix=public.prefix,
            identity_headers=identity_headers,
        )

    def way(self, proxies: tuple[Proxy, ...]) -> Way:
        """Return what stands in the files of the proxies in front."""
        public = urlsplit(self.origin or self.page)
        return Way(
            proxies=proxies,
            headers=self.identity_headers,
            prefix=self.prefix,
            scheme=public.scheme,
            host=public.hostname or "",
            inside=self.inside,
        )


def diagnose(expected: Expected, observed: Observations) -> list[Finding]:
    """Return a finding for each thing that was looked at: fine, or wrong and how to mend it."""
    seen = observed.seen
    proxies = proxies_in_front(observed.server, is_proxied=seen is None or seen.is_proxied)
    way = expected.way(proxies)
    if seen is None:
        return [_lost(observed, way), *_identity(expected, observed, way)]
    return [
        _fine("reachable", f"a request to {expected.page} arrives"),
        *_address(expected, seen, way),
        *_sender(seen, way),
        *_identity(expected, observed, way),
        *_sign_in(expected),
        *_answers(expected, observed, way),
        *_flow(observed, way),
    ]


def _lost(observed: Observations, way: Way) -> Finding:
    """Say why not even the first probe came through."""
    if observed.refused == STRANGE_HOST_KIND:
        return _wrong("host", "requests arrive with a Host that is none of our names", way)
    if observed.refused:
        told = f"requests arrive at another path, or at another Rushes ({observed.refused})"
        return _wrong("prefix", told, way)
    return _wrong("reachable", observed.trouble or "no answer of ours came back", way)


def _address(expected: Expected, seen: Seen, way: Way) -> Iterator[Finding]:
    asked = urlsplit(expected.page)
    if seen.host != asked.netloc:
        yield _wrong("host", f"asked for {asked.netloc}, we were told {seen.host}", way)
    else:
        yield _fine("host", f"Host is {seen.host}, as asked")
    if seen.scheme != asked.scheme and not seen.is_unheard:
        yield _wrong("scheme", f"asked by {asked.scheme}, we were told {seen.scheme}", way)
    elif seen.scheme == asked.scheme:
        yield _fine("scheme", f"the scheme is {seen.scheme}, as asked")
    if expected.origin and expected.origin != f"{asked.scheme}://{asked.netloc}":
        told = f"RUSHES_PUBLIC_URL begins with {expected.origin}, you came by {expected.page}"
        yield _wrong("public address", told, way)
    yield _prefix(expected, seen, way)


def _prefix(expected: Expected, seen: Seen, way: Way) -> Finding:
    asked = urlsplit(expected.page).path.rstrip("/")
    ours = "/doctor/seen"
    kept = {f"{expected.prefix}{ours}": "kept", ours: "stripped"}
    if asked != expected.prefix or seen.path not in kept:
        told = f"the path arrives as {seen.path}; RUSHES_PUBLIC_URL has {expected.prefix or '/'}"
        return _wrong("prefix", told, way)
    if not expected.prefix:
        return _fine("prefix", "none")
    return _fine("prefix", f"{expected.prefix}, {kept[seen.path]} on its way")


def _sender(seen: Seen, way: Way) -> Iterator[Finding]:
    if seen.client == FORGED_ADDRESS:
        yield _wrong("sender", "an address that the sender made up is believed", way)
    elif seen.is_unheard:
        told = f"a proxy at {seen.peer} says who asks and how, and we do not listen to it"
        mend = f"if it is yours: RUSHES_TRUSTED_PROXIES={seen.peer}"
        yield Finding(Severity.ERROR, "trusted proxies", told, mend)
    else:
        yield _fine("sender", f"requests come from {seen.client}")


def _identity(expected: Expected, observed: Observations, way: Way) -> Iterator[Finding]:
    anywhere = observed.seen.forged if observed.seen is not None else ()
    in_api = observed.forged_in_api
    came = {*anywhere, *(in_api or ())}
    believed = tuple(name for name in expected.identity_headers if name.lower() in came)
    if believed:
        where = "" if any(name.lower() in anywhere for name in believed) else " below /api/v1/"
        verb = "comes" if len(believed) == 1 else "come"
        told = f"a made-up {' and '.join(believed)} {verb} through{where}"
        yield _wrong("identity headers", told, replace(way, headers=believed))
    elif expected.identity_headers and (observed.seen is not None or in_api is not None):
        yield _fine("identity headers", "a made-up one does not come through")


def _sign_in(expected: Expected) -> Iterator[Finding]:
    host = urlsplit(expected.page).hostname or ""
    if not expected.is_open or OWN_HOST.fullmatch(host):
        return
    told = f"nobody is asked to sign in, and {host} leads here: whoever comes spends your money"
    if expected.is_open_on_purpose:
        yield Finding(Severity.WARNING, "sign-in", f"{told} (RUSHES_ALLOW_PUBLIC_BIND=yes)")
    else:
        yield _wrong("sign-in", told, Way())


def _answers(expected: Expected, observed: Observations, way: Way) -> Iterator[Finding]:
    home = f"{expected.prefix}/"
    if observed.location is None or observed.location not in {home, f"{expected.origin}{home}"}:
        told = f"ours to {home} arrives as {observed.location or 'something else'}"
        yield _wrong("redirects", told, way)
    else:
        yield _fine("redirects", "arrive as sent")
    if observed.cookie:
        yield _fine("cookies", f"kept below {home} and sent back")
    else:
        yield _wrong("cookies", f"a cookie for {home} did not come back", way)
    if observed.static == 200:
        yield _fine("static files", "arrive")
    else:
        yield _wrong("static files", f"answered {observed.static or 'nothing of ours'}", way)


def _flow(observed: Observations, way: Way) -> Iterator[Finding]:
    yield _events(observed, way)
    ranged = observed.ranged
    if ranged is None or (ranged.status, ranged.length) != (206, 2) or ranged.encoding:
        told = "two bytes were asked for and something else came"
        yield _wrong("ranges", told if ranged is None else f"{told} ({ranged.status})", way)
    else:
        yield _fine("ranges", "two bytes asked for, two bytes came")
    if observed.body == BODY:
        yield _fine("uploads", f"a body of {BODY // 1_000_000} MB arrives whole")
    else:
        yield _wrong("uploads", f"a body of {BODY // 1_000_000} MB does not arrive", way)


def _events(observed: Observations, way: Way) -> Finding:
    if observed.events_encoding not in {"", "identity"}:
        return _wrong("compression", f"events arrive as {observed.events_encoding}", way)
    times = observed.events_ms
    if times is None or len(times) < EVENTS:
        return _wrong("events", "the stream of events does not arrive", way)
    whole = times[-1] - times[0]
    if whole < EVENT_PAUSE_MS * (EVENTS - 1) / 2:
        told = f"sent over {EVENT_PAUSE_MS * (EVENTS - 1)} ms, they arrived within {whole} ms"
        return _wrong("events", f"they are held back on the way: {told}", way)
    return _fine("events", "arrive one by one")


def _fine(subject: str, message: str) -> Finding:
    return Finding(Severity.OK, subject, message)


def _wrong(subject: str, message: str, way: Way) -> Finding:
    return Finding(Severity.ERROR, subject, message, remedy(subject, way))
