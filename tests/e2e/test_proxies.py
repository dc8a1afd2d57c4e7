"""The whole site behind the real nginx and the real Caddy, with the files that we ship."""

from __future__ import annotations

import json
import re
import ssl
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.proxies import (
    AS_DEPLOYED,
    CADDY,
    NGINX,
    PASSWORD,
    PASSWORD_HASH,
    Front,
    certificate,
    free_port,
    start_proxy,
)
from tests.e2e.servers import Program, Programs, wait_for
from tests.e2e.test_browser import SOON, plays

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    import httpx

VARIANTS = [
    pytest.param(
        (name, variant),
        id=f"{name} {variant}",
        marks=() if variant == AS_DEPLOYED else pytest.mark.slow,
    )
    for name, variants in (("nginx", NGINX), ("caddy", CADDY))
    for variant in variants
]
ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2", "seed": "7"}
FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.test",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=6.6.6.6;host=evil.test;proto=http",
}


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module", params=VARIANTS)
def front(
    request: pytest.FixtureRequest,
    mock: Program,
    certified: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Front]:
    """One proxy before one site that asks for a password."""
    name, variant = request.param
    programs = Programs(tmp_path_factory.mktemp(name))
    port = free_port()
    try:
        origin = start_proxy(programs, name, variant, f"127.0.0.1:{port}", *certified)
        prefix = "" if variant == "root" else "/video"
        site = programs.launch(
            "serve",
            RUSHES_PORT=str(port),
            RUSHES_BACKEND_URL=f"{mock.url}/v1",
            RUSHES_PUBLIC_URL=origin + prefix,
            RUSHES_TRUSTED_PROXIES="127.0.0.1",
            RUSHES_AUTH="password",
            RUSHES_PASSWORD_HASH=PASSWORD_HASH,
        )
        front = Front(origin, prefix, site, ssl.create_default_context(cafile=certified[0]))
        with front.client() as client:
            wait_for(lambda: is_up(front, client), at_most=30)
        yield front
    finally:
        programs.end_all()


def is_up(front: Front, client: httpx.Client) -> bool:
    assert front.site.process.poll() is None, front.site.printed()
    return client.get(front.address("/readyz")).status_code == 200


@pytest.fixture
def client(front: Front) -> Generator[httpx.Client]:
    with front.signed_in() as client:
        yield client


@pytest.fixture(scope="module")
def job(front: Front) -> str:
    """The address of a job whose clip is here."""
    with front.signed_in() as client:
        sent = client.post(front.address("/jobs"), data={"prompt": "a proxy's clip", **ASKED})
        assert sent.status_code == 303, sent.text
        address = front.origin + sent.headers["location"]
        api = address.replace("/jobs/", "/api/v1/jobs/")
        wait_for(lambda: client.get(api).json()["status"] == "completed", at_most=30)
    return address


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
    bare = client.get(front.origin + front.prefix)
    language = client.post(
        front.address("/language"), data={"language": "fr", "next": f"{front.prefix}/library"}
    )
    with front.client() as stranger:
        asked = stranger.get(front.address("/library"))
    back = f"{front.prefix}/library".replace("/", "%2F")

    if front.prefix:
        assert bare.status_code == 308
        assert bare.headers["location"] in {"/video/", front.address("/")}
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
    page = client.get(front.address("/none-such"), headers=FORGED)

    assert page.status_code == 404
    assert "evil" not in page.text
    (line,) = wait_for(
        lambda: [line for line in front.site.printed().splitlines() if "/none-such" in line],
        at_most=5,
    )
    assert f"GET {front.prefix}/none-such 404 " in line
    assert " ms 127.0.0.1 " in line
    assert "6.6.6.6" not in line


def test_events_come_one_by_one(front: Front, client: httpx.Client, job: str) -> None:
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


def test_ranges_pass_unchanged(front: Front, client: httpx.Client, job: str) -> None:
    clip = f"{job}/clip"
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


def test_a_body_that_is_too_large_is_refused(front: Front, client: httpx.Client) -> None:
    answer = client.post(front.address("/jobs"), data={"prompt": "x" * 2_000_000})

    assert answer.status_code == 413


@pytest.mark.browser
def test_sign_in_type_press_watch_play(front: Front, browser: Browser) -> None:
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
    page.get_by_role("textbox", name="Describe your video").fill("seen through a proxy")
    page.get_by_role("button", name="Create video").click()
    card = page.locator("article", has_text="seen through a proxy").first
    expect(card).to_have_attribute("data-status", "completed", timeout=SOON)
    card.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(re.escape(front.address("/jobs/")) + r"[a-z2-7]{26}$"))
    assert plays(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()

    context.close()
    assert errors == []
