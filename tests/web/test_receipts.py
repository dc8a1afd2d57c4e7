"""The receipt of a clip: on its page, and beside its recipe."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from rushes.domain import Custody, JobStatus, RemoteJob
from tests.web.stage import BEGAN, Stage, a_backend

if TYPE_CHECKING:
    from rushes.domain import Job

pytestmark = pytest.mark.anyio

KEEPS = Custody("Everything is deleted after an hour.", date(2026, 11, 22), forgets=True)


async def sent(stage: Stage) -> Job:
    """Keep a finished job that went through every state on its way."""
    job = await stage.finished(b"clip" * 100)
    told_of = replace(job, remote=RemoteJob("r1"))
    for status in (JobStatus.QUEUED, JobStatus.SUBMITTING, JobStatus.COMPLETED):
        await stage.jobs.write(replace(told_of, status=status))
    return told_of


async def receipt(stage: Stage, job: Job) -> dict[str, Any]:
    async with stage.client() as client:
        answer = await client.get(f"/jobs/{job.id}/clip?with=recipe")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        told: dict[str, Any] = json.loads(archive.read(archive.namelist()[0]))
    found: dict[str, Any] = told["receipt"]
    return found


async def page(stage: Stage, job: Job) -> str:
    async with stage.client() as client:
        return (await client.get(f"/jobs/{job.id}")).text


async def test_the_page_says_where_the_prompt_went_and_what_is_kept() -> None:
    stage = Stage(backends=[a_backend(name="Stage Two", custody=KEEPS)])
    shown = await page(stage, await sent(stage))

    assert "Stage Two (backend.test)" in shown
    assert "the prompt, the clip, its history" in shown
    assert "An hour later all of it is gone." in shown
    assert '<q lang="en">Everything is deleted after an hour.</q>' in shown
    assert "as of 2026-11-22" in shown
    assert "It can be asked to delete this, and will be, when you delete it here." in shown


async def test_nobody_promises_a_delete_that_cannot_be_asked_for() -> None:
    stage = Stage(backends=[a_backend(custody=KEEPS)])
    job = await sent(stage)
    nameless = await stage.jobs.write(replace(job, remote=None))

    shown = await page(stage, nameless)

    assert "It gave us no number for this, so it cannot be asked to delete it." in shown
    assert "It can be asked" not in shown
    assert (await receipt(stage, nameless))["sent_to"]["can_be_asked_to_delete"] is False


async def test_what_the_service_does_not_say_is_unknown() -> None:
    stage = Stage()
    shown = await page(stage, await sent(stage))

    assert "Unknown: the service does not tell us." in shown
    assert "It cannot be asked to delete this." in shown


async def test_a_job_that_never_left_says_so() -> None:
    stage = Stage()
    cancelled = await stage.job(status=JobStatus.CANCELLED, finished_at=BEGAN)
    waiting = await stage.job()

    assert "Nobody: it never left this server." in await page(stage, cancelled)
    assert "Nobody yet. It goes to stage (backend.test)." in await page(stage, waiting)


async def test_a_job_that_was_sent_and_waits_again_does_not_claim_that_it_never_left() -> None:
    stage = Stage()
    job = await stage.job(status=JobStatus.SUBMITTING)
    await stage.jobs.write(replace(job, status=JobStatus.QUEUED))

    assert "Nobody yet" not in await page(stage, job)


async def test_the_receipt_beside_the_recipe_says_the_same_to_programs() -> None:
    stage = Stage(backends=[a_backend(custody=KEEPS)], operators_may_read=True)
    told = await receipt(stage, await sent(stage))

    sent_at = told["sent_to"].pop("at")
    assert sent_at is not None
    assert told == {
        "sent_to": {
            "backend": "stage",
            "host": "backend.test",
            "model": None,
            "keeps": "Everything is deleted after an hour.",
            "keeps_as_of": "2026-11-22",
            "can_be_asked_to_delete": True,
        },
        "kept_here": ["prompt", "clip", "history"],
        "kept_until": "deleted by its owner",
        "undo_hours": 1.0,
        "seen_by": "anybody",
        "share_links": 0,
        "administrators_may_read": True,
    }


async def test_a_link_that_was_given_away_is_on_the_receipt() -> None:
    stage = Stage()
    job = await sent(stage)
    async with stage.client() as client:
        await client.post(f"/jobs/{job.id}/shares", data={"days": "7"})

    assert (await receipt(stage, job))["share_links"] == 1


async def test_a_backend_that_is_gone_is_named_by_what_is_left_of_it() -> None:
    stage = Stage()
    job = await sent(stage)
    stage.backends = [a_backend("another")]

    told = await receipt(stage, job)

    assert (told["sent_to"]["backend"], told["sent_to"]["host"]) == ("stage", None)
    assert told["sent_to"]["keeps"] == "unknown"
