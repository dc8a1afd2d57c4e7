"""One shared password: what is closed without it, how it opens, and how long it stays open."""

from __future__ import annotations

import hashlib
import logging
import re
from typing import TYPE_CHECKING

import pytest
from starlette.routing import Route

from rushes.domain import new_id
from rushes.errors import StorageError
from rushes.web.dependencies import WebConfig
from rushes.web.entry.door import COOKIE
from rushes.web.prefix import PublicAddress
from rushes.web.site import create_site
from tests.fakes.sessions import MemorySessions
from tests.web.guarded import HERE, Guarded, sign_in
from tests.web.pages import Page
from tests.web.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from starlette.routing import BaseRoute

    from rushes.ports import KeptSession

pytestmark = pytest.mark.anyio

OPEN_TO_ALL = {"/login", "/healthz", "/readyz"}


def addresses(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Yield every method and address that the application answers, the framework's own too."""
    for route in routes:
        if isinstance(route, Route):
            yield from ((method, route.path) for method in sorted(route.methods or ()))
        elif hasattr(route, "original_router"):
            yield from addresses(route.original_router.routes)


ROUTES = sorted(set(addresses(create_site(Stage().site()).routes)))
OPEN_BELOW = (
    "/s/",
    "/doctor/",
    "/api/v1/doctor/",
    "/metrics",
    "/language",
    "/favicon.ico",
    "/manifest.webmanifest",
    "/.well-known/",
)
CLOSED = [
    (method, path)
    for method, path in ROUTES
    if path not in OPEN_TO_ALL and not path.startswith(OPEN_BELOW)
]


def test_the_crawler_has_seen_the_routes() -> None:
    assert {("GET", "/"), ("POST", "/jobs"), ("GET", "/events"), ("POST", "/logout")} <= set(CLOSED)
    assert ("GET", "/api/v1/openapi.json") in CLOSED
    assert ("DELETE", "/api/v1/jobs/{job_id}") in CLOSED
    assert len(CLOSED) > 25


# --- closed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cookie", [None, "x" * 43, "é", ""])
@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_every_route_is_closed_without_a_session(
    method: str, path: str, cookie: str | None
) -> None:
    stage = Guarded()
    job = await stage.finished(b"x" * 10)
    headers = {} if cookie is None else {b"Cookie": f"{COOKIE}={cookie}".encode()}
    async with stage.browser() as client:
        answer = await client.request(method, path.replace("{job_id}", job.id), headers=headers)

    is_program = path.startswith("/api/v1/") or path == "/events"
    is_visit = method in {"GET", "HEAD"} and not is_program
    assert answer.status_code == (303 if is_visit else 401)
    assert answer.headers["cache-control"] != "public"
    assert job.request.prompt not in answer.text
    assert stage.jobs.jobs == {job.id: job}
    if is_visit:
        assert answer.headers["location"].startswith("/login")
    if is_program and method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["kind"] == "sign_in_needed"


@pytest.mark.parametrize(
    "path", ["/none", "/static", "/login/", "/loginx", "/healthz/x", "//login", "/x/%2e%2e/login"]
)
async def test_nothing_near_an_open_address_is_open(path: str) -> None:
    async with Guarded().browser() as client:
        answer = await client.get(f"http://localhost{path}")

    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/login")


async def test_the_few_open_addresses_are_open() -> None:
    stage = Guarded()
    style = stage.site().addresses.static("app.css")
    async with stage.browser() as client:
        statuses = [
            (await client.get(path)).status_code
            for path in ("/login", "/healthz", "/readyz", style, "/static/app.css")
        ]

    assert statuses == [200] * 5


async def test_a_stranger_learns_nothing_from_the_pages_that_are_open() -> None:
    stage = Guarded()
    job = await stage.job("a secret prompt")
    async with stage.browser() as client:
        pages = [await client.get("/login"), await client.get("/static/none.css")]

    assert [page.status_code for page in pages] == [200, 404]
    for page in pages:
        assert "app.js" not in page.text
        assert "stage" not in Page(page.text).text
        assert job.request.prompt not in page.text
        assert Page(page.text).all("nav") == []


def nexts(page: Page) -> list[str]:
    return [field["value"] for field in page.all("input") if field.get("name") == "next"]


async def test_a_stranger_may_choose_the_language_of_the_way_in() -> None:
    async with Guarded().browser() as client:
        page = Page((await client.get("/login?next=/library")).text)
        menu, _ = page.all("form")
        back, _ = nexts(page)
        chosen = await client.post(menu["action"], data={"language": "it", "next": back})
        again = await client.get(chosen.headers["location"])

    assert '<html lang="it">' in again.text
    assert nexts(Page(again.text)) == [back, "/library"]


async def test_the_page_that_holds_a_prompt_offers_nothing_that_would_lose_it() -> None:
    async with Guarded().browser() as client:
        page = Page((await client.post("/jobs", data={"prompt": "kept"})).text)

    (form,) = page.all("form")
    assert form["action"] == "/login"
    assert "kept" in page.text


class BrokenSessions(MemorySessions):
    async def find(self, digest: str) -> KeptSession | None:
        raise StorageError("the disk is gone")


async def test_a_broken_store_closes_the_door() -> None:
    stage = Guarded()
    stage.door.sessions = BrokenSessions(stage.clock)
    async with stage.browser(cookies={COOKIE: "x"}) as client:
        page, document = await client.get("/"), await client.get("/api/v1/jobs")

    assert (page.status_code, document.status_code) == (503, 503)
    assert document.json()["kind"] == "storage"


async def test_in_open_mode_nobody_is_asked() -> None:
    async with Stage().client() as client:
        page = await client.get("/")
        asked = await client.get("/login")
        tried = await sign_in(client)
        left = await client.post("/logout")

    assert page.status_code == 200
    assert "/logout" not in page.text
    for answer in (asked, tried, left):
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "set-cookie" not in answer.headers


# --- opening ------------------------------------------------------------------------------------


async def test_the_password_opens_the_page_that_was_wanted() -> None:
    stage = Guarded()
    job = await stage.job()
    async with stage.browser() as client:
        sent = await client.get(f"/jobs/{job.id}?watch=1")
        form = Page((await client.get(sent.headers["location"])).text)
        _, back = nexts(form)
        entered = await sign_in(client, next=back)
        page = await client.get(entered.headers["location"])

    assert (entered.status_code, entered.headers["location"]) == (303, f"/jobs/{job.id}?watch=1")
    assert page.status_code == 200
    assert job.request.prompt in page.text


@pytest.mark.parametrize(
    "back",
    [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test/",
        "evil.test",
        "javascript:alert(1)",
        "/\t/evil.test",
        "/%0d%0aSet-Cookie: a=b\r\n",
        "",
    ],
)
@pytest.mark.parametrize("prefix", ["", "/video"])
async def test_next_leads_nowhere_but_to_our_own_pages(back: str, prefix: str) -> None:
    config = WebConfig(public=PublicAddress.parse(f"http://localhost{prefix}"))
    async with Guarded(config).browser() as client:
        page = await client.get(f"{prefix}/login", params={"next": back})
        entered = await sign_in(client, path=f"{prefix}/login", next=back)

    assert "evil" not in page.text
    assert entered.headers["location"] == f"{prefix}/"


async def test_next_stays_under_the_prefix() -> None:
    config = WebConfig(public=PublicAddress.parse("http://localhost/video"))
    async with Guarded(config).browser() as client:
        sent = await client.get("/video/library")
        outside = await sign_in(client, path="/video/login", next="/other-app/")
        inside = await sign_in(client, path="/video/login", next="/video/library")

    assert sent.headers["location"] == "/video/login?next=%2Fvideo%2Flibrary"
    assert outside.headers["location"] == "/video/"
    assert inside.headers["location"] == "/video/library"


@pytest.mark.parametrize(
    ("public", "scheme", "expected"),
    [
        (None, "http", "rushes_session=T; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax"),
        (
            "http://localhost/video",
            "http",
            "rushes_session=T; HttpOnly; Max-Age=2592000; Path=/video; SameSite=lax",
        ),
        (
            "https://localhost",
            "http",
            "__Host-rushes_session=T; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax; Secure",
        ),
        (
            None,
            "https",
            "__Host-rushes_session=T; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax; Secure",
        ),
        (
            "https://localhost/video",
            "http",
            "__Secure-rushes_session=T; HttpOnly; Max-Age=2592000; Path=/video; SameSite=lax; "
            "Secure",
        ),
    ],
)
async def test_the_cookie_is_the_strictest_that_the_address_allows(
    public: str | None, scheme: str, expected: str
) -> None:
    config = WebConfig(public=PublicAddress.parse(public))
    async with Guarded(config).browser(scheme=scheme) as client:
        entered = await sign_in(client, path=f"{config.public.prefix}/login")

    cookie = re.sub(r"=[\w-]{43};", "=T;", entered.headers["set-cookie"], count=1)
    assert cookie == expected


@pytest.mark.parametrize("prefix", ["", "/video"])
async def test_under_https_a_cookie_of_the_plain_name_counts_for_nothing(prefix: str) -> None:
    config = WebConfig(public=PublicAddress.parse(f"https://localhost{prefix}"))
    stage = Guarded(config)
    async with stage.browser(scheme="https") as client:
        await sign_in(client, path=f"{prefix}/login")
        (token,) = client.cookies.values()
        inside = await client.get(f"{prefix}/")
    async with stage.browser(scheme="https", cookies={COOKIE: token}) as other:
        tossed = await other.get(f"{prefix}/")

    assert (inside.status_code, tossed.status_code) == (200, 303)


async def test_only_the_digest_of_a_token_is_kept() -> None:
    stage = Guarded()
    async with stage.browser() as client:
        await sign_in(client)
        token = client.cookies[COOKIE]

    assert len(token) >= 43
    assert list(stage.sessions.kept) == [hashlib.sha256(f"lock 1\0{token}".encode()).hexdigest()]


async def test_tokens_do_not_repeat() -> None:
    stage, tokens = Guarded(), set()
    for _ in range(20):
        async with stage.browser() as client:
            await sign_in(client)
            tokens.add(client.cookies[COOKIE])

    assert len(tokens) == 20


async def test_a_wrong_password_opens_nothing_and_is_shown_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with Guarded().browser() as client:
            answer = await sign_in(client, "canary-8841", next="/library")
            after = await client.get("/")

    assert answer.status_code == 401
    assert "This is not the password." in answer.text
    assert "set-cookie" not in answer.headers
    assert 'value="/library"' in answer.text
    assert after.status_code == 303
    assert "canary" not in answer.text + caplog.text
    assert f"a wrong password from {HERE}" in caplog.text


async def test_another_site_cannot_sign_anybody_in() -> None:
    stage = Guarded()
    async with stage.browser() as client:
        client.headers["Sec-Fetch-Site"] = "cross-site"
        answer = await sign_in(client)

    assert answer.status_code == 403
    assert stage.asked == []


# --- nothing that was typed is lost -------------------------------------------------------------

TYPED = 'Rain, "quoted" & <b>bold</b>\nsecond line\'s end'


async def test_text_that_was_sent_without_a_session_is_sent_again_after_signing_in() -> None:
    stage = Guarded()
    token = new_id()
    typed = {"prompt": TYPED, "duration": "8", "aspect_ratio": "9:16", "submit_token": token}
    async with stage.browser(follow_redirects=True) as client:
        refused = await client.post("/jobs", data=typed)
        fields = Page(refused.text).all("input")
        kept = {f["name"]: f["value"] for f in fields if f["type"] == "hidden"}
        wrong = await sign_in(client, "not this one", **kept)
        again = {
            f["name"]: f["value"] for f in Page(wrong.text).all("input") if f["type"] == "hidden"
        }
        shown = await sign_in(client, **again)

    assert (refused.status_code, wrong.status_code) == (401, 401)
    assert "Your text is kept" in refused.text
    assert kept == {**typed, "next": ""}
    assert again == kept
    (job,) = stage.jobs.jobs.values()
    assert (job.request.prompt, job.request.duration_s) == (TYPED, 8)
    assert [past.status_code for past in shown.history] == [307, 303]
    assert shown.url.path == f"/jobs/{job.id}"
    assert shown.status_code == 200


async def test_nothing_is_stored_before_somebody_signed_in() -> None:
    stage = Guarded()
    async with stage.browser() as client:
        refused = await client.post("/jobs", data={"prompt": TYPED})

    assert refused.status_code == 401
    assert (stage.jobs.jobs, stage.sessions.kept, stage.asked) == ({}, {}, [])


async def test_a_form_that_cannot_be_read_is_refused_like_everywhere() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            yield b"prompt=" + b"x" * 1024

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with Guarded().browser() as client:
        broken = await client.post(
            "/jobs", content=b"--b", headers={"Content-Type": "multipart/form-data"}
        )
        grown = await client.post("/jobs", content=endless(), headers=form)

    assert (broken.status_code, grown.status_code) == (400, 413)


async def test_a_move_without_a_session_says_what_to_do() -> None:
    stage = Guarded()
    job = await stage.job()
    async with stage.browser() as client:
        answer = await client.post(f"/jobs/{job.id}/cancel")

    assert answer.status_code == 401
    assert "Please sign in, then try again." in answer.text


# --- the page around it -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "Se connecter"), ("it", "Accedi"), ("en", "Sign in")]
)
async def test_the_door_speaks_the_visitors_language(language: str, words: str) -> None:
    async with Guarded().browser() as client:
        page = await client.get("/login", headers={"Accept-Language": language})

    assert f"<h1>{words}</h1>" in page.text


