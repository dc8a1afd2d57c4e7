"""The two BentoML profiles and a real BentoML 1.4."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, new_id
from rushes.errors import GenerationFailed, RemoteJobNotFound
from tests.backends.following import fetch, follow, submit, wait_for
from tests.mock.driving import probe
from tests.real.answered import clip_of
from tests.real.recording import kept, record, timeless

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rushes.ports import VideoBackend
    from tests.real.conftest import Run
    from tests.real.servers import RealServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ASKED = {"width": 128, "height": 96, "duration_s": 2, "seed": 7}


@pytest.fixture(scope="module")
def answering(run: Run) -> Iterator[RealServer]:
    with run("bentoml") as started:
        yield started


@pytest.fixture(scope="module")
def following(run: Run) -> Iterator[RealServer]:
    with run("bentoml-task") as started:
        yield started


@pytest.fixture
async def sync(answering: RealServer) -> AsyncIterator[VideoBackend]:
    loaded = load_backend(BackendConfig(name="b", url=answering.url, profile="bentoml"))
    yield loaded
    await loaded.aclose()


@pytest.fixture
async def task(following: RealServer) -> AsyncIterator[VideoBackend]:
    loaded = load_backend(BackendConfig(name="b", url=following.url, profile="bentoml-task"))
    yield loaded
    await loaded.aclose()


# --- answered with the clip -----------------------------------------------------------------------


async def test_the_answer_is_the_very_clip(sync: VideoBackend, answering: RealServer) -> None:
    prompt = f'a "red" kite\nover dunes 🪁 {{{{x}}}} =seed {new_id()}'

    clip = await clip_of(sync, prompt, **ASKED)

    (note,) = answering.notes(prompt)
    assert hashlib.sha256(clip).hexdigest() == note["sha256"]
    assert probe(clip).codecs == ("h264",)
    assert note["asked"] == {"width": 128, "height": 96, "num_frames": 32, "seed": 7}


async def test_a_function_that_raised_is_a_failure(sync: VideoBackend) -> None:
    with pytest.raises(GenerationFailed) as caught:
        await clip_of(sync, "#fail")

    assert caught.value.retryable is False


async def test_a_service_that_is_well_is_well(sync: VideoBackend, task: VideoBackend) -> None:
    findings = [*await sync.check(), *await task.check()]

    assert [finding.severity for finding in findings] == ["ok", "ok"]


# --- a task to follow -----------------------------------------------------------------------------


async def test_a_task_is_followed_to_the_very_clip(
    task: VideoBackend, following: RealServer
) -> None:
    prompt = f'a "red" kite\nover dunes 🪁 {{{{x}}}} =seed {new_id()}'

    seen = await follow(task, await submit(task, new_id(), prompt=prompt, **ASKED))
    clip = await fetch(task, seen[-1])

    (note,) = following.notes(prompt)
    assert {job.status for job in seen} == {RemoteStatus.IN_PROGRESS, RemoteStatus.COMPLETED}
    assert hashlib.sha256(clip.data).hexdigest() == note["sha256"]
    assert clip.size == note["size"]
    assert note["asked"] == {"width": 128, "height": 96, "num_frames": 32, "seed": 7}


async def test_a_task_that_raised_is_a_failure(task: VideoBackend) -> None:
    ended = (await follow(task, await submit(task, new_id(), prompt="#fail")))[-1]

    assert ended.status is RemoteStatus.FAILED
    assert ended.failure is not None
    assert ended.failure.kind == "generation_failed"


async def test_a_cancel_that_stops_nothing_is_not_called_a_stop(
    task: VideoBackend, following: RealServer
) -> None:
    prompt = f"goes on {new_id()}"
    remote = await submit(task, new_id(), prompt=prompt)

    outcome = await task.cancel(remote)

    assert outcome is CancelOutcome.STOPPED_WAITING
    await wait_for(task, remote, RemoteStatus.COMPLETED)
    assert len(following.notes(prompt)) == 1


async def test_a_task_that_nobody_knows_is_not_found(task: VideoBackend) -> None:
    with pytest.raises(RemoteJobNotFound):
        await task.poll(RemoteJob("0" * 32, RemoteStatus.IN_PROGRESS))


# --- what is kept ---------------------------------------------------------------------------------


def test_the_kept_exchanges_are_what_the_servers_still_answer(
    answering: RealServer, following: RealServer
) -> None:
    assert timeless(record(answering, "bentoml")) == timeless(kept("bentoml"))
    assert timeless(record(following, "bentoml-task")) == timeless(kept("bentoml-task"))
