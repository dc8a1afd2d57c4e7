"""The words of the language beyond the first profiles: one made-up service for each."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.domain import RemoteJob, RemoteStatus, VideoRequest
from rushes.errors import BackendError, NotConfigured, NotSent, ResultExpired
from rushes.net import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

BASE = "http://video.test:8000/v1"
ORIGIN = "http://video.test:8000"
KEY = "query-canary-0123456789"
JOB_ID = "c" * 26
HEAD = """\
[profile]
name = "made-up"
version = 1
title = "Made up"
service = "none"
api = "1"
source = "this test"
date = 2026-11-22
[check]
path = "/jobs"
"""
TABLES = {
    "submit": 'path = "/jobs"\n[submit.body]\nprompt = "=prompt!"',
    "extract": 'id = ["/id"]',
    "poll": 'path = "/jobs/{id}"',
    "state": 'path = ["/status"]',
    "result": 'path = "/jobs/{id}/clip"',
}


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=BASE, assert_all_mocked=True, assert_all_called=False) as router:
        yield router


def made(folder: Path, *, key: str = KEY, **tables: str) -> VideoBackend:
    """A backend of the smallest profile, with some of its tables written anew."""
    parts = [f"[{name}]\n{text}" for name, text in (TABLES | tables).items()]
    (folder / "made-up.toml").write_text("\n".join([HEAD, *parts]), "utf-8")
    config = BackendConfig(
        name="made-up", url=BASE, key=Secret(key), profile="made-up", profiles_dir=folder
    )
    return load_backend(config)


async def sent(backend: VideoBackend, wire: respx.MockRouter, path: str, **fields: Any) -> Any:  # noqa: ANN401
    """Submit and return the body that went to `path`."""
    route = wire.post(path).respond(200, json={"id": "1", "status": "queued"})
    request = VideoRequest(**({"prompt": "a {kite}"} | fields))
    await backend.submit(request, idempotency_key=JOB_ID)
    return json.loads(route.calls.last.request.content)


async def polled(backend: VideoBackend, wire: respx.MockRouter, **answer: Any) -> RemoteJob:  # noqa: ANN401
    wire.get("/jobs/1").respond(200, json=answer)
    return await backend.poll(RemoteJob("1"))


async def clip_of(backend: VideoBackend, remote: RemoteJob) -> bytes:
    async with backend.open_clip(remote) as source:
        return b"".join([chunk async for chunk in source.chunks()])


# --- submit -------------------------------------------------------------------------------------

VARIANTS = """\
path = "/text"
[submit.body]
prompt = "=prompt!"
[[submit.variants]]
when = "has(first_frame) and lacks(seed)"
path = "/image"
[submit.variants.body]
prompt = "=prompt!"
image = "=first_frame|b64"
"""
IMAGE = "data:image/png;base64,AAAA"


async def test_a_variant_is_sent_where_its_condition_holds(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    backend = made(tmp_path, submit=VARIANTS)

    assert await sent(backend, wire, "/text") == {"prompt": "a {kite}"}
    assert await sent(backend, wire, "/text", first_frame=IMAGE, seed=1) == {"prompt": "a {kite}"}
    assert await sent(backend, wire, "/image", first_frame=IMAGE) == {
        "prompt": "a {kite}",
        "image": "AAAA",
    }


async def test_texts_go_behind_the_prompt_where_their_values_are_there(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    submit = TABLES["submit"].replace(
        "[submit.body]",
        'append = [" --ratio {aspect_ratio}", " --dur {duration_s}"]\n[submit.body]',
    )
    backend = made(tmp_path, submit=submit)

    assert await sent(backend, wire, "/jobs") == {"prompt": "a {kite}"}
    assert await sent(backend, wire, "/jobs", duration_s=5) == {"prompt": "a {kite} --dur 5"}


@pytest.mark.parametrize(
    ("when", "complaint"),
    [
        ("has(sed)", "did you mean 'seed'"),
        ("seed", r"has\(name\) or lacks\(name\)"),
        ("has(seed) or has(fps)", r"has\(name\) or lacks\(name\)"),
    ],
)
def test_a_condition_that_says_nothing_is_refused(
    tmp_path: Path, when: str, complaint: str
) -> None:
    with pytest.raises(NotConfigured, match=complaint):
        made(tmp_path, submit=VARIANTS.replace("has(first_frame) and lacks(seed)", when))


async def test_a_key_in_the_query_goes_to_the_backend_s_own_origin_only(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    backend = made(
        tmp_path,
        auth='query = { key = "{key}" }',
        extract='id = ["/id"]\nurls = { clip = ["/clip"] }',
        result='url_auth = "same_origin"',
    )
    mp4 = {"Content-Type": "video/mp4"}
    ours = wire.get(f"{ORIGIN}/files/1?a=b&key={KEY}").respond(200, content=b"1", headers=mp4)
    theirs = wire.get("https://cdn.test/1?a=b").respond(200, content=b"2", headers=mp4)
    submit = wire.post(f"{BASE}/jobs?key={KEY}").respond(200, json={"id": "1"})
    poll = wire.get(f"{BASE}/jobs/1?key={KEY}").respond(200, json={"status": "done"})

    await backend.submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)
    await backend.poll(RemoteJob("1"))
    got = [
        await clip_of(backend, RemoteJob("1", urls={"clip": f"{host}/1?a=b"}))
        for host in ("/files", "https://cdn.test")
    ]

    assert got == [b"1", b"2"]
    assert all(route.called for route in (ours, theirs, submit, poll))


# --- poll ---------------------------------------------------------------------------------------


async def test_a_poll_may_be_a_post_with_a_body_and_headers(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    poll = 'method = "POST"\npath = "/s"\nheaders = { X-Job = "{id}" }\nbody = { job = "{id}" }'
    backend = made(tmp_path, poll=poll)
    route = wire.post("/s").respond(200, json={"status": "done"})

    job = await backend.poll(RemoteJob("7"))

    assert job.status is RemoteStatus.COMPLETED
    assert json.loads(route.calls.last.request.content) == {"job": "7"}
    assert route.calls.last.request.headers["x-job"] == "7"


async def test_an_address_without_a_host_is_meant_as_the_backend_sees_it(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    backend = made(
        tmp_path,
        extract='id = ["/id"]\nurls = { poll = ["/poll"] }',
        poll='path = "{urls.poll}"\nquery = { logs = "0" }',
    )
    route = wire.get(f"{ORIGIN}/v1/p/1?x=2&logs=0").respond(200, json={"status": "done"})

    await backend.poll(RemoteJob("1", urls={"poll": "/v1/p/1?x=2"}))

    assert route.called
    for foreign in ("//evil.test/p", "http://[odd", "http://video.test:8000:1/p"):
        with pytest.raises(NotSent):
            await backend.poll(RemoteJob("1", urls={"poll": foreign}))


STATE_BY_STATUS = """\
http = { 200 = "completed", 202 = "in_progress", 404 = "queued", 409 = "queued", 410 = "failed" }
"""


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (202, b'{"id": "1", "status": "failed"}', RemoteStatus.IN_PROGRESS),
        (200, b"\0\0\0\x18ftypmp42" * 100_000, RemoteStatus.COMPLETED),
        (200, b'{"video": "AAAA"}', RemoteStatus.COMPLETED),
        (404, b'{"detail": "not begun"}', RemoteStatus.QUEUED),
        (409, b"not yet", RemoteStatus.QUEUED),
        (410, b'{"error": "it broke"}', RemoteStatus.FAILED),
    ],
)
async def test_the_status_of_an_answer_may_be_the_state(
    tmp_path: Path, wire: respx.MockRouter, status: int, body: bytes, told: RemoteStatus
) -> None:
    backend = made(tmp_path, state=STATE_BY_STATUS)
    wire.get("/jobs/1").respond(status, content=body)

    assert (await backend.poll(RemoteJob("1"))).status is told


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({}, RemoteStatus.IN_PROGRESS),
        ({"done": False}, RemoteStatus.IN_PROGRESS),
        ({"done": True, "clips": [1]}, RemoteStatus.COMPLETED),
        ({"done": True, "clips": []}, RemoteStatus.FAILED),
    ],
)
async def test_yes_and_no_may_be_the_state_and_nothing_made_is_a_failure(
    tmp_path: Path, wire: respx.MockRouter, answer: dict[str, Any], told: RemoteStatus
) -> None:
    state = """\
