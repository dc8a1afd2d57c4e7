"""The composer follows the chosen backend and model, and loses nothing on the way."""

from __future__ import annotations

import pytest

from rushes.domain import Capabilities, Catalogue
from tests.web.composing import (
    CINEMA,
    PROMPT,
    SKETCH,
    Form,
    a_stage,
    chosen,
    cinema,
    composer,
    opened,
    sent_by,
)
from tests.web.pages import Page
from tests.web.stage import a_backend

pytestmark = pytest.mark.anyio


async def test_one_backend_with_one_model_has_nothing_to_choose() -> None:
    async with a_stage(a_backend()).client() as client:
        html = (await client.get("/")).text

    assert 'name="backend"' not in html
    assert 'name="model"' not in html
    assert "composer-redraw" not in html


async def test_the_form_stands_at_the_first_backend() -> None:
    async with a_stage().client() as client:
        form = await opened(client)

    assert (form["backend"], form["duration"], form["resolution"]) == ("stage", "5", "480p")
    assert "model" not in form


async def test_another_backend_brings_its_own_choices_and_defaults() -> None:
    async with a_stage().client() as client:
        html = await chosen(client, await opened(client), backend="cinema")
    form = sent_by(html)

    assert form["backend"] == "cinema"
    assert form["model"] == "film"
    assert form["duration"] == "8"
    assert form["aspect_ratio"] == "21:9"
    assert form["resolution"] == "720p"  # the default is not offered
    assert 'placeholder="blur"' in html
    assert 'data-max="2000"' in html
    assert "seed" not in form


async def test_every_word_survives_the_change_and_the_way_back() -> None:
    async with a_stage().client() as client:
        form = await opened(client)
        there = await chosen(client, form, backend="cinema", prompt=PROMPT, seed="77")
        back = await chosen(client, sent_by(there), backend="stage")
    typed = sent_by(back)

    assert sent_by(there)["prompt"] == PROMPT
    assert (typed["prompt"], typed["seed"]) == (PROMPT, "77")
    assert typed["submit_token"] == form["submit_token"]


async def test_what_was_chosen_by_hand_stays_where_it_is_to_be_had() -> None:
    both = cinema(catalogue=Catalogue({"": Capabilities(durations=(2.0, 8.0, 5.0))}), defaults={})
    async with a_stage(a_backend(), both).client() as client:
        form = await opened(client)
        by_hand = sent_by(await chosen(client, form, backend="cinema", duration="8"))
        by_itself = sent_by(await chosen(client, form, backend="cinema", duration="5"))

    assert by_hand["duration"] == "8"
    assert by_itself["duration"] == "2"


async def test_a_default_is_not_taken_for_a_choice_on_the_way_back() -> None:
    async with a_stage().client() as client:
        there = sent_by(await chosen(client, await opened(client), backend="cinema"))
        back = sent_by(await chosen(client, there, backend="stage"))

    assert there["duration"] == "8"
    assert back["duration"] == "5"


async def test_another_model_of_the_same_backend_brings_what_it_takes() -> None:
    async with a_stage(cinema()).client() as client:
        html = await chosen(client, await opened(client), model="sketch", prompt=PROMPT)
    form = sent_by(html)

    assert (form["model"], form["duration"], form["prompt"]) == ("sketch", "2", PROMPT)
    assert "aspect_ratio" not in form
    assert 'data-max="100"' in html


async def test_a_model_that_only_the_other_backend_has_is_let_go() -> None:
    async with a_stage(cinema(), a_backend()).client() as client:
        form = sent_by(await chosen(client, await opened(client), model="sketch"))
        back = sent_by(await chosen(client, form, backend="stage"))
        again = sent_by(await chosen(client, back, backend="cinema"))

    assert "model" not in back
    assert again["model"] == "film"


async def test_a_model_that_stood_there_by_itself_does_not_travel() -> None:
    catalogue = Catalogue({"sketch": SKETCH, "film": CINEMA}, default="sketch")
    other = a_backend("other", catalogue=catalogue)
    async with a_stage(cinema(), other).client() as client:
        by_itself = sent_by(await chosen(client, await opened(client), backend="other"))
        by_hand = sent_by(await chosen(client, by_itself, backend="other", model="film"))

    assert by_itself["model"] == "sketch"
    assert by_hand["model"] == "film"


@pytest.mark.parametrize("default", ["gone", "sketch"])
async def test_a_default_model_counts_where_the_backend_has_it(default: str) -> None:
    there = cinema(defaults={"model": default})
    async with a_stage(there).client() as client:
        form = await opened(client)
        (told,) = (await client.get("/api/v1/backends")).json()

    assert form["model"] == told["default_model"] == ("sketch" if default == "sketch" else "film")


async def test_a_backend_that_has_not_told_what_it_takes_keeps_every_word() -> None:
    silent = cinema(catalogue=None)
    async with a_stage(a_backend(), silent).client() as client:
        html = await chosen(client, await opened(client), backend="cinema", prompt="x", seed="5")
        back = sent_by(await chosen(client, sent_by(html), backend="stage"))

    assert "Cinema has not said yet what it offers" in Page(html).text
    assert (back["prompt"], back["seed"]) == ("x", "5")


@pytest.mark.parametrize(
    "strange",
    [
        {"backend": "nobody", "drawn_for": "nobody"},
        {"model": "no such model", "drawn_model": "nor this"},
        {"duration": "x" * 500, "count": "-1", "also": "nobody,stage"},
        {},
    ],
)
async def test_nothing_strange_breaks_the_drawing(strange: Form) -> None:
    async with a_stage().client() as client:
        html = await chosen(client, {"prompt": "kept"}, **strange)

    assert sent_by(html)["prompt"] == "kept"


async def test_drawing_judges_nothing_and_makes_nothing() -> None:
    stage = a_stage()
    async with stage.client() as client:
        html = await chosen(client, await opened(client), prompt="", seed="no number")

    assert 'id="problem-' not in html
    assert 'value="no number"' in html
    assert not stage.jobs.jobs


async def test_whoever_opens_that_address_is_led_to_the_studio() -> None:
    async with a_stage().client() as client:
        answer = await client.get("/compose")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_another_site_cannot_have_it_drawn() -> None:
    async with a_stage().client() as client:
        answer = await client.post(
            "/compose", data={"prompt": "x"}, headers={"Sec-Fetch-Site": "cross-site"}
        )

    assert answer.status_code == 403


# --- what it costs, and holds -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "costs"),
    [
        ({}, "about 0.80 USD (price as of 2026-11-01)"),
        ({"duration": "12", "count": "2"}, "about 2.40 USD"),
        ({"resolution": "1080p", "duration": "4"}, "about 1.20 USD"),
        ({"model": "sketch"}, "about 0.20 USD"),
    ],
)
async def test_the_price_follows_what_is_chosen(changes: Form, costs: str) -> None:
    async with a_stage(cinema()).client() as client:
        html = await chosen(client, await opened(client), **changes)

    assert f"Goes to Cinema (cinema.test) · {costs}" in Page(html).text


async def test_a_price_that_depends_on_an_unknown_length_is_not_told() -> None:
    lengthless = Catalogue({"": Capabilities()})
    async with a_stage(cinema(catalogue=lengthless, defaults={})).client() as client:
        html = (await client.get("/")).text

    assert "about" not in Page(composer(html)).text
    assert "cinema.test) ·" not in Page(composer(html)).text


async def test_a_backend_on_hold_says_so() -> None:
    async with a_stage(cinema(held=True)).client() as client:
        text = Page((await client.get("/")).text).text

    assert "Cinema is on hold: what you send waits here." in text
    assert "Queue for later" in text
