"""The openai-videos profile: how the clip is found, opened, resumed and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from rushes.domain import RemoteJob, RemoteStatus
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    NotSent,
    RateLimited,
    RefusedByBackend,
    RejectedByModeration,
    ResultExpired,
    Unauthorized,
)
from tests.backends.wire import BASE, KEY, QUEUED, REMOTE, ZIPPED

if TYPE_CHECKING:
    import respx

    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

DONE = RemoteJob("video_1", RemoteStatus.COMPLETED)
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(200))
CONTENT = "/videos/video_1/content"


async def fetch(
    backend: VideoBackend, remote: RemoteJob = DONE, start: int = 0, validator: str | None = None
) -> tuple[int, int | None, str | None, bytes]:
    async with backend.open_clip(remote, start=start, validator=validator) as source:
        body = b"".join([chunk async for chunk in source.chunks()])
        return source.start, source.size, source.validator, body


async def test_the_clip_is_streamed_with_its_size_and_validator(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    headers = {"Content-Type": "video/mp4", "ETag": '"v1"'}
    route = wire.get(CONTENT).respond(200, content=CLIP, headers=headers)

    assert await fetch(backend) == (0, len(CLIP), '"v1"', CLIP)
    request = route.calls.last.request
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept"].startswith("video/*")
    assert "range" not in request.headers


async def test_the_rest_of_a_clip_is_asked_for_under_its_validator(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    headers = {"Content-Range": f"bytes 100-{len(CLIP) - 1}/{len(CLIP)}", "ETag": '"v1"'}
    route = wire.get(CONTENT).respond(206, content=CLIP[100:], headers=headers)

    assert await fetch(backend, start=100, validator='"v1"') == (
        100,
        len(CLIP),
        '"v1"',
        CLIP[100:],
    )
    request = route.calls.last.request
    assert (request.headers["range"], request.headers["if-range"]) == ("bytes=100-", '"v1"')


UNPROVEN: list[dict[str, str]] = [
    {"Content-Range": f"bytes 99-{len(CLIP) - 1}/{len(CLIP)}"},
    {"Content-Range": f"bytes 100-150/{len(CLIP)}"},
    {"Content-Range": f"bytes 100-{len(CLIP) - 1}/*"},
    {"Content-Range": f"items 100-{len(CLIP) - 1}/{len(CLIP)}"},
    {"Content-Range": f"bytes 100-{len(CLIP) - 1}/{len(CLIP)}", "ETag": '"v2"'},
    {},
]


@pytest.mark.parametrize("headers", UNPROVEN, ids=str)
async def test_a_part_that_is_not_proven_is_dropped_for_the_whole(
    backend: VideoBackend, wire: respx.MockRouter, headers: dict[str, str]
) -> None:
    part = httpx.Response(206, content=CLIP[100:], headers=headers)
    whole = httpx.Response(200, content=CLIP, headers={"ETag": '"v2"'})
    route = wire.get(CONTENT).mock(side_effect=[part, whole])

    assert await fetch(backend, start=100, validator='"v1"') == (0, len(CLIP), '"v2"', CLIP)
    assert "range" not in route.calls.last.request.headers


async def test_a_backend_that_ignores_range_gives_the_whole(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.get(CONTENT).respond(200, content=CLIP, headers={"ETag": '"v1"'})

    assert (await fetch(backend, start=100, validator='"v1"'))[0] == 0
    assert route.call_count == 1


async def test_nothing_is_spliced_without_a_validator(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.get(CONTENT).respond(200, content=CLIP, headers={"ETag": 'W/"weak"'})

    start, _, validator, _ = await fetch(backend, start=100)

    assert (start, validator) == (0, None)
    assert "range" not in route.calls.last.request.headers


async def test_416_at_the_very_end_means_that_all_is_here(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get(CONTENT).respond(416, headers={"Content-Range": "bytes */500"})

    assert await fetch(backend, start=500, validator='"v1"') == (500, 500, None, b"")


async def test_json_in_the_clip_s_place_leads_to_it_without_credentials(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get(CONTENT).respond(200, json={"video_url": "https://cdn.test/a.mp4"})
    route = wire.get("https://cdn.test/a.mp4").respond(200, content=CLIP)

    assert (await fetch(backend))[3] == CLIP
    assert "authorization" not in route.calls.last.request.headers


async def test_a_job_that_names_its_clip_is_believed_and_fetched_without_credentials(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get("/videos/video_1").respond(
        200, json=QUEUED | {"status": "completed", "url": "https://s3.test/a.mp4?sig=1"}
    )
    route = wire.get("https://s3.test/a.mp4?sig=1").respond(200, content=CLIP)

    assert (await fetch(backend, await backend.poll(REMOTE)))[3] == CLIP
    assert "authorization" not in route.calls.last.request.headers


async def test_an_address_that_holds_our_key_is_not_used(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get("/videos/video_1").respond(
        200, json=QUEUED | {"status": "completed", "url": f"https://s3.test/a.mp4?key={KEY}"}
    )

    assert (await backend.poll(REMOTE)).urls == {}


async def test_a_redirect_to_another_origin_loses_the_credentials_for_good(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get(CONTENT).respond(302, headers={"Location": "https://cdn.test/a"})
    away = wire.get("https://cdn.test/a").respond(302, headers={"Location": f"{BASE}/back"})
    back = wire.get("/back").respond(200, content=CLIP)

    assert (await fetch(backend))[3] == CLIP
    assert "authorization" not in away.calls.last.request.headers
    assert "authorization" not in back.calls.last.request.headers


ELSEWHERE = [
    "file:///etc/passwd",
    "ftp://cdn.test/a",
    "https://cdn.test:22/a",
    "data:video/mp4;base64,AAAA",
    "gopher://x",
    "https://",
]


@pytest.mark.parametrize("address", ELSEWHERE)
async def test_a_clip_at_an_odd_address_is_refused_for_good(
    backend: VideoBackend, wire: respx.MockRouter, address: str
) -> None:
    wire.get(CONTENT).respond(200, json={"url": address})

    with pytest.raises(NotSent) as caught:
        await fetch(backend)

    assert caught.value.retryable is False


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_clip_that_is_gone_is_asked_for_once_more_at_its_fresh_address(
    backend: VideoBackend, wire: respx.MockRouter, status: int
) -> None:
    old = RemoteJob("video_1", RemoteStatus.COMPLETED, urls={"clip": "https://s3.test/old"})
    wire.get("https://s3.test/old").respond(status)
    wire.get("/videos/video_1").respond(
        200, json=QUEUED | {"status": "completed", "url": "https://s3.test/new"}
    )
    wire.get("https://s3.test/new").respond(200, content=CLIP)

    assert (await fetch(backend, old))[3] == CLIP


async def test_a_clip_that_stays_gone_has_expired(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.get(CONTENT).respond(404, json={"detail": "Video not found"})
    wire.get("/videos/video_1").respond(200, json=QUEUED | {"status": "completed"})

    with pytest.raises(ResultExpired, match="Video not found") as caught:
        await fetch(backend)

    assert caught.value.retryable is False
    assert route.call_count == 2


async def test_a_clip_asked_for_too_early_may_be_asked_for_again(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    wire.get(CONTENT).respond(404, json={"detail": "Generation is still in-progress"})
    wire.get("/videos/video_1").respond(200, json=QUEUED | {"status": "in_progress"})

    with pytest.raises(BackendUnavailable) as caught:
        await fetch(backend)

    assert caught.value.retryable is True


RESULT_TROUBLES: list[tuple[httpx.Response, type[BackendError], bool]] = [
    (httpx.Response(401, json={"error": "Unauthorized"}), Unauthorized, False),
    (httpx.Response(422, json={"detail": "failed"}), RefusedByBackend, False),
    (httpx.Response(500, text="oops"), BackendUnavailable, True),
    (httpx.Response(429), RateLimited, True),
    (httpx.Response(200, json={"error": {"message": "not ready"}}), BadBackendResponse, False),
    (
        httpx.Response(200, json={"error": {"code": "content_filter"}}),
        RejectedByModeration,
        False,
    ),
    (httpx.Response(200, html="<html>"), BadBackendResponse, False),
    (httpx.Response(206, content=b"x"), BadBackendResponse, False),
    (httpx.Response(204), BadBackendResponse, False),
    (
        httpx.Response(200, content=ZIPPED, headers={"Content-Encoding": "gzip"}),
        BadBackendResponse,
        False,
    ),
]


@pytest.mark.parametrize(("answer", "kind", "retryable"), RESULT_TROUBLES)
async def test_what_is_no_clip_is_told_apart(
    backend: VideoBackend,
    wire: respx.MockRouter,
    answer: httpx.Response,
    kind: type[BackendError],
    retryable: bool,
) -> None:
    wire.get(CONTENT).mock(side_effect=[answer])

    with pytest.raises(BackendError) as caught:
        await fetch(backend)

    assert (type(caught.value), caught.value.retryable) == (kind, retryable)


async def test_a_cut_clip_may_be_resumed(backend: VideoBackend, wire: respx.MockRouter) -> None:
    wire.get(CONTENT).respond(200, content=CLIP, headers={"Content-Length": "9999"})

    with pytest.raises(BackendUnavailable) as caught:
        await fetch(backend)

    assert caught.value.retryable is True
    assert caught.value.detail == f"video.test:8000: the clip ended at byte {len(CLIP)} of 9999"
