"""Tokens: a program's way in, for one person."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from rushes.domain import TokenScope
from tests.web.guarded import (
    ANNS,
    BOBS,
    NEW,
    Guarded,
    Peopled,
    Vouched,
    a_token,
    program,
    sign_in,
    town,
)
from tests.web.pages import Page

pytestmark = pytest.mark.anyio


async def test_a_token_is_shown_once_and_opens_the_api() -> None:
    stage = await town()
    job = await stage.job(owner="bob")
    async with stage.browser() as client:
        await sign_in(client, BOBS, name="bob")
        made = await client.post(
            "/account/tokens", data={"label": "my backup", "scope": "read", "days": "7"}
        )
        (token,) = re.findall(r"rushes_[\w-]{43}", made.text)
        after = await client.get("/account")
    async with program(stage, token) as script:
        listed = await script.get("/api/v1/jobs")
        others = await script.get(f"/api/v1/jobs/{(await stage.job(owner='ann')).id}")

    assert made.headers["cache-control"] == "no-store"
    assert token not in after.text
    assert "my backup" in after.text
    assert [told["id"] for told in listed.json()["jobs"]] == [job.id]
    assert others.status_code == 404


@pytest.mark.parametrize("stage_kind", [Guarded, Peopled, Vouched])
async def test_a_token_that_may_only_look_changes_nothing(stage_kind: type[Guarded]) -> None:
    stage, owner, headers = await with_somebody(stage_kind)
    job = await stage.job(owner=owner)
    token = await a_token(stage, owner, TokenScope.READ)
    async with program(stage, token, **headers) as script:
        looked = await script.get(f"/api/v1/jobs/{job.id}")
        tries = [
            await script.post("/api/v1/jobs", json={"prompt": "x"}),
            await script.post(f"/api/v1/jobs/{job.id}/cancel"),
            await script.delete(f"/api/v1/jobs/{job.id}"),
            await script.post(f"/jobs/{job.id}/delete"),
            await script.put(f"/jobs/{job.id}/poster", content=b"x"),
            await script.post("/none-such"),
        ]

    assert looked.status_code == 200
    assert [answer.status_code for answer in tries] == [403] * 6
    assert tries[0].json()["kind"] == "not_allowed"
    assert stage.jobs.jobs == {job.id: job}


@pytest.mark.parametrize("stage_kind", [Guarded, Peopled, Vouched])
async def test_a_token_that_may_create_does(stage_kind: type[Guarded]) -> None:
    stage, owner, headers = await with_somebody(stage_kind)
    token = await a_token(stage, owner)
    async with program(stage, token, **headers) as script:
        made = await script.post("/api/v1/jobs", json={"prompt": "rain"})
        gone = await script.delete(f"/api/v1/jobs/{made.json()['id']}")

    assert (made.status_code, gone.status_code) == (202, 204)
    assert [job.owner for job in stage.jobs.jobs.values()] == [owner]


async def with_somebody(kind: type[Guarded]) -> tuple[Guarded, str, dict[str, str]]:
    """Return a stage of a kind, who has tokens there, and what a program must send beside."""
    stage = kind()
    if isinstance(stage, Peopled):
        await stage.residents.add("bob", BOBS)
    if isinstance(stage, Vouched):
        await stage.residents.vouched_for("bob", frozenset(), is_operator=False)
    return stage, "local" if kind is Guarded else "bob", {}


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer rushes_none-such",
        "Bearer rushes_",
        "bearer  rushes_x",
        "Basic cnVzaGVzXzp4",
        "Bearer eyJhbGciOi",
        "rushes_x",
        "",
    ],
)
async def test_nothing_else_in_its_place_opens_anything(authorization: str) -> None:
    stage = await town()
    async with stage.browser() as client:
        client.headers["Authorization"] = authorization
        answer = await client.get("/api/v1/jobs")

    assert answer.status_code == 401


async def test_a_wrong_token_is_not_helped_by_a_session() -> None:
    stage = await town()
    async with stage.browser() as client:
        await sign_in(client, ANNS, name="ann")
        plain = await client.get("/api/v1/jobs")
        client.headers["Authorization"] = "Bearer rushes_none-such"
        wrong = await client.get("/api/v1/jobs")
        client.headers["Authorization"] = "Bearer a-portal's-own"
        portals = await client.get("/api/v1/jobs")

    assert (plain.status_code, wrong.status_code, portals.status_code) == (200, 401, 200)


async def test_a_token_is_no_operator_and_makes_no_other_token() -> None:
    stage = await town()
    token = await a_token(stage, "ann")
    async with program(stage, token) as script:
        tries = [
            await script.get("/account"),
            await script.post("/account/tokens", data={"label": "x"}),
            await script.post("/account/password", data={"password": ANNS, **NEW}),
        ]
        page = await script.get("/")

    assert [answer.status_code for answer in tries] == [403] * 3
    assert len(stage.people_store.tokens) == 1
    assert "/admin" not in page.text


async def test_a_revoked_token_is_out_at_once_and_nobody_revokes_others() -> None:
    stage = await town()
    token = await a_token(stage, "ann")
    (kept,) = stage.people_store.tokens.values()
    async with stage.browser() as bob, stage.browser() as ann, program(stage, token) as script:
        await sign_in(bob, BOBS, name="bob")
        await sign_in(ann, ANNS, name="ann")
        by_bob = await bob.post(f"/account/tokens/{kept.id}/revoke")
        before = await script.get("/api/v1/jobs")
        by_ann = await ann.post(f"/account/tokens/{kept.id}/revoke")
        after = await script.get("/api/v1/jobs")

    assert (by_bob.status_code, by_ann.status_code) == (404, 303)
    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_token_of_a_closed_account_opens_nothing() -> None:
    stage = await town()
    token = await a_token(stage, "bob")
    await stage.residents.disable("bob")
    async with program(stage, token) as script:
        answer = await script.get("/api/v1/jobs")

    assert answer.status_code == 401


async def test_where_one_password_is_everybodys_only_its_own_tokens_count() -> None:
    stage = Guarded()
    own, others = await a_token(stage, "local"), await a_token(stage, "ann")
    async with program(stage, own) as script:
        good = await script.get("/api/v1/jobs")
    async with program(stage, others) as script:
        bad = await script.get("/api/v1/jobs")

    assert (good.status_code, bad.status_code) == (200, 401)


async def test_another_sites_page_cannot_use_a_token() -> None:
    stage = await town()
    token = await a_token(stage, "bob")
    async with program(stage, token, **{"Sec-Fetch-Site": "cross-site"}) as script:
        answer = await script.post("/api/v1/jobs", json={"prompt": "x"})

    assert answer.status_code == 403


@pytest.mark.parametrize("label", ["", "x" * 61])
async def test_a_token_without_a_name_is_asked_for_again(label: str) -> None:
    stage = await town()
    async with stage.browser() as client:
        await sign_in(client, ANNS, name="ann")
        answer = await client.post("/account/tokens", data={"label": label, "scope": "read"})

    assert answer.status_code == 422
    assert "1 to 60 characters" in answer.text
    assert stage.people_store.tokens == {}


async def test_behind_a_portal_a_token_ends_within_ninety_days() -> None:
    stage = Vouched()
    async with stage.browser() as ann:
        ann.headers["Remote-User"] = "ann"
        page = Page((await ann.get("/account")).text)
        answers = [
            await ann.post("/account/tokens", data={"label": "x", "days": days})
            for days in ("0", "365", "90")
        ]

    offered = [each["value"] for each in page.all("option") if each["value"].isdecimal()]
    assert offered == ["7", "30", "90"]
    assert [answer.status_code for answer in answers] == [422, 422, 200]
    assert "at most 90 days" in answers[0].text
    (token,) = stage.people_store.tokens.values()
    assert token.expires_at == stage.clock.now + timedelta(days=90)
