"""The whole site behind five real proxies, in each layout, with the files that we ship."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.fronts import BIG, SMALL, Front, Street, street
from tests.e2e.portals import IDENTITY_HEADERS
from tests.e2e.proxies import PASSWORD, PROXIES, Layout
from tests.e2e.servers import Program, wait_for
from tests.e2e.test_browser import SOON
from tests.e2e.watching import plays

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import httpx

pytestmark = pytest.mark.slow

MATRIX = [
    pytest.param((name, layout), id=f"{name} {layout}")
    for name, proxy in PROXIES.items()
    for layout in proxy.layouts
]

MALLORY = "mallory"
ADDRESSES = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.test",
}
IDENTITIES = dict.fromkeys(
    [
        *IDENTITY_HEADERS,
        *("Remote_User", "Remote.User", "X-Forwarded-User", "X-Forwarded-Groups"),
        *("X-Auth-Request-User", "X-Forwarded-Preferred-Username"),
        *("X-Forwarded-Email", "X-WebAuth-User"),
    ],
    MALLORY,
)
FORGED = {
    **ADDRESSES,
    **IDENTITIES,
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=6.6.6.6;host=evil.test;proto=http",
}


AHEAD = 60_000_000
"""What a proxy may take for a viewer who reads nothing: three times what it does when nothing else
runs, nearly all of it in the sockets of three connections, which a busy kernel makes larger (40 MB
were seen). What the site alone does is measured in `test_paused`."""


@pytest.fixture(scope="module")
def built(mock: Program, tmp_path_factory: pytest.TempPathFactory) -> Generator[Street]:
    with street(tmp_path_factory.mktemp("street"), mock) as built:
        yield built


@pytest.fixture(scope="module", params=MATRIX)
def front(request: pytest.FixtureRequest, built: Street) -> Generator[Front]:
    """One proxy before one site that asks for a password."""
    with built.front(*request.param) as front:
        yield front


@pytest.fixture
def client(front: Front) -> Generator[httpx.Client]:
    with front.signed_in() as client:
        yield client


def test_pages_and_everything_they_load_are_found(front: Front, client: httpx.Client) -> None:
    page = client.get(front.address("/"))

    assert page.status_code == 200
    addresses = re.findall(r'(?:href|src|action)="(/[^"#]*)', page.text)
    files = {address for address in addresses if "/static/" in address}
    assert {address.rsplit("/", 1)[1] for address in files} >= {"app.css", "app.js", "icons.svg"}
    for address in addresses:
        assert address.startswith(f"{front.prefix}/")
    for address in files:
        found = client.get(front.origin + address)
        assert (found.status_code, found.headers["cache-control"]) == (
            200,
            "public, max-age=31536000, immutable",
        )


def test_redirects_stay_where_people_are(front: Front, client: httpx.Client) -> None:
    bare = client.get(f"{front.origin}{front.prefix}?after=1")
    chosen = {"language": "fr", "next": f"{front.prefix}/library"}
    language = client.post(front.address("/language"), data=chosen)
    with front.client() as stranger:
        asked = stranger.get(front.address("/library"))
    back = f"{front.prefix}/library".replace("/", "%2F")

    if front.prefix:
        assert bare.status_code in {301, 307, 308}
        there = bare.headers["location"].removeprefix(front.origin)
        assert there.partition("?")[0] == f"{front.prefix}/"
    assert language.status_code == 303
    assert language.headers["location"] == f"{front.prefix}/library"
    assert asked.headers["location"] == f"{front.prefix}/login?next={back}"


def test_signing_in_and_out(front: Front) -> None:
    kind = "__Secure-" if front.prefix else "__Host-"
    with front.client() as client:
        wrong = client.post(front.address("/login"), data={"password": "not this one"})
        right = client.post(front.address("/login"), data={"password": PASSWORD})
        inside = client.get(front.address("/"))
        api = client.get(front.address("/api/v1/jobs"))
        left = client.post(front.address("/logout"))
        outside = client.get(front.address("/"))
        closed = client.get(front.address("/api/v1/jobs"))

    cookie = right.headers["set-cookie"]
    assert wrong.status_code == 401
    assert cookie.startswith(f"{kind}rushes_session=")
    assert "; HttpOnly; " in cookie
    assert cookie.endswith(f"; Path={front.prefix or '/'}; SameSite=lax; Secure")
    assert (inside.status_code, api.status_code) == (200, 200)
    assert left.headers["location"] == f"{front.prefix}/login"
    assert (outside.status_code, closed.status_code) == (303, 401)
    assert closed.headers["content-type"] == "application/problem+json"


def test_another_site_cannot_post_through_the_proxy(front: Front, client: httpx.Client) -> None:
    for stranger in ({"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "same-site"}):
        answer = client.post(front.address("/jobs"), data={"prompt": "x"}, headers=stranger)
        assert answer.status_code == 403


def test_what_a_client_says_of_itself_is_not_believed(front: Front, client: httpx.Client) -> None:
    path = f"/none-such-{front.name}-{front.layout.name.lower()}"
    page = client.get(front.address(path), headers=FORGED)

    assert page.status_code == 404
    assert "evil" not in page.text
    assert MALLORY not in page.text
    (line,) = wait_for(
        lambda: [line for line in front.site.printed().splitlines() if f"{path} " in line],
        at_most=5,
    )
    assert f"GET {front.prefix}{path} 404 " in line
    assert " ms 127.0.0.1 " in line
    assert "6.6.6.6" not in line


def test_nothing_that_a_client_forges_reaches_the_site(front: Front, client: httpx.Client) -> None:
    client.get(front.address("/about"), headers=FORGED)

    inside = "/about" if front.layout is Layout.STRIPPED else f"{front.prefix}/about"
    head = front.relay.heads(f"GET {inside}")[-1]
    assert head["host"] == front.origin.removeprefix("https://")
    assert head["x-forwarded-for"] == "127.0.0.1"
    assert head["x-forwarded-proto"] == "https"
    assert head["x-forwarded-host"] == head["host"]
    if front.layout is not Layout.FOUR_LINES:  # they say nothing of who is there
        told = " ".join(head.values())
        assert [word for word in (MALLORY, "evil", "6.6.6.6") if word in told] == []


def test_the_documents_forge_the_headers_of_four_portals() -> None:
    assert len(IDENTITY_HEADERS) == 8
    assert {"X-Auth-Username", "X-Auth-Request-Preferred-Username"} <= set(IDENTITY_HEADERS)


@pytest.mark.parametrize(
    ("proxy", "line"),
    [
        ("nginx", 'proxy_set_header {} +"";'),
        ("apache", "RequestHeader unset {} +early"),
        ("traefik", '{}: ""'),
    ],
)
@pytest.mark.parametrize("header", IDENTITY_HEADERS)
def test_each_header_in_the_documents_is_emptied_by_name(
    proxy: str, line: str, header: str
) -> None:
    shipped = PROXIES[proxy].site.text()

    assert re.search(rf"^ *{line.format(header)}", shipped, re.MULTILINE)


def test_events_come_one_by_one(front: Front, client: httpx.Client) -> None:
    job = front.job(SMALL)
    headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip, br, zstd"}
    with client.stream("GET", front.address("/events"), headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in stream.headers
        told = events(stream)
        revisions = [next(told)["revision"]]
        for starred in ("1", "0", "1", "0"):
            # The next change is made only when the last one has been told: nothing may wait.
            moved = client.post(f"{job}/star", data={"starred": starred})
            assert moved.status_code == 303
            event = next(told)
            assert job.endswith(event["id"])
            revisions.append(event["revision"])

    assert revisions == sorted(set(revisions))
    assert len(revisions) == 5


def events(stream: httpx.Response) -> Iterator[dict[str, str]]:
    for line in stream.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_ranges_pass_unchanged(front: Front, client: httpx.Client) -> None:
    clip = f"{front.job(SMALL)}/clip"
    whole = client.get(clip)
    size, etag = len(whole.content), whole.headers["etag"]

    def part(wanted: str, **headers: str) -> tuple[int, bytes]:
        answer = client.get(clip, headers={"Range": wanted, **headers})
        return answer.status_code, answer.content

    assert part("bytes=0-1") == (206, whole.content[:2])
    assert part("bytes=0-") == (206, whole.content)
    assert part("bytes=-5") == (206, whole.content[-5:])
    assert part(f"bytes={size}-")[0] == 416
    assert part("bytes=4-9", **{"If-Range": etag}) == (206, whole.content[4:10])
    assert part("bytes=4-9", **{"If-Range": '"other"'}) == (200, whole.content)
    assert client.get(clip, headers={"If-None-Match": etag}).status_code == 304
    head = client.head(clip)
    assert (head.status_code, head.headers["content-length"]) == (200, str(size))
    assert head.headers["accept-ranges"] == "bytes"


def test_a_viewer_who_pauses_does_not_make_the_proxy_take_the_whole_clip(
    front: Front, client: httpx.Client
) -> None:
    clip = f"{front.job(BIG)}/clip"
    before = front.relay.answered
    with client.stream("GET", clip) as watched:
        size = int(watched.headers["content-length"])
        pieces = watched.iter_raw(1_000)  # held on to: dropped, it would hang up
        next(pieces)
        taken = front.relay.settled() - before

    assert size > 80_000_000
    assert 1_000 <= taken < AHEAD


def test_a_large_picture_arrives_whole(front: Front, client: httpx.Client) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + b"x" * 24_000_000
    answer = client.post(front.address("/compose"), files={"picture": picture})

    assert answer.status_code == 200
    assert hashlib.sha256(picture).hexdigest()[:40] in answer.text


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "in chunks"])
def test_a_body_that_is_too_large_is_refused_by_the_site_itself(
    front: Front, client: httpx.Client, is_declared: bool
) -> None:
    body = b"prompt=" + b"x" * 2_000_000
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    pieces = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    content = body if is_declared else pieces

    answer = client.post(front.address("/jobs"), content=content, headers=form)

    assert answer.status_code == 413
    # In chunks it is a page of ours, unless the proxy gathers them and declares what they make.
    words = ("at most 512 KiB can be sent here", "This is more than can be taken at once.")
    assert any(told in answer.text for told in words)


@pytest.mark.browser
def test_sign_in_type_press_watch_play(front: Front, browser: Browser) -> None:
    prompt = f"seen through {front.name}"
    context = browser.new_context(locale="en", ignore_https_errors=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)

    page.goto(front.origin + front.prefix)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(front.address("/"))
    page.wait_for_load_state()  # before its script runs, the form leads to the job's own page
    expect(page.locator(".bare")).to_be_hidden()
    page.get_by_role("textbox", name="Describe your video").fill(prompt)
    page.get_by_role("button", name="Create video").click()
    card = page.locator("article", has_text=prompt).first
    expect(card).to_have_attribute("data-status", "completed", timeout=SOON)
    card.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(re.escape(front.address("/jobs/")) + r"[a-z2-7]{26}$"))
    assert plays(page)
    page.locator(".menu--account summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()

    context.close()
    assert errors == []
