"""Erasing, as a person meets it."""

from __future__ import annotations

import pytest

from rushes.domain import JobStatus, RemoteJob
from tests.fakes import ScriptedBackend
from tests.web.stage import Stage, a_backend

pytestmark = pytest.mark.anyio


async def test_the_page_says_what_would_go_and_changes_nothing() -> None:
    stage = Stage()
    job = await stage.finished(b"clip")
    async with stage.client() as client:
        shown = (await client.get("/erase")).text

    assert "1 job is yours here" in shown
    assert "type the word erase" in shown
    assert await stage.jobs.get(job.id) == job


@pytest.mark.parametrize("word", ["", "yes", "eras"])
async def test_without_the_word_nothing_goes(word: str) -> None:
    stage = Stage()
    job = await stage.finished(b"clip")
    async with stage.client() as client:
        answer = await client.post("/erase", data={"word": word})

    assert answer.status_code == 422
    assert "Type the word to say that you mean it." in answer.text
    assert await stage.jobs.get(job.id) == job


@pytest.mark.parametrize(
    ("language", "word"), [("en", " Erase "), ("fr", "effacer"), ("it", "cancella")]
)
async def test_the_word_is_that_of_the_page(language: str, word: str) -> None:
    stage = Stage()
    await stage.finished(b"clip")
    async with stage.client(headers={"Accept-Language": language}) as client:
        asked = await client.get("/erase")
        answer = await client.post("/erase", data={"word": word})

    assert word.strip().lower() in asked.text
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.headers["clear-site-data"] == '"cache"'
    assert [blob async for blob in stage.clips.list()] == []


async def test_the_report_counts_and_says_what_backends_answered() -> None:
    backend = ScriptedBackend(forget=[True, False, True])
    stage = Stage(backends=[a_backend(backend=backend)])
    for number in range(3):
        remote = RemoteJob(f"r-{number}")
        await stage.job(status=JobStatus.COMPLETED, remote=remote)
    await stage.job()
    async with stage.client() as client:
        shown = (await client.post("/erase", data={"word": "erase"})).text

    assert "4 jobs with their prompts and histories" in shown
    assert "3 jobs had been sent." in shown
    assert "Asked to delete 2 jobs." in shown
    assert "2 were deleted there." in shown
    assert "1 cannot be deleted from here" in shown


async def test_one_job_can_be_erased_from_the_page_that_asks_before_a_delete() -> None:
    stage = Stage()
    job, kept = await stage.finished(b"clip"), await stage.finished(b"kept")
    async with stage.client() as client:
        asked = await client.get(f"/jobs/{job.id}/delete")
        answer = await client.post(f"/jobs/{job.id}/erase")
        gone = await client.get(f"/jobs/{job.id}")

    assert f'action="/jobs/{job.id}/erase"' in asked.text
    assert "1 clip" in answer.text
    assert gone.status_code == 404
    assert await stage.jobs.get(kept.id) == kept


async def test_nobody_erases_what_is_somebody_elses() -> None:
    stage = Stage()
    job = await stage.job(owner="bob")
    async with stage.client() as client:
        answer = await client.post(f"/jobs/{job.id}/erase")
        await client.post("/erase", data={"word": "erase"})

    assert answer.status_code == 404
    assert await stage.jobs.get(job.id) == job


async def test_open_pages_are_told_that_the_clips_are_gone() -> None:
    stage = Stage()
    job = await stage.finished(b"clip")
    async with stage.client() as client:
        known = (await client.get("/api/v1/changes")).json()["revision"]
        await client.post("/erase", data={"word": "erase"})
        news = (await client.get(f"/api/v1/changes?after={known}")).json()

    assert [(item["id"], item["deleted"]) for item in news["items"]] == [(job.id, True)]


async def test_the_about_page_leads_to_export_and_erase() -> None:
    async with Stage().client() as client:
        shown = (await client.get("/about")).text

    assert 'action="/export"' in shown
    assert 'href="/erase"' in shown
