"""The studio's list: what is under way above, what was before below, nothing twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from rushes.domain import JobStatus
from rushes.jobs.listing import NOW_MAX
from tests.web.stage import Stage

if TYPE_CHECKING:
    from rushes.domain import Job

pytestmark = pytest.mark.anyio

S = JobStatus
UNDER_WAY = (S.QUEUED, S.SUBMITTING, S.IN_PROGRESS, S.FETCHING)
ENDED = (S.COMPLETED, S.FAILED, S.CANCELLED, S.UNKNOWN)


async def studio(stage: Stage, address: str = "/") -> str:
    async with stage.client() as client:
        answer = await client.get(address)
    assert answer.status_code == 200
    return answer.text


def cards(html: str, group: str) -> list[str]:
    """Return the ids of the jobs in a group, in their order."""
    inside = html.partition(f'id="{group}" data-more')[2].partition("</section>")[0]
    return re.findall(r'<article[^>]* id="job-([a-z2-7]{26})"', inside)


def has_heading(html: str, group: str) -> bool:
    section = re.search(rf'<section class="clips" aria-labelledby="{group}-title"([^>]*)>', html)
    assert section is not None
    return "hidden" not in section[1]


def ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in reversed(jobs)]


async def test_a_running_job_stays_above_however_many_came_after_it() -> None:
    stage = Stage()
    running = await stage.job("a long one", status=JobStatus.IN_PROGRESS)
    refused = [await stage.job(f"no {n}", status=JobStatus.FAILED) for n in range(26)]
    html = await studio(stage)

    assert cards(html, "now") == [running.id]
    assert cards(html, "earlier") == ids(refused)[:24]
    assert has_heading(html, "now")
    assert has_heading(html, "earlier")


async def test_every_state_has_its_one_place() -> None:
    stage = Stage()
    jobs = {status: await stage.job(status, status=status) for status in JobStatus}
    html = await studio(stage)

    assert set(cards(html, "now")) == {jobs[status].id for status in UNDER_WAY}
    assert set(cards(html, "earlier")) == {jobs[status].id for status in ENDED}
    assert html.count("<article") == len(JobStatus)


@pytest.mark.parametrize(
    ("status", "shown", "empty"),
    [(JobStatus.QUEUED, "now", "earlier"), (JobStatus.FAILED, "earlier", "now")],
)
async def test_nothing_stands_under_no_heading(status: JobStatus, shown: str, empty: str) -> None:
    stage = Stage()
    await stage.job(status=status)
    html = await studio(stage)

    assert (has_heading(html, shown), has_heading(html, empty)) == (True, False)
    assert re.search(r'id="empty"[^>]* hidden', html)


async def test_with_no_job_at_all_the_page_says_so() -> None:
    html = await studio(Stage())

    assert not has_heading(html, "now")
    assert not has_heading(html, "earlier")
    assert not re.search(r'id="empty"[^>]* hidden', html)


async def test_a_long_queue_is_counted_and_what_runs_is_never_cut_off() -> None:
    stage = Stage()
    running = await stage.job("the oldest", status=JobStatus.IN_PROGRESS)
    queued = [await stage.job(f"queued {n}") for n in range(NOW_MAX + 4)]
    html = await studio(stage)

    assert cards(html, "now") == [*ids(queued)[: NOW_MAX - 1], running.id]
    assert '<a href="/queue">and 5 more in the queue</a>' in html


async def test_a_queue_that_is_all_there_needs_no_count() -> None:
    stage = Stage()
    queued = [await stage.job(f"queued {n}") for n in range(NOW_MAX)]
    html = await studio(stage)

    assert cards(html, "now") == ids(queued)
    assert "more in the queue" not in html


async def test_older_pages_are_of_what_was_before_alone() -> None:
    stage = Stage()
    failed = [await stage.job(f"no {n}", status=JobStatus.FAILED) for n in range(30)]
    await stage.job("running", status=JobStatus.IN_PROGRESS)
    link = re.search(r'href="(/\?after=[^"]+)"', await studio(stage))
    assert link is not None
    older = await studio(stage, link[1])

    assert cards(older, "now") == []
    assert cards(older, "earlier") == ids(failed)[24:]


async def test_the_prompt_before_is_the_newest_ones() -> None:
    stage = Stage()
    await stage.job("still running", status=JobStatus.IN_PROGRESS)
    await stage.job("asked for last", status=JobStatus.FAILED)

    assert 'data-previous="asked for last"' in await studio(stage)
