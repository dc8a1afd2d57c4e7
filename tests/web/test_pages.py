"""Pages and forms, as somebody without a script uses them."""

from __future__ import annotations

import re
from html import unescape

import pytest

from rushes.domain import Failure, JobStatus, RemoteJob, VideoRequest, utc_now
from rushes.domain import Stage as JobStage
from rushes.errors import QueueFull, StorageError
from tests.web.stage import CANARY, Stage

pytestmark = pytest.mark.anyio


def job_id_of(location: str) -> str:
    match = re.fullmatch(r"/jobs/([a-z2-7]{26})", location)
    assert match is not None, location
    return match[1]


async def test_a_prompt_becomes_a_job_with_its_own_page() -> None:
    stage = Stage()
    async with stage.client() as client:
        made = await client.post("/jobs", data={"prompt": "Rain on a\r\ntram"})
        page = await client.get(made.headers["location"])
        studio = await client.get("/")

    job = stage.jobs.jobs[job_id_of(made.headers["location"])]
    assert made.status_code == 303
    assert job.request == VideoRequest(prompt="Rain on a\ntram")
    assert page.status_code == 200
    assert f"/jobs/{job.id}" in studio.text


async def test_a_multipart_form_is_taken_too() -> None:
    stage = Stage()
    empty_file = {"first_frame": ("", b"", "application/octet-stream")}
    async with stage.client() as client:
        made = await client.post(
            "/jobs", data={"prompt": "Rain", "duration": "5"}, files=empty_file
        )

    job = stage.jobs.jobs[job_id_of(made.headers["location"])]
    assert job.request == VideoRequest(prompt="Rain", duration_s=5)


async def test_count_makes_a_batch() -> None:
    stage = Stage()
    async with stage.client() as client:
        await client.post("/jobs", data={"prompt": "Rain", "count": "3"})

    assert sorted(job.place for job in stage.jobs.jobs.values()) == [0, 1, 2]


async def test_the_same_token_is_the_same_job() -> None:
    stage = Stage()
    async with stage.client() as client:
        first = await client.post("/jobs", data={"prompt": "Rain", "token": "t"})
        second = await client.post("/jobs", data={"prompt": "Rain", "token": "t"})

    assert first.headers["location"] == second.headers["location"]
    assert len(stage.jobs.jobs) == 1


@pytest.mark.parametrize(
    "typed",
    [
        {"prompt": ""},
        {"prompt": "Rain", "seed": "12x"},
        {"prompt": "Rain", "duration": "7"},
        {"prompt": "Rain", "resolution": "1080p"},
        {"prompt": "Rain", "backend": "none such"},
        {"prompt": "Rain", "count": "9"},
    ],
)
async def test_a_form_that_cannot_be_used_comes_back_filled(typed: dict[str, str]) -> None:
    stage = Stage()
    typed = {"seed": "7", **typed}
    async with stage.client() as client:
        answer = await client.post("/jobs", data=typed)

    assert answer.status_code == 422
    assert 'class="problem' in answer.text
    assert f"{typed['prompt']}</textarea>" in answer.text
    assert f'value="{typed["seed"]}"' in answer.text
    assert not stage.jobs.jobs


async def test_a_full_queue_keeps_the_words() -> None:
    stage = Stage()
    stage.jobs.refusal = QueueFull("the queue is full")
    async with stage.client() as client:
        answer = await client.post("/jobs", data={"prompt": "Not lost"})

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "30"
    assert "Not lost</textarea>" in answer.text
    assert "Too many jobs are waiting already." in answer.text


async def test_a_program_that_posts_the_form_gets_a_problem_document() -> None:
    async with Stage().client(headers={"Accept": "application/json"}) as client:
        answer = await client.post("/jobs", data={"prompt": ""})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == "prompt"


async def test_a_prompt_is_never_markup() -> None:
    stage = Stage()
    evil = '"><script>alert(1)</script>'
    job = await stage.job(evil)
    async with stage.client() as client:
        for path in ("/", f"/jobs/{job.id}", f"/jobs/{job.id}/delete", f"/?from={job.id}"):
            page = (await client.get(path)).text
            assert "<script>alert" not in page
            assert evil[2:] in unescape(page)


