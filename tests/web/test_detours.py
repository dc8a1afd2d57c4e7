"""Addresses that lead on, and refusals that say what to do, in the reader's language."""

from __future__ import annotations

import pytest

from rushes import errors
from rushes.web.dependencies import WebConfig
from rushes.web.prefix import PublicAddress
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio

JOB = "a" * 26


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/jobs/", "/jobs"),
        ("/library/", "/library"),
        ("/library/?q=kite", "/library?q=kite"),
        ("/about/", "/about"),
        (f"/jobs/{JOB}/", f"/jobs/{JOB}"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/video"])
async def test_a_slash_too_many_leads_to_the_page_without_it(
    prefix: str, path: str, leads_to: str
) -> None:
    stage = Stage(WebConfig(public=PublicAddress.parse(f"http://localhost{prefix}")))
    async with stage.client() as client:
        answer = await client.get(f"{prefix}{path}")

    assert (answer.status_code, answer.headers["location"]) == (308, f"{prefix}{leads_to}")


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        (f"/jobs/{JOB}/shares", f"/jobs/{JOB}"),
        ("/account/tokens", "/account"),
        ("/admin/people/add", "/admin"),
        ("/admin/people/password", "/admin"),
    ],
)
async def test_what_was_shown_once_leads_back_to_its_page(path: str, leads_to: str) -> None:
    async with Stage().client() as client:
        answer = await client.get(path)

    assert (answer.status_code, answer.headers["location"]) == (303, leads_to)


@pytest.mark.parametrize("path", ["/nowhere/", "//evil.test/", "/api/v1/jobs/", "/jobs/x/"])
async def test_no_other_address_with_a_slash_leads_anywhere(path: str) -> None:
    async with Stage().client() as client:
        answer = await client.get(f"http://localhost{path}")

    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_the_icon_that_browsers_ask_for_unasked_is_there() -> None:
    async with Stage().client() as client:
        answer = await client.get("/favicon.ico")
        icon = await client.get(answer.headers["location"])

    assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")


SENTENCES = [
    (errors.JobConflict("a queued job cannot become failed"), "La tâche a avancé entre-temps"),
    (errors.ClipNotFound("this job has no clip"), "pas de vidéo ici, ou elle a été supprimée."),
    (errors.ClipNotReady("not yet"), "pas encore là. Veuillez réessayer"),
    (errors.JobNotFound("there is no job x"), "ou a été supprimée."),
    (errors.StorageFull("no space"), "plus de place."),
    (errors.BadBackendResponse("the answer is not JSON"), "pas donné de réponse utilisable."),
]


@pytest.mark.parametrize(("error", "sentence"), SENTENCES)
async def test_a_page_says_what_is_wrong_in_the_readers_language(
    error: errors.RushesError, sentence: str
) -> None:
    stage = Stage()
    stage.jobs.trouble = error
    async with stage.client() as client:
        page = await client.get("/", headers={"Accept": "text/html", "Accept-Language": "fr"})

    assert sentence in page.text
    assert error.message not in page.text
    assert "\N{NARROW NO-BREAK SPACE}: <span" in page.text


async def test_a_refusal_always_says_something_to_programs() -> None:
    async with Stage().client() as client:
        missing = (await client.get("/api/v1/nothing")).json()
        wrong_way = (await client.put("/api/v1/jobs")).json()

    assert (missing["status"], missing["detail"]) == (
        404,
        "There is no such page, or it was removed.",
    )
    assert wrong_way["detail"] == "This address cannot be used in this way."


async def test_a_body_that_is_no_json_blames_no_field() -> None:
    async with Stage().client() as client:
        answer = await client.post(
            "/api/v1/jobs", content=b'{"prompt": ', headers={"Content-Type": "application/json"}
        )

    assert (answer.status_code, answer.json()["detail"]) == (422, "the body is not JSON")
    assert "field" not in answer.json()


async def test_a_strange_host_is_told_which_settings_would_make_it_known() -> None:
    async with Stage().client() as client:
        answer = await client.get("/", headers={"Host": "video.example"})

    assert answer.status_code == 400
    assert "RUSHES_PUBLIC_URL" in answer.text
    assert "RUSHES_ALLOWED_HOSTS" in answer.text
