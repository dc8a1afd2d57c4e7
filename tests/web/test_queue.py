"""The queue page, the composer's forecast, and what a limit looks like."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rushes.domain import JobStatus, Limits, utc_now
from rushes.errors import DailyLimitReached, DailyTotalReached, LimitReached, PersonalQueueFull
from tests.web.stage import CANARY, Stage, a_backend

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


def a_stage() -> Stage:
    return Stage(backends=[a_backend(is_probed=True, slots=1, rate=30)])


async def measure(stage: Stage, *minutes: float, off: timedelta = timedelta()) -> None:
    """Let jobs have been completed that took so long, and ended so far from the forecast."""
    for taken in minutes:
        done = utc_now() - timedelta(days=1)
        begun = done - taken * MINUTE
        await stage.job(
            status=JobStatus.COMPLETED,
            submitted_at=begun,
            finished_at=done,
            expected_at=done + off,
        )


async def test_ones_own_jobs_stand_in_their_order_with_place_and_forecast() -> None:
    stage = a_stage()
    await measure(stage, 2, 2, 2, 4, 4)
    await stage.job("The second kite")
    await stage.job("The third kite")
    await stage.job("The first kite", status=JobStatus.IN_PROGRESS, submitted_at=utc_now())
    async with stage.client() as client:
        page = (await client.get("/queue")).text

    titles = [page.index(f"The {number} kite") for number in ("first", "second", "third")]
    assert titles == sorted(titles)
    assert "Next in line" in page
    assert "Number 2 in line" in page
    assert "Ready in about 3 to 7 min." in page


@pytest.mark.parametrize(("minutes", "is_told"), [(11, False), (13, True)])
async def test_a_job_that_takes_far_longer_than_others_says_so_on_every_page(
    minutes: int, is_told: bool
) -> None:
    stage = a_stage()
    await measure(stage, 2, 2, 2, 4, 4)
    begun = utc_now() - minutes * MINUTE
    job = await stage.job(status=JobStatus.IN_PROGRESS, submitted_at=begun, progress=42)
    async with stage.client() as client:
        pages = [(await client.get(path)).text for path in ("/queue", "/", f"/jobs/{job.id}")]

    told = ["Slower than usual: most clips take 2 to 4" in page for page in pages]
    assert told == [is_told] * 3
    assert ["the work goes on" in page for page in pages] == [not is_told] * 3


async def test_of_others_there_are_only_counts() -> None:
    stage = a_stage()
    await stage.job(CANARY, owner=f"{CANARY}-owner")
    await stage.job("Mine")
    async with stage.client() as client:
        page = (await client.get("/queue")).text

    assert CANARY not in page
    assert "Mine" in page
    assert "<dt>Jobs that wait</dt><dd>2</dd>" in page
    assert "<dd>0 of 1</dd>" in page
    assert "<dt>Starts a minute, at most</dt><dd>30</dd>" in page


async def test_the_forecasts_own_error_is_told_once_it_is_known() -> None:
    stage = a_stage()
    await measure(stage, 2, 2, 2, 4, off=50 * timedelta(seconds=1))
    async with stage.client() as client:
        before = (await client.get("/queue")).text
        await measure(stage, 4, off=-50 * timedelta(seconds=1))
        after = (await client.get("/queue")).text

    assert "of what was expected" not in before
    assert "Of the last 5 clips, half were here within 50\u00a0s of what was expected." in after
    assert "2 to 4 min" in after


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"held": True}, "On hold: what is sent waits here."),
        ({"is_probed": False}, "Not asked yet"),
        ({}, "Up"),
    ],
)
async def test_each_backend_says_how_it_is(changes: dict[str, bool], said: str) -> None:
    stage = a_stage()
    stage.backends = [replace(stage.backends[0], **changes)]  # type: ignore[arg-type]
    async with stage.client() as client:
        assert f"<span>{said}</span>" in (await client.get("/queue")).text


async def test_the_queue_works_without_scripts_and_is_linked_from_everywhere() -> None:
    stage = a_stage()
    async with stage.client() as client:
        studio = (await client.get("/")).text
        still = (await client.get("/queue")).text
        watched = (await client.get("/queue?watch=1")).text

    assert '<a href="/queue">Queue</a>' in studio
    assert '<a href="/queue" aria-current="page">Queue</a>' in still
    assert 'http-equiv="refresh"' not in still
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in watched


async def test_the_composer_says_how_long_it_usually_takes_and_ones_place() -> None:
    stage = a_stage()
    async with stage.client() as client:
        unknown = (await client.get("/")).text
        await measure(stage, 2, 2, 2, 4, 4)
        free = (await client.get("/")).text
        await stage.job("Before it")
        behind = (await client.post("/compose", data={"prompt": "x"})).text

    assert 'id="composer-when"></p>' in unknown
    assert 'id="composer-when">Usually 2 to 4 min</p>' in free
    assert 'id="composer-when">Usually 4 to 7 min · Number 2 in line</p>' in behind


async def test_the_api_tells_the_forecast_in_seconds() -> None:
    stage = a_stage()
    await measure(stage, 2, 2, 2, 4, 4)
    job = await stage.job()
    async with stage.client() as client:
        told = (await client.get(f"/api/v1/jobs/{job.id}")).json()

    assert told["queue"] == {"ahead": 0, "usual_s": 120, "late_s": 240}


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "told", "retry_after"),
    [
        (
            PersonalQueueFull(limit=3),
            "At most 3 of your clips can wait at once. Try again when some began.",
            "30",
        ),
        (
            DailyLimitReached(limit=9, retry_after=timedelta(hours=2, seconds=61)),
            "Each person can ask for 9 clips in 24 hours. There is room for this in 2 h 2 min.",
            "7261",
        ),
        (DailyLimitReached(limit=9), "Each person can ask for 9 clips in 24 hours.", None),
        (
            DailyTotalReached(limit=9, retry_after=timedelta(minutes=1)),
            "All people together can ask for 9 clips in 24 hours. "
            "There is room for this in 0 h 1 min.",
            "60",
        ),
    ],
)
async def test_a_limit_is_named_and_keeps_the_words(
    refusal: LimitReached, told: str, retry_after: str | None
) -> None:
    stage = a_stage()
    stage.jobs.refusal = refusal
    async with stage.client() as client:
        page = await client.post("/jobs", data={"prompt": "Not lost", "seed": "7"})
        problem = await client.post("/api/v1/jobs", json={"prompt": "Not lost"})

    assert (page.status_code, problem.status_code) == (429, 429)
    assert page.headers.get("retry-after") == retry_after
    assert problem.headers.get("retry-after") == retry_after
    assert f"{told}</p>" in page.text
    assert "Not lost</textarea>" in page.text
    assert 'value="7"' in page.text
    assert problem.json()["kind"] == refusal.kind


async def test_a_limit_on_trying_again_is_a_page_of_its_own() -> None:
    stage = a_stage()
    job = await stage.job(status=JobStatus.FAILED)
    stage.jobs.refusal = DailyLimitReached(limit=9, retry_after=MINUTE)
    async with stage.client() as client:
        page = await client.post(f"/jobs/{job.id}/retry", headers={"Accept-Language": "fr"})

    assert page.status_code == 429
    assert page.headers["retry-after"] == "60"


@pytest.mark.parametrize("limits", [Limits(daily_per_owner=1), Limits(daily_total=1)])
async def test_a_days_limit_holds_for_real(limits: Limits) -> None:
    stage = a_stage()
    site = stage.site()
    site.jobs.limits = limits
    async with stage.client(site=site) as client:
        first = await client.post("/jobs", data={"prompt": "One"})
        second = await client.post("/jobs", data={"prompt": "Two"})

    assert (first.status_code, second.status_code) == (303, 429)
    assert int(second.headers["retry-after"]) == pytest.approx(86_400, abs=60)
    assert "There is room for this in 24 h 0 min." in second.text