path = ["/done"]
map = { true = "completed", false = "in_progress" }
[[state.rules]]
path = "/done"
equals = true
empty = "/clips"
state = "failed"
kind = "rejected_by_moderation"
"""
    job = await polled(made(tmp_path, state=state), wire, **answer)

    assert job.status is told
    assert (job.failure.kind if job.failure else None) == (
        "rejected_by_moderation" if told is RemoteStatus.FAILED else None
    )


@pytest.mark.parametrize(
    ("logs", "progress"),
    [
        ("", None),
        ("loading", None),
        ("  3%|a| 1/30\n 40%|b| 12/30\nsaving", 40),
        ("40%" * 20_000, 40),
    ],
)
async def test_progress_is_found_in_a_log(
    tmp_path: Path, wire: respx.MockRouter, logs: str, progress: int | None
) -> None:
    share = "path = ['/logs']\npattern = '(\\d+)%'"
    place = "queue_position = ['/note']\nqueue_pattern = 'place (\\d+)'"
    backend = made(tmp_path, progress=f"{share}\n{place}")

    job = await polled(backend, wire, status="running", logs=logs, note="you have place 4 of 9")

    assert (job.progress, job.queue_position) == (progress, 4)


# --- result -------------------------------------------------------------------------------------

STEPS = """\
[[result.steps]]
path = "/files"
query = { id = "{values.file}" }
values = { place = ["/file/place"] }
[[result.steps]]
method = "POST"
path = "/places/{values.place}"
body = { job = "{id}" }
urls = { clip = ["/url"] }
"""


def stepping(folder: Path) -> VideoBackend:
    extract = 'id = ["/id"]\nvalues = { file = ["/file_id"] }\nthumbnail = ["/still"]'
    return made(folder, extract=extract, result=STEPS, ok='path = "/code"\nequals = 0')


async def test_steps_lead_from_the_job_to_its_clip(tmp_path: Path, wire: respx.MockRouter) -> None:
    backend = stepping(tmp_path)
    wire.get(f"{BASE}/files?id=f%201").respond(200, json={"file": {"place": "a/b"}})
    last = wire.post(f"{BASE}/places/a%2Fb").respond(200, json={"url": "https://cdn.test/1"})
    clip = wire.get("https://cdn.test/1").respond(
        200, content=b"clip", headers={"Content-Type": "video/mp4"}
    )

    job = await polled(backend, wire, status="done", file_id="f 1", still="https://cdn.test/s")
    later = await polled(backend, wire, status="done")

    assert job.thumbnail == "https://cdn.test/s"
    assert later.context is None
    assert await clip_of(backend, job) == b"clip"
    assert json.loads(last.calls.last.request.content) == {"job": "1"}
    assert clip.called


async def test_what_an_earlier_poll_told_is_kept(tmp_path: Path, wire: respx.MockRouter) -> None:
    backend = stepping(tmp_path)

    job = await polled(backend, wire, status="odd-word", file_id="f1", still="/s.png")
    wire.get("/jobs/1").respond(200, json={"status": "done"})
    later = await backend.poll(job)

    assert json.loads(job.context or "") == {"word": "odd-word", "values": {"file": "f1"}}
    assert json.loads(later.context or "") == {"values": {"file": "f1"}}
    assert later.thumbnail == "/s.png"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"json": {"code": 7, "message": "no"}}, "bad_backend_response"),
        ({"status_code": 500, "text": "no"}, "backend_unavailable"),
    ],
)
async def test_a_step_that_goes_wrong_is_told(
    tmp_path: Path, wire: respx.MockRouter, answer: dict[str, Any], kind: str
) -> None:
    backend = stepping(tmp_path)
    wire.get(f"{BASE}/files").respond(**answer)

    with pytest.raises(BackendError) as caught:
        await clip_of(backend, await polled(backend, wire, status="done", file_id="f1"))

    assert caught.value.kind == kind


async def test_a_clip_that_a_step_no_longer_finds_is_asked_for_once_more(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    backend = stepping(tmp_path)
    route = wire.get(f"{BASE}/files").respond(404, json={"message": "gone"})

    job = await polled(backend, wire, status="done", file_id="f1")
    with pytest.raises(ResultExpired):
        await clip_of(backend, job)

    assert route.call_count == 2


async def test_a_still_picture_has_an_address_once_the_clip_is_there(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    result = TABLES["result"] + '\nthumbnail = "/jobs/{id}/still"'
    backend = made(tmp_path, result=result)

    running = await polled(backend, wire, status="running")
    done = await polled(backend, wire, status="done")

    assert (running.thumbnail, done.thumbnail) == (None, "/jobs/1/still")
    assert done.next_poll == timedelta(seconds=2)


def test_more_than_three_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=r"result\.steps"):
        made(tmp_path, result=TABLES["result"] + '\n[[result.steps]]\npath = "/a"' * 4)


async def test_codes_are_told_apart_by_pattern(tmp_path: Path, wire: respx.MockRouter) -> None:
    error = 'code = ["/code"]\n[[error.classify]]\ncode_pattern = "^SAFETY"\n'
    backend = made(tmp_path, error=error + 'kind = "rejected_by_moderation"')

    safety = await polled(backend, wire, status="failed", code="SAFETY.INPUT.TEXT")
    other = await polled(backend, wire, status="failed", code="INTERNAL.SAFETY")

    assert safety.failure is not None
    assert other.failure is not None
    assert (safety.failure.kind, other.failure.kind) == (
        "rejected_by_moderation",
        "generation_failed",
    )


async def test_an_odd_address_of_a_clip_is_refused_as_such(tmp_path: Path) -> None:
    backend = made(
        tmp_path,
        auth='query = { key = "{key}" }',
        extract='id = ["/id"]\nurls = { clip = ["/clip"] }',
        result='url_auth = "same_origin"',
    )

    with pytest.raises(NotSent):
        await clip_of(backend, RemoteJob("1", urls={"clip": "http://[odd"}))


async def test_a_picture_whose_address_is_not_told_is_none(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    result = TABLES["result"] + '\nthumbnail = "{urls.still}"'
    backend = made(tmp_path, extract='id = ["/id"]\nurls = { still = ["/still"] }', result=result)

    assert (await polled(backend, wire, status="done")).thumbnail is None


async def test_a_key_echoed_as_it_stood_in_the_address_is_hidden(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    backend = made(tmp_path, auth='query = { key = "{key}" }', key="a/secret+key=0123456789")
    echo = "bad: /jobs?key=a%2Fsecret%2Bkey%3D0123456789"
    wire.post("/jobs").respond(400, json={"message": echo})

    with pytest.raises(BackendError) as caught:
        await backend.submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)

    assert "secret" not in f"{caught.value.message} {caught.value.detail}"
