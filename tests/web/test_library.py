"""The library: found by words and filters, a page at a time; and what was put away."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from rushes.domain import JobStatus, utc_now
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio


def shown(html: str) -> set[str]:
    return set(re.findall(r'id="(?:job|deleted)-([a-z2-7]{26})"', html))


async def test_words_are_found_in_prompts_and_titles() -> None:
    stage = Stage()
    rain = await stage.job("Rain on a tram window")
    named = await stage.job("Something else", title="Rainy day")
    await stage.job("Waves in a field")
    async with stage.client() as client:
        page = await client.get("/library", params={"q": " rain "})

    assert shown(page.text) == {rain.id, named.id}
    assert 'value="rain"' in page.text


@pytest.mark.parametrize(
    ("state", "statuses"),
    [
        ("done", {JobStatus.COMPLETED}),
        ("open", {JobStatus.QUEUED, JobStatus.IN_PROGRESS}),
        ("failed", {JobStatus.FAILED}),
        ("cancelled", {JobStatus.CANCELLED}),
        ("unknown", {JobStatus.UNKNOWN}),
        ("nonsense", set(JobStatus)),
    ],
)
async def test_a_state_shows_only_its_own(state: str, statuses: set[JobStatus]) -> None:
    stage = Stage()
    kept = [
        JobStatus.COMPLETED,
        JobStatus.QUEUED,
        JobStatus.IN_PROGRESS,
        JobStatus.FAILED,
        JobStatus.CANCELLED,
        JobStatus.UNKNOWN,
    ]
    jobs = [await stage.job(status=status) for status in kept]
    async with stage.client() as client:
        page = await client.get("/library", params={"state": state})

    assert shown(page.text) == {job.id for job in jobs if job.status in statuses}


async def test_stars_and_backends_narrow_it_down() -> None:
    stage = Stage()
    starred = await stage.job(starred=True)
    elsewhere = await stage.job(backend="another", starred=True)
    await stage.job()
    async with stage.client() as client:
        stars = await client.get("/library?starred=1")
        one = await client.get("/library?starred=1&backend=another")

    assert shown(stars.text) == {starred.id, elsewhere.id}
    assert shown(one.text) == {elsewhere.id}


async def test_the_next_page_keeps_the_filters() -> None:
    stage = Stage()
    jobs = [await stage.job(f"wave number {n}") for n in range(30)]
    await stage.job("rain")
    async with stage.client() as client:
        first = (await client.get("/library?q=wave")).text
        link = re.search(r'href="(/library\?after=[^"]+)"', first)
        assert link is not None
        second = (await client.get(unescape(link[1]))).text

    assert shown(first) | shown(second) == {job.id for job in jobs}
    assert len(shown(first)) == 24
    assert 'value="wave"' in second


async def test_somebody_elses_clips_are_not_there() -> None:
    stage = Stage()
    await stage.job(owner="somebody else")
    await stage.job(owner="somebody else", deleted_at=utc_now())
    async with stage.client() as client:
        for path in ("/library", "/library?state=deleted"):
            assert shown((await client.get(path)).text) == set()


async def test_an_empty_library_says_why() -> None:
    async with Stage().client() as client:
        assert "Describe your first video" in (await client.get("/library")).text
        assert "Nothing fits this search." in (await client.get("/library?q=x")).text
        assert "in the last hour" in (await client.get("/library?state=deleted")).text


async def test_what_was_deleted_can_be_restored_for_a_while() -> None:
    stage = Stage()
    fresh = await stage.job("put away just now")
    old = await stage.job("put away long ago", deleted_at=utc_now() - timedelta(hours=2))
    async with stage.client() as client:
        deleted = await client.post(f"/jobs/{fresh.id}/delete")
        after = await client.get(deleted.headers["location"])
        gone = await client.get("/library?state=deleted")
        restored = await client.post(f"/jobs/{fresh.id}/restore")
        again = await client.post(f"/jobs/{fresh.id}/restore")
        late = await client.post(f"/jobs/{old.id}/restore")
        back = await client.get("/library")

    assert f'action="/jobs/{fresh.id}/restore"' in after.text
    assert shown(gone.text) == {fresh.id}
    assert (restored.status_code, again.status_code, late.status_code) == (303, 303, 404)
    assert shown(back.text) == {fresh.id}


async def test_what_was_deleted_can_be_erased_at_once_from_there() -> None:
    stage = Stage()
    job = await stage.job("put away just now", deleted_at=utc_now())
    async with stage.client() as client:
        shelf = await client.get("/library?state=deleted")
        asked = await client.get(f"/jobs/{job.id}/delete")
        await client.post(f"/jobs/{job.id}/erase")
        after = await client.get("/library?state=deleted")

    assert f'href="/jobs/{job.id}/delete"' in shelf.text
    assert f'action="/jobs/{job.id}/erase"' in asked.text
    assert f'action="/jobs/{job.id}/delete"' not in asked.text
    assert shown(after.text) == set()


async def test_the_page_of_what_one_has_deleted_offers_it_back_for_a_while() -> None:
    stage = Stage()
    fresh = await stage.job("put away just now", deleted_at=utc_now())
    old = await stage.job("put away long ago", deleted_at=utc_now() - timedelta(hours=2))
    other = await stage.job("not mine", owner="somebody else", deleted_at=utc_now())
    async with stage.client(headers={"Accept": "text/html"}) as client:
        pages = {job.id: await client.get(f"/jobs/{job.id}") for job in (fresh, old, other)}
        program = await client.get(f"/jobs/{fresh.id}", headers={"Accept": "application/json"})

    assert {page.status_code for page in pages.values()} == {404}
    assert f'action="/jobs/{fresh.id}/restore"' in pages[fresh.id].text
    assert "put away just now" in pages[fresh.id].text
    for job in (old, other):
        assert "/restore" not in pages[job.id].text.partition("<main")[2].partition("</main>")[0]
        assert job.request.prompt not in pages[job.id].text
    assert (program.status_code, program.json()["kind"]) == (404, "job_not_found")
