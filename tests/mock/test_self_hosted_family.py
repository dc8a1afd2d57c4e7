"""The dialects of self-hosted servers and of the router, each with what it is there for."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator  # noqa: TC003 - pytest reads fixtures' hints
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.mock.driving import QUICK, content, poll, probe, serving, submit, wait

KEY = "family-key"
HEADERS = {"Authorization": f"Bearer {KEY}"}
FASTVIDEO, TENSORRT, DYNAMO = "/fastvideo/v1", "/tensorrt-llm/v1", "/dynamo/v1"
MODEL = "rehearsal"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A mock that wants a key."""
    with serving(replace(QUICK, key=KEY, folder=tmp_path_factory.mktemp("family"))) as client:
        yield client


def until(client: httpx.Client, path: str, word: str) -> dict[str, Any]:
    """Ask until `word` stands in the answer; at most 15 s."""
    for _ in range(300):
        answer = client.get(path, headers=HEADERS)
        if word in answer.text:
            found: dict[str, Any] = answer.json()
            return found
        time.sleep(0.05)
    raise AssertionError(f"never {word}")


# --- FastVideo ----------------------------------------------------------------------------------


def test_fastvideo_is_queued_until_it_is_done(mock: httpx.Client) -> None:
    job_id = submit(mock, "one word", base=FASTVIDEO).json()["id"]
    seen: list[tuple[str, int]] = []
    for _ in range(300):
        job = poll(mock, job_id, base=FASTVIDEO).json()
        seen.append((job["status"], job["progress"]))
        if job["status"] != "queued":
            break
        time.sleep(0.01)

    assert set(seen) == {("queued", 0), ("completed", 100)}
    assert poll(mock, job_id, base=FASTVIDEO).json()["file_path"].startswith("/srv/")


