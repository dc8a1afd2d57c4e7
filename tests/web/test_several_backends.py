"""Several backends in forms, pages, the library and the API."""

from __future__ import annotations

import re

import pytest

from rushes.domain import Catalogue, JobStatus, VideoRequest
from tests.web.composing import (
    CINEMA,
    PROMPT,
    SKETCH,
    a_stage,
    chosen,
    cinema,
    composer,
    opened,
    sent_by,
)
from tests.web.pages import Page
from tests.web.stage import CAPABILITIES, a_backend

pytestmark = pytest.mark.anyio


async def test_the_form_is_sent_as_it_stands() -> None:
    stage = a_stage()
    async with stage.client() as client:
        there = await chosen(client, await opened(client), backend="cinema", prompt=PROMPT)
        made = await client.post("/jobs", data=sent_by(there))

    (job,) = stage.jobs.jobs.values()
    assert made.status_code == 303
    assert job.backend == "cinema"
    assert job.request == VideoRequest(
        prompt=PROMPT,
        model="film",
        duration_s=8,
        aspect_ratio="21:9",
        resolution="720p",
        negative_prompt="blur",
    )


async def test_one_prompt_goes_to_several_at_once() -> None:
    stage = a_stage(a_backend(), cinema(), a_backend("third"))
    async with stage.client() as client:
        form = await opened(client)
        made = await client.post(
            "/jobs", data=form | {"prompt": "kite", "also": ["cinema", "third"]}
        )
        page = Page((await client.get(made.headers["location"])).text)

    jobs = sorted(stage.jobs.jobs.values(), key=lambda job: job.place)
    assert [job.backend for job in jobs] == ["stage", "cinema", "third"]
    assert len({job.batch for job in jobs}) == 1
    assert jobs[1].request.resolution == "720p"
    assert "Cinema" in page.text


async def test_ticked_boxes_stay_ticked_when_the_form_comes_back() -> None:
    stage = a_stage(a_backend(), cinema(), a_backend("third"))
    async with stage.client() as client:
        form = await opened(client) | {"also": ["cinema", "third"]}
        refused = (await client.post("/jobs", data=form | {"prompt": "", "seed": "x"})).text
        redrawn = (await client.post("/compose", data=form | {"backend": "cinema"})).text

    def ticked(html: str) -> list[str]:
        boxes = [box for box in Page(composer(html)).all("input") if box.get("name") == "also"]
        return [box["value"] for box in boxes if "checked" in box]

    assert ticked(refused) == ["cinema", "third"]
    assert ticked(redrawn) == ["third"]
    assert not stage.jobs.jobs


async def test_where_one_of_them_cannot_take_it_the_form_comes_back_and_names_it() -> None:
    short = cinema(catalogue=Catalogue({"": SKETCH}), defaults={})
    stage = a_stage(a_backend(), short)
    async with stage.client() as client:
        form = await opened(client) | {"prompt": "x" * 101, "also": "cinema"}
        answer = await client.post("/jobs", data=form)

    assert answer.status_code == 422
    assert "Cinema takes prompts of up to 100 characters." in Page(answer.text).text
    assert not stage.jobs.jobs


async def test_cards_and_pages_call_a_backend_by_its_name() -> None:
    stage = a_stage()
    job = await stage.job(backend="cinema")
    gone = await stage.job(backend="long-gone", status=JobStatus.UNKNOWN)
    async with stage.client() as client:
        studio = Page((await client.get("/")).text)
        page = Page((await client.get(f"/jobs/{job.id}")).text)
        lost = Page((await client.get(f"/jobs/{gone.id}")).text)

    assert "Cinema" in studio.text
    assert "It starts as soon as Cinema can take it." in page.text
    assert "long-gone" in lost.text


async def test_the_library_finds_by_backend() -> None:
    stage = a_stage()
    await stage.job("for the first")
    await stage.job("for the second", backend="cinema")
    async with stage.client() as client:
        html = (await client.get("/library?backend=cinema")).text

    assert "for the second" in html
    assert "for the first" not in html
    assert re.search(r'<option value="cinema" selected>Cinema</option>', html)


async def test_a_recipe_of_a_backend_that_is_gone_fills_the_form_of_the_default() -> None:
    stage = a_stage()
    request = VideoRequest(prompt="old", model="theirs", duration_s=8, resolution="720p")
    job = await stage.job(backend="long-gone", request=request)
    async with stage.client() as client:
        form = sent_by((await client.get(f"/?from={job.id}")).text)

    assert (form["backend"], form["prompt"]) == ("stage", "old")
    assert (form["duration"], form["resolution"]) == ("8", "720p")
    assert "model" not in form


# --- the API ------------------------------------------------------------------------------------


async def test_a_program_sends_one_prompt_to_several() -> None:
    stage = a_stage()
    body = {"prompt": "kite", "duration_s": 5, "also": ["cinema"]}
    async with stage.client() as client:
        made = await client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "k"})
        again = await client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "k"})
        other = await client.post(
            "/api/v1/jobs", json=body | {"also": []}, headers={"Idempotency-Key": "k"}
        )
        listed = await client.get("/api/v1/jobs", params={"batch": made.json()["batch"]})

    assert made.status_code == 202
    assert again.json() == made.json()
    assert other.status_code == 422
    assert {job["backend"] for job in listed.json()["jobs"]} == {"stage", "cinema"}


async def test_a_program_may_not_name_more_than_fifteen() -> None:
    async with a_stage().client() as client:
        answer = await client.post("/api/v1/jobs", json={"prompt": "x", "also": ["cinema"] * 16})

    assert answer.status_code == 422


async def test_a_program_is_told_which_backends_there_are() -> None:
    silent = a_backend("silent", catalogue=None, held=True)
    async with a_stage(cinema(), silent).client() as client:
        told = (await client.get("/api/v1/backends")).json()

    assert [backend["id"] for backend in told] == ["cinema", "silent"]
    first, second = told
    assert (first["name"], first["host"], first["is_up"]) == ("Cinema", "cinema.test", True)
    assert first["default_model"] == "film"
    assert first["models"]["sketch"]["durations"] == [2.0]
    assert first["models"]["film"]["prompt_max"] == CINEMA.prompt_max
    assert (second["models"], second["is_held"]) == ({}, True)


async def test_the_composer_offers_what_the_backend_says() -> None:
    async with a_stage(a_backend()).client() as client:
        (told,) = (await client.get("/api/v1/backends")).json()

    assert told["models"][""]["durations"] == list(CAPABILITIES.durations)
