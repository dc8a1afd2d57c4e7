"""The gradio backend against the rehearsal's three Gradio dialects, over a socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.domain import CancelOutcome, RemoteStatus, new_id
from rushes.errors import (
    OutcomeUnknown,
    RemoteJobNotFound,
    Unauthorized,
)
from rushes.net import Secret
from tests.backends.following import KEY, fetch, follow, reset, stats, submit, wait_for
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

    from rushes.ports import VideoBackend

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


def made(client: httpx.Client, base: str, **more: str) -> VideoBackend:
    url = str(client.base_url).rstrip("/") + base
    key = more.pop("key", None)
    extras = {name: Secret(value) for name, value in more.items()}
    secret = Secret(key) if key else None
    return load_backend(
        BackendConfig(name="app", url=url, profile="gradio", key=secret, extras=extras)
    )


@pytest.fixture
async def backend(mock: httpx.Client, base: str) -> AsyncIterator[VideoBackend]:
    reset(mock)
    loaded = made(mock, base)
    yield loaded
    await loaded.aclose()


def cancel_behind_our_back(mock: httpx.Client, base: str, session: str, event: str) -> None:
    prefix = "" if base == "/gradio4" else "/gradio_api"
    body = {"session_hash": session, "fn_index": 7, "event_id": event}
    mock.post(f"{base}{prefix}/cancel", json=body).raise_for_status()


async def test_without_a_seed_the_app_makes_another_clip_each_time(
    backend: VideoBackend, mock: httpx.Client
) -> None:
    before = stats(mock)["rendered"]
    for _ in range(2):
        await follow(backend, await submit(backend, new_id(), prompt="again", **SMALL))

    assert stats(mock)["by_prompt"] == {"again": 2}
    assert stats(mock)["rendered"] == before + 2


async def test_a_lost_answer_is_found_again_under_our_session(
    backend: VideoBackend, mock: httpx.Client
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
    backend: VideoBackend, mock: httpx.Client
) -> None:
    remote = await submit(backend, new_id(), prompt="never mind #slow", **SMALL)

    outcome = await backend.cancel(remote)
    await asyncio.sleep(0.2)

    assert outcome is CancelOutcome.STOPPED_WAITING
    with pytest.raises(RemoteJobNotFound):
        await backend.poll(remote)


async def test_the_estimate_of_an_app_shrinks_while_time_passes(backend: VideoBackend) -> None:
    remote = await submit(backend, new_id(), prompt="#stall", **SMALL)
    running = await wait_for(backend, remote, RemoteStatus.IN_PROGRESS)
    await asyncio.sleep(0.1)

    later = await backend.poll(running)
    await backend.cancel(running)

    assert running.eta is not None
    assert later.eta is None or later.eta < running.eta


async def test_a_cancelled_event_looks_like_success_and_is_none(
    backend: VideoBackend, mock: httpx.Client, base: str
) -> None:
    key = new_id()
    remote = await submit(backend, key, prompt="#stall", **SMALL)
    running = await wait_for(backend, remote, RemoteStatus.IN_PROGRESS)
    assert running.context is not None

    cancel_behind_our_back(mock, base, key, json.loads(running.context)["event"])
    ended = (await follow(backend, running))[-1]

    assert ended.status is RemoteStatus.FAILED
    assert ended.failure is not None
    assert ended.failure.message == ""
    assert ended.failure.detail == "the app ended its work without a video"


async def test_a_restart_of_ours_asks_the_app_and_never_submits_again(
    backend: VideoBackend, mock: httpx.Client, base: str
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
    backend: VideoBackend, mock: httpx.Client, base: str
) -> None:
    done = (await follow(backend, await submit(backend, new_id(), **SMALL)))[-1]
    await backend.aclose()

    again = made(mock, base)
    polled = await again.poll(replace(done, status=RemoteStatus.IN_PROGRESS))
    clip = await fetch(again, polled)
    await again.aclose()

    assert polled.status is RemoteStatus.COMPLETED
    assert len(clip.data) == clip.size


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
