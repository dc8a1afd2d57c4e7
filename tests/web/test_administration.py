"""The pages for whoever runs the server."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from rushes.domain import (
    Account,
    AuditLine,
    Clip,
    Failure,
    Hold,
    JobStatus,
    Limits,
    Viewer,
    utc_now,
)
from rushes.domain import Stage as Step
from rushes.people.commands import COMMAND_LINE
from rushes.ports import Room
from rushes.web.dependencies import SettingLine, WebConfig, current_viewer
from rushes.web.site import create_site
from tests.fakes.accounts import accounts_in_memory
from tests.web.stage import BEGAN, Stage, a_backend

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.anyio

PAGES = ("/admin", "/admin/settings", "/admin/audit")
DEEDS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("/admin/hold", {"backend": "stage"}),
    ("/admin/release", {"backend": "stage"}),
    ("/admin/people", {"name": "bob", "disabled": "1"}),
)
ADA = Viewer("ada", is_operator=True, is_known=True)
BOB = Viewer("bob", is_known=True)


def browser(stage: Stage, viewer: Viewer | None = None) -> httpx.AsyncClient:
    """Return the browser of somebody; in open mode everybody runs the server."""
    app = create_site(stage.site())
    if viewer is not None:
        app.dependency_overrides[current_viewer] = lambda: viewer
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)


async def page(stage: Stage, path: str = "/admin", **headers: str) -> str:
    async with browser(stage) as client:
        answer = await client.get(path, headers=headers)
    assert answer.status_code == 200
    return unescape(answer.text)


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
async def test_to_everybody_else_there_is_no_such_page(path: str) -> None:
    async with browser(Stage(), BOB) as client:
        answer = await client.get(path)

    assert answer.status_code == 404


@pytest.mark.parametrize(("path", "fields"), DEEDS, ids=[path for path, _ in DEEDS])
async def test_to_everybody_else_there_is_no_switch(path: str, fields: Mapping[str, str]) -> None:
    stage = Stage(accounts=accounts_in_memory(lambda: BEGAN))
    async with browser(stage, BOB) as client:
        answer = await client.post(path, data=fields)

    assert answer.status_code == 404
    assert await stage.operators.audit(limit=9) == []
    assert not stage.backends[0].is_held


async def test_only_who_runs_the_server_is_led_there() -> None:
    async with browser(Stage(), BOB) as client:
        others = (await client.get("/about")).text
    async with browser(Stage()) as client:
        own = (await client.get("/about")).text

    assert 'href="/admin"' not in others
    assert 'href="/admin"' in own


# --- backends -----------------------------------------------------------------------------------


async def test_a_backend_tells_how_it_is_and_how_it_did() -> None:
    backend = a_backend(profile="openai-videos", evidence="recorded", slots=3)
    backend.answered()
    stage = Stage(backends=[backend])
    now = utc_now()
    clip = Clip("key-1", "video/mp4", 700_000, "0" * 64)
    await stage.job(status=JobStatus.IN_PROGRESS)
    await stage.job()
    done: dict[str, Any] = {"submitted_at": now, "finished_at": now.replace(microsecond=0)}
    await stage.job(status=JobStatus.COMPLETED, clip=clip, **done)
    await stage.job(status=JobStatus.FAILED)

    text = await page(stage)

    assert "backend.test · openai-videos · profile checked against recorded answers" in text
    assert "Up since" in text
    assert "1 of 3" in text
    assert "50%" in text
    assert "700 kB" in text


async def test_the_last_trouble_is_told_in_words_and_with_what_operators_need() -> None:
    backend = a_backend()
    backend.last_trouble = Failure("unauthorized", Step.POLL, "bad key", detail="HTTP 401")
    backend.last_trouble_at = BEGAN

    text = await page(Stage(backends=[backend]))

    assert "stage does not accept the key that this server uses." in text
    assert "bad key · HTTP 401" in text


async def test_a_backend_is_held_and_released_by_a_plain_form() -> None:
    stage = Stage()
    backend = stage.backends[0]
    async with browser(stage) as client:
        held = await client.post("/admin/hold", data={"backend": "stage"})
        was_held = backend.is_held
        during = (await client.get("/admin")).text
        await client.post("/admin/release", data={"backend": "stage"})
        audit = unescape((await client.get("/admin/audit")).text)

    assert (held.status_code, held.headers["location"]) == (303, "/admin")
    assert was_held
    assert not backend.is_held
    assert "On hold since" in during
    assert audit.index("Hold taken back") < audit.index("Put on hold")


async def test_all_are_held_at_once_and_the_page_says_by_whom() -> None:
    stage = Stage(backends=[a_backend("one"), a_backend("two")])
    async with browser(stage, ADA) as client:
        await client.post("/admin/hold", data={"backend": "*"})
        text = (await client.get("/admin")).text

    assert all(backend.is_held for backend in stage.backends)
    assert "by ada." in text
    assert "Release all" in text


async def test_what_the_file_holds_has_no_switch() -> None:
    text = await page(Stage(backends=[a_backend(held=True)]))

    assert "On hold by the backends file." in text
    assert text.count('name="backend"') == 1, "the one for all"


async def test_a_stranger_among_the_backends_is_refused() -> None:
    stage = Stage()
    async with browser(stage) as client:
        answer = await client.post("/admin/hold", data={"backend": "nowhere"})

    assert answer.status_code == 422
    assert await stage.operators.holds() == []


# --- people and room ----------------------------------------------------------------------------


async def test_people_are_counted_and_never_quoted() -> None:
    register = accounts_in_memory(lambda: BEGAN)
    await register.store.put(Account("bob", BEGAN, password="canary-hash", seen_at=BEGAN))
    stage = Stage(accounts=register)
    await stage.job("canary prompt", owner="bob", title="canary title")

    text = await page(stage)

    assert "1 waiting, 0 running, 0 done" in text
    assert "Last seen" in text
    assert "canary" not in text


async def test_an_account_is_closed_and_opened_again() -> None:
    register = accounts_in_memory(lambda: BEGAN)
    await register.store.put(Account("bob", BEGAN))
    stage = Stage(accounts=register)
    async with browser(stage, ADA) as client:
        await client.post("/admin/people", data={"name": "bob", "disabled": "1"})
        closed = await register.store.get("bob")
        text = (await client.get("/admin")).text
        await client.post("/admin/people", data={"name": "bob", "disabled": "0"})
    opened = await register.store.get("bob")

    assert closed is not None
    assert closed.disabled_at == BEGAN
    assert "Disabled" in text
    assert "Links to their clips open nothing." in text
    assert opened is not None
    assert opened.disabled_at is None


async def test_nobody_is_offered_to_close_their_own_account() -> None:
    register = accounts_in_memory(lambda: BEGAN)
    await register.store.put(Account("ada", BEGAN, is_operator=True))
    async with browser(Stage(accounts=register), ADA) as client:
        text = (await client.get("/admin")).text
        answer = await client.post("/admin/people", data={"name": "ada", "disabled": "1"})

    assert 'name="disabled"' not in text
    assert answer.status_code == 422


async def test_the_disk_is_told_and_warned_of() -> None:
    stage = Stage()
    plenty = await page(stage)
    stage.disk.measured = Room(clips=1, database=1, free=3_900_000_000, total=100 * 10**9)
    scarce = await page(stage)

    assert "90.0 GB of 100.0 GB" in plenty
    assert "Less than 4.0 GB are free" not in plenty
    assert "Less than 4.0 GB are free" in scarce


# --- settings and audit -------------------------------------------------------------------------


async def test_limits_of_all_together_stand_beside_those_of_each() -> None:
    stage = Stage()
    site = stage.site()
    site.jobs.limits = Limits(daily_total=70, daily_per_owner=30, running_total=11)
    async with stage.client(site=site) as client:
        page = (await client.get("/admin")).text

    told = dict(re.findall(r"<div><dt>([^<]*)</dt><dd>([^<]*)</dd></div>", page))
    assert (told["In a day"], told["Of one person in a day"]) == ("70", "30")
    assert (told["Out at once"], told["Of one person out at once"]) == ("11", "any number")


async def test_settings_are_shown_as_they_are_in_force() -> None:
    lines = (
        SettingLine("RUSHES_PORT", "8000"),
        SettingLine("RUSHES_BACKEND_KEY", "***", ".env"),
        SettingLine("RUSHES_LOGOUT_URL", ""),
    )

    text = await page(Stage(WebConfig(settings=lines)), "/admin/settings")

    assert "RUSHES_PORT" in text
    assert "***" in text
    assert text.count("not set") == 1
    assert ".env" in text


async def test_the_audit_shows_text_as_text() -> None:
    stage = Stage()
    await stage.operators.note(AuditLine(BEGAN, "<b>ada</b>", "shelve", "<script>x</script>"))
    async with browser(stage) as client:
        text = (await client.get("/admin/audit")).text

    assert "&lt;b&gt;ada" in text
    assert "<script>x" not in text
    assert "shelve" in text, "a deed that has no words yet is told as it is kept"


async def test_the_audit_tells_every_deed_in_words() -> None:
    stage = Stage()
    deeds = ("user_added", "user_password", "user_disabled", "user_enabled", "jobs_adopted")
    for deed in deeds:
        await stage.operators.note(AuditLine(BEGAN, "command line", deed, "bob"))

    text = await page(stage, "/admin/audit")

    assert [deed for deed in deeds if deed in text] == []
    assert "Password replaced" in text
    assert "Jobs given an owner" in text


async def test_the_audit_ends_after_two_hundred_lines() -> None:
    stage = Stage()
    for number in range(205):
        await stage.operators.note(AuditLine(BEGAN, "ada", "hold", f"number {number}."))

    text = await page(stage, "/admin/audit")

    assert "number 204." in text
    assert "number 5." in text
    assert "number 4." not in text


@pytest.mark.parametrize(
    ("language", "profile", "origin", "who"),
    [
        ("en", "profile written from documentation, not tried", "environment", "command line"),
        (
            "fr",
            "profil écrit d\u2019après la documentation, jamais essayé",
            "environnement",
            "ligne de commande",
        ),
        ("it", "profilo scritto dalla documentazione, mai provato", "ambiente", "riga di comando"),
    ],
)
async def test_words_of_ours_are_in_the_readers_language(
    language: str, profile: str, origin: str, who: str
) -> None:
    lines = (SettingLine("RUSHES_PORT", "8000", "environment"),)
    stage = Stage(WebConfig(settings=lines), backends=[a_backend(evidence="documented")])
    await stage.operators.note(AuditLine(BEGAN, COMMAND_LINE, "user_added", "bob"))
    paths = {"/admin": profile, "/admin/settings": origin, "/admin/audit": who}

    for path, said in paths.items():
        assert said in await page(stage, path, **{"Accept-Language": language})


async def test_the_page_says_who_runs_the_server() -> None:
    register = accounts_in_memory(lambda: BEGAN)
    await register.store.put(Account("ada", BEGAN, is_operator=True))
    await register.store.put(Account("bob", BEGAN))

    text = await page(Stage(accounts=register))

    people = text.partition('id="people"')[2]
    ada, bob = people.partition("<h3>ada</h3>")[2].split("<h3>bob</h3>")
    assert "Administrator" in ada
    assert "Administrator" not in bob.partition("</ul>")[0]


@pytest.mark.parametrize("language", ["fr", "it"])
@pytest.mark.parametrize("path", PAGES)
async def test_each_page_speaks_other_languages(path: str, language: str) -> None:
    stage = Stage(backends=[a_backend(hold=Hold("stage", "ada", BEGAN))])

    text = await page(stage, path, **{"Accept-Language": language})

    assert f'lang="{language}"' in text
    assert {"fr": "ensemble", "it": "Panoramica"}[language] in text
