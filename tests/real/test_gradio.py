"""The gradio backend and real Gradio apps, 4.44, 5.50 and 6.31."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING

import httpx
import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.backends.contract import PICTURE
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, new_id
from rushes.errors import ConcurrencyLimited, RemoteJobNotFound, ResultExpired, Unauthorized
from rushes.net import Secret
from tests.backends.following import fetch, follow, submit, wait_for
from tests.mock.driving import probe
from tests.real.apps.making import REFUSAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rushes.ports import VideoBackend
    from tests.real.conftest import Run
    from tests.real.servers import RealServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

VERSIONS = ("gradio4", "gradio5", "gradio6")
KEY = "real-canary-0123456789"
IN_QUEUE_MAX = 4


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, run: Run) -> Iterator[RealServer]:
    with run(request.param) as started:
        yield started


def loaded(server: RealServer, **extras: str) -> VideoBackend:
    secrets = {name: Secret(value) for name, value in extras.items()}
    return load_backend(BackendConfig(name="app", url=server.url, profile="gradio", extras=secrets))


@pytest.fixture
async def backend(server: RealServer) -> AsyncIterator[VideoBackend]:
    made = loaded(server)
    yield made
    await made.aclose()


async def test_the_app_says_what_it_can_be_asked(backend: VideoBackend) -> None:
    catalogue = await backend.describe()
    (finding,) = await backend.check()

    assert catalogue.models[""].durations == (1.0, 2.0, 3.0, 4.0)
    assert catalogue.models[""].seed is True
    assert (finding.severity, finding.message) == ("ok", "a Gradio app: /generate")


async def test_a_prompt_becomes_the_very_clip_that_the_app_made(
    backend: VideoBackend, server: RealServer
) -> None:
    prompt = f'a "red" kite\nover dunes 🪁 {{{{x}}}} =seed {new_id()}'

    seen = await follow(backend, await submit(backend, new_id(), prompt=prompt, duration_s=3))
    clip = await fetch(backend, seen[-1])

    (note,) = server.notes(prompt)
    assert hashlib.sha256(clip.data).hexdigest() == note["sha256"]
    assert clip.size == note["size"]
    assert (probe(clip.data).codecs, note["asked"]["duration"]) == (("h264",), 3)
    assert [job.status for job in seen if job.status is RemoteStatus.IN_PROGRESS]
    progress = [job.progress for job in seen if job.progress is not None]
    assert progress == sorted(progress)
    assert len(set(progress)) > 2


async def test_a_picture_reaches_the_function_as_it_was(
    backend: VideoBackend, server: RealServer
) -> None:
    prompt = f"from a picture {new_id()}"
    takes = (await backend.describe()).capabilities(None)

    await follow(backend, await submit(backend, new_id(), prompt=prompt, first_frame=PICTURE))

    (note,) = server.notes(prompt)
    picture = base64.b64decode(PICTURE.partition(",")[2])
    arrived = note["asked"]["picture"]
    assert arrived is not None
    if server.name != "gradio4":  # which draws it anew for its function
        assert arrived == hashlib.sha256(picture).hexdigest()
    assert takes is not None
    assert takes.first_frame


async def test_no_seed_is_another_seed_each_time(backend: VideoBackend, server: RealServer) -> None:
    prompt = f"again {new_id()}"

    for _ in range(2):
        await follow(backend, await submit(backend, new_id(), prompt=prompt))
    await follow(backend, await submit(backend, new_id(), prompt=prompt, seed=7))

    seeds = {note["asked"]["seed"] for note in server.notes(prompt)}
    assert len(seeds) == 3
    assert seeds > {7}


async def test_a_clip_is_fetched_from_where_it_broke_off(
    backend: VideoBackend, server: RealServer
) -> None:
    done = (await follow(backend, await submit(backend, new_id())))[-1]
    whole = await fetch(backend, done)

    rest = await fetch(backend, done, start=100, validator=whole.validator)

    assert rest.start == (0 if server.name == "gradio4" else 100)  # 4.44 knows no open range
    assert rest.data == whole.data[rest.start :]


@pytest.mark.parametrize(
    ("word", "kind", "message"),
    [
        ("#refuse", "rejected_by_moderation", REFUSAL),
        ("#fail", "generation_failed", ""),
    ],
)
async def test_an_error_says_what_it_is(
    backend: VideoBackend, server: RealServer, word: str, kind: str, message: str
) -> None:
    ended = (await follow(backend, await submit(backend, new_id(), prompt=word)))[-1]

    assert ended.status is RemoteStatus.FAILED
    assert ended.failure is not None
    assert (ended.failure.kind, ended.failure.message) == (kind, message)
    assert server.notes(word) == []


async def end_of(backend: VideoBackend, job: RemoteJob) -> RemoteStatus:
    """Return how a cancelled job ends: the app forgets it, or says "complete" without a clip."""
    try:
        return (await follow(backend, job))[-1].status
    except RemoteJobNotFound:
        return RemoteStatus.FAILED


async def standing_at(backend: VideoBackend, job: RemoteJob, place: int) -> RemoteJob:
    """Poll until the job has this place in the app's queue; at most 5 s."""
    for _ in range(100):
        job = await backend.poll(job)
        if job.queue_position == place:
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(f"never at place {place}: {job}")


