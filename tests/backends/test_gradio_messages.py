"""What each message of an app's stream comes to."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from rushes.backends.gradio.messages import Reader, clip_path, event_of, progress_in
from rushes.domain import RemoteJob, RemoteStatus
from rushes.errors import BackendError, BackendUnavailable, RemoteJobNotFound
from rushes.net import Redactor, Secret

READER = Reader("/gradio_api", Redactor([Secret("hf_canary0123456789")]).clean)
JOB = RemoteJob("s" * 26)
FILE: dict[str, Any] = {
    "path": "/tmp/gradio/ab/tmp 9.mp4",  # noqa: S108 - as recorded
    "url": "http://0.0.0.0:7860/x",
    "mime_type": None,
    "is_stream": False,
    "meta": {"_type": "gradio.FileData"},
}


def test_the_first_message_tells_the_event_that_a_cancel_needs() -> None:
    job = READER.read({"msg": "estimation", "rank": 3, "event_id": "e1"}, JOB)
    later = READER.read({"msg": "process_starts", "event_id": "e2"}, job)

    assert (job.status, job.queue_position) == (RemoteStatus.QUEUED, 3)
    assert (later.status, later.queue_position) == (RemoteStatus.IN_PROGRESS, None)
    assert event_of(later) == "e1"


def test_the_apps_own_estimate_is_kept_until_it_gives_another_one() -> None:
    waiting = READER.read({"msg": "estimation", "rank": 1, "rank_eta": 95.5}, JOB)
    begun = READER.read({"msg": "process_starts", "eta": 40}, waiting)
    working = READER.read({"msg": "progress", "progress_data": []}, begun)
    mute = READER.read({"msg": "estimation", "rank": 0, "rank_eta": None}, working)
    ended = READER.read({"msg": "process_completed", "success": False, "output": {}}, working)

    assert waiting.eta == timedelta(seconds=95.5)
    assert working.eta is begun.eta
    assert begun.eta == timedelta(seconds=40)
    assert (mute.eta, ended.eta) == (None, None)


@pytest.mark.parametrize("told", [0, -3, 1e9, "soon", True, float("inf")])
def test_what_is_no_time_to_wait_is_no_estimate(told: Any) -> None:  # noqa: ANN401 - JSON
    assert READER.read({"msg": "estimation", "rank_eta": told}, JOB).eta is None


BARS: list[tuple[Any, int | None]] = [
    ([], None),
    (None, None),
    ([{"index": 3, "length": 10}], 30),
    ([{"index": 10, "length": 10}], 99),
    ([{"index": 1, "length": 4}, {"index": 5, "length": 10}], 37),
    ([{"index": None, "length": None, "progress": 0.25}], 25),
    ([{"index": 3, "length": None, "progress": None}], None),
    ([{"index": 3, "length": 0}], None),
    ([{"index": -5, "length": 10}], 0),
    ([{"progress": float("nan")}], None),
    ([{"index": "3", "length": True}], None),
]


@pytest.mark.parametrize(("bars", "percent"), BARS)
def test_progress_is_read_from_the_bars(bars: Any, percent: int | None) -> None:  # noqa: ANN401
    assert progress_in(bars) == percent


VALUES: list[tuple[Any, str | None]] = [
    ([FILE], FILE["path"]),
    (["log", {"video": FILE, "subtitles": None}], FILE["path"]),
    ([[{"name": "g", "video": FILE}]], FILE["path"]),
    ([FILE | {"path": "/tmp/a.png"}, FILE], FILE["path"]),  # noqa: S108
    ([FILE | {"is_stream": True}], None),
    ([FILE | {"path": "/tmp/a.png"}], None),  # noqa: S108
    ([{"path": 7}, {"path": "x" * 3000 + ".mp4"}, "a.mp4"], None),
    (None, None),
]


@pytest.mark.parametrize(("data", "path"), VALUES)
def test_the_video_is_found_wherever_it_lies(data: Any, path: str | None) -> None:  # noqa: ANN401
    assert clip_path(data) == path


def test_a_bottomless_value_ends() -> None:
    deep: Any = FILE
    for _ in range(500):
        deep = [deep]

    assert clip_path(deep) is None


def test_a_completed_job_has_an_address_made_of_the_path() -> None:
    message: Any = {"msg": "process_completed", "success": True, "output": {"data": [FILE]}}

    job = READER.read(message, JOB)

    assert (job.status, job.progress) == (RemoteStatus.COMPLETED, 100)
    assert job.urls == {"clip": "/gradio_api/file=/tmp/gradio/ab/tmp%209.mp4"}


FAILURES: list[tuple[dict[str, Any], str, str]] = [
    ({"error": "You have exceeded your GPU quota (60s)."}, "quota_exhausted", "You have exceeded"),
    (
        {"error": "The model refused this prompt.", "title": "Error"},
        "rejected_by_moderation",
        "The",
    ),
    ({"error": "NSFW content detected"}, "rejected_by_moderation", "NSFW"),
    ({"error": "'in quotes by 4.x'"}, "generation_failed", "in quotes by 4.x"),
    ({"error": "key hf_canary0123456789 leaked"}, "generation_failed", "key *** leaked"),
    ({"error": None}, "generation_failed", ""),
    ({}, "generation_failed", ""),
]


@pytest.mark.parametrize(("output", "kind", "message"), FAILURES)
def test_an_error_inside_200_says_what_it_is(
    output: dict[str, Any], kind: str, message: str
) -> None:
    job = READER.read({"msg": "process_completed", "success": False, "output": output}, JOB)

    assert job.status is RemoteStatus.FAILED
    assert job.failure is not None
    assert job.failure.kind == kind
    assert job.failure.message.startswith(message)


@pytest.mark.parametrize("output", [{}, {"data": None}, {"data": []}, {"data": ["words"]}, None])
def test_a_success_without_a_video_is_a_failure(output: Any) -> None:  # noqa: ANN401
    job = READER.read({"msg": "process_completed", "success": True, "output": output}, JOB)

    assert job.failure is not None
    assert (job.failure.message, job.failure.kind) == ("", "generation_failed")
    assert job.failure.detail == "the app ended its work without a video"


BREAKS: list[tuple[dict[str, Any], type[BackendError]]] = [
    ({"message": "404: Not Found", "session_not_found": True}, RemoteJobNotFound),
    ({"message": "404: Session not found."}, RemoteJobNotFound),
    ({"message": "", "session_not_found": True}, RemoteJobNotFound),
    ({"message": "Server stopped unexpectedly."}, BackendUnavailable),
    ({}, BackendUnavailable),
]


@pytest.mark.parametrize(("message", "kind"), BREAKS)
def test_an_unexpected_error_is_told_apart(
    message: dict[str, Any], kind: type[BackendError]
) -> None:
    with pytest.raises(kind):
        READER.read({"msg": "unexpected_error"} | message, JOB)


@pytest.mark.parametrize(
    "message", [None, [], "x", {"msg": 3}, {"msg": "log"}, {"msg": "heartbeat"}]
)
def test_small_talk_changes_nothing(message: Any) -> None:  # noqa: ANN401
    assert READER.read(message, JOB) == JOB


def test_the_context_stays_small() -> None:
    job = READER.read({"msg": "estimation", "rank": 0, "event_id": "e" * 5000}, JOB)

    assert job.context is None
    assert json.dumps(job.urls) == "{}"
