"""The backend's own still picture: fetched like a clip, and never more than was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator  # noqa: TC003 - pytest reads fixtures' hints
from typing import TYPE_CHECKING

import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.domain import RemoteJob, RemoteStatus
from rushes.errors import NotSent
from rushes.net import Secret

if TYPE_CHECKING:
    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

PICTURE = "https://files.test/task_1.jpg"
JPEG = b"\xff\xd8\xff" + bytes(300)
SENTINEL = "sentinel-canary-31"


@pytest.fixture
async def sora() -> AsyncIterator[VideoBackend]:
    config = BackendConfig(
        name="sora",
        url="https://video.test",
        profile="sora-video-gen",
        headers={"Authorization": Secret(SENTINEL)},
    )
    backend = load_backend(config)
    yield backend
    await backend.aclose()


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_mocked=True, assert_all_called=False) as router:
        yield router


def done(thumbnail: str | None) -> RemoteJob:
    return RemoteJob("task_1", RemoteStatus.COMPLETED, thumbnail=thumbnail)


async def test_a_list_tells_where_the_picture_is(
    sora: VideoBackend, wire: respx.MockRouter
) -> None:
    generation = {
        "url": "https://files.test/task_1.mp4",
        "encodings": {"thumbnail": {"path": PICTURE}},
    }
    task = {"id": "task_1", "status": "succeeded", "generations": [generation]}
    wire.get("https://video.test/backend/video_gen").respond(200, json={"task_responses": [task]})

    assert (await sora.poll(RemoteJob("task_1"))).thumbnail == PICTURE


async def test_the_picture_comes_without_any_credential(
    sora: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.get(PICTURE).respond(200, content=JPEG)

    assert await sora.thumbnail(done(PICTURE), max_bytes=1000) == JPEG
    assert SENTINEL not in str(route.calls.last.request.headers)


@pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "chunked"}], ids=["told", "untold"])
async def test_a_picture_that_is_too_large_is_none(
    sora: VideoBackend, wire: respx.MockRouter, headers: dict[str, str]
) -> None:
    wire.get(PICTURE).respond(200, content=JPEG, headers=headers)

    assert await sora.thumbnail(done(PICTURE), max_bytes=len(JPEG) - 1) is None


async def test_without_an_address_nobody_is_asked(
    sora: VideoBackend, wire: respx.MockRouter
) -> None:
    assert await sora.thumbnail(done(None), max_bytes=1000) is None
    assert not wire.calls


async def test_a_missing_picture_is_none(sora: VideoBackend, wire: respx.MockRouter) -> None:
    wire.get(PICTURE).respond(404)

    assert await sora.thumbnail(done(PICTURE), max_bytes=1000) is None


async def test_a_picture_on_an_unnamed_private_network_is_not_fetched(sora: VideoBackend) -> None:
    with pytest.raises(NotSent):
        await sora.thumbnail(done("https://127.0.0.1:9/a.jpg"), max_bytes=1000)
