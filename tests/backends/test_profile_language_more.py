"""Words of the language for lists, for clips inside answers, and for what a submit needs first."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from rushes.backends.encoded import ended_at_clip
from rushes.backends.language.pointers import find
from rushes.domain import RemoteJob, RemoteStatus, VideoRequest
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    ConcurrencyLimited,
    NotConfigured,
    OutcomeUnknown,
)
from tests.backends.test_profile_language import (
    JOB_ID,
    TABLES,
    clip_of,
    made,
    polled,
    sent,
    wire,
)

if TYPE_CHECKING:
    from pathlib import Path

    import respx
    from pydantic import JsonValue

__all__ = ["wire"]
pytestmark = pytest.mark.anyio

CLIP = bytes(range(256)) * 8192
TEXT = base64.b64encode(CLIP).decode()


# --- lists --------------------------------------------------------------------------------------

PARTS: JsonValue = {
    "steps": [
        {"type": "thought"},
        {"content": []},
        {"content": [{"type": "text", "text": "so"}, {"type": "video", "uri": "a"}]},
        {"content": [{"type": "video", "uri": "b"}]},
    ],
    "*": 7,
}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/steps/-*/content/-*[type=video]/uri", "b"),
        ("/steps/-*/content/*/text", "so"),
        ("/steps/-*/type", "thought"),
        ("/steps/*/content/*/uri", "a"),
        ("/steps/*/content/*/text", "so"),
        ("/steps/*/content/*[type=video]/uri", "a"),
        ("/steps/*/content/*[type=video]/text", None),
        ("/steps/*[type=thought]/content", None),
        ("/steps/*[type=thought]", {"type": "thought"}),
        ("/steps/3/content/*/uri", "b"),
        ("/steps/*/content/1/uri", "a"),
        ("/steps/*/nothing", None),
        ("/*", 7),
        ("/*/x", None),
    ],
)
def test_a_star_is_the_first_entry_under_which_there_is_something(
    pointer: str,
    found: Any,  # noqa: ANN401 - any JSON
) -> None:
    assert find(PARTS, pointer) == found


def test_the_text_that_chooses_an_entry_may_hold_a_slash_and_be_a_number() -> None:
    outputs: list[JsonValue] = [
        {"type": "image/png", "n": 1},
        {"type": "video/mp4", "n": 2, "url": "u"},
    ]

    assert find({"o": outputs}, "/o/*[type=video~1mp4]/url") == "u"
    assert find({"o": outputs}, "/o/*[n=2]/url") == "u"


@pytest.mark.parametrize("pointer", ["/a/**", "/a/*[x]", "/a/*[x=1", "/a/*b"])
def test_a_star_that_says_nothing_is_refused(tmp_path: Path, pointer: str) -> None:
    with pytest.raises(NotConfigured, match=r"\*\[key=text\]"):
        made(tmp_path, extract=f'id = ["{pointer}"]')


# --- a clip inside an answer --------------------------------------------------------------------

INSIDE = """\
path = "/jobs/{id}"
base64 = ["/parts/*/data"]
"""
SEEN = """\
path = ["/status"]
[[state.rules]]
exists = "/parts/*/data"
state = "completed"
"""


def answer(text: str, *, status_first: bool) -> dict[str, Any]:
    parts = [{"note": 'a "quoted" {[', "data": None}, {"kind": "video", "data": text, "n": 1}]
    told: list[tuple[str, Any]] = [("status", "completed"), ("parts", parts)]
    return dict(told if status_first else told[::-1])


@pytest.mark.parametrize("status_first", [True, False])
@pytest.mark.parametrize("text", [TEXT, "AAEC"], ids=["2 MiB", "tiny"])
async def test_a_poll_may_hold_the_clip_which_is_fetched_from_there(
    tmp_path: Path, wire: respx.MockRouter, text: str, status_first: bool
) -> None:
    backend = made(tmp_path, result=INSIDE, state=SEEN)

    job = await polled(backend, wire, **answer(text, status_first=status_first))

    assert job == RemoteJob("1", RemoteStatus.COMPLETED, next_poll=job.next_poll)
    assert await clip_of(backend, job) == base64.b64decode(text)


async def test_a_long_answer_without_a_clip_is_no_answer(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    backend = made(tmp_path, result=INSIDE, state=SEEN)

    with pytest.raises(BadBackendResponse, match="1 MiB") as caught:
        await polled(backend, wire, status="completed", log="x" * 2_000_000)

    assert caught.value.retryable is True


async def test_a_submit_may_be_answered_with_a_finished_job_and_its_clip(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    backend = made(tmp_path, result=INSIDE, state=SEEN)
    wire.post("/jobs").respond(200, json={"id": "1"} | answer(TEXT, status_first=False))

    submission = await backend.submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)

    assert submission.remote.status is RemoteStatus.COMPLETED


def test_an_answer_ends_where_its_clip_begins() -> None:
    body = b'{"a": [1, {"b": [{"data": "AAAABBBB'

    cut = ended_at_clip(body, ["/a/1/b/*/data"])

    assert json.loads(cut or b"") == {"a": [1, {"b": [{"data": ""}]}]}
    assert ended_at_clip(body, ["/a/0/data"]) is None


async def test_a_clip_may_be_asked_for_with_a_post(tmp_path: Path, wire: respx.MockRouter) -> None:
    ask = 'method = "POST"\npath = "/fetch"\nbody = { operation = "{id}" }'
    result = f'{ask}\nbase64 = ["/videos/*/bytes"]'
    backend = made(tmp_path, poll=ask, result=result, auth='query = { key = "{key}" }')
    body = {"done": True, "videos": [{"uri": "x"}, {"bytes": TEXT}]}
    route = wire.post("/fetch").respond(200, json=body)

    got = await clip_of(backend, RemoteJob("a/b"))

    assert got == CLIP
    assert json.loads(route.calls.last.request.content) == {"operation": "a/b"}
    assert "key=" in str(route.calls.last.request.url)


async def test_a_clip_whose_entry_depends_on_more_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="read as it comes"):
        made(tmp_path, result='path = "/a"\nbase64 = ["/parts/*[type=video]/data"]')


# --- ahead of a submit --------------------------------------------------------------------------

BEFORE = """\
path = "/jobs"
[submit.before]
path = "/session"
body = {}
values = { session = ["/session/id"] }
[submit.body]
prompt = "=prompt!"
session = "=values.session!"
"""


async def test_a_submit_may_name_what_a_request_ahead_of_it_told(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    backend = made(tmp_path, submit=BEFORE)
    session = wire.post("/session").respond(200, json={"session": {"id": "s 1"}})

    first = await sent(backend, wire, "/jobs")
    await sent(backend, wire, "/jobs")

    assert first == {"prompt": "a {kite}", "session": "s 1"}
    assert json.loads(session.calls.last.request.content) == {}
    assert session.call_count == 2


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"status_code": 500}, BackendUnavailable),
        ({"json": {"session": {}}}, BadBackendResponse),
        ({"json": {"fault": "no"}}, BackendError),
        ({"text": "<html>"}, BadBackendResponse),
    ],
)
async def test_where_that_fails_nothing_is_submitted(
    tmp_path: Path, wire: respx.MockRouter, told: dict[str, Any], kind: type[BackendError]
) -> None:
    backend = made(tmp_path, submit=BEFORE, ok='path = "/fault"\nequals = ""')
    wire.post("/session").respond(**told)
    submit = wire.post("/jobs").respond(200, json={"id": "1"})

    with pytest.raises(kind) as caught:
        await backend.submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)

    assert not isinstance(caught.value, OutcomeUnknown)
    assert not submit.called


def test_a_submit_names_only_what_is_told_ahead_of_it(tmp_path: Path) -> None:
    for wrong in ("values.sesion", "urls.x"):
        with pytest.raises(NotConfigured, match=f"no answer is asked for '{wrong}'"):
            made(tmp_path, submit=BEFORE.replace("values.session!", f"{wrong}!"))


async def test_a_seed_of_our_own_stands_in_for_none(tmp_path: Path, wire: respx.MockRouter) -> None:
    backend = made(tmp_path, submit=TABLES["submit"] + '\nseed = "=any_seed"')

    asked = await sent(backend, wire, "/jobs", seed=0)
    ours = await sent(backend, wire, "/jobs")

    assert asked["seed"] == 0
    assert 0 < ours["seed"] < 2**32
    assert (await sent(backend, wire, "/jobs"))["seed"] == ours["seed"]


@pytest.mark.parametrize(
    ("detail", "kind"), [("the queue is full", ConcurrencyLimited), ("oops", OutcomeUnknown)]
)
async def test_a_full_queue_told_with_503_was_not_executed(
    tmp_path: Path, wire: respx.MockRouter, detail: str, kind: type[BackendError]
) -> None:
    rule = '[[error.classify]]\nhttp = [503]\nmessage = "full"\nkind = "concurrency_limited"'
    backend = made(tmp_path, error=rule)
    wire.post("/jobs").respond(503, json={"detail": detail})

    with pytest.raises(kind):
        await backend.submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)
