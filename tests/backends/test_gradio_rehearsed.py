"""The gradio backend against the rehearsal's three Gradio dialects, over a socket."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rushes.backends import Backend, BackendConfig, load_backend
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, new_id
from rushes.errors import (
    ConcurrencyLimited,
    OutcomeUnknown,
    RemoteJobNotFound,
    ResultExpired,
    Unauthorized,
)
from rushes.net import Secret
from tests.backends.following import KEY, fetch, follow, submit, wait_for
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

BASES = ("/gradio", "/gradio5", "/gradio4")
SMALL = {"width": 128, "height": 96, "duration_s": 1}


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("gradio")
    with serving(replace(QUICK, folder=folder, work_s=0.35)) as client:
        yield client


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("locked")
    with serving(replace(QUICK, folder=folder, key=KEY)) as client:
        yield client


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def made(client: httpx.Client, base: str, **more: str) -> Backend:
    url = str(client.base_url).rstrip("/") + base
    key = more.pop("key", None)
    extras = {name: Secret(value) for name, value in more.items()}
    return load_backend(
        "gradio",
        BackendConfig(name="app", url=url, key=Secret(key) if key else None, extras=extras),
    )


@pytest.fixture
async def backend(mock: httpx.Client, base: str) -> AsyncIterator[Backend]:
    reset(mock)
    loaded = made(mock, base)
    yield loaded
    await loaded.aclose()


def stats(mock: httpx.Client) -> Any:  # noqa: ANN401 - JSON
    return mock.get("/_mock/stats").json()


def made_clip(mock: httpx.Client, job_id: str) -> Any:  # noqa: ANN401 - JSON
    return mock.get(f"/_mock/clips/{job_id}").json()


def reset(mock: httpx.Client) -> None:
    mock.post("/_mock/reset").raise_for_status()


def cancel_behind_our_back(mock: httpx.Client, base: str, session: str, event: str) -> None:
    prefix = "" if base == "/gradio4" else "/gradio_api"
    body = {"session_hash": session, "fn_index": 7, "event_id": event}
    mock.post(f"{base}{prefix}/cancel", json=body).raise_for_status()


async def test_a_prompt_becomes_the_very_clip_that_the_app_made(
    backend: Backend, mock: httpx.Client
) -> None:
    prompt = 'a "red" kite\nover dunes 🪁 {{x}} =seed'

    remote = await submit(backend, new_id(), prompt=prompt, seed=7, **SMALL)
    seen = await follow(backend, remote)
    clip = await fetch(backend, seen[-1])

    assert list(dict.fromkeys(job.status for job in seen)) == [
        RemoteStatus.QUEUED,
        RemoteStatus.IN_PROGRESS,
        RemoteStatus.COMPLETED,
    ]
    progress = [job.progress for job in seen if job.progress is not None]
    assert progress == sorted(progress)
    assert len(set(progress)) > 2
    (event,) = stats(mock)["downloads"]
    told = made_clip(mock, event)
    assert told == {"sha256": hashlib.sha256(clip.data).hexdigest(), "size": clip.size}
    assert stats(mock)["by_prompt"] == {prompt: 1}


async def test_a_clip_is_fetched_from_where_it_broke_off(backend: Backend) -> None:
    remote = (await follow(backend, await submit(backend, new_id(), **SMALL)))[-1]
    whole = await fetch(backend, remote)

    rest = await fetch(backend, remote, start=100, validator=whole.validator)

    assert (rest.start, rest.data) == (100, whole.data[100:])


@pytest.mark.parametrize(
    ("word", "kind", "message", "executed"),
    [
        ("#refuse", "rejected_by_moderation", "content rules", 0),
        ("#fail", "generation_failed", "asked to fail", 1),
        ("#reject", "rejected_by_moderation", "withheld by the content rules", 1),
        ("#error", "generation_failed", "", 1),
    ],
)
async def test_an_error_event_says_what_it_is(
    backend: Backend, mock: httpx.Client, word: str, kind: str, message: str, executed: int
) -> None:
    remote = await submit(backend, new_id(), prompt=f"a storm {word}", **SMALL)

    ended = (await follow(backend, remote))[-1]

    assert ended.status is RemoteStatus.FAILED
    assert ended.failure is not None
    assert ended.failure.kind == kind
    assert message in ended.failure.message
    assert stats(mock)["submissions"] == executed


async def test_a_full_queue_leaves_the_job_in_ours(backend: Backend, mock: httpx.Client) -> None:
    with pytest.raises(ConcurrencyLimited) as caught:
        await submit(backend, new_id(), prompt="#busy bees", **SMALL)

    assert caught.value.retryable is True
    assert stats(mock)["submissions"] == 0


async def test_what_the_app_makes_of_no_seed_differs_from_job_to_job(
    backend: Backend, mock: httpx.Client
) -> None:
    for _ in range(2):
        await follow(backend, await submit(backend, new_id(), prompt="again", **SMALL))

    assert stats(mock)["by_prompt"] == {"again": 2}
    assert stats(mock)["rendered"] >= 2


async def test_a_lost_answer_is_found_again_under_our_session(
    backend: Backend, mock: httpx.Client
) -> None:
    key = new_id()
    with pytest.raises(OutcomeUnknown):
        await submit(backend, key, prompt="#lost-answer of a kite", **SMALL)

    found = await backend.find(key)

    assert found is not None
    assert (await follow(backend, found))[-1].status is RemoteStatus.COMPLETED
    assert stats(mock)["submissions"] == 1
    assert await backend.find(new_id()) is None


async def test_cancel_drops_a_waiting_job_and_claims_nothing(
    backend: Backend, mock: httpx.Client
) -> None:
    remote = await submit(backend, new_id(), prompt="never mind #slow", **SMALL)

    outcome = await backend.cancel(remote)
    await asyncio.sleep(0.2)

    assert outcome is CancelOutcome.STOPPED_WAITING
    with pytest.raises(RemoteJobNotFound):
        await backend.poll(remote)


async def test_a_cancelled_event_looks_like_success_and_is_none(
    backend: Backend, mock: httpx.Client, base: str
) -> None:
    key = new_id()
    remote = await submit(backend, key, prompt="#stall", **SMALL)
    running = await wait_for(backend, remote, RemoteStatus.IN_PROGRESS)
    assert running.context is not None

    cancel_behind_our_back(mock, base, key, json.loads(running.context)["event"])
    ended = (await follow(backend, running))[-1]

    assert ended.status is RemoteStatus.FAILED
    assert ended.failure is not None
    assert ended.failure.message == "the app ended its work without a video"


async def test_a_restart_of_ours_asks_the_app_and_never_submits_again(
    backend: Backend, mock: httpx.Client, base: str
) -> None:
    remote = await submit(backend, new_id(), prompt="mid-run #slow", **SMALL)
    running = await wait_for(backend, remote, RemoteStatus.IN_PROGRESS)
    await backend.aclose()
    await asyncio.sleep(0.3)

    again = made(mock, base)
    with pytest.raises(RemoteJobNotFound, match="may have been made"):
        await again.poll(running)
    await again.aclose()

    assert stats(mock)["submissions"] == 1


async def test_a_clip_that_was_told_of_is_fetched_after_a_restart(
    backend: Backend, mock: httpx.Client, base: str
) -> None:
    done = (await follow(backend, await submit(backend, new_id(), **SMALL)))[-1]
    await backend.aclose()

    again = made(mock, base)
    polled = await again.poll(replace(done, status=RemoteStatus.IN_PROGRESS))
    clip = await fetch(again, polled)
    await again.aclose()

    assert polled.status is RemoteStatus.COMPLETED
    assert len(clip.data) == clip.size


async def test_a_file_that_is_gone_is_an_expired_result(backend: Backend) -> None:
    await backend.describe()
    lost = RemoteJob("x" * 26, RemoteStatus.COMPLETED, urls={"clip": "/gradio_api/file=/tmp/x.mp4"})

    with pytest.raises(ResultExpired):
        await fetch(backend, lost)


# --- who we are -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["token", "login"])
async def test_a_locked_app_opens_to_a_token_or_a_login(
    locked: httpx.Client, base: str, how: str
) -> None:
    login = {"username": "rehearsal", "password": KEY}
    backend = made(locked, base, **({"key": KEY} if how == "token" else login))

    done = (await follow(backend, await submit(backend, new_id(), **SMALL)))[-1]
    clip = await fetch(backend, done)
    findings = await backend.check()
    await backend.aclose()

    assert len(clip.data) == clip.size
    assert [finding.severity for finding in findings] == ["ok"]


@pytest.mark.parametrize(
    "more", [{}, {"key": "hf_wrong"}, {"username": "rehearsal", "password": "wrong-password"}]
)
async def test_a_stranger_is_told_apart_and_nothing_is_submitted(
    locked: httpx.Client, base: str, more: dict[str, str]
) -> None:
    backend = made(locked, base, **more)

    with pytest.raises(Unauthorized) as caught:
        await submit(backend, new_id(), **SMALL)
    (finding,) = await backend.check()
    await backend.aclose()

    assert (finding.severity, finding.kind) == ("error", "unauthorized")
    assert "wrong" not in f"{caught.value.detail} {finding.message}"


async def test_something_else_at_that_address_is_no_app(mock: httpx.Client) -> None:
    for path, kinds in (("/sora", ("model_unavailable",)), ("", ("model_unavailable",))):
        backend = made(mock, path)
        (finding,) = await backend.check()
        await backend.aclose()
        assert finding.severity == "error"
        assert finding.kind in kinds