@pytest.mark.parametrize(("prefix", "told"), [("", "…/"), ("/video", "…/video/")])
async def test_a_page_without_its_style_says_what_may_be_wrong(prefix: str, told: str) -> None:
    stage = Stage(WebConfig(public=PublicAddress.parse(f"http://localhost{prefix}")))
    async with stage.client() as client:
        page = await client.get("/")
        style = await client.get(stage.site().addresses.static("app.css"))

    (hint,) = re.findall(r'<p class="bare">(.*)</p>', page.text)
    assert hint.startswith("If this page looks bare")
    assert hint.endswith(f"RUSHES_PUBLIC_URL={told}")
    assert re.search(r"^\.bare \{ display: none; \}$", style.text, re.MULTILINE)


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "in chunks"])
async def test_a_strangers_picture_is_not_even_read(is_declared: bool) -> None:
    files = {"picture": ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(3_000_000))}
    async with Guarded().browser() as client:
        whole = client.build_request("POST", "/jobs", data={"prompt": "Rain"}, files=files)
        body, taken = whole.read(), 0

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal taken
            for start in range(0, len(body), 65_536):
                taken += 65_536
                yield body[start : start + 65_536]

        headers = {"Content-Type": whole.headers["content-type"]}
        if is_declared:
            headers["Content-Length"] = str(len(body))
        answer = await client.post("/jobs", content=pieces(), headers=headers)

    assert answer.status_code == 401
    assert "Rain" not in answer.text
    assert taken < 1_000_000