@pytest.mark.slow
def test_fastvideo_serves_a_file_that_is_still_written(tmp_path_factory: Any) -> None:  # noqa: ANN401 - pytest's
    slow = replace(QUICK, work_s=1.5, folder=tmp_path_factory.mktemp("half"))
    with serving(slow) as mock:
        job_id = submit(mock, "half a clip", base=FASTVIDEO).json()["id"]
        early = content(mock, job_id, base=FASTVIDEO)
        half = early
        for _ in range(300):
            half = content(mock, job_id, base=FASTVIDEO)
            if half.status_code == 200:
                break
            time.sleep(0.01)
        told = poll(mock, job_id, base=FASTVIDEO).json()
        wait(mock, job_id, "completed", base=FASTVIDEO)
        whole = content(mock, job_id, base=FASTVIDEO)

    assert (early.status_code, early.json()) == (404, {"detail": "Video still being generated"})
    assert told["status"] == "queued"
    assert half.content == whole.content[: len(whole.content) // 2]


def test_fastvideo_fails_with_500_forgets_and_lists_without_pages(mock: httpx.Client) -> None:
    job_id = submit(mock, "#fail", base=FASTVIDEO).json()["id"]
    job = wait(mock, job_id, "failed", base=FASTVIDEO)

    assert set(job["error"]) == {"message"}
    assert content(mock, job_id, base=FASTVIDEO).status_code == 500
    assert set(mock.get(f"{FASTVIDEO}/videos").json()) == {"data", "object"}
    assert mock.delete(f"{FASTVIDEO}/videos/{job_id}").json()["status"] == "deleted"


# --- TensorRT-LLM -------------------------------------------------------------------------------


def test_tensorrt_llm_takes_a_job_with_202_and_a_fraction_of_seconds(mock: httpx.Client) -> None:
    answer = submit(mock, "a kite", base=TENSORRT, seconds="0.5", output_format="mp4")
    job = wait(mock, answer.json()["id"], "completed", base=TENSORRT)

    assert answer.status_code == 202
    assert (job["duration"], job["progress"]) == (0.5, None)
    assert "seconds" not in job
    assert probe(content(mock, job["id"], base=TENSORRT).content).duration_s == 0.5


@pytest.mark.parametrize("fields", [{"output_format": "webm"}, {"seconds": "soon"}])
def test_tensorrt_llm_refuses_with_an_error_without_an_object(
    mock: httpx.Client, fields: dict[str, str]
) -> None:
    answer = submit(mock, "x", base=TENSORRT, **fields)

    assert answer.status_code == 400
    assert {"object", "message", "type", "param", "code"} == set(answer.json())


def test_tensorrt_llm_tells_errors_as_text_and_is_never_ready_with_400(mock: httpx.Client) -> None:
    job_id = submit(mock, "#fail", base=TENSORRT).json()["id"]
    early = content(mock, job_id, base=TENSORRT)
    job = wait(mock, job_id, "failed", base=TENSORRT)

    assert early.status_code == content(mock, job_id, base=TENSORRT).status_code == 400
    assert isinstance(job["error"], str)
    assert mock.delete(f"{TENSORRT}/videos/{job_id}").json() == {"deleted": True}
    assert poll(mock, job_id, base=TENSORRT).json()["type"] == "NotFoundError"


def test_tensorrt_llm_can_answer_with_the_file(mock: httpx.Client) -> None:
    sent = {"prompt": "at once", "seconds": 0.5, "size": "128x72"}
    answer = mock.post(f"{TENSORRT}/videos/generations", json=sent)

    assert answer.headers["content-type"] == "video/mp4"
    assert probe(answer.content).width == 128


# --- Dynamo, and the rest that answer after the work ---------------------------------------------


def test_dynamo_takes_json_only_and_a_model_that_it_serves(mock: httpx.Client) -> None:
    form = submit(mock, "x", base=DYNAMO, model=MODEL)
    unnamed = mock.post(f"{DYNAMO}/videos", json={"prompt": "x", "model": "other"})
    odd = {"prompt": "x", "model": MODEL, "response_format": "ftp"}

    assert (form.status_code, form.headers["content-type"].partition(";")[0]) == (415, "text/plain")
    assert (unnamed.status_code, set(unnamed.json())) == (404, {"message", "type", "code"})
    assert mock.post(f"{DYNAMO}/videos", json=odd).status_code == 400
    assert mock.get(f"{DYNAMO}/videos").status_code == 405


def test_dynamo_s_first_answer_is_the_end(mock: httpx.Client) -> None:
    sent = {
        "prompt": "a kite",
        "model": MODEL,
        "seconds": 1,
        "size": "128x72",
        "nvext": {"seed": 3},
    }
    by_address = mock.post(f"{DYNAMO}/videos", json=sent).json()
    inside = mock.post(f"{DYNAMO}/videos", json=sent | {"response_format": "b64_json"}).json()

    clip = httpx.get(by_address["data"][0]["url"], trust_env=False).content
    assert base64.b64decode(inside["data"][0]["b64_json"]) == clip
    assert (by_address["status"], by_address["progress"]) == ("completed", 100)


def test_dynamo_fails_with_200(mock: httpx.Client) -> None:
    failed = mock.post(f"{DYNAMO}/videos", json={"prompt": "#fail", "model": MODEL})

    assert (failed.status_code, failed.json()["status"]) == (200, "failed")
    assert isinstance(failed.json()["error"], str)


def test_a_clip_of_localai_wants_the_key_too(locked: httpx.Client) -> None:
    sent = {
        "model": MODEL,
        "prompt": "a kite",
        "width": 128,
        "height": 72,
        "num_frames": 12,
        "fps": 24,
    }
    answer = locked.post("/localai/video", json=sent, headers=HEADERS).json()
    address = answer["data"][0]["url"]

    assert httpx.get(address, trust_env=False).status_code == 401
    clip = httpx.get(address, headers=HEADERS, trust_env=False).content
    assert probe(clip).duration_s == 0.5


def test_localai_wants_a_model_and_numbers_its_errors(locked: httpx.Client) -> None:
    answer = locked.post("/localai/video", json={"prompt": "x"}, headers=HEADERS)

    assert answer.status_code == 400
    assert answer.json() == {"error": {"code": 400, "message": "Bad Request", "type": ""}}


def test_a_synchronous_server_gives_the_clip_or_its_address(mock: httpx.Client) -> None:
    path, sent = "/sync-json/v1/videos/generations", {"prompt": "a kite", "size": "128x72"}
    told = mock.post(path, json=sent | {"seed": 3}).json()["data"][0]
    held = mock.post(path, json=sent | {"seed": 3, "response_format": "b64_json"}).json()["data"][0]

    clip = httpx.get(told["url"], trust_env=False).content
    assert base64.b64decode(held["b64_json"]) == clip


# --- Cog ----------------------------------------------------------------------------------------


def test_a_prediction_of_cog_is_a_data_uri_between_its_logs_and_its_status(
    mock: httpx.Client,
) -> None:
    answer = mock.post("/cog/predictions", json={"input": {"prompt": "a kite"}}).json()

    assert list(answer) == ["id", "logs", "metrics", "output", "status"]
    head, _, data = answer["output"].partition(",")
    assert head == "data:video/mp4;base64"
    assert probe(base64.b64decode(data)).duration_s == 1.0


def test_cog_fails_with_200_and_is_busy_with_409(mock: httpx.Client) -> None:
    failed = mock.post("/cog/predictions", json={"input": {"prompt": "#fail"}})
    busy = mock.post("/cog/predictions", json={"input": {"prompt": "#busy cog"}})

    assert (failed.status_code, failed.json()["status"]) == (200, "failed")
    assert failed.json()["error"].startswith("Prediction failed: ")
    assert (busy.status_code, "retry-after" in busy.headers) == (409, False)
    assert busy.json() == {"error": "At capacity - all prediction slots busy"}
    assert mock.post("/cog/predictions", json={}).status_code == 422


def test_cog_remembers_nothing_that_has_ended(mock: httpx.Client) -> None:
    def put() -> httpx.Response:
        sent = {"input": {"prompt": "put again"}}
        return mock.put("/cog/predictions/ours", json=sent, headers={"Prefer": "respond-async"})

    begun, running = put(), put()
    again: dict[str, Any] = {}
    for _ in range(300):
        again = put().json()
        if again == begun.json():
            break
        time.sleep(0.02)

    assert (begun.status_code, begun.json()) == (202, {"id": "ours", "status": "starting"})
    assert set(running.json()) == {"id", "status", "logs"}
    assert again == begun.json()
    assert mock.get("/cog/predictions/ours").status_code == 405


def test_cog_stops_what_runs_and_knows_nothing_else(mock: httpx.Client) -> None:
    sent = {"id": "stop-me", "input": {"prompt": "#stall"}}
    mock.post("/cog/predictions", json=sent, headers={"Prefer": "respond-async"})

    stopped = mock.post("/cog/predictions/stop-me/cancel")

    assert (stopped.status_code, stopped.json()) == (200, {})
    assert mock.post("/cog/predictions/stop-me/cancel").status_code == 404


# --- Hugging Face's router ----------------------------------------------------------------------


def test_fal_behind_the_router_names_addresses_that_lead_past_it(locked: httpx.Client) -> None:
    path, queue = "/huggingface/fal-ai/maker/model/text-to-video", "?_subdomain=queue"
    bare = locked.post(path, json={"prompt": "x"}, headers=HEADERS)
    told = locked.post(f"{path}{queue}", json={"prompt": "a kite"}, headers=HEADERS).json()

    there = httpx.URL(told["response_url"])
    below = f"/huggingface/fal-ai{there.path}"
    until(locked, f"{below}/status{queue}", "COMPLETED")
    result = locked.get(f"{below}{queue}", headers=HEADERS).json()

    assert bare.status_code == 404
    assert there.host == "queue.fal.run"
    assert there.path == f"/maker/model/requests/{told['request_id']}"
    assert httpx.get(result["video"]["url"], trust_env=False).status_code == 200


def test_replicate_behind_the_router_tells_no_output_unless_it_is_asked_to_wait(
    locked: httpx.Client,
) -> None:
    path = "/huggingface/replicate/v1/models/maker/model/predictions"
    sent = {"input": {"prompt": "a kite"}}

    hasty = locked.post(path, json=sent, headers=HEADERS).json()
    patient = locked.post(path, json=sent, headers=HEADERS | {"Prefer": "wait"}).json()

    assert (hasty["status"], hasty["output"]) == ("starting", None)
    assert httpx.get(patient["output"], trust_env=False).status_code == 200


def test_wavespeed_behind_the_router_is_followed_at_a_path_of_its_own(locked: httpx.Client) -> None:
    path = "/huggingface/wavespeed/api/v3/maker/model"
    told = locked.post(path, json={"prompt": "a kite"}, headers=HEADERS).json()["data"]

    there = httpx.URL(told["urls"]["get"])
    done = until(locked, f"/huggingface/wavespeed{there.path}", "completed")["data"]

    assert there.host == "api.wavespeed.ai"
    assert httpx.get(done["outputs"][0], trust_env=False).status_code == 200


@pytest.mark.parametrize("base", ["/localai/video", "/cog/predictions", f"{DYNAMO}/videos"])
def test_nothing_is_made_without_the_key(locked: httpx.Client, base: str) -> None:
    assert locked.post(base, json={"prompt": "x", "model": MODEL}).status_code == 401
