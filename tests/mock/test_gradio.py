"""The Gradio dialects do what was recorded of 6.31, 5.50 and 4.44."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.mock.driving import QUICK, probe, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA: list[Any] = [None, "a kite", "", 7, False, 128, 96, 1, None]
PREFIX = {"/gradio": "/gradio_api", "/gradio5": "/gradio_api", "/gradio4": ""}


@pytest.fixture(params=list(PREFIX))
def base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def api(base: str) -> str:
    return base + PREFIX[base]


def call(mock: httpx.Client, api: str, prompt: str = "a kite", **more: Any) -> str:  # noqa: ANN401
    data = [prompt if place == 1 else value for place, value in enumerate(DATA)]
    answer = mock.post(f"{api}/call/generate", json={"data": data} | more)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["event_id"])


def full(mock: httpx.Client, api: str, session: str) -> list[dict[str, Any]]:
    """Read a session's stream to its end; the lines hold data and nothing else."""
    text = mock.get(f"{api}/queue/data", params={"session_hash": session}).text
    return [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line]


def simple(mock: httpx.Client, api: str, event: str) -> tuple[str, Any]:
    text = mock.get(f"{api}/call/generate/{event}").text
    word, data = text.strip().split("\n\n")[-1].split("\n")
    return word.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_the_stream_tells_place_progress_end_and_closes(mock: httpx.Client, api: str) -> None:
    event = call(mock, api, session_hash="ours")

    said = full(mock, api, "ours")

    words = list(dict.fromkeys(message["msg"] for message in said))
    assert words == [
        "estimation",
        "process_starts",
        "progress",
        "process_completed",
        "close_stream",
    ]
    assert {message["event_id"] for message in said[:-1]} == {event}
    bars = [m["progress_data"][0]["index"] for m in said if m["msg"] == "progress"]
    assert bars == sorted(bars)
    assert mock.get("/_mock/stats").json()["by_key"] == {"ours": 1}


def test_the_result_is_told_once(tmp_path: Path) -> None:
    with serving(replace(QUICK, folder=tmp_path)) as mock:
        event = call(mock, "/gradio/gradio_api")
        assert simple(mock, "/gradio/gradio_api", event)[0] == "complete"

        with (
            mock.stream("GET", f"/gradio/gradio_api/call/generate/{event}", timeout=1) as again,
            pytest.raises(httpx.ReadTimeout),
        ):
            again.read()


def test_who_leaves_early_finds_no_session(mock: httpx.Client, api: str) -> None:
    call(mock, api, "slowly #slow", session_hash="left")
    with mock.stream("GET", f"{api}/queue/data", params={"session_hash": "left"}) as stream:
        next(stream.iter_lines())

    (said,) = full(mock, api, "left")

    assert said["msg"] == "unexpected_error"
    assert said["message"].startswith("404")
    assert simple(mock, api, "unheard-of") == ("error", "404: Not Found")


def test_the_video_lies_where_the_version_puts_it(mock: httpx.Client, api: str, base: str) -> None:
    word, data = simple(mock, api, call(mock, api))

    assert word == "complete"
    assert isinstance(data[0], str)
    file = data[1] if base == "/gradio" else data[1]["video"]
    assert file["meta"] == {"_type": "gradio.FileData"}
    clip = mock.get(f"{api}/file={file['path']}")
    assert clip.headers["content-type"] == "video/mp4"
    assert (probe(clip.content).width, probe(clip.content).frames) == (128, 24)


ERRORS = [
    ("#fail", {"/gradio": "asked to fail", "/gradio5": None, "/gradio4": None}),
    ("#refuse", {"/gradio": "NSFW content", "/gradio5": None, "/gradio4": None}),
    ("#error", {"/gradio": None, "/gradio5": None, "/gradio4": None}),
]


@pytest.mark.parametrize(("word", "expected"), ERRORS)
def test_errors_are_200_and_the_simple_stream_of_old_hides_them(
    mock: httpx.Client, api: str, base: str, word: str, expected: dict[str, str | None]
) -> None:
    event, data = simple(mock, api, call(mock, api, f"a storm {word}"))
    call(mock, api, f"a storm {word}", session_hash="s")
    ended = full(mock, api, "s")[-2]

    assert event == "error"
    told = data["error"] if base == "/gradio" else data
    assert told is None if expected[base] is None else str(expected[base]) in told
    assert ended["success"] is False
    hidden = ended["output"]["error"]
    assert (hidden is None) == (word == "#error")
    assert base != "/gradio4" or hidden is None or hidden[0] in "'\""


