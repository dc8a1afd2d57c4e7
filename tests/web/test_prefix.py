"""The public address, and a prefix that a proxy kept or stripped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import JSONResponse

from rushes.web.prefix import Addresses, NormalisePrefix, PublicAddress

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio

JOB = "a" * 26


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, PublicAddress()),
        ("", PublicAddress()),
        ("https://Host.example", PublicAddress("", "https://host.example", "host.example")),
        ("https://host.example/", PublicAddress("", "https://host.example", "host.example")),
        ("https://h.example:443/", PublicAddress("", "https://h.example", "h.example")),
        ("http://h.example:8080/a/b/", PublicAddress("/a/b", "http://h.example:8080", "h.example")),
        ("http://[::1]:8000/video", PublicAddress("/video", "http://[::1]:8000", "[::1]")),
    ],
)
def test_a_public_url_is_taken_apart(url: str | None, expected: PublicAddress) -> None:
    assert PublicAddress.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "host.example/video",
        "ftp://host.example/",
        "https://",
        "https://user@host.example/",
        "https://host.example/?a=1",
        "https://host.example/#a",
        "https://host.example/a//b",
        "https://host.example/../b",
        "https://host.example/a%2fb",
        "https://host.example/a b",
        "https://hösten.example/",
        "https://host.example:99999/",
        "https://host.example/jobs",
        "https://host.example/static/video",
    ],
)
def test_a_public_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        PublicAddress.parse(url)


def test_every_address_begins_with_the_prefix() -> None:
    to = Addresses("/video", "d1")

    assert to.studio() == "/video/"
    assert to.studio(after="a&b") == "/video/?after=a%26b"
    assert to.job(JOB) == f"/video/jobs/{JOB}"
    assert to.job(JOB, watch=True) == f"/video/jobs/{JOB}?watch=1"
    assert to.clip(JOB, download=True) == f"/video/jobs/{JOB}/clip?download=1"
    assert to.check_again(JOB) == f"/video/jobs/{JOB}/check-again"
    assert to.events() == "/video/events"
    assert to.changes(after=7) == "/video/api/v1/changes?after=7"
    assert to.static("app.js") == "/video/static/d1/app.js"


@pytest.mark.parametrize(
    "address",
    [
        "/video/../phish",
        "/video/%2e%2e/phish",
        "/video/.%2E/phish",
        "/video/..",
        "/video/jobs/../../phish?x=1",
        "/video/..%2fphish",
        "/video/..%5cphish",
        "/video/..\\phish",
        "/video/./%2e/../phish#x",
        "/videos/",
        "//video/",
        "https://host/video/",
    ],
)
def test_what_leaves_the_prefix_is_not_our_own(address: str) -> None:
    assert not Addresses("/video").is_own(address)


@pytest.mark.parametrize(
    "address",
    ["/video/", "/video/library?q=..%2F..&after=a/../b", "/video/s/a..b", "/video/...#.."],
)
def test_dots_that_lead_nowhere_else_are_fine(address: str) -> None:
    assert Addresses("/video").is_own(address)


def test_without_a_prefix_addresses_begin_at_the_root() -> None:
    assert Addresses().studio() == "/"
    assert Addresses().static("app.js") == "/static/app.js"


async def tell_path(scope: Scope, receive: Receive, send: Send) -> None:
    told = JSONResponse([scope["path"], scope.get("root_path", "")])
    await told(scope, receive, send)


def browser(prefix: str) -> httpx.AsyncClient:
    app = NormalisePrefix(tell_path, prefix)
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.mark.parametrize(
    ("arrived", "seen"),
    [
        ("/video/jobs", "/video/jobs"),
        ("/jobs", "/video/jobs"),
        ("/", "/video/"),
        ("/video/", "/video/"),
        ("/videos", "/video/videos"),
    ],
)
async def test_kept_and_stripped_look_the_same(arrived: str, seen: str) -> None:
    async with browser("/video") as client:
        answer = await client.get(arrived)

    assert answer.json() == [seen, "/video"]


async def test_the_bare_prefix_is_sent_on_with_its_query() -> None:
    async with browser("/video") as client:
        answer = await client.get("/video?after=1")

    assert answer.status_code == 307
    assert answer.headers["location"] == "/video/?after=1"


async def test_without_a_prefix_nothing_changes() -> None:
    async with browser("") as client:
        answer = await client.get("/jobs")

    assert answer.json() == ["/jobs", ""]
