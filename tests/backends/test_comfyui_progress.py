"""The comfyui backend hears of its jobs' progress, and follows them whatever it hears."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from starlette.routing import WebSocketRoute

from rushes.backends import BackendConfig, load_backend
from rushes.backends.comfyui import progress as comfyui_progress
from rushes.domain import RemoteJob, RemoteStatus, new_id
from rushes.mock.dialects.comfyui import ComfyUI
from tests.backends.following import follow, reset, submit, wait_for
from tests.backends.graphs import write_graph
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    import httpx
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

    from rushes.ports import VideoBackend

    Load = Callable[[str], VideoBackend]

pytestmark = pytest.mark.anyio

SMALL = {"width": 128, "height": 96, "duration_s": 1}


class Deaf(ComfyUI):
    """Without a websocket."""

    name = "comfyui-deaf"

    def routes(self) -> Sequence[BaseRoute]:
        return [route for route in super().routes() if not isinstance(route, WebSocketRoute)]


class Scripted(ComfyUI):
    """Says what it is told to, once the client's job runs."""

    opened = 0
    closed = 0

    def step(self, prompt_id: str, value: int) -> dict[str, Any]:
        told = {"node": "5", "value": value, "max": 20, "prompt_id": prompt_id}
        return {"type": "progress", "data": told}

    async def socket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        type(self).opened += 1
        await self.say(websocket, websocket.query_params["clientId"])
        type(self).closed += 1

    async def say(self, websocket: WebSocket, client_id: str) -> None:
        raise NotImplementedError


class Breaking(Scripted):
    """Breaks off after some steps."""

    name = "comfyui-breaking"

    async def say(self, websocket: WebSocket, client_id: str) -> None:
        await websocket.send_json(self.step(client_id, 5))
        await websocket.close(1011)


class Junk(Scripted):
    """Talks nonsense before it says something, and previews."""

    name = "comfyui-junk"

    async def say(self, websocket: WebSocket, client_id: str) -> None:
        for text in ("", "{", "[" * 100_000, '{"type": 3}', '{"type": "progress", "data": []}'):
            await websocket.send_text(text)
        await websocket.send_bytes(b"\x00" * 100_000)
        await websocket.send_json(self.step(client_id, 8))
        await websocket.receive()


class Flooding(Scripted):
    """Says more than is listened to."""

    name = "comfyui-flooding"

    async def say(self, websocket: WebSocket, client_id: str) -> None:
        await websocket.send_json(self.step(client_id, 3))
        await websocket.send_bytes(b"\x00" * 2_000_000)
        await websocket.receive()


class Gossip(Scripted):
    """Tells everybody of everybody's jobs, each at a step of its own."""

    name = "comfyui-gossip"

    async def say(self, websocket: WebSocket, client_id: str) -> None:
        for place, prompt_id in enumerate(self.prompts, start=1):
            await websocket.send_json(self.step(prompt_id, 3 * place))
        await websocket.receive()


DIALECTS = {f"/{each.name}": each for each in (Deaf, Breaking, Junk, Flooding, Gossip)}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("comfyui")
    with serving(replace(QUICK, folder=folder, work_s=0.6, slow_factor=20), DIALECTS) as client:
        yield client


@pytest.fixture
def mock(shared: httpx.Client) -> httpx.Client:
    reset(shared)
    for dialect in (Breaking, Junk, Flooding, Gossip):
        dialect.opened = dialect.closed = 0
    return shared


@pytest.fixture
async def load(mock: httpx.Client, tmp_path: Path) -> AsyncIterator[Load]:
    """Return what loads a backend at a dialect's base path."""
    loaded: list[VideoBackend] = []

    def at(base: str) -> VideoBackend:
        config = BackendConfig(
            name="comfy",
            url=str(mock.base_url).rstrip("/") + base,
            profile="comfyui",
            options={"workflow": str(write_graph(tmp_path))},
        )
        loaded.append(load_backend(config))
        return loaded[-1]

    yield at
    for backend in loaded:
        await backend.aclose()


async def stalled(backend: VideoBackend, prompt: str = "#stall") -> RemoteJob:
    """Return a job that runs and will not end."""
    remote = await submit(backend, new_id(), prompt=prompt, **SMALL)
    return await wait_for(backend, remote, RemoteStatus.IN_PROGRESS)


async def heard(backend: VideoBackend, remote: RemoteJob, percent: int) -> list[int | None]:
    """Poll until so much is told; return what was told till then, at most 10 s long."""
    seen = [remote.progress]
    for _ in range(200):
        if seen[-1] == percent:
            return seen
        await asyncio.sleep(0.05)
        remote = await backend.poll(remote)
        seen.append(remote.progress)
    raise AssertionError(f"never {percent} %: {seen}")


