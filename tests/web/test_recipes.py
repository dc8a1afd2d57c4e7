"""What a recipe leads to: retry, remix, variations; and what a clip is called."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from rushes.domain import JobPage, JobQuery, JobStatus, RemoteJob, VideoRequest
from tests.web.memory import BreakableJobs
from tests.web.stage import Stage
from tests.web.test_pages import job_id_of

pytestmark = pytest.mark.anyio


async def test_a_double_press_of_try_again_makes_one_job() -> None:
    stage = Stage()
    job = await stage.job("once more", status=JobStatus.FAILED)
    async with stage.client() as client:
        tokens = [token_in((await client.get(f"/jobs/{job.id}")).text) for _ in range(2)]
        presses = [tokens[0], tokens[0], tokens[1]]
        made = [
            await client.post(f"/jobs/{job.id}/retry", data={"token": token}) for token in presses
        ]

    addresses = [answer.headers["location"] for answer in made]
    assert addresses[0] == addresses[1] != addresses[2]


def token_in(html: str) -> str:
    match = re.search(r'name="token" value="([a-z2-7]{26})"', html)
    assert match is not None
    return match[1]


async def test_a_remix_remembers_where_it_came_from() -> None:
    stage = Stage()
    job = await stage.job(request=VideoRequest(prompt="Rain", seed=4, resolution="720p"))
    async with stage.client() as client:
        composer = await client.get(f"/?from={job.id}")
        refused = await client.post("/jobs", data={"prompt": "", "origin": job.id})
        made = await client.post("/jobs", data={"prompt": "Snow", "origin": job.id})
        page = await client.get(made.headers["location"])

    for filled in (composer, refused):
        assert f'name="origin" value="{job.id}"' in filled.text
    assert composer.text.count("field--filled") == 2
    assert stage.jobs.jobs[job_id_of(made.headers["location"])].origin == job.id
    assert f'From <a href="/jobs/{job.id}">Rain</a>' in page.text


async def test_an_origin_must_be_ones_own() -> None:
    stage = Stage()
    other = await stage.job(owner="somebody else")
    async with stage.client() as client:
        made = await client.post("/jobs", data={"prompt": "Snow", "origin": other.id})

    assert stage.jobs.jobs[job_id_of(made.headers["location"])].origin is None


async def test_what_the_backend_made_of_the_prompt_is_shown_and_can_be_edited() -> None:
    stage = Stage()
    evil = "Rain, 35 mm <script>alert(1)</script>"
    job = await stage.job("Rain", remote=RemoteJob("r1", effective_prompt=evil))
    same = await stage.job("Rain", remote=RemoteJob("r2", effective_prompt="Rain"))
    async with stage.client() as client:
        page = (await client.get(f"/jobs/{job.id}")).text
        composer = (await client.get(f"/?from={job.id}&expanded=1")).text
        unchanged = (await client.get(f"/jobs/{same.id}")).text

    assert "As sent by the backend" in page
    assert f'href="/?from={job.id}&amp;expanded=1"' in page
    assert f"{evil}</textarea>" in unescape(composer)
    assert "<script>alert" not in page + composer
    assert "As sent by the backend" not in unchanged


async def test_variations_are_shown_beside_each_other() -> None:
    stage = Stage()
    async with stage.client() as client:
        made = await client.post("/jobs", data={"prompt": "Rain", "count": "3"})
        page = (await client.get(made.headers["location"])).text

    first = job_id_of(made.headers["location"])
    others = {job.id for job in stage.jobs.jobs.values()} - {first}
    assert set(re.findall(r'id="job-(\w{26})"', page)) == others
    assert f'id="panel-{first}"' in page
    assert "Variation 1 of 3" in page
    assert all(f'action="/jobs/{other}/cancel"' in page for other in others)


class RestlessJobs(BreakableJobs):
    """Every job changes whenever a page of them is asked for."""

    async def search(self, query: JobQuery) -> JobPage:
        for job in list(self.jobs.values()):
            await self.write(replace(job, progress=(job.progress or 0) + 1))
        return await super().search(query)


async def test_a_job_that_changes_while_its_page_is_drawn_is_still_shown() -> None:
    stage = Stage(jobs=RestlessJobs())
    async with stage.client() as client:
        made = await client.post("/jobs", data={"prompt": "Rain", "count": "2"})
        page = await client.get(made.headers["location"])

    assert page.status_code == 200
    assert "Variation 1 of 2" in page.text


async def test_a_title_is_given_and_taken_back() -> None:
    stage = Stage()
    job = await stage.job("Rain on a tram window")
    async with stage.client() as client:
        given = await client.post(f"/jobs/{job.id}/title", data={"title": "  My\n tram "})
        named = await client.get(f"/jobs/{job.id}")
        long = await client.post(f"/jobs/{job.id}/title", data={"title": "x" * 121})
        await client.post(f"/jobs/{job.id}/title", data={"title": ""})
        bare = await client.get(f"/jobs/{job.id}")

    assert given.headers["location"] == f"/jobs/{job.id}"
    assert "<h1>My tram</h1>" in named.text
    assert long.status_code == 422
    assert "<h1>Rain on a tram window</h1>" in bare.text
