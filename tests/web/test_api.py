"""The JSON API, version 1."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from rushes.domain import Failure, JobStatus, RemoteJob, RemoteStatus, VideoRequest
from rushes.domain import Stage as JobStage
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio


async def test_a_job_is_made_looked_at_cancelled_and_deleted() -> None:
    stage = Stage()
    async with stage.client() as client:
        made = await client.post("/api/v1/jobs", json={"prompt": "Rain", "duration": 5, "seed": 1})
        address = made.headers["location"]
        seen = await client.get(address)
        cancelled = await client.post(f"{address}/cancel")
        deleted = await client.delete(address)
        gone = await client.get(address)

    assert made.status_code == 202
    assert address == f"/api/v1/jobs/{made.json()['id']}"
    assert seen.json() == made.json()
    assert cancelled.json()["status"] == "cancelled"
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (gone.status_code, gone.json()["kind"]) == (404, "job_not_found")


async def test_a_waiting_job_tells_only_what_was_given() -> None:
    stage = Stage()
    await stage.job()
    async with stage.client() as client:
        answer = await client.post("/api/v1/jobs", json={"prompt": "Rain", "duration_s": 8})
    told = answer.json()

    assert set(told) == {
        *("id", "status", "progress", "eta_s", "failure", "request", "clip", "created_at"),
        *("finished_at", "queue", "batch", "origin", "backend"),
    }
    assert told["request"] == {"prompt": "Rain", "duration_s": 8.0}
    assert told["queue"] == {"ahead": 1, "usual_s": None, "late_s": None}
    assert (told["failure"], told["clip"], told["finished_at"]) == (None, None, None)
    assert (told["status"], told["backend"]) == ("queued", "stage")


async def test_a_finished_job_tells_its_clip() -> None:
    stage = Stage()
    job = await stage.finished(b"bytes")
    async with stage.client() as client:
        told = (await client.get(f"/api/v1/jobs/{job.id}")).json()
        clip = await client.get(told["clip"]["url"])

    assert told["clip"] == {
        "url": f"/jobs/{job.id}/clip",
        "media_type": "video/mp4",
        "size": 5,
        "sha256": "0" * 64,
        "width": 1280,
        "height": 720,
        "duration_s": 8.0,
    }
    assert told["queue"] is None
    assert clip.content == b"bytes"


async def test_a_running_job_tells_how_long_its_backend_expects_to_need() -> None:
    stage = Stage()
    remote = RemoteJob("r", RemoteStatus.IN_PROGRESS, eta=timedelta(seconds=170))
    running = await stage.job(status=JobStatus.IN_PROGRESS, remote=remote)
    ended = await stage.job(status=JobStatus.CANCELLED, remote=remote)
    async with stage.client() as client:
        told = [(await client.get(f"/api/v1/jobs/{job.id}")).json() for job in (running, ended)]
        page = await client.get(f"/jobs/{running.id}")
        studio = await client.get("/")

    assert [job["eta_s"] for job in told] == [170, None]
    assert "expects about 3 min more." in page.text
    assert studio.text.count("expects about 3 min more.") == 1


async def test_a_failed_job_tells_kind_message_and_stage() -> None:
    stage = Stage()
    failure = Failure("rejected_by_moderation", JobStage.POLL, "no people", detail="for us")
    job = await stage.job(status=JobStatus.FAILED, failure=failure)
    async with stage.client() as client:
        told = (await client.get(f"/api/v1/jobs/{job.id}")).json()

    assert told["failure"] == {
        "kind": "rejected_by_moderation",
        "message": "no people",
        "stage": "poll",
    }


async def test_the_same_key_and_body_is_the_same_batch_and_another_body_an_error() -> None:
    stage = Stage()
    key = {"Idempotency-Key": "k-1"}
    async with stage.client(headers=key) as client:
        first = await client.post("/api/v1/jobs", json={"prompt": "Rain", "count": 2})
        second = await client.post("/api/v1/jobs", json={"prompt": "Rain", "count": 2})
        other = await client.post("/api/v1/jobs", json={"prompt": "Snow", "count": 2})

    assert first.json() == second.json()
    assert len(stage.jobs.jobs) == 2
    assert (other.status_code, other.json()["field"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "Rain", "owner": "me"}, "owner"),
        ({"prompt": "Rain", "extra": {"url": "http://10.0.0.1"}}, "extra.url"),
        ({"prompt": "Rain", "first_frame": "http://10.0.0.1"}, "first_frame"),
        ({"prompt": "Rain", "count": 0}, "count"),
        ({"prompt": "Rain", "count": 1_000_000_000}, "count"),
        ({"prompt": "Rain", "seed": -1}, "seed"),
        ({"prompt": "Rain", "resolution": "HD"}, "resolution"),
        ({"prompt": "Rain", "resolution": "1080p"}, "resolution"),
        ({"prompt": "Rain", "backend": "none"}, "backend"),
        ({"prompt": "Rain", "extra": {"shift": 10**400}}, "extra.shift"),
        ({"prompt": "Rain", "extra": {"a b": 1}}, "extra"),
        ({"prompt": "Rain", "extra": {"x" * 41: 1}}, "extra"),
        ({"prompt": "Rain", "extra": {"\ud800": 1}}, "extra"),
        ({"prompt": "Rain", "extra": {"shift": "\ud800"}}, "extra"),
        ({"prompt": "\ud800"}, "prompt"),
        ({"prompt": "Rain", "backend": "\ud800"}, "backend"),
        ({"prompt": "Rain", "also": ["\ud800"]}, "also.0"),
    ],
)
async def test_a_body_that_cannot_be_used_names_the_field(body: dict[str, Any], field: str) -> None:
    stage = Stage()
    async with stage.client() as client:
        answer = await client.post(
            "/api/v1/jobs",
            content=json.dumps(body),  # as ASCII, so that halves of a character can be sent
            headers={"Content-Type": "application/json"},
        )

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["kind"], problem["field"], problem["status"]) == (
        "invalid_request",
        field,
        422,
    )
    assert not stage.jobs.jobs


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"[" * 60_000, b"\xff"])
async def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with Stage().client() as client:
        answer = await client.post("/api/v1/jobs", content=content, headers=headers)

    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_json_under_another_name_is_refused(content_type: str) -> None:
    stage = Stage()
    headers = {"Content-Type": content_type}
    async with stage.client() as client:
        answer = await client.post("/api/v1/jobs", content=b'{"prompt": "x"}', headers=headers)

    assert answer.status_code == 422
    assert not stage.jobs.jobs


async def test_jobs_are_listed_in_pages_newest_first() -> None:
    stage = Stage()
    jobs = [await stage.job(f"clip {n}") for n in range(5)]
    await stage.job("not mine", owner="another")
    async with stage.client() as client:
        first = (await client.get("/api/v1/jobs?limit=3")).json()
        rest = (await client.get("/api/v1/jobs", params={"after": first["next"]})).json()

    listed = [job["id"] for job in first["jobs"] + rest["jobs"]]
    assert listed == [job.id for job in reversed(jobs)]
    assert rest["next"] is None


async def test_a_list_can_be_narrowed() -> None:
    stage = Stage()
    rain = await stage.job("rain", status=JobStatus.FAILED)
    await stage.job("snow")
    async with stage.client() as client:
        by_status = (await client.get("/api/v1/jobs?status=failed&status=unknown")).json()
        by_text = (await client.get("/api/v1/jobs?q=rain")).json()
        by_batch = (await client.get(f"/api/v1/jobs?batch={rain.batch}")).json()

    for answer in (by_status, by_text, by_batch):
        assert [job["id"] for job in answer["jobs"]] == [rain.id]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "status=odd", "page=2", "after=nonsense"]
)
async def test_a_list_that_cannot_be_asked_for_is_refused(query: str) -> None:
    async with Stage().client() as client:
        answer = await client.get(f"/api/v1/jobs?{query}")

    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid_request")


async def test_the_description_names_every_address_once() -> None:
    async with Stage().client() as client:
        description = (await client.get("/api/v1/openapi.json")).json()

    assert set(description["paths"]) == {
        "/api/v1/backends",
        "/api/v1/jobs",
        "/api/v1/jobs/{job_id}",
        "/api/v1/jobs/{job_id}/cancel",
    }
    assert "JobOut" in description["components"]["schemas"]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_there_is_no_page_that_loads_scripts_from_elsewhere(path: str) -> None:
    async with Stage().client() as client:
        assert (await client.get(path)).status_code == 404


async def test_a_request_is_told_back_in_words_that_can_be_sent_again() -> None:
    stage = Stage()
    request = VideoRequest(prompt="Rain", aspect_ratio="16:9", duration_s=5, seed=0)
    job = await stage.job(request=request)
    async with stage.client() as client:
        told = (await client.get(f"/api/v1/jobs/{job.id}")).json()["request"]
        again = await client.post("/api/v1/jobs", json=told)

    assert again.status_code == 202
    assert again.json()["request"] == told
