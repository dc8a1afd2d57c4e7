from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.mock.driving import QUICK, probe, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/sora/backend/video_gen"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    credentials = {"headers": {"x-sentinel": "token"}, "cookies": {"session": "crumb"}}
    config = replace(QUICK, folder=tmp_path_factory.mktemp("sora"), **credentials)  # type: ignore[arg-type]
    with serving(config) as client:
        client.headers["x-sentinel"] = "token"
        client.cookies.set("session", "crumb")
        yield client


def submit(client: httpx.Client, prompt: str, **fields: int) -> httpx.Response:
    sent = {
        "type": "video_gen",
        "prompt": prompt,
        "n_variants": 1,
        "n_frames": 30,
        "height": 72,
        "width": 128,
        "style": "natural",
        "inpaint_items": [],
        "model": "turbo",
        "operation": "simple_compose",
    }
    return client.post(PATH, params={"force_paragen": "false"}, json=sent | fields)


def listed(client: httpx.Client) -> list[dict[str, Any]]:
    answer = client.get(PATH, params={"limit": 10})
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["task_responses"]
    return found


def wait(client: httpx.Client, job_id: str, status: str) -> dict[str, Any]:
    for _ in range(300):
        job = next(job for job in listed(client) if job["id"] == job_id)
        if job["status"] == status:
            return job
        time.sleep(0.05)
    raise AssertionError(f"never {status}")


def test_a_job_is_followed_by_listing_and_its_clip_needs_no_key(service: httpx.Client) -> None:
    job_id = submit(service, "A ferry in fog", width=90, height=160).json()["id"]
    job = wait(service, job_id, "succeeded")

    clip = httpx.get(job["generations"][0]["url"], trust_env=False).content

    seen = probe(clip)
    assert job_id.startswith("task_")
    assert (seen.width, seen.height, seen.fps, seen.duration_s) == (90, 160, 30, 1.0)
    assert job["progress_pct"] == 1.0
    assert "A ferry in fog" in job["actions"]["0"]
    assert job["failure_reason"] is None
    assert job["moderation_result"]["is_output_rejection"] is False


def test_a_job_with_ten_newer_ones_is_out_of_sight(service: httpx.Client) -> None:
    first = submit(service, "#stall first").json()["id"]
    later = [submit(service, f"#stall {n}").json()["id"] for n in range(10)]

    assert [job["id"] for job in listed(service)] == later[::-1]
    assert first not in {job["id"] for job in listed(service)}
    assert service.get(PATH, params={"limit": 99}).json()["has_more"] is True


def test_a_failure_has_a_reason_and_a_rejection_has_none(service: httpx.Client) -> None:
    failing, rejected = (submit(service, word).json()["id"] for word in ("#fail", "#reject"))

    failure = wait(service, failing, "failed")
    rejection = wait(service, rejected, "failed")

    assert "#fail" in failure["failure_reason"]
    assert failure["moderation_result"]["is_output_rejection"] is False
    assert rejection["failure_reason"] is None
    assert rejection["moderation_result"]["is_output_rejection"] is True
    assert rejection["generations"] == []


def test_every_header_and_cookie_is_wanted(service: httpx.Client) -> None:
    for headers, cookies in (
        ({}, {"session": "crumb"}),
        ({"x-sentinel": "token"}, {}),
        ({"x-sentinel": "token"}, {"session": "stale"}),
    ):
        with httpx.Client(
            base_url=service.base_url, headers=headers, cookies=cookies, trust_env=False
        ) as stranger:
            assert submit(stranger, "let me in").status_code == 401
            assert stranger.get(PATH).json()["error"]["code"] == "token_expired"


def test_errors_at_create_are_error_objects(service: httpx.Client) -> None:
    refused, empty, odd = (
        submit(service, "#refuse"),
        submit(service, ""),
        submit(service, "odd", width=641),
    )

    assert [answer.status_code for answer in (refused, empty, odd)] == [400, 400, 400]
    assert refused.json()["error"]["code"] == "content_policy_violation"
    assert empty.json()["error"]["param"] == "prompt"


def test_a_lost_answer_can_be_found_in_the_list(service: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        submit(service, "#lost-answer here")

    assert listed(service)[0]["prompt"] == "#lost-answer here"
