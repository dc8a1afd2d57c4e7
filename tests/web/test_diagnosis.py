"""What the doctor says of each thing that a proxy can do to the way."""

from __future__ import annotations

from typing import Any

import pytest

from rushes.ports import Severity
from rushes.web.operators.diagnosis import (
    BODY,
    EVENT_PAUSE_MS,
    EVENTS,
    FORGED_ADDRESS,
    STRANGE_HOST_KIND,
    Expected,
    Observations,
    Ranged,
    Seen,
    diagnose,
)
from rushes.web.operators.remedies import ADVICE, LINES, Proxy, proxies_in_front, remedy
from rushes.web.prefix import PublicAddress

PAGE = "https://clips.test/video"
EXPECTED = Expected.of(PublicAddress.parse(PAGE), PAGE, "Remote-User")
SEEN = Seen(
    scheme="https",
    host="clips.test",
    path="/video/doctor/seen",
    client="198.51.100.7",
    peer="172.18.0.2",
    is_proxied=True,
    is_trusted=True,
)
WELL = Observations(
    server="nginx/1.26.0",
    seen=SEEN,
    location="/video/",
    cookie=True,
    static=200,
    events_ms=tuple(number * EVENT_PAUSE_MS for number in range(EVENTS)),
    ranged=Ranged(status=206, length=2),
    body=BODY,
)
AT_ONCE = (0,) * EVENTS


def wrong(observed: Observations, expected: Expected = EXPECTED) -> dict[str, str]:
    """Return the message of each finding that is not fine, by its subject."""
    findings = diagnose(expected, observed)
    return {each.subject: each.message for each in findings if each.severity is Severity.ERROR}


def seen(**changes: Any) -> Observations:  # noqa: ANN401 - the fields of Seen
    return WELL.model_copy(update={"seen": SEEN.model_copy(update=changes)})


def changed(**changes: Any) -> Observations:  # noqa: ANN401 - the fields of Observations
    return WELL.model_copy(update=changes)


def test_a_sound_way_has_nothing_wrong_and_says_what_was_looked_at() -> None:
    findings = diagnose(EXPECTED, WELL)

    assert {each.severity for each in findings} == {Severity.OK}
    assert {each.remedy for each in findings} == {None}
    assert [each.subject for each in findings] == [
        *("reachable", "host", "scheme", "prefix", "sender", "identity headers", "redirects"),
        *("cookies", "static files", "events", "ranges", "uploads"),
    ]


@pytest.mark.parametrize(
    ("path", "says"), [("/doctor/seen", "stripped"), ("/video/doctor/seen", "kept")]
)
def test_a_prefix_may_be_kept_or_stripped(path: str, says: str) -> None:
    (finding,) = [each for each in diagnose(EXPECTED, seen(path=path)) if each.subject == "prefix"]

    assert (finding.severity, finding.message) == (Severity.OK, f"/video, {says} on its way")


@pytest.mark.parametrize(
    ("observed", "subject", "says"),
    [
        (Observations(trouble="clips.test answered 502"), "reachable", "answered 502"),
        (Observations(), "reachable", "no answer of ours"),
        (Observations(refused=STRANGE_HOST_KIND), "host", "none of our names"),
        (Observations(refused="not_found"), "prefix", "another path"),
        (seen(host="rushes"), "host", "asked for clips.test, we were told rushes"),
        (seen(scheme="http"), "scheme", "asked by https, we were told http"),
        (seen(path="/films/doctor/seen"), "prefix", "arrives as /films/doctor/seen"),
        (seen(client=FORGED_ADDRESS), "sender", "made up"),
        (seen(is_trusted=False, scheme="http"), "trusted proxies", "172.18.0.2"),
        (seen(forged=("remote-user",)), "identity headers", "remote-user comes through"),
        (changed(location="http://rushes/video/"), "redirects", "http://rushes/video/"),
        (changed(location=None), "redirects", "something else"),
        (changed(cookie=False), "cookies", "/video/ did not come back"),
        (changed(cookie=None), "cookies", "did not come back"),
        (changed(static=404), "static files", "404"),
        (changed(static=None), "static files", "nothing of ours"),
        (changed(events_encoding="gzip", events_ms=None), "compression", "gzip"),
        (changed(events_ms=AT_ONCE), "events", "held back"),
        (changed(events_ms=(0, 200)), "events", "does not arrive"),
        (changed(events_ms=None), "events", "does not arrive"),
        (changed(ranged=Ranged(status=200, length=65536)), "ranges", "(200)"),
        (changed(ranged=Ranged(status=206, length=2, encoding="gzip")), "ranges", "something else"),
        (changed(ranged=None), "ranges", "something else"),
        (changed(body=0), "uploads", "4 MB does not arrive"),
        (changed(body=None), "uploads", "does not arrive"),
    ],
)
def test_each_fault_is_one_finding_with_a_remedy(
    observed: Observations, subject: str, says: str
) -> None:
    found = wrong(observed)
    remedies = [each.remedy for each in diagnose(EXPECTED, observed) if each.subject == subject]

    assert list(found) == [subject]
    assert says in found[subject]
    assert all(remedies)


def test_another_address_than_the_public_one_is_named() -> None:
    other = EXPECTED.model_copy(update={"page": "https://other.test/video"})
    found = wrong(seen(host="other.test"), other)

    assert list(found) == ["public address"]
    assert "https://clips.test" in found["public address"]


def test_where_no_header_is_believed_none_is_looked_at() -> None:
    open_to_all = Expected.of(PublicAddress.parse(PAGE), PAGE)

    assert wrong(seen(forged=("remote-user",)), open_to_all) == {}


def test_without_a_public_address_and_a_proxy_all_is_well_too() -> None:
    direct = {"host": "127.0.0.1:8000", "scheme": "http", "path": "/doctor/seen"}
    told = seen(**direct, is_proxied=False, is_trusted=False).model_copy(update={"location": "/"})

    assert wrong(told, Expected.of(PublicAddress(), "http://127.0.0.1:8000")) == {}


# --- remedies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "is_proxied", "proxies"),
    [
        ("nginx/1.22.1", True, (Proxy.NGINX,)),
        ("Apache/2.4.57 (Debian)", True, (Proxy.APACHE,)),
        ("Caddy", False, (Proxy.CADDY,)),
        ("", True, (Proxy.HAPROXY, Proxy.TRAEFIK)),
        ("cloud", True, (Proxy.HAPROXY, Proxy.TRAEFIK)),
        ("", False, ()),
    ],
)
def test_a_proxy_is_known_by_its_signature_or_its_silence(
    server: str, is_proxied: bool, proxies: tuple[Proxy, ...]
) -> None:
    assert proxies_in_front(server, is_proxied=is_proxied) == proxies


@pytest.mark.parametrize("proxy", Proxy)
def test_every_proxy_has_a_line_for_all_that_it_can_do_wrong(proxy: Proxy) -> None:
    ours = {"reachable", "public address"}

    assert set(LINES[proxy]) == set(ADVICE) - ours


def test_a_remedy_names_each_proxy_that_may_be_meant() -> None:
    told = remedy("sender", (Proxy.HAPROXY, Proxy.TRAEFIK))

    assert "in HAProxy: http-request set-header X-Forwarded-For %[src]" in told
    assert "in Traefik: take out" in told
    assert remedy("sender", ()) == ADVICE["sender"]
