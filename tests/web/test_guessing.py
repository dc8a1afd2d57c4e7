"""The brake on guessing the password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rushes.web.site import create_site
from tests.web.guarded import PASSWORD, Guarded, sign_in
from tests.web.pages import Page

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

TYPED = "Rain,\nthen sun"


async def guess(client: httpx.AsyncClient, times: int) -> list[int]:
    return [(await sign_in(client, f"guess {number}")).status_code for number in range(times)]


async def test_guessing_is_braked_and_the_right_password_waits_too() -> None:
    stage = Guarded()
    async with stage.browser() as client:
        statuses = await guess(client, 6)
        waiting = await sign_in(client)
        stage.clock.advance(seconds=15)
        entered = await sign_in(client)

    assert statuses == [401] * 5 + [429]
    assert waiting.status_code == 429
    assert waiting.headers["retry-after"] == "15"
    assert "The next one is possible in 15 s." in waiting.text
    assert "set-cookie" not in waiting.headers
    assert stage.asked == [f"guess {number}" for number in range(5)] + [PASSWORD]
    assert entered.status_code == 303


async def test_each_guess_after_the_free_ones_doubles_the_wait() -> None:
    stage, waits = Guarded(), []
    async with stage.browser() as client:
        await guess(client, 5)
        for _ in range(9):
            wait = int((await sign_in(client, "guess")).headers["retry-after"])
            waits.append(wait)
            stage.clock.advance(seconds=wait)
            await sign_in(client, "guess")

    assert waits == [15, 30, 60, 120, 240, 480, 900, 900, 900]


async def test_one_household_waits_and_others_do_not() -> None:
    stage = Guarded()
    async with (
        stage.browser("2001:db8:1:2::1") as guesser,
        stage.browser("2001:db8:1:2:ffff::9") as neighbour,
        stage.browser("2001:db8:1:3::1") as other,
    ):
        await guess(guesser, 6)
        statuses = [(await sign_in(client)).status_code for client in (neighbour, other)]

    assert statuses == [429, 303]


async def test_a_crowd_of_guessers_is_braked_together_but_not_for_long() -> None:
    stage = Guarded()
    app = create_site(stage.site())
    for number in range(100):
        async with stage.browser(f"198.51.100.{number}", app=app) as client:
            assert await guess(client, 1) == [401]
    async with stage.browser(app=app) as owner:
        held_up = await sign_in(owner)
        stage.clock.advance(seconds=int(held_up.headers["retry-after"]))
        entered = await sign_in(owner)

    assert (held_up.status_code, held_up.headers["retry-after"]) == (429, "1")
    assert entered.status_code == 303


async def test_the_right_password_makes_the_tries_forgotten() -> None:
    stage = Guarded()
    async with stage.browser() as client:
        await guess(client, 4)
        await sign_in(client)
        statuses = await guess(client, 5)

    assert statuses == [401] * 5


async def test_typed_text_survives_the_brake() -> None:
    async with Guarded().browser() as client:
        await guess(client, 6)
        waiting = await sign_in(client, prompt=TYPED)

    kept = {f["name"]: f["value"] for f in Page(waiting.text).all("input") if "value" in f}
    assert waiting.status_code == 429
    assert kept["prompt"] == TYPED
