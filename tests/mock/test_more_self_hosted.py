"""The dialects of more servers of one's own, each with the quirks for which it is there."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator  # noqa: TC003 - pytest reads fixtures' hints
from dataclasses import replace
from typing import Any

import httpx  # noqa: TC002 - pytest reads fixtures' hints
import pytest

from tests.mock.driving import QUICK, probe, serving
from tests.mock.test_hosted import HEADERS, KEY, until

GOOGLE = {"x-goog-api-key": KEY}
PNG = b"\x89PNG"
GRAPH = {
    "1": {"class_type": "CLIPTextEncode", "inputs": {"text": "a kite"}},
    "2": {"class_type": "EmptyHunyuanLatentVideo", "inputs": {"width": 128, "height": 72}},
    "3": {"class_type": "KSampler", "inputs": {"positive": ["1", 0], "latent_image": ["2", 0]}},
    "4": {"class_type": "SaveVideo", "inputs": {"video": ["3", 0]}},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serving(replace(QUICK, key=KEY, folder=tmp_path_factory.mktemp("servers"))) as client:
        yield client


def posted(client: httpx.Client, path: str, sent: object, **headers: str) -> Any:  # noqa: ANN401
    return client.post(path, json=sent, headers=HEADERS | headers).json()


def test_sd_server_writes_the_clip_before_the_word_that_it_is_done(service: httpx.Client) -> None:
    sent = {"prompt": "a kite", "width": 128, "height": 72, "video_frames": 32, "fps": 16}
    told = posted(service, "/sd-server/sdcpp/v1/vid_gen", sent)

    done = until(service, f"/sd-server{told['poll_url']}", "b64_json", HEADERS)

    keys = list(done)
    assert keys == sorted(keys)
    assert keys.index("result") < keys.index("status")
    clip = probe(base64.b64decode(done["result"]["b64_json"]))
    assert (clip.width, clip.frames) == (128, done["result"]["frame_count"])
    assert clip.duration_s == pytest.approx(29 / 16, abs=0.05)


def test_sd_server_stops_only_what_waits(service: httpx.Client) -> None:
    told = posted(service, "/sd-server/sdcpp/v1/vid_gen", {"prompt": "#stall"})
    path = f"/sd-server{told['poll_url']}"
    until(service, path, "generating", HEADERS)

    refused = service.post(f"{path}/cancel", headers=HEADERS)

    assert refused.status_code == 409
    assert refused.json()["error"].endswith("cannot be interrupted yet")


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/sd-server/sdcpp/v1/vid_gen", {"prompt": "x", "output_format": "mp4"}, 400),
        ("/sd-server/sdcpp/v1/vid_gen", {"prompt": "#busy sd"}, 429),
        ("/lightx2v/v1/tasks/video/", {"prompt": "#busy light"}, 503),
        ("/xinference/v1/video/generations", {"prompt": "x", "model": "other"}, 400),
        (
            "/xinference/v1/video/generations",
            {"prompt": "x", "model": "rehearsal", "kwargs": "{"},
            400,
        ),
        ("/comfy-api/api/v2/jobs", {"workflow": {"nodes": [], "links": []}}, 422),
        ("/stability/v2beta/image-to-video", {"prompt": "x"}, 400),
    ],
)
def test_what_a_server_does_not_take_is_refused_and_says_nothing_of_when(
    service: httpx.Client, path: str, sent: dict[str, Any], status: int
) -> None:
    answer = service.post(path, json=sent, headers=HEADERS)

    assert answer.status_code == status
    assert "retry-after" not in answer.headers


def test_lightx2v_promises_ranges_and_sends_the_whole(service: httpx.Client) -> None:
    task = posted(service, "/lightx2v/v1/tasks/video/", {"prompt": "x", "target_video_length": 17})
    path = f"/lightx2v/v1/tasks/{task['task_id']}"

    early = service.get(f"{path}/result", headers=HEADERS)
    until(service, f"{path}/status", "completed", HEADERS)
    part = service.get(f"{path}/result", headers=HEADERS | {"Range": "bytes=5-9"})
    stopped = service.delete(path, headers=HEADERS).json()

    assert (early.status_code, early.json()) == (404, {"detail": "Task not completed"})
    assert (part.status_code, part.headers["accept-ranges"]) == (200, "bytes")
    assert probe(part.content).frames > 0
    assert stopped["stop_status"] == "do_nothing"


def test_a_failed_task_of_bentoml_says_why_only_where_its_clip_would_be(
    service: httpx.Client,
) -> None:
    task = posted(service, "/bentoml/generate/submit", {"prompt": "#fail"})["task_id"]

    early = service.get(f"/bentoml/generate/get?task_id={task}", headers=HEADERS)
    failed = until(service, f"/bentoml/generate/status?task_id={task}", "failed", HEADERS)
    late = service.get(f"/bentoml/generate/get?task_id={task}", headers=HEADERS)
    cancel = service.put(f"/bentoml/generate/cancel?task_id={task}", headers=HEADERS)

    assert (early.status_code, late.status_code, cancel.status_code) == (400, 500, 400)
    assert "error" not in failed
    assert "did not come out" in late.json()["error"]


def test_xinference_tells_a_place_on_its_own_disk_unless_asked_for_the_clip(
    service: httpx.Client,
) -> None:
    sent = {"prompt": "x", "model": "rehearsal", "kwargs": json.dumps({"width": 128, "height": 72})}
    path = "/xinference/v1/video/generations"

    (place,) = posted(service, path, sent | {"response_format": "url"})["data"]
    (clip,) = posted(service, path, sent)["data"]

    assert place["url"].startswith("video/")
    assert place["b64_json"] is None
    assert probe(base64.b64decode(clip["b64_json"])).width == 128


def test_swarmui_takes_nothing_without_a_session_and_errs_with_200(service: httpx.Client) -> None:
    path = "/swarmui/API/GenerateText2Image"
    sent = {"images": 1, "model": "m", "prompt": "x"}
    token = {"Cookie": f"swarm_user_token={KEY}"}

    bare = service.post("/swarmui/API/GetNewSession", headers=token)
    lost = service.post(path, json=sent, headers=token)
    opened = service.post("/swarmui/API/GetNewSession", json={}, headers=token).json()
    stranger = service.post("/swarmui/API/GetNewSession", json={})
    done = service.post(path, json=sent | {"session_id": opened["session_id"]}, headers=token)

    assert (bare.status_code, bare.json()) == (200, {"error": "The request is not JSON."})
    assert (lost.status_code, lost.json()["error_id"]) == (200, "invalid_session_id")
    assert stranger.status_code == 401
    (place,) = done.json()["images"]
    assert probe(service.get(f"/{place}", headers=token).content).frames > 0


def test_comfy_calls_a_clip_an_image_and_takes_a_key_once(service: httpx.Client) -> None:
    sent = {"workflow": GRAPH}
    once = {"Idempotency-Key": "k1"}

    first = service.post("/comfy-api/api/v2/jobs", json=sent, headers=HEADERS | once)
    again = service.post("/comfy-api/api/v2/jobs", json=sent, headers=HEADERS | once)
    done = until(service, first.json()["urls"]["self"], "succeeded", HEADERS)

    assert (first.status_code, again.status_code) == (201, 422)
    assert again.json()["error"]["code"] == "idempotency_key_reuse"
    assert [(o["type"], o["content_type"], o["size_bytes"]) for o in done["outputs"]] == [
        ("image", "image/png", 0),
        ("image", "video/mp4", 0),
    ]


def when_done(client: httpx.Client, path: str) -> httpx.Response:
    """Ask until the answer is no longer 202; at most 15 s."""
    for _ in range(300):
        answer = client.get(path, headers=HEADERS | {"Accept": "video/*"})
        if answer.status_code != 202:
            return answer
        time.sleep(0.05)
    raise AssertionError("never done")


def test_stability_tells_a_state_by_the_status_and_the_clip_by_what_is_accepted(
    service: httpx.Client,
) -> None:
    job = service.post(
        "/stability/v2beta/image-to-video",
        files={"image": ("a.png", PNG)},
        data={"seed": "7"},
        headers=HEADERS,
    ).json()
    path = f"/stability/v2beta/image-to-video/result/{job['id']}"

    waiting = service.get(path, headers=HEADERS)
    answer = when_done(service, path)
    told = service.get(path, headers=HEADERS | {"Accept": "application/json"}).json()

    assert (waiting.status_code, waiting.json()["status"]) == (202, "in-progress")
    assert answer.headers["finish-reason"] == "SUCCESS"
    assert base64.b64decode(told["video"]) == answer.content
    assert (told["finish_reason"], told["seed"]) == ("SUCCESS", 7)


def interaction(client: httpx.Client, prompt: str, **fields: object) -> Any:  # noqa: ANN401
    sent = {"input": prompt, "response_format": {"type": "video", "duration": "1s"}} | fields
    return posted(client, "/gemini/v1beta/interactions", sent, **GOOGLE)


def test_gemini_waits_for_the_work_and_sends_the_clip_inline_unless_told_otherwise(
    service: httpx.Client,
) -> None:
    done = interaction(service, "a kite")

    content = done["steps"][1]["content"]
    assert (done["status"], [part["type"] for part in content]) == ("completed", ["text", "video"])
    assert probe(base64.b64decode(content[1]["data"])).duration_s == 1.0


def test_what_gemini_withholds_is_completed_with_a_text(service: httpx.Client) -> None:
    done = interaction(service, "#reject")

    assert done["status"] == "completed"
    assert [part["type"] for part in done["steps"][1]["content"]] == ["text"]


def test_a_file_of_gemini_wants_the_key(service: httpx.Client) -> None:
    wanted = {"type": "video", "duration": "1s", "delivery": "uri"}
    job = interaction(service, "a kite in fog", background=True, response_format=wanted)
    path = f"/gemini/v1beta/interactions/{job['id']}"
    done = until(service, path, "completed", GOOGLE)
    uri = done["steps"][1]["content"][1]["uri"]

    stranger = service.get(uri)
    clip = service.get(uri, headers=GOOGLE).content
    service.delete(path, headers=GOOGLE)

    assert (stranger.status_code, stranger.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert probe(clip).duration_s == 1.0
    assert service.get(path, headers=GOOGLE).status_code == 404