async def test_an_example_and_a_recipe_fill_the_composer() -> None:
    stage = Stage()
    job = await stage.job(request=VideoRequest(prompt="Again this", seed=41, duration_s=8))
    async with stage.client() as client:
        example = await client.get("/", params={"prompt": "Waves & wheat"})
        recipe = await client.get("/", params={"from": job.id})
        unknown = await client.get("/", params={"from": "nobody"})

    assert "Waves &amp; wheat</textarea>" in example.text
    assert "Again this</textarea>" in recipe.text
    assert 'value="41"' in recipe.text
    assert 'value="8" checked' in recipe.text
    assert unknown.status_code == 200


async def test_pages_of_jobs_follow_each_other() -> None:
    stage = Stage()
    jobs = [await stage.job(f"clip {n}", status=JobStatus.FAILED) for n in range(30)]
    async with stage.client() as client:
        first = (await client.get("/")).text
        link = re.search(r'href="(/\?after=[^"]+)"', first)
        assert link is not None
        second = (await client.get(link[1])).text

    assert [f"job-{job.id}" in first for job in jobs] == [n >= 6 for n in range(30)]
    assert [f"job-{job.id}" in second for job in jobs] == [n < 6 for n in range(30)]


async def test_cancel_delete_and_restore() -> None:
    stage = Stage()
    job = await stage.job()
    async with stage.client() as client:
        cancelled = await client.post(f"/jobs/{job.id}/cancel")
        assert stage.jobs.jobs[job.id].status is JobStatus.CANCELLED
        asked = await client.get(f"/jobs/{job.id}/delete")
        deleted = await client.post(f"/jobs/{job.id}/delete")
        gone = await client.get(f"/jobs/{job.id}")
        restored = await client.post(f"/jobs/{job.id}/restore")
        back = await client.get(f"/jobs/{job.id}")

    assert cancelled.headers["location"] == f"/jobs/{job.id}"
    assert f'action="/jobs/{job.id}/delete"' in asked.text
    assert (deleted.status_code, deleted.headers["location"]) == (303, f"/?deleted={job.id}")
    assert (gone.status_code, restored.status_code, back.status_code) == (404, 303, 200)


async def test_retry_is_a_new_job_that_names_its_origin() -> None:
    stage = Stage()
    job = await stage.job("once more", status=JobStatus.FAILED)
    async with stage.client() as client:
        made = await client.post(f"/jobs/{job.id}/retry")
        page = await client.get(made.headers["location"])

    assert stage.jobs.jobs[job_id_of(made.headers["location"])].origin == job.id
    assert f'href="/jobs/{job.id}"' in page.text


async def test_an_unknown_model_leaves_the_form_whole_and_is_told() -> None:
    async with Stage().client() as client:
        answer = await client.post("/jobs", data={"prompt": "Rain", "model": "no such"})

    assert answer.status_code == 422
    assert "has no model of that name" in answer.text
    assert 'name="resolution"' in answer.text


async def test_an_error_page_follows_no_news() -> None:
    async with Stage().client(headers={"Accept": "text/html"}) as client:
        missing = unescape((await client.get("/nope")).text)
        studio = unescape((await client.get("/")).text)

    assert '"revision": null' in missing
    assert '"revision": 0' in studio


async def test_a_page_outlives_the_job_it_was_made_from() -> None:
    stage = Stage()
    origin = await stage.job(deleted_at=utc_now())
    job = await stage.job(origin=origin.id)
    async with stage.client() as client:
        page = await client.get(f"/jobs/{job.id}")

    assert page.status_code == 200
    assert origin.id not in page.text


async def test_a_star_is_given_and_taken_back() -> None:
    stage = Stage()
    job = await stage.finished(b"x")
    async with stage.client() as client:
        await client.post(f"/jobs/{job.id}/star", data={"starred": "1"})
        given = stage.jobs.jobs[job.id].starred
        await client.post(f"/jobs/{job.id}/star", data={"starred": "0"})

    assert (given, stage.jobs.jobs[job.id].starred) == (True, False)


