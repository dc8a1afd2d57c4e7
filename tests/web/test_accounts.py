"""Everybody with a name and a password of their own: signing in, and one's account."""

from __future__ import annotations

import logging
import unicodedata
from typing import TYPE_CHECKING, Literal

import httpx
import pytest

from rushes.people.passwords import Passwords
from rushes.web.entry.door import COOKIE
from tests.web.guarded import (
    ANNS,
    BOBS,
    HERE,
    NEW,
    Guarded,
    a_token,
    program,
    sign_in,
    town,
)
from tests.web.pages import Page
from tests.web.test_server import running

if TYPE_CHECKING:
    from rushes.domain import Account

pytestmark = pytest.mark.anyio

# --- signing in ---------------------------------------------------------------------------------


async def test_a_name_and_its_password_open_the_door() -> None:
    stage = await town()
    job = await stage.job(owner="ann")
    async with stage.browser() as client:
        form = Page((await client.get("/login")).text)
        entered = await sign_in(client, ANNS, name=" ann ")
        page, others = await client.get(f"/jobs/{job.id}"), await client.get("/")

    assert {"name", "password"} <= {field.get("name") for field in form.all("input")}
    assert entered.status_code == 303
    assert page.status_code == 200
    assert "ann" in others.text
    assert 'action="/logout"' in others.text


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", BOBS), ("bob", ANNS), ("eve", ANNS), ("", ANNS), ("ann", ""), ("ANN", ANNS)],
)
async def test_anything_else_opens_nothing_and_says_the_same(
    name: str, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    stage = await town()
    with caplog.at_level(logging.DEBUG):
        async with stage.browser() as client:
            answer = await sign_in(client, password or "x", name=name)

    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers
    assert ANNS not in answer.text + caplog.text
    assert len(stage.hasher.checked) == 1


async def test_guesses_at_one_account_are_braked_wherever_they_come_from() -> None:
    stage = await town()
    statuses = []
    for number in range(11):
        async with stage.browser(f"198.51.100.{number}") as client:
            statuses.append((await sign_in(client, f"guess {number}", name="ann")).status_code)
    async with stage.browser("203.0.113.77") as client:
        anns = await sign_in(client, ANNS, name="ann")
        bobs = await sign_in(client, BOBS, name="bob")
        stage.clock.advance(seconds=int(anns.headers["retry-after"]))
        later = await sign_in(client, ANNS, name="ann")

    assert statuses == [401] * 10 + [429]
    assert (anns.status_code, bobs.status_code, later.status_code) == (429, 303, 303)


@pytest.mark.parametrize("name", ["cafe\u0301", "CAFÉ", " café"])
async def test_another_spelling_of_a_name_has_no_tries_of_its_own(name: str) -> None:
    stage = await town()
    for number in range(10):
        async with stage.browser(f"198.51.100.{number}") as client:
            await sign_in(client, f"guess {number}", name="caf\u00e9")
    async with stage.browser("203.0.113.77") as client:
        held_up = await sign_in(client, "guess", name=name)

    assert held_up.status_code == 429


async def test_nobody_is_kept_out_by_guesses_from_one_address() -> None:
    stage = await town()
    async with stage.browser("198.51.100.1") as guesser, stage.browser() as ann:
        guesses = [(await sign_in(guesser, "guess", name="ann")).status_code for _ in range(9)]
        entered = await sign_in(ann, ANNS, name="ann")

    assert guesses == [401] * 5 + [429] * 4
    assert entered.status_code == 303


async def test_nobody_is_kept_out_for_long_by_a_crowd() -> None:
    stage, waits = await town(), []
    for number in range(40):
        async with stage.browser(f"198.51.100.{number}") as client:
            waits.append((await sign_in(client, "guess", name="ann")).headers.get("retry-after"))
        stage.clock.advance(minutes=1)
        async with stage.browser(f"203.0.113.{number}") as client:
            await sign_in(client, "guess", name="ann")
            waits.append((await sign_in(client, "guess", name="ann")).headers.get("retry-after"))

    assert max(int(wait) for wait in waits if wait) == 60


@pytest.mark.parametrize("guesses_first", [True, False])
async def test_an_own_account_does_not_release_the_brake_on_another(guesses_first: bool) -> None:
    stage = await town()
    tries = [("ann", "guess"), ("bob", BOBS)]
    async with stage.browser() as bob:
        for name, password in (tries if guesses_first else tries[::-1]) * 6:
            await sign_in(bob, password, name=name)
        held_up = await sign_in(bob, "guess", name="cyd")

    assert held_up.status_code == 429


async def test_a_right_password_forgives_its_own_account_alone() -> None:
    stage = await town()
    async with stage.browser() as client:
        await sign_in(client, "guess", name="ann")
        await sign_in(client, ANNS, name="ann")
        await sign_in(client, "guess", name="bob")
    kinds = {who.partition(":")[0]: count for who, (count, _) in stage.sessions.tries.items()}

    assert kinds.pop("account") == 1
    assert sorted(kinds.values()) == [2, 2]


@pytest.mark.parametrize("field", ["name", "password"])
async def test_half_a_megabyte_of_accents_is_never_put_in_order(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, sizes = await town(), []
    plain, passwords = unicodedata.normalize, Passwords()

    def normalize(form: Literal["NFC"], text: str) -> str:
        sizes.append(len(text))
        return plain(form, text[:2_000])

    monkeypatch.setattr(unicodedata, "normalize", normalize)
    stage.residents.hasher = passwords
    fields = {"name": "eve", "password": "x", field: "e" + "\u0301\u0323" * 125_000}
    async with stage.browser() as client:
        parts = {key: (None, text) for key, text in fields.items()}
        answer = await client.post("/login", files=parts)

    assert answer.status_code == 401
    assert sizes
    assert max(sizes) <= 1_000


async def test_what_is_typed_as_a_name_is_not_kept() -> None:
    stage = await town()
    async with stage.browser() as client:
        await sign_in(client, "x", name="my password by mistake")

    assert "mistake" not in repr(stage.sessions.tries)


async def test_a_closed_account_is_out_at_once_and_so_are_its_streams() -> None:
    stage = await town()
    async with running(stage) as run, httpx.AsyncClient(base_url=run.url) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        await sign_in(client, BOBS, name="bob")
        async with client.stream("GET", "/events?after=0") as stream:
            body = stream.aiter_text()
            await anext(body)
            await stage.residents.disable("bob")
            rest = "".join([text async for text in body])
        closed = await client.get("/api/v1/jobs")
        again = await sign_in(client, BOBS, name="bob")

    assert rest.endswith("event: bye\ndata: {}\n\n")
    assert (closed.status_code, again.status_code) == (401, 401)


async def test_a_session_whose_account_is_gone_opens_nothing() -> None:
    stage = await town()
    async with stage.browser() as client:
        await sign_in(client, ANNS, name="ann")
        del stage.people_store.kept["ann"]
        answer = await client.get("/api/v1/jobs")

    assert answer.status_code == 401


async def test_typed_text_survives_signing_in_by_name() -> None:
    stage = await town()
    async with stage.browser(follow_redirects=True) as client:
        refused = await client.post("/jobs", data={"prompt": "rain", "submit_token": "t" * 26})
        hidden = {
            field["name"]: field["value"]
            for field in Page(refused.text).all("input")
            if field["type"] == "hidden"
        }
        wrong = await sign_in(client, "wrong", name="bob", **hidden)
        shown = await sign_in(client, BOBS, name="bob", **hidden)

    assert 'value="bob"' in wrong.text
    assert hidden["prompt"] == "rain"
    (job,) = stage.jobs.jobs.values()
    assert (job.request.prompt, job.owner) == ("rain", "bob")
    assert shown.url.path == f"/jobs/{job.id}"


# --- one's own password -------------------------------------------------------------------------


async def test_a_new_password_ends_the_other_sessions_and_not_this_one() -> None:
    stage = await town()
    async with stage.browser() as here, stage.browser() as elsewhere:
        await sign_in(here, ANNS, name="ann")
        await sign_in(elsewhere, ANNS, name="ann")
        changed = await here.post("/account/password", data={"password": ANNS, **NEW})
        stays = await here.get(changed.headers["location"])
        out = await elsewhere.get("/account")
        old = await sign_in(elsewhere, ANNS, name="ann")
        new = await sign_in(elsewhere, NEW["new"], name="ann")

    assert changed.headers["location"] == "/account?changed=password"
    assert "Your password is changed" in stays.text
    assert (stays.status_code, out.status_code) == (200, 303)
    assert (old.status_code, new.status_code) == (401, 303)


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"password": BOBS, **NEW}, 401, "The name or the password is wrong."),
        ({"password": ANNS, "new": "a better one", "again": "a bitter one"}, 422, "two different"),
        ({"password": ANNS, "new": "short77", "again": "short77"}, 422, "at least 8 characters"),
        ({}, 401, "wrong"),
    ],
)
async def test_a_password_that_is_not_taken_changes_nothing(
    fields: dict[str, str], status: int, says: str
) -> None:
    stage = await town()
    async with stage.browser() as client:
        await sign_in(client, ANNS, name="ann")
        before = stage.people_store.kept["ann"].password
        answer = await client.post("/account/password", data=fields)

    assert answer.status_code == status
    assert says in answer.text
    assert stage.people_store.kept["ann"].password == before


