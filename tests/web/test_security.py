"""What stands before the routes; that it stands before every one is in test_every_route.py."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute

from rushes.jobs.frames import FRAME_MAX
from rushes.web import api, events, health, pages
from rushes.web.clips import serving
from rushes.web.dependencies import WebConfig
from rushes.web.entry import signing_in
from rushes.web.headers import PAGE_POLICY
from rushes.web.prefix import PublicAddress
from rushes.web.security import LINGER_MAX
from tests.web.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

PAGES = sorted(
    route.path
    for module in (signing_in, pages, serving, events, api, health)
    for route in module.router.routes
    if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and route.path != "/events"
)
STRANGERS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Origin": "null"},
    {"Origin": "https://evil.test"},
    {"Origin": "http://localhost:9999"},
    {"Origin": "http://localhost.evil.test"},
    {"Cookie": "a=b; rushes_session=x"},
    {"Cookie": "__Host-rushes_session=x"},
    {"Cookie": "__Secure-rushes_session=x", "Authorization": "Bearer t"},
]
FRIENDS = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
    {"Origin": "https://localhost"},
    {"Cookie": "rushes_language=fr"},
]


@pytest.mark.parametrize("headers", STRANGERS, ids=str)
async def test_nothing_is_changed_for_another_site(headers: dict[str, str]) -> None:
    stage = Stage()
    async with stage.client(headers=headers) as client:
        answer = await client.post("/jobs", data={"prompt": "x"})

    assert answer.status_code == 403
    assert "content-security-policy" in answer.headers
    assert stage.jobs.jobs == {}


@pytest.mark.parametrize("headers", FRIENDS, ids=str)
async def test_our_own_pages_and_plain_programs_may_post(headers: dict[str, str]) -> None:
    async with Stage().client(headers=headers) as client:
        answer = await client.post("/jobs", data={"prompt": "Rain"})

    assert answer.status_code == 303


async def test_the_public_origin_may_post_although_the_proxy_changed_the_host() -> None:
    config = WebConfig(public=PublicAddress.parse("https://clips.test/video"))
    async with Stage(config).client(headers={"Origin": "https://clips.test"}) as client:
        answer = await client.post("/video/jobs", data={"prompt": "Rain"})

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/video/jobs/")


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "localhost.evil.test",
        "localhost:80@evil.test",
        "localhost:port",
        "localhost,evil.test",
        "x/?",
        "x/#",
        "",
        "[::2]",
    ],
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/static/app.css", "/api/v1/jobs"])
async def test_a_strange_host_is_refused(host: str, path: str) -> None:
    async with Stage().client() as client:
        answer = await client.get(path, headers={"Host": host})

    assert answer.status_code == 400
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert "evil" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
async def test_our_own_names_are_answered(host: str) -> None:
    async with Stage().client() as client:
        assert (await client.get("/healthz", headers={"Host": host})).status_code == 200


async def test_two_hosts_are_one_too_many() -> None:
    headers = [("Host", "localhost"), ("Host", "localhost")]
    async with Stage().client() as client:
        answer = await client.get("/healthz", headers=headers)

    assert answer.status_code == 400


FORM = "application/x-www-form-urlencoded"


LARGE = [
    ("/jobs", FORM, 512 * 1024),
    ("/jobs", "multipart/form-data; boundary=b", 512 * 1024 + FRAME_MAX),
    ("/language", "multipart/form-data; boundary=b", 512 * 1024),
    ("/api/v1/jobs", "application/json", 64 * 1024),
    ("/jobs", "text/plain", 64 * 1024),
    ("/healthz", "", 64 * 1024),
]


@pytest.mark.parametrize(("path", "content_type", "most"), LARGE)
async def test_a_body_that_declares_too_much_is_thrown_away(
    path: str, content_type: str, most: int
) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1_000_000
            yield b"x" * 1_000_000

    headers = {"Content-Type": content_type, "Content-Length": str(most + 1)}
    async with Stage().client() as client:
        answer = await client.post(path, content=endless(), headers=headers)

    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert taken == LINGER_MAX


@pytest.mark.parametrize(("path", "content_type", "most"), [LARGE[0], LARGE[3]])
async def test_a_body_that_grows_too_large_is_thrown_away_from_there_on(
    path: str, content_type: str, most: int
) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1024
            yield b"x" * 1024

    async with Stage().client() as client:
        answer = await client.post(path, content=endless(), headers={"Content-Type": content_type})

    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert LINGER_MAX <= taken - most - 1024 < LINGER_MAX + 1024


async def test_a_body_of_just_the_limit_is_read() -> None:
    prompt = b"prompt=" + b"x" * (512 * 1024 - 7)
    async with Stage().client() as client:
        answer = await client.post("/jobs", content=prompt, headers={"Content-Type": FORM})

    assert answer.status_code == 422


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "9" * 400, "1, 1"])
async def test_a_strange_length_is_refused(length: str) -> None:
    async with Stage().client() as client:
        answer = await client.post("/jobs", content=b"a=b", headers={"Content-Length": length})

    assert answer.status_code == 413


async def test_the_log_has_one_safe_line_and_no_query(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "rushes.access"):
        async with Stage().client() as client:
            await client.get("/no%0d%0aGET%20/fake%1b[2J%e2%80%a8?prompt=secret")

    (line,) = [r.getMessage() for r in caplog.records if r.name == "rushes.access"]
    assert line.startswith(r"GET /no\r\nGET /fake\x1b[2J\u2028 404 ")
    assert line.isprintable()
    assert "secret" not in line


async def test_a_crash_tells_an_id_and_nothing_else() -> None:
    stage = Stage()
    stage.jobs.trouble = RuntimeError("canary in a stack")
    async with stage.client() as client:
        page = await client.get("/", headers={"Accept": "text/html"})
        document = await client.get("/api/v1/changes")

    for answer in (page, document):
        assert answer.status_code == 500
        assert "canary" not in answer.text
        assert answer.headers["x-request-id"] in answer.text
        assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert page.headers["content-type"].startswith("text/html")
    assert document.headers["content-type"] == "application/problem+json"


async def test_static_files_are_kept_for_ever_under_their_digest() -> None:
    stage = Stage()
    address = stage.site().addresses.static("app.css")
    async with stage.client() as client:
        digested = await client.get(address)
        plain = await client.get("/static/app.css")
        outside = await client.get("/static/%2e%2e/pyproject.toml")
        absent = await client.get("/static/none.css")

    assert digested.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["cache-control"] == "public, max-age=300"
    assert digested.content == plain.content
    assert digested.headers["content-security-policy"] == PAGE_POLICY
    assert (outside.status_code, absent.status_code) == (404, 404)


@pytest.mark.parametrize("arrives_with", ["/video", ""])
@pytest.mark.parametrize("path", PAGES)
async def test_every_page_works_with_the_prefix_kept_and_stripped(
    arrives_with: str, path: str
) -> None:
    stage = Stage(WebConfig(public=PublicAddress.parse("http://localhost/video")))
    job = await stage.finished(b"x" * 10)
    async with stage.client() as client:
        answer = await client.get(arrives_with + path.replace("{job_id}", job.id))

    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/video/")
        return
    assert answer.status_code == 200
    for mark in ('href="/', 'src="/', 'action="/'):
        assert answer.text.count(mark) == answer.text.count(f"{mark}video/")


@pytest.mark.parametrize("arrives_with", ["/video", ""])
async def test_static_files_and_redirects_keep_the_prefix(arrives_with: str) -> None:
    stage = Stage(WebConfig(public=PublicAddress.parse("http://localhost/video")))
    style = stage.site().addresses.static("app.css").removeprefix("/video")
    async with stage.client() as client:
        found = await client.get(arrives_with + style)
        made = await client.post(f"{arrives_with}/jobs", data={"prompt": "Rain"})
        language = await client.post(f"{arrives_with}/language", data={"language": "fr"})
        listed = await client.get(f"{arrives_with}/api/v1/openapi.json")

    assert style.startswith("/static/")
    assert found.status_code == 200
    assert made.headers["location"].startswith("/video/jobs/")
    assert language.headers["location"] == "/video/"
    assert "path=/video/" in language.headers["set-cookie"].lower()
    assert listed.json()["servers"] == [{"url": "/video"}]