async def test_an_unknown_job_can_be_looked_at_again_or_given_up() -> None:
    stage = Stage()
    lost = Failure("outcome_unknown", JobStage.SUBMIT)
    known = await stage.job(status=JobStatus.UNKNOWN, failure=lost, remote=RemoteJob("r1"))
    other = await stage.job(status=JobStatus.UNKNOWN, failure=lost)
    async with stage.client() as client:
        again = await client.post(f"/jobs/{known.id}/check-again")
        up = await client.post(f"/jobs/{other.id}/give-up")
        twice = await client.post(f"/jobs/{other.id}/give-up")

    assert (again.status_code, up.status_code, twice.status_code) == (303, 303, 409)
    assert stage.jobs.jobs[known.id].status is JobStatus.IN_PROGRESS
    assert stage.jobs.jobs[other.id].status is JobStatus.FAILED


async def test_watch_refreshes_only_where_scripts_are_off_and_the_job_lives() -> None:
    stage = Stage()
    running, ended = await stage.job(), await stage.job(status=JobStatus.FAILED)
    refresh = '<noscript><meta http-equiv="refresh"'
    async with stage.client() as client:
        assert refresh in (await client.get(f"/jobs/{running.id}?watch=1")).text
        assert refresh not in (await client.get(f"/jobs/{running.id}")).text
        assert refresh not in (await client.get(f"/jobs/{ended.id}?watch=1")).text


@pytest.mark.parametrize(
    ("back", "location"),
    [
        ("/jobs/abc?watch=1", "/jobs/abc?watch=1"),
        ("", "/"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("/a\\evil.test", "/"),
        ("https://evil.test/", "/"),
        ("/a\r\nSet-Cookie: b=c", "/"),
    ],
)
async def test_a_language_is_remembered_and_leads_back_to_our_own_pages(
    back: str, location: str
) -> None:
    async with Stage().client() as client:
        answer = await client.post("/language", data={"language": "it", "next": back})
        page = await client.get("/")

    assert (answer.status_code, answer.headers["location"]) == (303, location)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("rushes_language=it; httponly; max-age=31536000; path=/; samesite=lax")
    assert '<html lang="it">' in page.text


async def test_a_language_that_we_do_not_speak_sets_nothing() -> None:
    async with Stage().client() as client:
        answer = await client.post("/language", data={"language": "x\r\ny"})

    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/nope", "/jobs/UPPER", "/jobs/" + "a" * 27, "/jobs/a%2fb"])
async def test_what_is_not_there_is_a_page_too(path: str) -> None:
    async with Stage().client(headers={"Accept": "text/html"}) as client:
        answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-request-id"] in answer.text


async def test_a_wrong_method_names_the_right_ones() -> None:
    async with Stage().client() as client:
        answer = await client.put("/jobs", data={})

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "path",
    ["/", "/library", "/jobs/{id}", "/jobs/{id}/delete", "/healthz", "/readyz", "/jobs/{id}/clip"],
)
async def test_head_is_answered_wherever_get_is(path: str) -> None:
    stage = Stage()
    job = await stage.finished(b"x")
    async with stage.client() as client:
        answer = await client.head(path.replace("{id}", job.id))

    assert answer.status_code == 200


async def test_details_stay_with_the_operator_and_never_in_the_api() -> None:
    stage = Stage()
    failure = Failure("unauthorized", JobStage.SUBMIT, "no", detail=CANARY, remote_code=CANARY)
    remote = RemoteJob(CANARY, urls={"result": f"http://{CANARY}"}, context=CANARY)
    job = await stage.job(status=JobStatus.FAILED, failure=failure, remote=remote)
    async with stage.client() as client:
        for path in (f"/api/v1/jobs/{job.id}", "/api/v1/jobs"):
            assert CANARY not in (await client.get(path)).text


async def test_readiness_needs_both_stores() -> None:
    stage = Stage()
    async with stage.client() as client:
        ready = await client.get("/readyz")
        stage.jobs.trouble = StorageError("locked")
        no_jobs = await client.get("/readyz")
        stage.jobs.trouble, stage.clips.trouble = None, OSError("read-only")
        no_clips = await client.get("/readyz")
        alive = await client.get("/healthz")

    assert (ready.status_code, no_jobs.status_code, no_clips.status_code) == (200, 503, 503)
    assert (alive.status_code, alive.text) == (200, "ok\n")
