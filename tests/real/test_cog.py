"""The cog profile and a real model server, coglet 0.23."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import httpx
import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.domain import new_id
from rushes.errors import BackendError, ConcurrencyLimited
from tests.mock.driving import probe
from tests.real.answered import clip_of
from tests.real.recording import kept, record, standing, timeless

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rushes.ports import VideoBackend
    from tests.real.conftest import Run
    from tests.real.servers import RealServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(run: Run) -> Iterator[RealServer]:
    with run("cog") as started:
        yield started


@pytest.fixture
async def backend(server: RealServer) -> AsyncIterator[VideoBackend]:
    await says(server, "READY")
    loaded = load_backend(BackendConfig(name="c", url=server.url, profile="cog"))
    yield loaded
    await loaded.aclose()


async def test_the_answer_holds_the_very_clip(backend: VideoBackend, server: RealServer) -> None:
    prompt = f'a "red" kite\nover dunes 🪁 {{{{x}}}} =seed {new_id()}'

    clip = await clip_of(backend, prompt, seed=7)

    (note,) = server.notes(prompt)
    assert hashlib.sha256(clip).hexdigest() == note["sha256"]
    assert probe(clip).codecs == ("h264",)
    assert note["asked"] == {"seed": 7}


@pytest.mark.parametrize(
    ("word", "kind", "said"),
    [
        ("#fail", "generation_failed", "out of memory (pretend)"),
        ("#refuse", "rejected_by_moderation", "NSFW content detected."),
    ],
)
async def test_a_failure_comes_with_200_and_is_told_as_one(
    backend: VideoBackend, server: RealServer, word: str, kind: str, said: str
) -> None:
    with pytest.raises(BackendError) as caught:
        await clip_of(backend, word)

    assert (caught.value.kind, caught.value.retryable) == (kind, False)
    assert said in caught.value.message
    assert server.notes(word) == []


async def test_a_busy_model_leaves_the_job_in_ours(
    backend: VideoBackend, server: RealServer
) -> None:
    with server.holding():
        first = asyncio.create_task(clip_of(backend, "#held and first"))
        await says(server, "BUSY")
        with pytest.raises(ConcurrencyLimited) as caught:
            await clip_of(backend, "second")

    assert await first

    assert caught.value.retryable is True
    assert server.notes("second") == []


async def test_whoever_hangs_up_stops_the_model(backend: VideoBackend, server: RealServer) -> None:
    prompt = f"#held {new_id()}"
    with server.holding():
        leaving = asyncio.create_task(clip_of(backend, prompt))
        await says(server, "BUSY")
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await says(server, "READY")

    assert server.notes(prompt) == []


async def test_a_model_that_is_well_is_well(backend: VideoBackend) -> None:
    findings = await backend.check()

    assert [finding.severity for finding in findings] == ["ok"]


def test_the_kept_exchanges_are_what_the_server_still_answers(server: RealServer) -> None:
    with server.holding():
        assert timeless(record(server, "cog")) == timeless(kept("cog"))


async def says(server: RealServer, word: str) -> None:
    """Wait until the model server says that it is READY, or BUSY."""
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        await asyncio.to_thread(standing, client, word)