async def test_the_old_password_cannot_be_guessed_by_whoever_found_an_open_page() -> None:
    stage = await town()
    async with stage.browser() as client:
        await sign_in(client, ANNS, name="ann")
        statuses = [
            (await client.post("/account/password", data={"password": f"{n}", **NEW})).status_code
            for n in range(6)
        ]

    assert statuses == [401] * 5 + [429]


async def test_who_is_signed_in_does_not_wait_for_strangers_guesses() -> None:
    stage = await town()
    async with stage.browser() as ann:
        await sign_in(ann, ANNS, name="ann")
        for number in range(12):
            async with stage.browser(f"198.51.100.{number}") as stranger:
                await sign_in(stranger, "guess", name="ann")
        for _ in range(6):
            await sign_in(ann, "guess", name="eve")
        changed = await ann.post("/account/password", data={"password": ANNS, **NEW})

    assert changed.status_code == 303


async def test_a_mistyped_repeat_is_no_wrong_password() -> None:
    stage = await town()
    mistyped = {"password": ANNS, "new": "a better one", "again": "a bitter one"}
    async with stage.browser() as ann:
        await sign_in(ann, ANNS, name="ann")
        before, checked = dict(stage.sessions.tries), len(stage.hasher.checked)
        answers = [await ann.post("/account/password", data=mistyped) for _ in range(7)]

    assert {answer.status_code for answer in answers} == {422}
    assert stage.sessions.tries == before
    assert len(stage.hasher.checked) == checked


