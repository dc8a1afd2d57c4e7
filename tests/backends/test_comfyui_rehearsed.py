"""The comfyui backend against the rehearsal's two ComfyUI dialects, over a socket."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.domain import CancelOutcome, RemoteStatus, new_id
from rushes.errors import (
    OutcomeUnknown,
    RefusedByBackend,
    RemoteJobNotFound,
)
from rushes.net import Secret
from tests.backends.following import fetch, follow, reset, stats, submit, wait_for
from tests.backends.graphs import graph, write_graph
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import httpx

    from rushes.ports import VideoBackend

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SMALL = {"width": 128, "height": 96, "duration_s": 1}


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("comfyui")
    with serving(replace(QUICK, folder=folder, queue_s=0.15, work_s=0.25)) as client:
        yield client


@pytest.fixture(params=["/comfyui", "/comfyui3"])
def base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def made(
    client: httpx.Client,
    base: str,
    folder: Path,
    *,
    key: str | None = None,
    workflow: Any = None,  # noqa: ANN401 - any JSON
) -> VideoBackend:
    url = str(client.base_url).rstrip("/") + base
    options = {"workflow": str(write_graph(folder, workflow))}
    secret = Secret(key) if key else None
    return load_backend(
        BackendConfig(name="comfy", url=url, profile="comfyui", key=secret, options=options)
    )


@pytest.fixture
async def backend(mock: httpx.Client, base: str, tmp_path: Path) -> AsyncIterator[VideoBackend]:
    reset(mock)
    loaded = made(mock, base, tmp_path)
    yield loaded
    await loaded.aclose()


async def test_the_cache_is_never_hit_unless_the_seed_is_asked_for_again(
    backend: VideoBackend, mock: httpx.Client
) -> None:
    ends = []
    for seed in (None, None, 5, 5):
        remote = await submit(backend, new_id(), prompt="again", seed=seed, **SMALL)
        ends.append((await follow(backend, remote))[-1].urls["clip"])

    assert len(set(ends)) == 3
    assert ends[2] == ends[3]
    assert stats(mock)["submissions"] == 3


async def test_waiting_jobs_have_a_place(backend: VideoBackend) -> None:
    first = await submit(backend, new_id(), prompt="first #slow", **SMALL)
    second = await submit(backend, new_id(), prompt="second #slow", **SMALL)

    waiting = await backend.poll(second)

    assert (waiting.status, waiting.queue_position) == (RemoteStatus.QUEUED, 1)
    assert (await backend.poll(first)).queue_position == 0


@pytest.mark.parametrize("word", ["#fail", "#error"])
async def test_a_failure_names_the_node_and_no_path_of_the_server(
    backend: VideoBackend, word: str
) -> None:
    remote = await submit(backend, new_id(), prompt=f"a storm {word}", **SMALL)

    ended = (await follow(backend, remote))[-1]

    assert ended.status is RemoteStatus.FAILED
    assert ended.failure is not None
    assert ended.failure.kind == "generation_failed"
    assert ended.failure.message.startswith("Sampler (node 5): ")
    assert word in ended.failure.message
    assert "/opt" not in ended.failure.message
    assert ended.failure.remote_code == "torch.OutOfMemoryError"


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    (
        graph(x=("1", "unet_name", "wan.safetensors")),
        "prompt_outputs_failed_validation",
        "Load model (node 1): unet_name: 'wan.safetensors' not in",
    ),
    (
        graph() | {"8": {"class_type": "VHS_VideoCombine", "inputs": {}}},
        "missing_node_type",
        "Node 'VHS_VideoCombine' not found",
    ),
    (
        {n: node for n, node in graph().items() if n != "8"},
        "prompt_no_outputs",
        "Prompt has no outputs",
    ),
]


@pytest.mark.parametrize(("workflow", "code", "message"), REFUSED)
async def test_a_workflow_that_the_server_cannot_run_is_refused_with_the_reason(
    mock: httpx.Client, base: str, tmp_path: Path, workflow: dict[str, Any], code: str, message: str
) -> None:
    backend = made(mock, base, tmp_path, workflow=workflow)

    with pytest.raises(RefusedByBackend) as caught:
        await submit(backend, new_id(), **SMALL)
    await backend.aclose()

    assert caught.value.remote_code == code
    assert message in caught.value.message


async def test_a_lost_answer_is_found_by_our_id(backend: VideoBackend, mock: httpx.Client) -> None:
    key = new_id()
    with pytest.raises(OutcomeUnknown):
        await submit(backend, key, prompt="#lost-answer of a kite", **SMALL)

    found = await backend.find(key)

    assert found is not None
    assert (await follow(backend, found))[-1].status is RemoteStatus.COMPLETED
    assert stats(mock)["submissions"] == 1
    assert await backend.find(new_id()) is None


async def test_a_running_job_is_interrupted_and_nobody_else_s(
    backend: VideoBackend, mock: httpx.Client
) -> None:
    mine = await submit(backend, new_id(), prompt="#stall mine", **SMALL)
    other = await submit(backend, new_id(), prompt="#stall other", **SMALL)
    await wait_for(backend, mine, RemoteStatus.IN_PROGRESS)
    await wait_for(backend, other, RemoteStatus.IN_PROGRESS)

    outcome = await backend.cancel(mine)

    assert outcome is CancelOutcome.CONFIRMED
    assert (await backend.poll(mine)).status is RemoteStatus.CANCELLED
    assert (await backend.poll(other)).status is RemoteStatus.IN_PROGRESS
    await backend.cancel(other)


async def test_a_waiting_job_is_taken_off_the_queue_and_vanishes(backend: VideoBackend) -> None:
    remote = await submit(backend, new_id(), prompt="never mind #slow", **SMALL)

    outcome = await backend.cancel(remote)

    assert outcome is CancelOutcome.CONFIRMED
    with pytest.raises(RemoteJobNotFound):
        await backend.poll(remote)


async def test_a_finished_job_cannot_be_cancelled_any_more(backend: VideoBackend) -> None:
    done = (await follow(backend, await submit(backend, new_id(), **SMALL)))[-1]

    assert await backend.cancel(done) is CancelOutcome.STOPPED_WAITING


async def test_a_restart_of_ours_costs_nothing(
    backend: VideoBackend, mock: httpx.Client, base: str, tmp_path: Path
) -> None:
    remote = await submit(backend, new_id(), prompt="mid-run", **SMALL)
    running = await wait_for(backend, remote, RemoteStatus.IN_PROGRESS)
    await backend.aclose()

    again = made(mock, base, tmp_path)
    done = (await follow(again, running))[-1]
    clip = await fetch(again, done)
    await again.aclose()

    assert len(clip.data) == clip.size
    assert stats(mock)["submissions"] == 1


async def test_forget_clears_the_history_and_does_not_claim_the_file(backend: VideoBackend) -> None:
    done = (await follow(backend, await submit(backend, new_id(), **SMALL)))[-1]

    assert await backend.forget(done) is False

    with pytest.raises(RemoteJobNotFound):
        await backend.poll(done)


async def test_something_else_at_that_address_is_no_comfyui(
    mock: httpx.Client, tmp_path: Path
) -> None:
    backend = made(mock, "/gradio", tmp_path)

    (finding,) = await backend.check()
    await backend.aclose()

    assert finding.severity == "error"
