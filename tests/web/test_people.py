"""Accounts in the hands of whoever runs the server: made there, and given new passwords."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from tests.web.guarded import ANNS, BOBS, Guarded, Peopled, Vouched, sign_in, town
from tests.web.pages import Page

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

FORMS = (("/admin/people/add", {"name": "cyd"}), ("/admin/people/password", {"name": "bob"}))


def new_password(answer: httpx.Response) -> str:
    """Return the one password that a page shows."""
    (password,) = re.findall(r"(?:[a-z2-9]{6}-){3}[a-z2-9]{6}", answer.text)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return str(password)


async def test_somebody_new_comes_in_by_a_password_that_is_shown_once() -> None:
    stage = await town()
    async with stage.browser() as ann, stage.browser() as cyd:
        await sign_in(ann, ANNS, name="ann")
        made = await ann.post("/admin/people/add", data={"name": " cyd "})
        after = await ann.get("/admin")
        audit = (await ann.get("/admin/audit")).text
        entered = await sign_in(cyd, new_password(made), name="cyd")
        theirs = await cyd.get("/admin")

    assert "cyd can sign in with this password." in unescape(made.text)
    assert new_password(made) not in after.text
    assert "Account made" in audit
    assert (entered.status_code, theirs.status_code) == (303, 404)


async def test_an_administrator_can_make_another() -> None:
    stage = await town()
    async with stage.browser() as ann, stage.browser() as cyd:
        await sign_in(ann, ANNS, name="ann")
        made = await ann.post("/admin/people/add", data={"name": "cyd", "is_operator": "1"})
        await sign_in(cyd, new_password(made), name="cyd")
        page = await cyd.get("/admin")

    assert page.status_code == 200


@pytest.mark.parametrize(
    ("name", "says"),
    [("BOB", "There is somebody called BOB already."), ("a b", "letters, digits"), ("", "letters")],
)
async def test_a_name_that_cannot_be_is_told_and_not_lost(name: str, says: str) -> None:
    stage = await town()
    async with stage.browser() as ann:
        await sign_in(ann, ANNS, name="ann")
        answer = await ann.post("/admin/people/add", data={"name": name, "is_operator": "1"})

    page = Page(answer.text)
    (typed,) = [each for each in page.all("input") if each.get("id") == "name"]
    (ticked,) = [each for each in page.all("input") if each.get("name") == "is_operator"]
    assert answer.status_code == 422
    assert says in unescape(answer.text)
    assert (typed["value"], typed["aria-invalid"]) == (name, "true")
    assert "checked" in ticked
    assert sorted(stage.people_store.kept) == ["ann", "bob"]


async def test_a_forgotten_password_is_replaced_and_ends_what_the_old_one_opened() -> None:
    stage = await town()
    async with stage.browser() as ann, stage.browser() as bob:
        await sign_in(ann, ANNS, name="ann")
        await sign_in(bob, BOBS, name="bob")
        given = await ann.post("/admin/people/password", data={"name": "bob"})
        out = await bob.get("/library")
        old = await sign_in(bob, BOBS, name="bob")
        new = await sign_in(bob, new_password(given), name="bob")
        audit = (await ann.get("/admin/audit")).text

    assert (out.status_code, old.status_code, new.status_code) == (303, 401, 303)
    assert "Password replaced" in audit


@pytest.mark.parametrize("name", ["ann", "nobody"])
async def test_nobody_is_given_ones_own_or_no_ones_password(name: str) -> None:
    stage = await town()
    async with stage.browser() as ann:
        await sign_in(ann, ANNS, name="ann")
        before = dict(stage.people_store.kept)
        page = Page((await ann.get("/admin")).text)
        answer = await ann.post("/admin/people/password", data={"name": name})

    offered = [each["value"] for each in page.all("input") if each.get("type") == "hidden"]
    assert name not in offered
    assert answer.status_code == 422
    assert stage.people_store.kept == before


@pytest.mark.parametrize(("path", "fields"), FORMS, ids=[path for path, _ in FORMS])
async def test_nobody_else_keeps_accounts(path: str, fields: dict[str, str]) -> None:
    stage = await town()
    before = sorted(stage.people_store.kept)
    async with stage.browser() as bob:
        await sign_in(bob, BOBS, name="bob")
        answer = await bob.post(path, data=fields)

    assert answer.status_code == 404
    assert sorted(stage.people_store.kept) == before


@pytest.mark.parametrize("stage", [Guarded(), Vouched()], ids=["one password", "a portal"])
async def test_where_nobody_has_a_password_of_ours_there_is_no_such_form(stage: Guarded) -> None:
    vouched = {"Remote-User": "ann", "Remote-Groups": "admins"}
    async with stage.browser() as client:
        if isinstance(stage, Vouched):
            client.headers.update(vouched)
        else:
            await sign_in(client)
        page = await client.get("/admin")
        answers = [await client.post(path, data=fields) for path, fields in FORMS]

    assert page.status_code == 200
    assert "/admin/people/add" not in page.text
    assert [answer.status_code for answer in answers] == [404, 404]


async def test_where_people_have_passwords_the_page_offers_both() -> None:
    stage: Peopled = await town()
    async with stage.browser() as ann:
        await sign_in(ann, ANNS, name="ann")
        page = Page((await ann.get("/admin")).text)

    actions = [form.get("action") for form in page.all("form")]
    assert actions.count("/admin/people/add") == 1
    assert actions.count("/admin/people/password") == 1, "bob's alone"
