"""The ComfyUI dialects do what was recorded of 0.33.0 and 0.3.64."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.backends.graphs import graph
from tests.mock.driving import QUICK, probe, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


@pytest.fixture(params=["/comfyui", "/comfyui3"])
def base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def small(prompt: str = "a kite", seed: int = 1) -> dict[str, Any]:
    return graph(
        a=("2", "text", prompt),
        b=("4", "width", 128),
        c=("4", "height", 96),
        d=("4", "length", 16),
        e=("5", "seed", seed),
    )


def asked(mock: httpx.Client, base: str, prompt: str = "a kite", seed: int = 1) -> str:
    prompt_id = str(uuid.uuid4())
    body = {"prompt": small(prompt, seed), "prompt_id": prompt_id}
    answer = mock.post(f"{base}/prompt", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["prompt_id"] == prompt_id
    return prompt_id


def entry(mock: httpx.Client, base: str, prompt_id: str) -> dict[str, Any]:
    """Wait for a job's entry in the history; at most 10 s."""
    for _ in range(200):
        found: dict[str, Any] = mock.get(f"{base}/history/{prompt_id}").json()
        if found:
            return dict(found[prompt_id])
        time.sleep(0.05)
    raise AssertionError("never in the history")


def saved(told: dict[str, Any]) -> dict[str, str]:
    return dict(told["outputs"]["8"]["images"][0])


def test_the_history_is_empty_until_the_end_and_then_has_the_file_under_images(
    mock: httpx.Client, base: str
) -> None:
    prompt_id = asked(mock, base)
    before = mock.get(f"{base}/history/{prompt_id}").json()

    told = entry(mock, base, prompt_id)
    clip = mock.get(f"{base}/view", params=saved(told))

    assert (before, mock.get(f"{base}/history/unknown").json()) == ({}, {})
    assert told["status"]["status_str"] == "success"
    assert told["outputs"]["8"]["animated"] == [True]
    assert (probe(clip.content).width, probe(clip.content).frames) == (128, 16)
    part = mock.get(f"{base}/view", params=saved(told), headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, clip.content[10:20])


def test_an_identical_graph_is_served_from_the_cache(mock: httpx.Client, base: str) -> None:
    first = saved(entry(mock, base, asked(mock, base)))

    again = mock.get(f"{base}/history/{asked(mock, base)}").json()
    other = entry(mock, base, asked(mock, base, seed=2))

    (twin,) = again.values()
    assert saved(twin) == first != saved(other)
    assert twin["status"]["messages"][1][1]["nodes"]
    assert mock.get("/_mock/stats").json()["submissions"] == 2


def test_only_the_newer_one_has_a_jobs_api(mock: httpx.Client, base: str) -> None:
    prompt_id = asked(mock, base)

    known = mock.get(f"{base}/api/jobs/{prompt_id}")
    unknown = mock.get(f"{base}/api/jobs/{uuid.uuid4()}")

    if base == "/comfyui3":
        assert (known.status_code, known.text) == (404, "404: Not Found")
        return
    assert known.json()["status"] in {"pending", "in_progress"}
    assert (unknown.status_code, unknown.json()) == (404, {"error": "Job not found"})
    entry(mock, base, prompt_id)
    assert mock.get(f"{base}/api/jobs/{prompt_id}").json()["status"] == "completed"


def test_the_queue_shows_everybody_s_graphs(mock: httpx.Client, base: str) -> None:
    prompt_id = asked(mock, base, "private words #slow")

    pending = mock.get(f"{base}/queue").json()["queue_pending"]

    (job,) = [job for job in pending if job[1] == prompt_id]
    assert job[2]["2"]["inputs"]["text"] == "private words #slow"


def test_a_job_taken_off_the_queue_vanishes_everywhere(mock: httpx.Client, base: str) -> None:
    prompt_id = asked(mock, base, "#slow")

    assert mock.post(f"{base}/queue", json={"delete": [prompt_id]}).content == b""

    queue = mock.get(f"{base}/queue").json()
    assert prompt_id not in str(queue)
    assert mock.get(f"{base}/history/{prompt_id}").json() == {}
    assert mock.get(f"{base}/api/jobs/{prompt_id}").status_code == 404