@pytest.mark.parametrize(("box", "status"), [({"end_tokens": "1"}, 401), ({}, 200)])
async def test_tokens_end_with_the_password_unless_kept(box: dict[str, str], status: int) -> None:
    stage = await town()
    token, bobs = await a_token(stage, "ann"), await a_token(stage, "bob")
    async with stage.browser() as ann:
        await sign_in(ann, ANNS, name="ann")
        page = Page((await ann.get("/account")).text)
        await ann.post("/account/password", data={"password": ANNS, **NEW, **box})
    async with program(stage, token) as script, program(stage, bobs) as other:
        statuses = [(await each.get("/api/v1/jobs")).status_code for each in (script, other)]

    (ticked,) = [each for each in page.all("input") if each.get("name") == "end_tokens"]
    assert "checked" in ticked
    assert statuses == [status, 200]


# --- the page around it -------------------------------------------------------------------------


async def test_with_one_password_for_all_the_account_has_tokens_only() -> None:
    stage = Guarded()
    async with stage.browser() as client:
        await sign_in(client)
        page = await client.get("/account")
        tried = await client.post("/account/password", data={"password": "x", **NEW})

    assert page.status_code == 200
    assert "Tokens for programs" in page.text
    assert "New password" not in page.text
    assert tried.status_code == 404


async def test_a_script_is_told_of_success_without_a_redirect() -> None:
    stage = await town()
    async with stage.browser() as client:
        await sign_in(client, BOBS, name="bob")
        done = await client.post("/jobs", data={"prompt": "x"}, headers={"Rushes-Script": "1"})
        refused = await client.post("/jobs", data={"prompt": ""}, headers={"Rushes-Script": "1"})
        client.cookies.delete(COOKIE)
        out = await client.post("/jobs", data={"prompt": "x"}, headers={"Rushes-Script": "1"})

    assert (done.status_code, done.content) == (204, b"")
    assert "location" not in done.headers
    assert "content-length" not in done.headers
    assert (refused.status_code, out.status_code) == (422, 401)
    for answer in (done, refused, out):
        assert "x-request-id" in answer.headers


async def test_who_is_seen_is_remembered() -> None:
    stage = await town()
    async with stage.browser(HERE) as client:
        await sign_in(client, BOBS, name="bob")

    bob: Account = stage.people_store.kept["bob"]
    assert bob.seen_at == stage.clock.now
