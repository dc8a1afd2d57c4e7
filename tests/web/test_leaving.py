"""Signing out where a portal signed people in: what is open ends here, the portal does the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rushes.web.dependencies import WebConfig
from rushes.web.headers import PAGE_POLICY
from rushes.web.site import create_site
from tests.web.guarded import Vouched, a_token, program
from tests.web.pages import Page
from tests.web.player import Player

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx
    from fastapi import FastAPI

pytestmark = pytest.mark.anyio

PORTAL = "https://portal.test/logout?rd=https://host/video"
OURS = {"Remote-User": "ann"}


def behind_a_portal(logout_url: str = PORTAL) -> Vouched:
    return Vouched(WebConfig(logout_url=logout_url))


def stream(app: FastAPI, **headers: str) -> Player:
    player = Player(app, "/events", **headers)
    player.scope["client"] = ("203.0.113.9", 5000)
    return player


async def leave(stage: Vouched, app: FastAPI, headers: Mapping[str, str] = OURS) -> httpx.Response:
    async with stage.browser(app=app) as client:
        return await client.post("/logout", headers=dict(headers))


async def test_it_ends_every_stream_of_theirs_and_leads_on() -> None:
    stage = behind_a_portal()
    app = create_site(stage.site())
    anns, bobs = (stream(app, **{"remote-user": name}) for name in ("ann", "bob"))
    for player in (anns, bobs):
        await player.until(10)
    answer = await leave(stage, app)
    await anns.end()
    again = stream(app, **{"remote-user": "ann"})
    await again.until(10)

    assert b"event: bye" in anns.body
    assert not bobs.task.done(), "others stay"
    assert not again.task.done(), "the portal alone says whether she may come back"
    assert (answer.status_code, answer.headers["refresh"]) == (200, f"0; url={PORTAL}")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert [link["href"] for link in Page(answer.text).all("a") if "portal" in link["href"]] == [
        PORTAL
    ]
    stage.stop.set()
    for player in (bobs, again):
        await player.end()


async def test_the_menu_posts_it() -> None:
    stage = behind_a_portal()
    async with stage.browser() as client:
        told = (await client.get("/", headers=OURS)).text
    async with behind_a_portal("").browser() as client:
        silent = (await client.get("/", headers=OURS)).text

    assert (
        '<form method="post" action="/logout" data-forgets><button>Sign out</button></form>' in told
    )
    assert PORTAL not in told
    assert "/logout" not in silent


@pytest.mark.parametrize("portal", ["https://portal.test/é\r\nX: y", "https://portal.test/a b"])
async def test_an_odd_address_breaks_no_header(portal: str) -> None:
    stage = behind_a_portal(portal)
    answer = await leave(stage, create_site(stage.site()))

    assert answer.status_code == 200
    assert answer.headers["refresh"].startswith("0; url=https://portal.test/")
    assert "x" not in answer.headers


async def test_a_program_ends_nothing_and_nobody_may_leave_for_others() -> None:
    stage = behind_a_portal()
    app = create_site(stage.site())
    anns = stream(app, **{"remote-user": "ann"})
    await anns.until(10)
    token = await a_token(stage, "ann")
    async with program(stage, token) as script:
        by_token = await script.post("/logout")
    stranger = await leave(stage, app, {})
    elsewhere = await leave(stage, app, OURS | {"Sec-Fetch-Site": "cross-site"})

    assert (by_token.status_code, by_token.headers["location"]) == (303, "/")
    assert (stranger.status_code, elsewhere.status_code) == (401, 403)
    assert not anns.task.done()
    stage.stop.set()
    await anns.end()
