"""The dialects of hosted services, each with the quirks for which it is there."""

from __future__ import annotations

import time
from collections.abc import Iterator  # noqa: TC003 - pytest reads fixtures' hints
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.mock.driving import QUICK, probe, serving

KEY = "dialect-key"
HEADERS = {"Authorization": f"Bearer {KEY}"}
RUNWAY = HEADERS | {"X-Runway-Version": "2024-11-06"}
FAL = {"Authorization": f"Key {KEY}"}
ASYNC = HEADERS | {"X-DashScope-Async": "enable"}
WAN = "/dashscope/api/v1/services/aigc/video-generation/video-synthesis"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serving(replace(QUICK, key=KEY, folder=tmp_path_factory.mktemp("hosted"))) as client:
        yield client


def until(client: httpx.Client, path: str, word: str, headers: dict[str, str]) -> dict[str, Any]:
    """Ask until `word` stands in the answer; at most 15 s."""
    for _ in range(300):
        answer = client.get(path, headers=headers)
        if word in answer.text:
            found: dict[str, Any] = answer.json()
            return found
        time.sleep(0.05)
    raise AssertionError(f"never {word}")


def test_fal_drops_the_last_part_of_a_model_and_completes_with_an_error(
    service: httpx.Client,
) -> None:
    body = {"prompt": "#fail"}
    told = service.post("/fal/maker/model/text-to-video", json=body, headers=FAL).json()

    early = service.get(told["response_url"], headers=FAL)
    done = until(service, told["status_url"], "COMPLETED", FAL)

    assert "/fal/maker/model/requests/" in told["status_url"]
    assert "text-to-video" not in told["status_url"]
    assert (early.status_code, early.json()) == (400, {"detail": "Request is still in progress"})
    assert done["error_type"] == "internal_error"
    assert service.put(told["cancel_url"], headers=FAL).status_code == 400


def test_fal_wants_a_key_of_its_own_kind(service: httpx.Client) -> None:
    assert (
        service.post("/fal/maker/model", json={"prompt": "x"}, headers=HEADERS).status_code == 401
    )


def test_replicate_says_throttled_in_prose(service: httpx.Client) -> None:
    sent = {"input": {"prompt": "#busy replicate"}}
    answer = service.post("/replicate/models/o/n/predictions", json=sent, headers=HEADERS)

    assert answer.status_code == 429
    assert "resets in ~30s" in answer.json()["detail"]


def test_every_error_of_minimax_comes_with_200(service: httpx.Client) -> None:
    def asked(prompt: str, **headers: str) -> Any:  # noqa: ANN401 - any JSON
        answer = service.post(
            "/minimax/v1/video_generation", json={"prompt": prompt}, headers=headers
        )
        assert answer.status_code == 200
        return answer.json()["base_resp"]["status_code"]

    assert asked("x") == 1004
    assert asked("#refuse", **HEADERS) == 1026
    assert asked("#busy minimax", **HEADERS) == 1002
    assert asked("", **HEADERS) == 2013


def test_a_clip_of_minimax_lies_behind_its_file(service: httpx.Client) -> None:
    sent = {"prompt": "a ferry", "duration": 2}
    job = service.post("/minimax/v1/video_generation", json=sent, headers=HEADERS).json()
    query = f"/minimax/v1/query/video_generation?task_id={job['task_id']}"

    file_id = until(service, query, "Success", HEADERS)["file_id"]
    file = service.get(f"/minimax/v1/files/retrieve?file_id={file_id}", headers=HEADERS).json()
    clip = httpx.get(file["file"]["download_url"], trust_env=False).content

    assert probe(clip).duration_s == 2.0


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        (HEADERS, {}),
        (RUNWAY, {"negative": "x"}),
        (RUNWAY, {"duration": "2"}),
        (RUNWAY, {"ratio": "16:9x"}),
    ],
)
def test_runway_refuses_what_it_does_not_know(
    service: httpx.Client, headers: dict[str, str], fields: dict[str, str]
) -> None:
    sent = {"model": "gen4.5", "promptText": "x", "ratio": "128:72", "duration": 2} | fields

    assert service.post("/runway/v1/text_to_video", json=sent, headers=headers).status_code == 400


def test_a_task_of_runway_is_stopped_and_then_deleted(service: httpx.Client) -> None:
    sent = {"model": "gen4.5", "promptText": "#stall", "ratio": "128:72", "duration": 2}
    job = service.post("/runway/v1/text_to_video", json=sent, headers=RUNWAY).json()
    path = f"/runway/v1/tasks/{job['id']}"

    running = until(service, path, "RUNNING", RUNWAY)

    assert 0 <= running["progress"] < 1
    assert service.delete(path, headers=RUNWAY).status_code == 204
    assert service.get(path, headers=RUNWAY).json()["status"] == "CANCELLED"
    assert service.delete(path, headers=RUNWAY).status_code == 204
    assert service.get(path, headers=RUNWAY).status_code == 404


def test_luma_takes_two_lengths(service: httpx.Client) -> None:
    sent = {"type": "video", "prompt": "x", "video": {"duration": "7s"}}
    answer = service.post("/luma/generations", json=sent, headers=HEADERS)

    assert (answer.status_code, answer.json()["failure_code"]) == (400, "invalid_request")


def test_kling_takes_lengths_as_text_and_succeeds_with_another_word(service: httpx.Client) -> None:
    path = "/kling/v1/videos/text2video"
    sent = {"prompt": "a kite", "duration": "5", "external_task_id": "ours"}

    refused = service.post(path, json=sent | {"duration": 5}, headers=HEADERS)
    job = service.post(path, json=sent, headers=HEADERS).json()["data"]
    done = until(service, f"{path}/{job['task_id']}", "succeed", HEADERS)["data"]

    assert (refused.status_code, refused.json()["code"]) == (400, 1201)
    assert done["task_info"] == {"external_task_id": "ours"}
    assert done["task_result"]["videos"][0]["duration"] == "5.1"


@pytest.mark.parametrize(
    ("headers", "size", "status"),
    [(HEADERS, "128*72", 403), (ASYNC, "128x72", 400), (ASYNC, "128*72", 200)],
)
def test_wan_wants_a_header_and_an_asterisk(
    service: httpx.Client, headers: dict[str, str], size: str, status: int
) -> None:
    sent = {"model": "m", "input": {"prompt": "x"}, "parameters": {"size": size, "duration": 1}}

    assert service.post(WAN, json=sent, headers=headers).status_code == status


def test_a_job_that_wan_never_had_is_unknown_with_200(service: httpx.Client) -> None:
    answer = service.get("/dashscope/api/v1/tasks/nobody", headers=HEADERS)

    assert answer.status_code == 200
    assert answer.json()["output"]["task_status"] == "UNKNOWN"


def test_together_takes_lengths_as_text(service: httpx.Client) -> None:
    sent = {"prompt": "x", "seconds": 5}

    assert service.post("/together/v2/videos", json=sent, headers=HEADERS).status_code == 400


def test_xai_says_pending_with_202_and_done_with_no_word(service: httpx.Client) -> None:
    def job(prompt: str) -> str:
        sent = {"prompt": prompt}
        told = service.post("/xai/videos/generations", json=sent, headers=HEADERS).json()
        return f"/xai/videos/{told['request_id']}"

    waiting = service.get(job("#stall"), headers=HEADERS)
    done = until(service, job("a kite in wind"), "video", HEADERS)
    withheld = until(service, job("#reject"), "video", HEADERS)

    assert (waiting.status_code, waiting.json()["status"]) == (202, "pending")
    assert "status" not in done
    assert withheld["video"] == {"url": "", "respect_moderation": False}