async def above(backend: VideoBackend, remote: RemoteJob, percent: int) -> RemoteJob:
    """Poll until more than that is told; at most 20 s long."""
    for _ in range(400):
        if (remote.progress or 0) > percent:
            return remote
        await asyncio.sleep(0.05)
        remote = await backend.poll(remote)
    raise AssertionError(f"never above {percent} %: {remote}")


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that has no event; at most 10 s."""
    for _ in range(500):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came about")


@pytest.mark.parametrize("base", ["/comfyui", "/comfyui3", "/comfyui/api"])
async def test_progress_rises_by_the_steps_that_the_websocket_tells(load: Load, base: str) -> None:
    backend = load(base)
    remote = await submit(backend, new_id(), prompt="#slow", **SMALL)

    first = await above(backend, remote, 0)
    second = await above(backend, first, first.progress or 0)
    await backend.cancel(second)

    assert 0 < (first.progress or 0) < (second.progress or 0) < 100
    assert (first.progress or 0) % 5 == 0, "a step of twenty"


async def test_a_finished_job_is_at_100_and_nobody_listens_any_more(load: Load) -> None:
    backend = load("/comfyui-junk")
    remote = await submit(backend, new_id(), **SMALL)

    told = await follow(backend, remote)

    assert (told[-1].status, told[-1].progress) == (RemoteStatus.COMPLETED, 100)
    assert all(job.progress in {None, 40} for job in told[:-1])
    await until(lambda: Junk.opened == Junk.closed == 1)


async def test_after_a_restart_it_is_listened_to_again(load: Load) -> None:
    backend = load("/comfyui")
    remote = await above(backend, await submit(backend, new_id(), prompt="#slow", **SMALL), 0)
    await backend.aclose()
    again = load("/comfyui")

    polled = await again.poll(remote)
    later = await above(again, polled, remote.progress or 0)
    await again.cancel(later)

    assert polled.progress == remote.progress
    assert later.status is RemoteStatus.IN_PROGRESS


async def test_without_a_websocket_a_job_is_followed_all_the_same(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    backend = load("/comfyui-deaf")
    caplog.set_level(logging.INFO, comfyui_progress.__name__)

    for _ in range(2):
        told = await follow(backend, await submit(backend, new_id(), **SMALL))
        assert told[-1].status is RemoteStatus.COMPLETED
        assert {job.progress for job in told[:-1]} == {None}

    (record,) = [each for each in caplog.records if each.name == comfyui_progress.__name__]
    assert "there is no websocket" in record.getMessage()


async def test_one_that_breaks_is_opened_again_and_what_was_heard_stays(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comfyui_progress, "RETRY_S", 0.05)
    backend = load("/comfyui-breaking")

    remote = await stalled(backend)
    await heard(backend, remote, 25)
    await until(lambda: Breaking.opened >= 3)

    assert (await backend.poll(remote)).progress == 25


async def test_nonsense_and_previews_are_passed_over(load: Load) -> None:
    backend = load("/comfyui-junk")

    seen = await heard(backend, await stalled(backend), 40)

    assert set(seen) <= {None, 40}


async def test_who_says_too_much_is_not_listened_to_again(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comfyui_progress, "RETRY_S", 0.01)
    backend = load("/comfyui-flooding")

    remote = await stalled(backend)
    await heard(backend, remote, 15)
    await until(lambda: Flooding.closed == 1)
    polled = [await backend.poll(remote) for _ in range(5)]

    assert {(job.status, job.progress) for job in polled} == {(RemoteStatus.IN_PROGRESS, 15)}
    assert Flooding.opened == 1


async def test_two_jobs_at_once_do_not_mix(load: Load) -> None:
    backend = load("/comfyui-gossip")
    first = await submit(backend, new_id(), prompt="#stall first", **SMALL)
    second = await submit(backend, new_id(), prompt="#stall second", **SMALL)

    seen = await heard(backend, await wait_for(backend, first, RemoteStatus.IN_PROGRESS), 15)
    also = await heard(backend, await wait_for(backend, second, RemoteStatus.IN_PROGRESS), 30)

    assert set(seen) <= {None, 15}
    assert set(also) <= {None, 30}
    assert Gossip.opened == 2


async def test_nobody_listens_for_a_job_that_is_not_polled_any_more(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comfyui_progress, "UNPOLLED_S", 0.3)
    backend = load("/comfyui-junk")

    await stalled(backend)

    await until(lambda: Junk.opened == Junk.closed == 1)


async def test_nobody_listens_after_the_end_of_ours_or_of_the_job(load: Load) -> None:
    backend = load("/comfyui-junk")
    first, second = await stalled(backend), await stalled(backend)
    await until(lambda: Junk.opened == 2)

    await backend.cancel(first)
    assert (await backend.poll(first)).status is RemoteStatus.CANCELLED
    await until(lambda: Junk.closed == 1)
    assert (await backend.poll(second)).status is RemoteStatus.IN_PROGRESS
    await backend.aclose()

    await until(lambda: Junk.closed == 2)


async def test_a_job_of_before_there_was_a_client_id_is_not_listened_to(load: Load) -> None:
    backend = load("/comfyui-junk")
    running = await stalled(backend)
    await until(lambda: Junk.opened == 1)

    older = await load("/comfyui-junk").poll(RemoteJob(running.id))

    assert (older.status, older.progress) == (RemoteStatus.IN_PROGRESS, None)
    assert Junk.opened == 1
