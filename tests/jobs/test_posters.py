"""One picture for each clip."""

from __future__ import annotations

import pytest

from rushes.domain import Clip, JobStatus
from rushes.errors import ClipNotReady, InvalidRequest, LeaseLost
from rushes.jobs.posters import Posters, picture_type, poster_key
from tests.fakes import MemoryClips, a_job
from tests.web.memory import WatchedClips

pytestmark = pytest.mark.anyio

JPEG = b"\xff\xd8\xff\xe0 a picture"
DONE = a_job(status=JobStatus.COMPLETED, clip=Clip("k-1", "video/mp4", 9, "0" * 64))


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (JPEG, "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8L", "image/webp"),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"", None),
    ],
)
async def test_a_picture_is_known_by_its_first_bytes(head: bytes, media_type: str | None) -> None:
    assert picture_type(head) == media_type


async def test_the_first_picture_stays() -> None:
    clips = MemoryClips()
    posters = Posters(clips)

    await posters.keep(DONE, JPEG)
    await posters.keep(DONE, JPEG + b" of another moment")

    async with clips.open(poster_key(DONE.id)) as reader:
        assert await reader.read(0, 100) == JPEG
    assert await posters.among([DONE, a_job()]) == {DONE.id}


async def test_whoever_comes_second_at_the_same_moment_gives_way() -> None:
    clips = WatchedClips()
    clips.trouble = LeaseLost("another writer")

    await Posters(clips).keep(DONE, JPEG)

    assert [stat async for stat in clips.list()] == []


async def test_nothing_else_is_kept() -> None:
    posters = Posters(MemoryClips())

    with pytest.raises(InvalidRequest):
        await posters.keep(DONE, b"<svg>")
    with pytest.raises(ClipNotReady):
        await posters.keep(a_job(), JPEG)
