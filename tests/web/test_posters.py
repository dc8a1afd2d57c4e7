"""A clip's picture: the first one stays, and pages then load it in place of the video."""

from __future__ import annotations

import pytest

from rushes.domain import JobStatus
from rushes.jobs.posters import POSTER_MAX
from tests.web.pages import Page
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio

WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 one"
JPEG = b"\xff\xd8\xff\xe0 another"


@pytest.mark.parametrize(("picture", "media_type"), [(WEBP, "image/webp"), (JPEG, "image/jpeg")])
@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_the_first_picture_stays(picture: bytes, media_type: str, method: str) -> None:
    stage = Stage()
    job = await stage.finished(b"clip")
    address = f"/jobs/{job.id}/poster"
    async with stage.client() as client:
        missing = await client.get(address)
        kept = await client.request(method, address, content=picture)
        late = await client.put(address, content=b"\xff\xd8\xff late")
        answer = await client.get(address)
        head = await client.head(address)
        known = await client.get(address, headers={"If-None-Match": answer.headers["etag"]})

    assert (missing.status_code, kept.status_code, late.status_code) == (404, 204, 204)
    assert answer.content == picture
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (head.status_code, head.content) == (200, b"")
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.parametrize(
    "picture", [b"", b"<svg onload=alert(1)>", b"\x89PNG\r\n", b"RIFF\x10\x00\x00\x00AVI LIST"]
)
async def test_only_jpeg_and_webp_are_pictures(picture: bytes) -> None:
    stage = Stage()
    job = await stage.finished(b"clip")
    async with stage.client() as client:
        answer = await client.put(
            f"/jobs/{job.id}/poster", content=picture, headers={"Content-Type": "image/webp"}
        )

    assert answer.status_code == 422
    assert [stat.key async for stat in stage.clips.list()] == [job.clip.key if job.clip else ""]


async def test_a_picture_may_weigh_512_kib_and_not_a_byte_more() -> None:
    stage = Stage()
    job = await stage.finished(b"clip")
    address, headers = f"/jobs/{job.id}/poster", {"Content-Type": "image/jpeg"}
    async with stage.client() as client:
        heavy = await client.put(address, content=JPEG.ljust(POSTER_MAX + 1), headers=headers)
        whole = await client.put(address, content=JPEG.ljust(POSTER_MAX), headers=headers)
        answer = await client.get(address)

    assert (heavy.status_code, whole.status_code) == (413, 204)
    assert len(answer.content) == POSTER_MAX


async def test_nobody_elses_and_no_unfinished_clip_takes_a_picture() -> None:
    stage = Stage()
    running = await stage.job(status=JobStatus.IN_PROGRESS)
    other = await stage.job(owner="somebody else")
    async with stage.client() as client:
        for job in (running, other):
            assert (await client.put(f"/jobs/{job.id}/poster", content=WEBP)).status_code == 404
            assert (await client.get(f"/jobs/{job.id}/poster")).status_code == 404


async def test_another_site_cannot_put_a_picture() -> None:
    stage = Stage()
    job = await stage.finished(b"clip")
    async with stage.client(headers={"Sec-Fetch-Site": "cross-site"}) as client:
        answer = await client.put(f"/jobs/{job.id}/poster", content=WEBP)

    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/", "/library", "/api/v1/changes?after=0"])
async def test_a_card_with_a_picture_loads_no_video(path: str) -> None:
    stage = Stage()
    job = await stage.finished(b"clip")

    before = await video_of_card(stage, path)
    async with stage.client() as client:
        await client.put(f"/jobs/{job.id}/poster", content=WEBP)
    after = await video_of_card(stage, path)

    assert before["preload"] == "metadata"
    assert before["data-poster"] == f"/jobs/{job.id}/poster"
    assert after["preload"] == "none"
    assert after["poster"] == f"/jobs/{job.id}/poster"
    assert "data-poster" not in after


async def video_of_card(stage: Stage, path: str) -> dict[str, str]:
    async with stage.client() as client:
        answer = await client.get(path)
    is_news = answer.headers["content-type"] == "application/json"
    (video,) = Page(answer.json()["items"][0]["html"] if is_news else answer.text).all("video")
    return video
