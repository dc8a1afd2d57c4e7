"""How long a door stays open, and how it is closed."""

from __future__ import annotations

import re

import httpx
import pytest

from rushes.web.dependencies import WebConfig
from rushes.web.entry.door import COOKIE
from tests.web.guarded import Guarded, sign_in
from tests.web.test_server import running

pytestmark = pytest.mark.anyio


async def test_a_session_that_is_used_slides_and_one_that_is_not_ends() -> None:
    stage = Guarded()
    async with stage.browser() as client:
        await sign_in(client)
        at_once = await client.get("/")
        stage.clock.advance(days=2)
        later = await client.get("/")
        stage.clock.advance(days=29)
        still = await client.get("/")
        stage.clock.advance(days=30)
        idle = await client.get("/")

    assert "set-cookie" not in at_once.headers
    for answer in (later, still):
        assert answer.status_code == 200
        assert f"{COOKIE}={client.cookies[COOKIE]}; " in answer.headers["set-cookie"]
        assert "Max-Age=2592000" in answer.headers["set-cookie"]
    assert idle.status_code == 303


async def test_signing_in_again_ends_the_session_before() -> None:
    stage = Guarded()
    async with stage.browser() as client:
        await sign_in(client)
        first = client.cookies[COOKIE]
        await sign_in(client)
        second = client.cookies[COOKIE]
    async with stage.browser(cookies={COOKIE: first}) as old:
        answer = await old.get("/")

    assert first != second
    assert answer.status_code == 303


async def test_a_new_password_ends_all_sessions() -> None:
    stage = Guarded()
    async with stage.browser() as client:
        await sign_in(client)
        stage.door.lock = lambda: "lock 2"
        after = await client.get("/")
        stage.door.lock = lambda: "lock 1"
        before = await client.get("/")

    assert (after.status_code, before.status_code) == (303, 200)


async def test_a_session_chosen_by_somebody_else_is_not_taken_over() -> None:
    stage = Guarded()
    async with stage.browser(cookies={COOKIE: "chosen"}) as client:
        await sign_in(client)
    async with stage.browser(cookies={COOKIE: "chosen"}) as other:
        answer = await other.get("/")

    assert answer.status_code == 303


async def test_signing_out_ends_this_session_and_no_other() -> None:
    stage = Guarded()
    async with stage.browser() as one, stage.browser() as two:
        await sign_in(one)
        await sign_in(two)
        token = one.cookies[COOKIE]
        stage.clock.advance(days=2)  # so that the session is renewed by its last request too
        page = await one.get("/")
        left = await one.post("/logout")
        stays = await two.get("/")
    async with stage.browser(cookies={COOKIE: token}) as again:
        back = await again.get("/")

    assert 'action="/logout"' in page.text
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert left.headers.get_list("set-cookie") == [
        f'{COOKIE}=""; expires={expired(left)}; HttpOnly; Max-Age=0; Path=/; SameSite=lax'
    ]
    assert (stays.status_code, back.status_code) == (200, 303)


def expired(answer: httpx.Response) -> str:
    (moment,) = re.findall(r"expires=([^;]+)", answer.headers["set-cookie"])
    return str(moment)


async def test_a_stream_ends_when_its_session_does() -> None:
    stage = Guarded()
    async with running(stage) as run, httpx.AsyncClient(base_url=run.url) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        await sign_in(client)
        async with client.stream("GET", "/events?after=0") as stream:
            body = stream.aiter_text()
            await anext(body)
            await client.post("/logout")
            rest = "".join([text async for text in body])
        closed = await client.get("/events")

    assert rest.endswith("event: bye\ndata: {}\n\n")
    assert closed.status_code == 401


async def test_everybody_who_knows_the_password_has_streams_of_their_own() -> None:
    stage = Guarded(WebConfig(streams_per_viewer=1))
    statuses = []
    async with running(stage) as run:
        for _ in range(2):
            async with httpx.AsyncClient(base_url=run.url) as client:
                await sign_in(client)
                async with client.stream("GET", "/events") as first:
                    statuses.append(first.status_code)
                    async with client.stream("GET", "/events") as second:
                        statuses.append(second.status_code)

    assert statuses == [200, 503] * 2
