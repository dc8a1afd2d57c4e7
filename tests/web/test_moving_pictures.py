"""Clips that no player plays: moving pictures are images, all others are told by their format."""

from __future__ import annotations

import pytest

from rushes.domain import Clip, Download, JobStatus
from tests.web.crowd import Crowd, browser
from tests.web.pages import Page
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio

TYPES = ("image/gif", "image/webp")


async def drawn(stage: Stage, path: str) -> Page:
    async with stage.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    return Page(answer.text)


def images(page: Page) -> list[dict[str, str]]:
    return [
        image for image in page.all("img") if image.get("class") in ("stage__clip", "guest__clip")
    ]


@pytest.mark.parametrize("media_type", TYPES)
@pytest.mark.parametrize("path", ["/", "/library", "/jobs/{id}"])
async def test_a_moving_picture_is_an_image_wherever_it_stands(media_type: str, path: str) -> None:
    stage = Stage()
    job = await stage.finished(b"GIF89a", media_type)
    page = await drawn(stage, path.replace("{id}", job.id))

    (image,) = images(page)
    assert image["src"] == f"/jobs/{job.id}/clip"
    assert image["data-poster"] == f"/jobs/{job.id}/poster"
    assert page.all("video") == []
    assert "cannot play" not in page.text


async def test_a_list_shows_the_still_picture_once_there_is_one() -> None:
    stage = Stage()
    job = await stage.finished(b"GIF89a", "image/gif")
    async with stage.client() as client:
        await client.put(f"/jobs/{job.id}/poster", content=b"\xff\xd8\xff still")
    (small,) = images(await drawn(stage, "/"))
    (large,) = images(await drawn(stage, f"/jobs/{job.id}"))

    assert (small["src"], small["alt"]) == (f"/jobs/{job.id}/poster", "")
    assert (large["src"], large["alt"]) == (f"/jobs/{job.id}/clip", "Rain on a tram window")


async def test_one_that_still_arrives_is_an_image_already() -> None:
    stage = Stage()
    download = Download("k-1", 9_000, media_type="image/gif")
    job = await stage.job(status=JobStatus.FETCHING, download=download)
    page = await drawn(stage, f"/jobs/{job.id}")

    assert [image["src"] for image in images(page)] == [f"/jobs/{job.id}/clip"]


def a_clip(media_type: str, codec: str | None) -> Clip:
    return Clip("k-1", media_type, 9, "0" * 64, 1280, 720, 8.0, codec=codec)


@pytest.mark.parametrize(
    ("media_type", "codec", "told", "is_plain"),
    [
        ("video/mp4", "hvc1", "MP4, hvc1", False),
        ("video/mp4", "avc1", "MP4, avc1", True),
        ("video/mp4", None, "MP4", True),
        ("video/webm", "VP9", "WebM, VP9", True),
        ("video/webm", "AV1", "WebM, AV1", False),
        ("video/x-matroska", None, "Matroska", False),
        ("video/x-msvideo", None, "AVI", False),
    ],
)
async def test_a_clip_that_cannot_play_is_named_with_a_way_to_keep_it(
    media_type: str, codec: str | None, told: str, is_plain: bool
) -> None:
    stage = Crowd()
    await stage.gather()
    job = await stage.job(
        owner="ann",
        status=JobStatus.COMPLETED,
        clip=a_clip(media_type, codec),
        shared_with="everyone",
    )
    own = f"This browser cannot play this clip ({told}). Download it instead."
    hint = f"Not every browser plays this clip ({told})."
    async with await browser(stage, "ann") as ann, await browser(stage, "cyd") as cyd:
        mine, shown = [Page((await one.get(f"/jobs/{job.id}")).text) for one in (ann, cyd)]
        guests = Page((await ann.get(f"/s/{await stage.link(job)}")).text)

    assert own in mine.text
    assert own in shown.text
    assert (hint in guests.text) is not is_plain
    for page in (mine, shown):
        assert f"/jobs/{job.id}/clip?download=1" in [a.get("href") for a in page.all("a")]


async def test_others_and_guests_see_a_moving_picture_too() -> None:
    stage = Crowd()
    await stage.gather()
    clip = a_clip("image/gif", None)
    job = await stage.job(
        owner="ann", status=JobStatus.COMPLETED, clip=clip, shared_with="everyone"
    )
    token = await stage.link(job)
    async with await browser(stage, "cyd") as cyd:
        shown = Page((await cyd.get(f"/jobs/{job.id}")).text)
        listed = Page((await cyd.get("/library?state=shown")).text)
        guests = Page((await cyd.get(f"/s/{token}")).text)

    assert [i["src"] for page in (shown, listed) for i in images(page)] == [
        f"/jobs/{job.id}/clip"
    ] * 2
    assert [i["src"] for i in images(guests)] == [f"/s/{token}/clip"]
    assert [page.all("video") for page in (shown, listed, guests)] == [[], [], []]