@pytest.mark.parametrize("data", [["a kite"], DATA[1:], [*DATA[:3], None, *DATA[4:]]])
def test_too_few_or_empty_arguments_fail_without_a_word(
    mock: httpx.Client, api: str, base: str, data: list[Any]
) -> None:
    event = mock.post(f"{api}/call/generate", json={"data": data}).json()["event_id"]

    word, told = simple(mock, api, event)

    may_skip_the_state = base == "/gradio" and len(data) == len(DATA) - 1
    assert word == ("complete" if may_skip_the_state else "error")
    assert may_skip_the_state or told in (None, {"error": None})


def test_what_is_refused_at_once(mock: httpx.Client, api: str) -> None:
    answers = [
        mock.post(f"{api}/call/nothing", json={"data": DATA}),
        mock.post(f"{api}/call/generate", json={}),
        mock.post(f"{api}/queue/join", json={"data": DATA}),
        mock.post(f"{api}/call/generate", json={"data": [None, "#busy", *DATA[2:]]}),
        mock.get(f"{api}/file=/etc/passwd"),
    ]

    assert [answer.status_code for answer in answers] == [500, 422, 400, 503, 403]
    assert answers[3].json()["detail"].startswith("Queue is full.")
    assert answers[4].json() == {"detail": "File not allowed: /etc/passwd."}


def test_the_full_protocol_joins_by_number(mock: httpx.Client, base: str, api: str) -> None:
    told = mock.get(f"{base}/config").json()
    (number,) = [d["id"] for d in told["dependencies"] if d["api_name"] == "generate"]
    body = {"data": DATA, "fn_index": number, "session_hash": "joined"}

    event = mock.post(f"{api}/queue/join", json=body).json()["event_id"]

    assert full(mock, api, "joined")[0]["event_id"] == event
    assert told.get("api_prefix", "") == PREFIX[base]


def test_a_cancelled_event_completes_with_nothing(mock: httpx.Client, api: str) -> None:
    event = call(mock, api, "#stall")
    body = {"session_hash": event, "fn_index": 7, "event_id": event}

    assert mock.post(f"{api}/cancel", json=body).json() == {"success": True}

    assert simple(mock, api, event) == ("complete", None)


def test_a_range_is_answered_with_the_request_s_own_headers(mock: httpx.Client, api: str) -> None:
    _, data = simple(mock, api, call(mock, api))
    file = data[1].get("video", data[1])
    secret = {"range": "bytes=0-9", "authorization": "Bearer SECRET123", "cookie": "a=b"}

    part = mock.get(f"{api}/file={file['path']}", headers=secret)

    assert part.status_code == 206
    assert part.headers["authorization"] == "Bearer SECRET123"
    assert part.headers["cookie"] == "a=b"
    assert len(part.content) == 10


def test_an_app_with_a_login_gives_a_cookie_for_it(tmp_path: Path, base: str, api: str) -> None:
    with serving(replace(QUICK, folder=tmp_path, key="open sesame")) as mock:
        assert mock.get(f"{base}/config").status_code == 401
        wrong = mock.post(f"{base}/login", data={"username": "rehearsal", "password": "no"})
        right = mock.post(
            f"{base}/login", data={"username": "rehearsal", "password": "open sesame"}
        )
        told = mock.get(f"{api}/info")

    assert (wrong.status_code, wrong.json()) == (400, {"detail": "Incorrect credentials."})
    assert right.json() == {"success": True}
    assert "/generate" in told.json()["named_endpoints"]


def test_a_lost_answer_was_queued_under_the_caller_s_session(mock: httpx.Client, api: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        call(mock, api, "#lost-answer", session_hash="lost")

    assert full(mock, api, "lost")[-2]["success"] is True


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A mock that takes a little longer, so that there is something to tell."""
    with serving(replace(QUICK, folder=tmp_path_factory.mktemp("gradio"), work_s=0.3)) as client:
        yield client