def test_an_interrupt_without_a_name_stops_whatever_runs(mock: httpx.Client, base: str) -> None:
    mine, other = asked(mock, base, "#stall mine"), asked(mock, base, "#stall other")
    time.sleep(0.3)

    mock.post(f"{base}/interrupt", json={"prompt_id": mine})
    assert entry(mock, base, mine)["status"]["messages"][-1][0] == "execution_interrupted"
    assert mock.get(f"{base}/history/{other}").json() == {}

    mock.post(f"{base}/interrupt")
    assert entry(mock, base, other)["status"]["completed"] is False


def test_a_cancel_is_200_and_says_whether_it_was_one(mock: httpx.Client) -> None:
    prompt_id = asked(mock, "/comfyui", "#slow")
    path = f"/comfyui/api/jobs/{prompt_id}/cancel"

    assert mock.post(path).json() == {"cancelled": True}
    assert mock.post(path).json() == {"cancelled": False}
    assert mock.post("/comfyui3" + path.removeprefix("/comfyui")).status_code == 404


def test_a_failure_tells_server_paths(mock: httpx.Client, base: str) -> None:
    told = entry(mock, base, asked(mock, base, "#fail"))

    word, error = told["status"]["messages"][-1]

    assert (word, error["node_id"], error["node_type"]) == ("execution_error", "5", "KSampler")
    assert "#fail" in error["exception_message"]
    assert "/opt/comfy" in error["traceback"][0]


def test_what_is_refused_at_once(mock: httpx.Client, base: str) -> None:
    missing = small() | {"8": {"class_type": "Odd", "inputs": {}, "_meta": {"title": "My odd"}}}
    wrong = graph(a=("1", "unet_name", "wan.safetensors"))
    answers = [
        mock.post(f"{base}/prompt", json={"prompt": missing}),
        mock.post(f"{base}/prompt", json={"prompt": wrong}),
        mock.post(f"{base}/prompt", json={}),
    ]
    broken = mock.post(f"{base}/prompt", content=b"{", headers={"content-type": "text/plain"})
    odd_id = mock.post(f"{base}/prompt", json={"prompt": small(), "prompt_id": "X"})

    kinds = [answer.json()["error"]["type"] for answer in answers]
    assert kinds == ["missing_node_type", "prompt_outputs_failed_validation", "no_prompt"]
    assert answers[0].json()["error"]["extra_info"]["node_title"] == "My odd"
    (error,) = answers[1].json()["node_errors"]["1"]["errors"]
    assert error["details"].startswith("unet_name: 'wan.safetensors' not in")
    assert (broken.status_code, broken.headers["content-type"]) == (
        500,
        "text/plain; charset=utf-8",
    )
    assert odd_id.status_code == (400 if base == "/comfyui" else 200)
    assert [answer.status_code for answer in answers] == [400] * 3


def test_a_page_of_another_site_is_turned_away(mock: httpx.Client, base: str) -> None:
    own = str(mock.base_url).rstrip("/")

    def status(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return mock.get(f"{base}/system_stats", headers=named).status_code

    assert status(origin="http://elsewhere.test") == 403
    assert status(sec_fetch_site="cross-site") == 403
    assert status(origin=own) == 200
    assert mock.get(f"{base}/api/system_stats").json()["system"]["comfyui_version"]


def test_a_missing_file_is_an_empty_404_and_a_climbing_path_a_400(
    mock: httpx.Client, base: str
) -> None:
    missing = mock.get(f"{base}/view", params={"filename": "x.mp4", "subfolder": "video"})
    climbing = mock.get(f"{base}/view", params={"filename": "../x.mp4"})

    assert (missing.status_code, missing.content) == (404, b"")
    assert climbing.status_code == 400


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A mock with a queue that can be looked into."""
    with serving(replace(QUICK, folder=tmp_path_factory.mktemp("comfy"), queue_s=0.2)) as client:
        yield client
