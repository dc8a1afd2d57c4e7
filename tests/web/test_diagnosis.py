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
from rushes.web.operators.remedies import (
    ADVICE,
    LINES,
    Proxy,
    Way,
    proxies_in_front,
    remedy,
)
from rushes.web.prefix import PublicAddress

PAGE = "https://clips.test/video"
EXPECTED = Expected.of(PublicAddress.parse(PAGE), PAGE, "Remote-User", "Remote-Groups")
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
        (seen(forged=("remote-user",)), "identity headers", "Remote-User comes through"),
        (seen(forged=("remote-groups",)), "identity headers", "Remote-Groups comes through"),
        (
            seen(forged=("remote-groups", "remote-user", "x-webauth-user")),
            "identity headers",
            "Remote-User and Remote-Groups come through",
        ),
        (
            changed(forged_in_api=("remote-user",)),
            "identity headers",
            "Remote-User comes through below /api/v1/",
        ),
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


def test_behind_a_portal_the_way_of_programs_is_looked_at_all_the_same() -> None:
    asked_to_sign_in = Observations(trouble="clips.test answered 302")
    bad = asked_to_sign_in.model_copy(update={"forged_in_api": ("remote-user",)})
    good = asked_to_sign_in.model_copy(update={"forged_in_api": ()})

    assert list(wrong(asked_to_sign_in)) == ["reachable"]
    assert list(wrong(bad)) == ["reachable", "identity headers"]
    assert list(wrong(good)) == ["reachable"]
    assert [each.subject for each in diagnose(EXPECTED, asked_to_sign_in)] == ["reachable"]
    assert [each.subject for each in diagnose(EXPECTED, good)] == ["reachable", "identity headers"]


@pytest.mark.parametrize("host", ["clips.test", "192.168.1.5", "rushes"])
def test_a_site_that_others_reach_and_that_asks_nobody_is_named(host: str) -> None:
    page = f"http://{host}:8000"
    observed = seen(host=f"{host}:8000", scheme="http", path="/doctor/seen").model_copy(
        update={"location": "/"}
    )
    closed = Expected(page=page, origin="", prefix="")
    left_open = closed.model_copy(update={"is_open": True})
    on_purpose = left_open.model_copy(update={"is_open_on_purpose": True})
    (mend,) = [each.remedy for each in diagnose(left_open, observed) if each.subject == "sign-in"]
    warned = [each.subject for each in diagnose(on_purpose, observed) if each.severity != "ok"]

    assert wrong(observed, closed) == {}
    assert host in wrong(observed, left_open)["sign-in"]
    assert mend == "set RUSHES_AUTH=password"
    assert wrong(observed, on_purpose) == {}
    assert warned == ["sign-in"]


@pytest.mark.parametrize("host", ["localhost", "clips.localhost", "127.0.0.1", "[::1]"])
def test_on_this_machine_nobody_need_be_asked(host: str) -> None:
    expected = Expected(page=f"http://{host}:8000", origin="", prefix="", is_open=True)

    assert "sign-in" not in {each.subject for each in diagnose(expected, WELL)}


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
    ours = {"reachable", "public address", "sign-in"}

    assert set(LINES[proxy]) == set(ADVICE) - ours


def test_a_remedy_names_each_proxy_that_may_be_meant() -> None:
    told = remedy("sender", Way((Proxy.HAPROXY, Proxy.TRAEFIK)))

    assert "in HAProxy: http-request set-header X-Forwarded-For %[src]" in told
    assert "in Traefik: take out" in told
    assert remedy("sender", Way()) == ADVICE["sender"]


@pytest.mark.parametrize("proxy", Proxy)
@pytest.mark.parametrize("subject", sorted(LINES[Proxy.NGINX]))
def test_a_line_is_about_this_very_server(proxy: Proxy, subject: str) -> None:
    way = Way((proxy,), ("X-Ours", "X-Clubs"), "/films", "gopher", "clips.test", "127.0.0.9:99")
    told, root = remedy(subject, way), remedy(subject, Way((proxy,), scheme="http"))

    assert "<" not in told
    for default in ("Remote-", "/video", "127.0.0.1", "8000", "example.org", "https"):
        assert default not in told
    assert "<" not in root
    assert subject != "identity headers" or ("X-Ours" in told and "X-Clubs" in told)


@pytest.mark.parametrize(
    ("proxy", "line"),
    [
        (Proxy.NGINX, 'proxy_set_header X-Ours ""; proxy_set_header X-Clubs "";'),
        (Proxy.CADDY, "request_header -X-Ours, then request_header -X-Clubs"),
        (Proxy.TRAEFIK, 'customRequestHeaders: { X-Ours: "", X-Clubs: "" }'),
    ],
)
def test_two_headers_are_two_lines_or_two_entries_of_one(proxy: Proxy, line: str) -> None:
    told = remedy("identity headers", Way((proxy,), ("X-Ours", "X-Clubs")))

    assert told.endswith(f"in {proxy}: {line}")


def test_the_lines_name_the_header_the_prefix_the_scheme_and_the_port() -> None:
    way = Way((Proxy.NGINX,), ("X-Ours",), "/films", "http", "clips.test", "127.0.0.9:99")

    assert 'proxy_set_header X-Ours "";' in remedy("identity headers", way)
    assert "proxy_pass http://127.0.0.9:99; # in location /films/" in remedy("prefix", way)
    assert "proxy_set_header X-Forwarded-Proto http;" in remedy("scheme", way)
    assert EXPECTED.way((Proxy.NGINX,)) == Way(
        (Proxy.NGINX,), ("Remote-User", "Remote-Groups"), "/video", "https", "clips.test"
    )
