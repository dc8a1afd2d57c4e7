"""Sound is asked for by a box that stands only where the model takes the choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rushes.domain import Catalogue, Setting
from tests.web.composing import CINEMA, PROMPT, a_stage, chosen, cinema, opened, sent_by
from tests.web.stage import Stage, a_backend

pytestmark = pytest.mark.anyio

LOUD = replace(CINEMA, audio=True)
FILM = {"prompt": PROMPT, "backend": "cinema", "model": "film"}


def studio(**changes: object) -> Stage:
    """Two models: `film` takes the choice, `mute` does not; the first backend neither."""
    catalogue = Catalogue({"film": LOUD, "mute": CINEMA}, default="film")
    return a_stage(a_backend(), cinema(catalogue=catalogue, **changes))


async def asked(stage: Stage, **typed: str) -> bool | None:
    async with stage.client() as client:
        answer = await client.post("/jobs", data=FILM | typed)
        assert answer.status_code == 303, answer.text
        made = await client.get(f"/api/v1{answer.headers['location']}")
    sound: bool | None = made.json()["request"].get("audio")
    return sound


async def test_the_box_stands_only_where_the_model_takes_it() -> None:
    async with studio().client() as client:
        first = (await client.get("/")).text
        film = await chosen(client, sent_by(first), backend="cinema")
        mute = await chosen(client, sent_by(film), model="mute")

    assert ["With sound" in html for html in (first, film, mute)] == [False, True, False]
    assert sent_by(film)["audio"] == ""


async def test_what_was_ticked_comes_back_with_the_model() -> None:
    async with studio().client() as client:
        film = sent_by(await chosen(client, await opened(client), backend="cinema"))
        mute = sent_by(await chosen(client, film | {"audio": "on"}, model="mute"))
        again = sent_by(await chosen(client, mute, model="film"))

    assert "audio" not in mute
    assert again["audio"] == "on"


@pytest.mark.parametrize(("typed", "sound"), [("on", True), ("off", False), ("", None)])
async def test_the_box_says_what_is_asked_for(typed: str, sound: bool | None) -> None:
    assert await asked(studio(), audio=typed) is sound


async def test_where_sound_is_usual_an_empty_box_asks_for_none() -> None:
    stage = studio(defaults={"audio": True})
    async with stage.client() as client:
        html = await chosen(client, await opened(client), backend="cinema")

    assert sent_by(html)["audio"] == "on"
    assert '<input type="hidden" name="audio" value="off">' in html


async def test_where_a_model_has_sound_by_itself_the_box_is_ticked() -> None:
    catalogue = Catalogue({"film": replace(LOUD, has_sound=True)}, default="film")
    async with a_stage(cinema(catalogue=catalogue)).client() as client:
        form = await opened(client)

    assert form["audio"] == "on"


@pytest.mark.parametrize(("typed", "word"), [("on", "With sound"), ("off", "Without sound")])
async def test_a_remix_keeps_it_and_the_page_tells_it(typed: str, word: str) -> None:
    stage = studio()
    async with stage.client() as client:
        answer = await client.post("/jobs", data=FILM | {"audio": typed})
        address = answer.headers["location"]
        page = (await client.get(address)).text
        form = sent_by((await client.get("/", params={"from": address.split("/")[-1]})).text)

    assert f"<dd>{word}</dd>" in page
    assert form["audio"] == typed


async def test_a_form_that_asks_a_mute_model_is_told_so() -> None:
    async with studio().client() as client:
        answer = await client.post("/jobs", data=FILM | {"model": "mute", "audio": "on"})

    assert answer.status_code == 422
    assert "Cinema takes no such setting." in answer.text


# --- programs -----------------------------------------------------------------------------------


async def test_programs_are_told_what_may_be_set_and_can_set_it() -> None:
    takes = replace(
        LOUD,
        steps=Setting("integer", 1, 50),
        passthrough={"camera": Setting("text", choices=("still", "pan"))},
        prompt_unit="utf16",
    )
    stage = a_stage(cinema(catalogue=Catalogue({"film": takes}, default="film"), defaults={}))
    recipe = {"prompt": "x", "audio": False, "steps": 30, "extra": {"camera": "pan"}}
    async with stage.client() as client:
        (told,) = (await client.get("/api/v1/backends")).json()
        made = await client.post("/api/v1/jobs", json=recipe)
        wrong = await client.post("/api/v1/jobs", json=recipe | {"extra": {"camera": "zoom"}})

    film = told["models"]["film"]
    assert (film["audio"], film["has_sound"], film["fps"]) == (True, False, None)
    assert film["steps"] == {"type": "integer", "min": 1, "max": 50, "choices": []}
    assert film["passthrough"]["camera"]["choices"] == ["still", "pan"]
    assert (film["prompt_unit"], film["pixels"]) == ("utf16", False)
    assert (made.status_code, made.json()["request"]) == (202, recipe)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "extra.camera")


async def test_pixels_of_a_program_never_become_another_shape() -> None:
    async with a_stage(cinema(defaults={})).client() as client:
        made = await client.post("/api/v1/jobs", json={"prompt": "x", "width": 1680, "height": 720})
        tall = await client.post("/api/v1/jobs", json={"prompt": "x", "width": 720, "height": 1680})

    assert (
        made.json()["request"] | {"aspect_ratio": "21:9", "resolution": "720p"}
        == (made.json()["request"])
    )
    assert (tall.status_code, tall.json()["field"]) == (422, "width")


async def test_the_form_counts_as_the_backend_counts() -> None:
    counted = Catalogue({"film": replace(CINEMA, prompt_unit="utf16")}, default="film")
    async with a_stage(a_backend(), cinema(catalogue=counted)).client() as client:
        html = (await client.get("/")).text
        other = await chosen(client, sent_by(html), backend="cinema")

    assert 'data-unit="code_points"' in html
    assert 'data-unit="utf16"' in other
