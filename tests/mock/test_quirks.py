"""What hosted services do that their profiles must live with, each by its own word."""

from __future__ import annotations

import time
from collections.abc import Iterator  # noqa: TC003 - pytest reads fixtures' hints
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.mock.driving import QUICK, serving

KEY = "dialect-key"
HEADERS = {
    "Authorization": f"Bearer {KEY}",
    "X-Runway-Version": "2024-11-06",
    "X-DashScope-Async": "enable",
    "x-goog-api-key": KEY,
}
KLING = "/kling/v1/videos/text2video"
WAN = "/dashscope/api/v1/services/aigc/video-generation/video-synthesis"
REPLICATE = "/replicate/models/o/n/predictions"
RUNWAY = {"model": "gen4.5", "ratio": "128:72", "duration": 2}
LTX = {"model": "ltx-2-3-fast", "duration": 1, "resolution": "128x72"}
LONG_S = 3600.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serving(replace(QUICK, key=KEY, folder=tmp_path_factory.mktemp("quirks"))) as client:
        client.headers.update(HEADERS)
        yield client


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service whose jobs wait for ever."""
    folder = tmp_path_factory.mktemp("waiting")
    with serving(replace(QUICK, queue_s=LONG_S, folder=folder)) as client:
        client.headers.update(HEADERS)
        yield client


def until(client: httpx.Client, path: str, word: str) -> dict[str, Any]:
    """Ask until `word` stands in the answer; at most 15 s."""
    for _ in range(300):
        answer = client.get(path)
        if word in answer.text:
            found: dict[str, Any] = answer.json()
            return found
        time.sleep(0.05)
    raise AssertionError(f"never {word}")


# --- four kinds of 429, and 529 -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "code"),
    [("#busy", 1302), ("#crowded", 1303), ("#no-credit", 1102), ("#forbidden", 1304)],
)
def test_429_of_kling_says_four_things(service: httpx.Client, word: str, code: int) -> None:
    answer = service.post(KLING, json={"prompt": f"{word} of a kite"})

    assert (answer.status_code, answer.json()["code"]) == (429, code)


@pytest.mark.parametrize(
    ("word", "status", "kind"),
    [
        ("#busy", 429, "rate_limit_error"),
        ("#crowded", 429, "concurrency_limit_error"),
        ("#overloaded", 529, "overloaded_error"),
        ("#no-credit", 402, "insufficient_funds_error"),
        ("#refuse", 422, "content_filtered_error"),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_ltx_has_a_type_for_each_refusal(
    service: httpx.Client, version: str, word: str, status: int, kind: str
) -> None:
    sent = LTX | {"prompt": f"{word} of {version}"}
    answer = service.post(f"/ltx/{version}/text-to-video", json=sent)

    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)


def test_who_is_turned_away_twice_is_taken_the_third_time(service: httpx.Client) -> None:
    sent = LTX | {"prompt": "#overloaded for a while"}
    told = [service.post("/ltx/v2/text-to-video", json=sent) for _ in range(3)]

    assert [answer.status_code for answer in told] == [529, 529, 202]
    assert told[0].headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [("#no-credit", 403, "AccountOverdueError"), ("#overloaded", 429, "ServerOverloaded")],
)
def test_ark_names_an_overdue_account_and_an_overload(
    service: httpx.Client, word: str, status: int, code: str
) -> None:
    sent = {"model": "seedance", "content": [{"type": "text", "text": word}]}
    answer = service.post("/ark/contents/generations/tasks", json=sent)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


# --- DashScope ----------------------------------------------------------------------------------


def test_a_job_of_wan_is_suspended_after_it_began(service: httpx.Client) -> None:
    sent = {"model": "m", "input": {"prompt": "#paused"}, "parameters": {"duration": 1}}
    job = service.post(WAN, json=sent).json()["output"]["task_id"]
    told: list[str] = []
    for _ in range(300):
        told.append(service.get(f"/dashscope/api/v1/tasks/{job}").json()["output"]["task_status"])
        if told[-1] == "SUCCEEDED":
            break
        time.sleep(0.05)

    assert told.index("RUNNING") < told.index("SUSPENDED") < told.index("SUCCEEDED")


# --- Replicate ----------------------------------------------------------------------------------


def predicted(client: httpx.Client, prompt: str) -> str:
    told = client.post(REPLICATE, json={"input": {"prompt": prompt}}).json()
    return f"/replicate/predictions/{told['id']}"


def test_a_clip_of_replicate_may_come_in_a_list(service: httpx.Client) -> None:
    (address,) = until(service, predicted(service, "#list"), "succeeded")["output"]
    plain = until(service, predicted(service, "no word"), "succeeded")["output"]

    assert httpx.get(address, trust_env=False).content[4:8] == b"ftyp"
    assert isinstance(plain, str)


def test_what_replicate_removed_is_null_and_says_so(service: httpx.Client) -> None:
    told = until(service, predicted(service, "#removed"), "succeeded")

    assert (told["output"], told["data_removed"]) == (None, True)


def test_replicate_gives_up_what_did_not_begin(waiting: httpx.Client) -> None:
    told = waiting.get(predicted(waiting, "#aborted")).json()

    assert (told["status"], told["output"]) == ("aborted", None)


def test_replicate_waits_as_long_as_is_asked_and_no_longer(service: httpx.Client) -> None:
    def asked(prompt: str, wait: str) -> Any:  # noqa: ANN401 - JSON
        sent = {"input": {"prompt": prompt}}
        answer = service.post(REPLICATE, json=sent, headers={"Prefer": wait})
        assert answer.status_code == 201
        return answer.json()["status"]

    assert asked("#stall", "wait=1") == "processing"
    assert asked("a ferry", "wait") == "succeeded"


# --- Runway -------------------------------------------------------------------------------------


def task(client: httpx.Client, prompt: str) -> str:
    told = client.post("/runway/v1/text_to_video", json=RUNWAY | {"promptText": prompt})
    assert told.status_code == 200
    return f"/runway/v1/tasks/{told.json()['id']}"


def test_a_task_of_runway_is_throttled_before_it_is_pending(waiting: httpx.Client) -> None:
    path = task(waiting, "a ferry")

    told = [waiting.get(path).json() for _ in range(3)]

    assert [job["status"] for job in told] == ["THROTTLED", "PENDING", "PENDING"]
    assert all("progress" not in job for job in told)


def test_each_look_at_a_task_of_runway_gives_another_address(service: httpx.Client) -> None:
    path = task(service, "a ferry")
    until(service, path, "SUCCEEDED")
    first, second = (service.get(path).json()["output"][0] for _ in range(2))

    old, new = (httpx.get(address, trust_env=False) for address in (first, second))

    assert first != second
    assert (old.status_code, new.status_code) == (403, 200)


@pytest.mark.parametrize(
    ("word", "code"), [("#refuse", "SAFETY.INPUT.TEXT"), ("#reject", "SAFETY.OUTPUT.VIDEO")]
)
def test_content_rules_of_runway_end_a_task(service: httpx.Client, word: str, code: str) -> None:
    told = until(service, task(service, word), "FAILED")

    assert told["failureCode"] == code


def test_a_refused_request_of_runway_is_a_text_alone(service: httpx.Client) -> None:
    answer = service.post("/runway/v1/text_to_video", json=RUNWAY)

    assert (answer.status_code, list(answer.json())) == (400, ["error"])


# --- other hosts --------------------------------------------------------------------------------


def test_fal_can_lead_to_another_host(service: httpx.Client) -> None:
    headers = {"Authorization": f"Key {KEY}"}
    told = service.post("/fal/o/model", json={"prompt": "#foreign"}, headers=headers).json()

    assert httpx.URL(told["status_url"]).host == "localhost"
    assert httpx.URL(told["response_url"]).host == "127.0.0.1"


def test_a_file_of_gemini_can_lie_elsewhere_where_no_key_may_come(service: httpx.Client) -> None:
    wanted = {"type": "video", "duration": "1s", "delivery": "uri"}
    sent = {"input": "#foreign", "background": True, "response_format": wanted}
    job = service.post("/gemini/v1beta/interactions", json=sent).json()["id"]
    done = until(service, f"/gemini/v1beta/interactions/{job}", "model_output")
    uri = done["steps"][-1]["content"][-1]["uri"]

    moved = service.get(uri)
    there = moved.headers["location"]

    assert (moved.status_code, httpx.URL(there).host) == (302, "localhost")
    assert httpx.get(there, trust_env=False).content[4:8] == b"ftyp"
    assert httpx.get(there, headers={"x-goog-api-key": KEY}, trust_env=False).status_code == 400
    assert httpx.get(uri, trust_env=False).status_code == 400


# --- OpenAI -------------------------------------------------------------------------------------


def video(client: httpx.Client, prompt: str) -> str:
    sent = {"prompt": prompt, "seconds": "1", "size": "128x72"}
    return f"/openai/v1/videos/{client.post('/openai/v1/videos', json=sent).json()['id']}"


def test_openai_says_when_to_ask_again(service: httpx.Client) -> None:
    assert service.get(video(service, "a ferry")).headers["openai-poll-after-ms"] == "1000"


def test_openai_takes_lengths_as_text_alone(service: httpx.Client) -> None:
    answer = service.post("/openai/v1/videos", json={"prompt": "x", "seconds": 4})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "seconds")


def test_openai_has_a_code_for_what_was_asked_and_one_for_what_was_made(
    service: httpx.Client,
) -> None:
    refused = service.post("/openai/v1/videos", json={"prompt": "#refuse"})
    withheld = until(service, video(service, "#reject"), "failed")

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "moderation_blocked")
    assert withheld["error"]["code"] == "content_filter"


def test_a_reseller_answers_with_an_address_in_place_of_the_bytes(service: httpx.Client) -> None:
    path = video(service, "#address")
    early = service.get(f"{path}/content")
    until(service, path, '"status":"completed"')
    told = service.get(f"{path}/content").json()

    assert early.status_code == 404
    assert httpx.get(told["video_url"], trust_env=False).content[4:8] == b"ftyp"


# --- content rules ------------------------------------------------------------------------------


def test_fal_and_what_is_behind_hugging_face_refuse_in_the_recorded_shape(
    service: httpx.Client,
) -> None:
    headers = {"Authorization": f"Key {KEY}"}
    own = service.post("/fal/o/model", json={"prompt": "#refuse"}, headers=headers)
    behind = service.post(
        "/huggingface/fal-ai/o/model?_subdomain=queue", json={"prompt": "#refuse"}
    )

    for answer in (own, behind):
        (item,) = answer.json()["detail"]
        assert (answer.status_code, item["type"]) == (422, "content_policy_violation")
        assert "flagged by a content checker" in item["msg"]