async def test_whoever_waits_knows_the_place_and_may_go(
    backend: VideoBackend, server: RealServer
) -> None:
    first, second, third = [f"#slow {place} {new_id()}" for place in ("first", "second", "third")]
    running = await submit(backend, new_id(), prompt=first)
    leaving = await submit(backend, new_id(), prompt=second)
    staying = await submit(backend, new_id(), prompt=third)
    await wait_for(backend, running, RemoteStatus.IN_PROGRESS)

    await standing_at(backend, leaving, 0)
    await standing_at(backend, staying, 1)
    outcome = await backend.cancel(leaving)
    ended = (await follow(backend, staying))[-1]

    assert outcome is CancelOutcome.STOPPED_WAITING
    assert ended.status is RemoteStatus.COMPLETED
    assert [len(server.notes(prompt)) for prompt in (first, second, third)] == [1, 0, 1]
    assert await end_of(backend, leaving) is RemoteStatus.FAILED


async def test_a_full_queue_leaves_the_job_in_ours(backend: VideoBackend) -> None:
    filling = [await submit(backend, new_id(), prompt="#slow") for _ in range(IN_QUEUE_MAX)]
    running = await wait_for(backend, filling[0], RemoteStatus.IN_PROGRESS)
    filling.append(await submit(backend, new_id(), prompt="#slow"))

    with pytest.raises(ConcurrencyLimited) as caught:
        await submit(backend, new_id(), prompt="one too many")

    assert running.status is RemoteStatus.IN_PROGRESS
    assert caught.value.retryable is True
    for job in reversed(filling):
        await backend.cancel(job)


async def test_what_was_lost_on_the_way_is_found_under_our_session(
    backend: VideoBackend, server: RealServer
) -> None:
    key, prompt = new_id(), f"lost {new_id()}"
    body = {"data": [prompt, 2, 1, None], "session_hash": key}
    prefix = "" if server.name == "gradio4" else "/gradio_api"
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        sent = await client.post(f"{prefix}/call/generate", json=body)
    assert sent.is_success

    found = await backend.find(key)

    assert found is not None
    assert (await follow(backend, found))[-1].status is RemoteStatus.COMPLETED
    assert len(server.notes(prompt)) == 1
    assert await backend.find(new_id()) is None


async def test_a_running_job_that_is_cancelled_is_never_called_a_clip(
    backend: VideoBackend,
) -> None:
    job = await submit(backend, new_id(), prompt="#slow")
    running = await wait_for(backend, job, RemoteStatus.IN_PROGRESS)

    outcome = await backend.cancel(running)

    assert outcome is CancelOutcome.STOPPED_WAITING
    assert await end_of(backend, running) is RemoteStatus.FAILED


async def test_a_file_that_is_gone_is_an_expired_result(
    backend: VideoBackend, server: RealServer
) -> None:
    prompt = f"short-lived {new_id()}"
    done = (await follow(backend, await submit(backend, new_id(), prompt=prompt)))[-1]
    (note,) = server.notes(prompt)
    for copy in server.folder.rglob("*.mp4"):
        if hashlib.sha256(copy.read_bytes()).hexdigest() == note["sha256"]:
            copy.unlink()

    with pytest.raises(ResultExpired):
        await fetch(backend, done)


# --- a locked app ---------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=VERSIONS)
def locked(request: pytest.FixtureRequest, run: Run) -> Iterator[RealServer]:
    with run(request.param, key=KEY) as started:
        yield started


async def test_a_login_opens_a_locked_app(locked: RealServer) -> None:
    backend = loaded(locked, username="rehearsal", password=KEY)

    done = (await follow(backend, await submit(backend, new_id(), prompt="let in")))[-1]
    clip = await fetch(backend, done)
    findings = await backend.check()
    await backend.aclose()

    (note,) = locked.notes("let in")
    assert hashlib.sha256(clip.data).hexdigest() == note["sha256"]
    assert [finding.severity for finding in findings] == ["ok"]


@pytest.mark.parametrize("extras", [{}, {"username": "rehearsal", "password": "wrong-password"}])
async def test_a_stranger_is_told_apart_and_nothing_is_made(
    locked: RealServer, extras: dict[str, str]
) -> None:
    backend = loaded(locked, **extras)

    with pytest.raises(Unauthorized) as caught:
        await submit(backend, new_id(), prompt="shut out")
    (finding,) = await backend.check()
    await backend.aclose()

    assert (finding.severity, finding.kind) == ("error", "unauthorized")
    assert "wrong-password" not in f"{caught.value.detail} {finding.message}"
    assert locked.notes("shut out") == []
