"""The dialects of the second round of hosted services, each with its quirks."""

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
HIGGSFIELD = {"Authorization": f"Key {KEY}"}
TASKS = "/ark/contents/generations/tasks"
H3 = "/minimax2/v2/video_generation"
LTX = {"prompt": "a ferry", "model": "ltx-2-3-fast", "duration": 1, "resolution": "128x72"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("more-hosted")
    with serving(replace(QUICK, key=KEY, folder=folder)) as client:
        client.headers.update(HEADERS)
        yield client


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service whose jobs wait for ever."""
    folder = tmp_path_factory.mktemp("waiting")
    with serving(replace(QUICK, queue_s=3600.0, folder=folder)) as client:
        yield client


def until(client: httpx.Client, path: str, word: str, **asked: Any) -> dict[str, Any]:  # noqa: ANN401
    """Ask until `word` stands in the answer; at most 15 s."""
    method = "POST" if "json" in asked else "GET"
    for _ in range(300):
        answer = client.request(method, path, **asked)
        if word in answer.text:
            found: dict[str, Any] = answer.json()
            return found
        time.sleep(0.05)
    raise AssertionError(f"never {word}")


def h3(prompt: str, **fields: object) -> dict[str, object]:
    return {"content": [{"type": "text", "text": prompt}], "ratio": "16:9", **fields}


@pytest.mark.parametrize(
    ("prompt", "fields", "status", "number"),
    [
        ("x", {"resolution": "768p"}, "400", "(2013)"),
        ("x", {"ratio": "adaptive"}, "400", "(2013)"),
        ("x", {"duration": 3}, "400", "(2013)"),
        ("x", {"duration": "6"}, "400", "(2013)"),
        ("#refuse", {}, "422", "(1026)"),
        ("#busy h3", {}, "429", "(1002)"),
    ],
)
def test_minimax_2_says_no_with_a_word_and_a_number(
    service: httpx.Client, prompt: str, fields: dict[str, object], status: str, number: str
) -> None:
    answer = service.post(H3, json=h3(prompt, **fields))

    assert answer.json()["error"]["http_code"] == str(answer.status_code) == status
    assert answer.json()["error"]["message"].endswith(number)


def test_an_id_that_minimax_2_does_not_know_is_a_500(service: httpx.Client) -> None:
    answer = service.get("/minimax2/v2/query/video_generation/nobody")

    assert answer.status_code == 500
    assert "record not found" in answer.text


def test_minimax_2_cancels_what_waits_and_leaves_alone_what_runs(
    service: httpx.Client, waiting: httpx.Client
) -> None:
    queued = waiting.post(H3, json=h3("x")).json()["task_id"]
    runs = service.post(H3, json=h3("#stall")).json()["task_id"]
    until(service, f"/minimax2/v2/query/video_generation/{runs}", "running")

    assert waiting.delete(f"{H3}/{queued}").json() == {"task_id": queued, "status": "cancelled"}
    assert service.delete(f"{H3}/{runs}").status_code == 400


def ark(prompt: str, **fields: object) -> dict[str, object]:
    return {"model": "seedance", "content": [{"type": "text", "text": prompt}], **fields}


def test_ark_puts_the_number_of_a_request_into_its_messages(service: httpx.Client) -> None:
    error = service.post(TASKS, json=ark("#refuse")).json()["error"]

    assert error["code"] == "InputTextSensitiveContentDetected"
    assert "Request id: " in error["message"]


@pytest.mark.parametrize("fields", [{"model": ""}, {"duration": "5"}, {"duration": 0}])
def test_ark_wants_a_model_and_a_whole_length(
    service: httpx.Client, fields: dict[str, object]
) -> None:
    assert service.post(TASKS, json=ark("x", **fields)).status_code == 400


def test_ark_cancels_what_waits_deletes_what_ended_and_leaves_alone_what_runs(
    service: httpx.Client, waiting: httpx.Client
) -> None:
    queued = waiting.post(TASKS, json=ark("x")).json()["id"]
    runs = service.post(TASKS, json=ark("#stall")).json()["id"]
    ended = service.post(TASKS, json=ark("#reject", duration=-1)).json()["id"]
    until(service, f"{TASKS}/{runs}", "running")
    withheld = until(service, f"{TASKS}/{ended}", "failed")

    assert queued.startswith("cgt-")
    assert withheld["error"]["code"] == "OutputVideoSensitiveContentDetected"
    assert waiting.delete(f"{TASKS}/{queued}").json() == {}
    assert waiting.get(f"{TASKS}/{queued}").json()["status"] == "cancelled"
    assert service.delete(f"{TASKS}/{runs}").status_code == 409
    assert service.delete(f"{TASKS}/{ended}").status_code == 200
    assert service.get(f"{TASKS}/{ended}").status_code == 404


def test_openrouter_has_two_ways_to_a_clip_and_an_address_without_a_host(
    service: httpx.Client,
) -> None:
    sent = {"model": "m", "prompt": "a ferry", "duration": 1}
    told = service.post("/openrouter/videos", json=sent)
    job = told.json()
    early = service.get(f"{job['polling_url']}/content")
    done = until(service, job["polling_url"], "completed")

    signed = httpx.get(done["urls"][0], trust_env=False)
    below = service.get(done["unsigned_urls"][0])
    stranger = httpx.get(done["unsigned_urls"][0], trust_env=False)

    assert (told.status_code, early.status_code, stranger.status_code) == (202, 409, 401)
    assert job["polling_url"] == f"/openrouter/videos/{job['id']}"
    assert signed.content == below.content
    assert probe(signed.content).duration_s == 1.0


def test_openrouter_refuses_content_with_reasons_and_fails_with_a_text(
    service: httpx.Client,
) -> None:
    refused = service.post("/openrouter/videos", json={"model": "m", "prompt": "#refuse"})
    job = service.post("/openrouter/videos", json={"model": "m", "prompt": "#fail"}).json()

    assert refused.status_code == 403
    assert refused.json()["error"]["metadata"]["reasons"]
    assert until(service, job["polling_url"], "failed")["error"] == "It broke."


def test_ltx_1_answers_with_bytes_of_no_type(service: httpx.Client) -> None:
    answer = service.post("/ltx/v1/text-to-video", json=LTX)

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-request-id"]
    assert probe(answer.content).width == 128


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({"prompt": "#reject"}, 422, "content_filtered_error"),
        ({"prompt": "#refuse"}, 422, "content_filtered_error"),
        ({"prompt": "#busy ltx"}, 429, "rate_limit_error"),
        ({"prompt": "#fail"}, 500, "api_error"),
        ({"resolution": "720p"}, 400, "invalid_request_error"),
        ({"duration": "1"}, 400, "invalid_request_error"),
    ],
)
def test_ltx_1_says_in_json_why_there_is_no_clip(
    service: httpx.Client, fields: dict[str, object], status: int, kind: str
) -> None:
    answer = service.post("/ltx/v1/text-to-video", json=LTX | fields)

    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)


def test_ltx_2_takes_a_job_without_saying_how_it_stands(service: httpx.Client) -> None:
    told = service.post("/ltx/v2/text-to-video", json=LTX)
    lost = service.get("/ltx/v2/text-to-video/nobody")
    done = until(service, f"/ltx/v2/text-to-video/{told.json()['id']}", "completed")

    assert told.status_code == 202
    assert told.json().keys() == {"id", "created_at"}
    assert (lost.status_code, lost.json()["error"]["type"]) == (404, "not_found_error")
    assert done["result"]["video_url"].endswith(".mp4")


def test_higgsfield_executes_the_same_key_and_body_once(service: httpx.Client) -> None:
    def sent(model: str, key: str, **fields: object) -> httpx.Response:
        headers = HIGGSFIELD | {"Idempotency-Key": key}
        return service.post(f"/higgsfield/{model}", json={"prompt": "x"} | fields, headers=headers)

    first, again = sent("a/b", "k-1"), sent("a/b", "k-1")

    assert first.json()["request_id"] == again.json()["request_id"]
    assert sent("a/b", "k-2").json()["request_id"] != first.json()["request_id"]
    assert sent("a/b", "k-1", seed=3).status_code == 422
    assert sent("a/c", "k-1").status_code == 422
    assert sent("a/b", "k" * 256).status_code == 400


def test_higgsfield_has_a_state_for_content_rules(service: httpx.Client) -> None:
    job = service.post("/higgsfield/a/b", json={"prompt": "#reject"}, headers=HIGGSFIELD).json()

    assert until(service, job["status_url"], "nsfw", headers=HIGGSFIELD)["status"] == "nsfw"


def test_higgsfield_cancels_what_waits(service: httpx.Client, waiting: httpx.Client) -> None:
    queued = waiting.post("/higgsfield/a/b", json={"prompt": "x"}).json()
    runs = service.post("/higgsfield/a/b", json={"prompt": "#stall"}, headers=HIGGSFIELD).json()
    until(service, runs["status_url"], "in_progress", headers=HIGGSFIELD)

    assert waiting.post(queued["cancel_url"]).status_code == 202
    assert waiting.get(queued["status_url"]).json()["status"] == "canceled"
    assert service.post(runs["cancel_url"], headers=HIGGSFIELD).status_code == 400


def test_wavespeed_has_a_code_outside_and_one_inside(service: httpx.Client) -> None:
    told = service.post("/wavespeed/api/v3/a/b", json={"prompt": "#reject"}).json()
    done = until(service, told["data"]["urls"]["get"], "failed")

    assert (told["code"], told["data"]["code"], told["data"]["status"]) == (200, 0, "created")
    assert (done["code"], done["data"]["code"]) == (200, 1200)


@pytest.mark.parametrize("size", [None, "1920x1080", "1280*720"])
def test_siliconflow_takes_three_sizes(service: httpx.Client, size: str | None) -> None:
    sent = {"model": "m", "prompt": "x", "image_size": size}

    assert service.post("/siliconflow/v1/video/submit", json=sent).status_code == 400


def test_siliconflow_is_asked_with_a_post(service: httpx.Client) -> None:
    sent = {"model": "m", "prompt": "#fail", "image_size": "960x960"}
    told = service.post("/siliconflow/v1/video/submit", json=sent).json()
    path = "/siliconflow/v1/video/status"

    assert told.keys() == {"requestId"}
    assert service.get(path, params=told).status_code == 405
    assert until(service, path, "Failed", json=told)["reason"]


@pytest.mark.parametrize(
    "fields", [{"duration": 5}, {"duration": "10s"}, {"model": "ray-3"}, {"resolution": "2160p"}]
)
def test_dream_machine_refuses_what_it_has_no_word_for(
    service: httpx.Client, fields: dict[str, object]
) -> None:
    sent = {"model": "ray-2", "prompt": "x"} | fields

    assert service.post("/dream-machine/generations/video", json=sent).status_code == 400


def test_dream_machine_dreams_and_deletes(service: httpx.Client) -> None:
    sent = {"model": "ray-2", "prompt": "#stall"}
    told = service.post("/dream-machine/generations/video", json=sent)
    path = f"/dream-machine/generations/{told.json()['id']}"

    assert told.status_code == 201
    assert until(service, path, "dreaming")["assets"] is None
    assert service.delete(path).status_code == 204
    assert service.get(path).status_code == 404
