"""What the pages offer for a job whose end nobody knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import Failure, JobStatus
from rushes.domain import Stage as At
from rushes.errors import OutcomeUnknown
from tests.web.pages import Page
from tests.web.stage import Stage, a_backend

if TYPE_CHECKING:
    from rushes.domain import Job

pytestmark = pytest.mark.anyio

LOST = Failure(OutcomeUnknown.kind, At.SUBMIT)
NEXT = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


async def unknown(*, finds: bool, **columns: object) -> tuple[Stage, Job]:
    stage = Stage(backends=[a_backend(finds=finds, name="Spark")])
    job = await stage.job(status=JobStatus.UNKNOWN, failure=LOST, next_at=NEXT)
    return stage, await stage.jobs.write(replace(job, **columns))  # type: ignore[arg-type] # a job's


def buttons(page: Page) -> dict[str, bool]:
    """The moves that a page offers, and whether each is one of those that count most."""
    return {
        attributes["data-move"]: "button--main" in attributes["class"].split()
        for attributes in page.all("button")
        if "data-move" in attributes
    }


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Spark cannot be asked about this; look at its own console."),
        (
            "fr",
            "Spark ne peut pas être interrogé à ce sujet\u202f; regardez dans sa propre console.",
        ),
        ("it", "Non è possibile interrogare Spark al riguardo; guarda nella sua console."),
    ],
)
async def test_no_look_up_is_offered_where_nobody_can_be_asked(language: str, said: str) -> None:
    stage, job = await unknown(finds=False)
    async with stage.client(headers={"Accept-Language": language}) as client:
        page = Page((await client.get(f"/jobs/{job.id}")).text)
        card = Page((await client.get("/")).text)

    assert said in page.text
    assert buttons(page) == {"retry": False, "give_up": False}
    assert "check_again" not in buttons(card)
    assert "12:30" not in page.text + card.text


async def test_asking_nonetheless_is_a_conflict_and_changes_nothing() -> None:
    stage, job = await unknown(finds=False)
    async with stage.client(headers={"Accept": "application/json"}) as client:
        answer = await client.post(f"/jobs/{job.id}/check-again")

    assert answer.status_code == 409
    assert (await stage.jobs.get(job.id)).revision == job.revision


async def test_a_look_up_is_offered_first_where_the_backend_can_be_asked() -> None:
    stage, job = await unknown(finds=True)
    async with stage.client() as client:
        page = Page((await client.get(f"/jobs/{job.id}")).text)

    assert buttons(page) == {"check_again": True, "retry": False, "give_up": False}
    assert "Next look: 2026-11-22 12:30 UTC" in " ".join(page.text.split())
    assert "still no answer" not in page.text.lower()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Asked 2026-11-22 12:25 UTC: still no answer."),
        ("fr", "Demandé 2026-11-22 12:25 UTC\u202f: toujours pas de réponse."),
        ("it", "Chiesto 2026-11-22 12:25 UTC: ancora nessuna risposta."),
    ],
)
async def test_what_came_of_a_look_up_is_said_on_page_and_card(language: str, said: str) -> None:
    stage, job = await unknown(finds=True, attempt=1)
    async with stage.client(headers={"Accept-Language": language}) as client:
        page = Page((await client.get(f"/jobs/{job.id}")).text)
        card = Page((await client.get("/")).text)

    moment = (NEXT - timedelta(minutes=5)).isoformat(timespec="seconds")
    for shown in (page, card):
        assert said in " ".join(shown.text.split(" "))
        assert {"datetime": moment, "data-time": "ago"} in shown.all("time")


async def test_after_the_last_look_up_it_is_said_how_often_it_was_asked() -> None:
    stage, job = await unknown(finds=True, attempt=3, next_at=None)
    async with stage.client() as client:
        page = Page((await client.get(f"/jobs/{job.id}")).text)

    assert "We have asked 3 times: still no answer." in page.text
    assert buttons(page)["check_again"]
