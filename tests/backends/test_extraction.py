"""Answers in the shapes that servers really send, read into our words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.backends.classifying import read_error
from rushes.backends.extraction import WORDS, holds, passes, read_job, read_progress
from rushes.backends.language.files import load_profile
from rushes.backends.language.pointers import find, find_prose, find_text, select
from rushes.backends.language.profile import JobProfile
from rushes.backends.language.sections import Condition, Poll, Progress
from rushes.backends.pauses import next_poll, read_retry_after
from rushes.domain import RemoteStatus, Stage
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    GenerationFailed,
    ModelUnavailable,
    RefusedByBackend,
    RejectedByModeration,
    RemoteJobNotFound,
    ResultExpired,
)

if TYPE_CHECKING:
    from pydantic import JsonValue

OPENAI = JobProfile.model_validate(load_profile("openai-videos").model_dump())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def clean(text: str, limit: int) -> str:
    return text[:limit]


def with_parts(**parts: Any) -> JobProfile:  # noqa: ANN401 - parts of a profile document
    return JobProfile.model_validate(OPENAI.model_dump() | parts)


DOCUMENT: JsonValue = {"a": [{"b": 1}, {"b": None}], "": 2, "x/y": 3, "m~n": 4, "01": 5}

PLACES: list[tuple[str, JsonValue]] = [
    ("", DOCUMENT),
    ("/", 2),
    ("/a/0/b", 1),
    ("/a/1/b", None),
    ("/a/2", None),
    ("/a/-1", None),
    ("/a/x", None),
    ("/a/0/b/c", None),
    ("/x~1y", 3),
    ("/m~0n", 4),
    ("/01", 5),
    ("/a/99999999999", None),
]


@pytest.mark.parametrize(("pointer", "expected"), PLACES)
def test_a_pointer_leads_to(pointer: str, expected: JsonValue) -> None:
    assert find(DOCUMENT, pointer) == expected


def test_the_first_text_that_is_there_counts() -> None:
    document: JsonValue = {"a": {"x": 1}, "b": "", "c": False, "d": 7, "e": "seen"}

    assert find_text(document, ["/a", "/b", "/c", "/nowhere", "/d", "/e"]) == "7"
    assert find_text(document, ["/a", "/b", "/c"]) is None


LIST: JsonValue = {"jobs": [{"id": "a", "n": 1}, "odd", {"id": "b"}, {"id": "a", "n": 2}, {"n": 1}]}

SELECTED: list[tuple[dict[str, str], bool, JsonValue]] = [
    ({"/id": "a"}, False, {"id": "a", "n": 1}),
    ({"/id": "a"}, True, {"id": "a", "n": 2}),
    ({"/id": "a", "/n": "2"}, False, {"id": "a", "n": 2}),
    ({"/id": "c"}, False, None),
    ({"/id": "c"}, True, None),
    ({}, False, {"id": "a", "n": 1}),
]


@pytest.mark.parametrize(("where", "last", "expected"), SELECTED)
def test_an_entry_is_selected_by_all_that_it_must_hold(
    where: dict[str, str], last: bool, expected: JsonValue
) -> None:
    assert select(LIST, "/jobs", where, last=last) == expected
    assert select(LIST, "/jobs/0", where, last=last) is None


PROSE: list[tuple[JsonValue, str | None]] = [
    ("a kite", "a kite"),
    ({"0": "a kite", "9": "it falls"}, "a kite\nit falls"),
    (["a", "", 3, None, "b"], "a\nb"),
    ({"0": {"deep": "no"}}, None),
    (7, None),
    ("", None),
]


@pytest.mark.parametrize(("found", "expected"), PROSE)
def test_prose_is_a_text_or_the_texts_of_a_table(found: JsonValue, expected: str | None) -> None:
    assert find_prose({"x": found}, ["/nowhere", "/x"]) == expected


CONDITIONS: list[tuple[dict[str, Any], bool]] = [
    ({"exists": "/error"}, True),
    ({"exists": "/null"}, False),
    ({"exists": "/nowhere"}, False),
    ({"empty": "/list"}, True),
    ({"empty": "/nowhere"}, True),
    ({"empty": "/error"}, False),
    ({"path": "/done", "equals": True}, True),
    ({"path": "/done", "equals": 1}, False),
    ({"path": "/one", "equals": 1}, True),
    ({"path": "/nowhere", "equals": None}, True),
    ({"path": "/done", "equals": True, "empty": "/list", "exists": "/error"}, True),
    ({"path": "/done", "equals": True, "empty": "/error"}, False),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS)
def test_a_condition_holds_if_all_of_it_does(condition: dict[str, Any], expected: bool) -> None:
    document: JsonValue = {"error": "x", "null": None, "list": [], "done": True, "one": 1}

    assert holds(Condition.model_validate(condition), document) is expected


@pytest.mark.parametrize(("word", "status"), sorted(WORDS.items()))
def test_each_word_of_the_field_is_known_in_any_case(word: str, status: RemoteStatus) -> None:
    for spelt in (word, word.upper(), word.title()):
        job = read_job(OPENAI, {"status": spelt}, remote_id="1", stage=Stage.POLL, clean=clean)
        assert (job.status, job.context) == (status, None)


def test_the_profile_s_own_map_goes_before_the_words_of_the_field() -> None:
    profile = with_parts(state={"path": ["/s"], "map": {"READY": "queued"}, "missing": "failed"})

    def status(document: JsonValue) -> RemoteStatus:
        return read_job(profile, document, remote_id="1", stage=Stage.POLL, clean=clean).status

    assert status({"s": "ready"}) is RemoteStatus.QUEUED
    assert status({"s": "Done"}) is RemoteStatus.COMPLETED
    assert status({}) is RemoteStatus.FAILED


def test_rules_go_before_the_map_in_their_order() -> None:
    profile = with_parts(
        state={
            "path": ["/done"],
            "map": {"true": "completed", "false": "in_progress"},
            "rules": [
                {"exists": "/error", "state": "failed"},
                {
                    "path": "/done",
                    "equals": True,
                    "empty": "/samples",
                    "state": "failed",
                    "kind": "rejected_by_moderation",
                    "message": ["/reasons/0"],
                },
            ],
        }
    )

    def read(document: JsonValue) -> tuple[RemoteStatus, str | None, str | None]:
        job = read_job(profile, document, remote_id="1", stage=Stage.POLL, clean=clean)
        if job.failure is None:
            return job.status, None, None
        return job.status, job.failure.kind, job.failure.message

    assert read({"done": False}) == (RemoteStatus.IN_PROGRESS, None, None)
    assert read({"done": True, "samples": [1]}) == (RemoteStatus.COMPLETED, None, None)
    assert read({"done": True, "error": {"message": "x"}}) == (
        RemoteStatus.FAILED,
        "generation_failed",
        "x",
    )
    assert read({"done": True, "reasons": ["no people"]}) == (
        RemoteStatus.FAILED,
        "rejected_by_moderation",
        "no people",
    )


@given(JSON)
def test_any_document_at_all_is_read_without_an_exception(document: Any) -> None:  # noqa: ANN401
    for shape in (document, {"status": document, "progress": document, "error": document}):
        job = read_job(OPENAI, shape, remote_id="1", stage=Stage.POLL, clean=clean)
        error = read_error(OPENAI, 500, shape, stage=Stage.POLL, clean=clean)

        assert job.progress is None or 0 <= job.progress <= 100
        assert isinstance(error, BackendError)


@pytest.mark.parametrize(
    ("value", "scale", "expected"), [(0.25, 1, 25), (1, 1, 100), (3, 4, 75), ("0.5", 1, 50)]
)
def test_progress_is_scaled(value: JsonValue, scale: float, expected: int) -> None:
    assert read_progress(Progress(path=("/p",), scale=scale), {"p": value}) == expected


def test_the_place_in_the_queue_is_read() -> None:
    profile = with_parts(progress={"queue_position": ["/queue"]})

    def place(value: JsonValue) -> int | None:
        document: JsonValue = {"queue": value}
        job = read_job(profile, document, remote_id="1", stage=Stage.POLL, clean=clean)
        return job.queue_position

    assert [place(3), place("4"), place(-1), place(1.5), place(None)] == [3, 4, None, None, None]


# --- errors -------------------------------------------------------------------------------------

SHAPES: list[tuple[JsonValue, str | None, str]] = [
    ({"error": {"message": "bad", "type": "t", "param": None, "code": 400}}, "400", "bad"),
    ({"error": {"message": "bad", "type": "t", "code": None}}, "t", "bad"),
    ({"detail": "bad"}, None, "bad"),
    ({"detail": [{"loc": ["body", "size"], "msg": "bad"}]}, None, "bad"),
    ({"error": "bad"}, None, "bad"),
    ({"error": {"type": "invalid", "message": "bad", "details": ""}, "x": {}}, "invalid", "bad"),
    ({"code": 1001, "message": "bad"}, "1001", "bad"),
    ("bad", None, "bad"),
    (None, None, "the backend answered 400"),
    ({}, None, "the backend answered 400"),
]


@pytest.mark.parametrize(("document", "code", "message"), SHAPES)
def test_an_error_is_read_in_each_of_its_shapes(
    document: JsonValue, code: str | None, message: str
) -> None:
    error = read_error(OPENAI, 400, document, stage=Stage.SUBMIT, clean=clean)

    assert (error.remote_code, error.message) == (code, message)


STATUSES: list[tuple[int, Stage, type[BackendError]]] = [
    (404, Stage.SUBMIT, ModelUnavailable),
    (404, Stage.POLL, RemoteJobNotFound),
    (410, Stage.RESULT, ResultExpired),
    (409, Stage.SUBMIT, RefusedByBackend),
    (408, Stage.POLL, BackendUnavailable),
    (504, Stage.POLL, BackendUnavailable),
    (529, Stage.POLL, BackendUnavailable),
    (200, Stage.SUBMIT, RefusedByBackend),
    (200, Stage.RESULT, BadBackendResponse),
]


@pytest.mark.parametrize(("status", "stage", "kind"), STATUSES)
def test_without_a_known_code_the_status_decides(
    status: int, stage: Stage, kind: type[BackendError]
) -> None:
    assert type(read_error(OPENAI, status, {}, stage=stage, clean=clean)) is kind


def test_all_that_a_rule_says_must_hold() -> None:
    profile = with_parts(
        error={
            "classify": [
                {"http": [422], "code": ["7"], "message": "(?i)face", "kind": "generation_failed"},
                {"message": "face", "kind": "rejected_by_moderation"},
            ]
        }
    )

    def kind(status: int, code: int, message: str) -> type[BackendError]:
        document: JsonValue = {"code": code, "message": message}
        return type(read_error(profile, status, document, stage=Stage.SUBMIT, clean=clean))

    assert kind(422, 7, "a FACE") is GenerationFailed
    assert kind(400, 7, "a face") is RejectedByModeration
    assert kind(422, 8, "a FACE") is RefusedByBackend


def test_what_a_profile_omits_from_messages_is_not_told() -> None:
    rule = {"path": "/status", "equals": "gone", "state": "failed", "message": ["/why"]}
    profile = with_parts(error={"omit": r"\s*Request id: \S+"}, state={"rules": [rule]})
    said = "Not this. Request id: 0217-ab"
    refusals: list[JsonValue] = [{"error": {"message": said}}, said]
    gone: JsonValue = {"status": "gone", "why": said}

    for document in refusals:
        error = read_error(profile, 400, document, stage=Stage.SUBMIT, clean=clean)
        assert error.message == "Not this."
    job = read_job(profile, gone, remote_id="1", stage=Stage.POLL, clean=clean)
    assert job.failure is not None
    assert job.failure.message == "Not this."


def test_an_error_in_disguise_is_found() -> None:
    profile = with_parts(ok={"path": "/base/code", "equals": 0, "missing": True})
    strict = with_parts(ok={"path": "/code", "equals": 0, "missing": False})

    assert passes(profile, {"base": {"code": 0}})
    assert passes(profile, {"id": "1"})
    assert not passes(profile, {"base": {"code": 1026}})
    assert not passes(profile, {"base": {"code": False}})
    assert not passes(strict, {"id": "1"})
    assert passes(OPENAI, {"error": "x"})


# --- waiting ------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

WAITS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"retry-after": "7"}, 7),
    ({"retry-after": " 7.5 "}, 7.5),
    ({"retry-after": "0"}, 1),
    ({"retry-after": "999999999"}, 600),
    ({"retry-after": "-1"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": "1e9"}, None),
    ({"retry-after": "٣"}, 3),
    ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30),
    ({"retry-after": "Sun, 22 Nov 2026 12:00:30 -0000"}, 30),
    ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 1),
    ({"retry-after": "Sun, 99 Nov 2026 11:00:00 GMT"}, None),
    ({"retry-after": "Sun, 22 Nov 99999 11:00:00 GMT"}, None),
    ({"retry-after-ms": "2500", "retry-after": "3"}, 2.5),
    ({"retry-after-ms": "x", "retry-after": "3"}, 3),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
def test_retry_after_is_read_within_bounds(headers: dict[str, str], seconds: float | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert read_retry_after(headers, NOW) == expected


@given(st.text())
def test_no_retry_after_at_all_breaks_the_reader(header: str) -> None:
    wait = read_retry_after({"retry-after": header, "retry-after-ms": header}, NOW)

    assert wait is None or timedelta(seconds=1) <= wait <= timedelta(minutes=10)


@pytest.mark.parametrize(
    ("header", "seconds"), [("2500", 2.5), ("0", 0.25), ("99999999", 60), ("x", 4.5), ("-5", 4.5)]
)
def test_a_proposed_pause_is_followed_within_bounds(header: str, seconds: float) -> None:
    poll = Poll(path="/x", factor=1.5, interval_header_ms="Poll-After-Ms")

    assert next_poll(poll, timedelta(seconds=3), {"poll-after-ms": header}) == timedelta(
        seconds=seconds
    )
