"""A picture that a clip begins with: uploaded by a plain form, kept whatever else goes wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rushes.domain import LOCAL_OWNER, Catalogue, VideoRequest
from rushes.jobs.directory import ConfiguredBackend
from rushes.jobs.frames import FRAME_MAX, Frames, frame_key
from rushes.web.headers import CLIP_POLICY
from tests.web.pages import Page
from tests.web.stage import CAPABILITIES, Stage

if TYPE_CHECKING:
    import httpx

    from rushes.domain import Job
    from rushes.web.dependencies import Site

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n and what follows"
JPEG = b"\xff\xd8\xff\xe0 another"
Files = dict[str, tuple[str, bytes, str]]


def chosen(picture: bytes = PNG, media_type: str = "image/png") -> Files:
    """Return the file field of a form."""
    return {"picture": ("kite.png", picture, media_type)}


def with_pictures(stage: Stage) -> Site:
    """Return a site with two backends: one that takes a first picture, and one called `plain`."""
    site = stage.site()
    takes = Catalogue({"": replace(CAPABILITIES, first_frame=True)})
    there = site.jobs.backends.backends
    there["stage"].catalogue = takes
    there["plain"] = ConfiguredBackend(
        id="plain",
        name="Plain",
        host="plain.test",
        backend=there["stage"].backend,
        catalogue=Catalogue({"": CAPABILITIES}),
    )
    return site


def only_job(stage: Stage) -> Job:
    (job,) = stage.jobs.jobs.values()
    return job


def hidden(answer: httpx.Response, name: str = "first_frame") -> list[str]:
    """Return the values of a hidden field."""
    fields = Page(answer.text).all("input")
    return [f["value"] for f in fields if f.get("name") == name and f.get("type") == "hidden"]


async def test_a_picture_comes_with_the_form_and_is_shown_with_the_job() -> None:
    stage = Stage()
    async with stage.client(site=with_pictures(stage)) as client:
        form = Page((await client.get("/")).text)
        made = await client.post("/jobs", data={"prompt": "A kite"}, files=chosen())
        page = Page((await client.get(made.headers["location"])).text)
        job = only_job(stage)
        picture = await client.get(f"/jobs/{job.id}/first-frame")

    (field,) = [f for f in form.all("input") if f.get("type") == "file"]
    assert (field["name"], field["accept"]) == ("picture", "image/png,image/jpeg,image/webp")
    assert made.status_code == 303
    assert job.request == VideoRequest(prompt="A kite", first_frame=frame_key(job.id))
    assert f"/jobs/{job.id}/first-frame" in {image.get("src") for image in page.all("img")}
    assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")


async def test_a_form_without_a_file_asks_for_none() -> None:
    stage = Stage()
    async with stage.client(site=with_pictures(stage)) as client:
        await client.post(
            "/jobs",
            data={"prompt": "A kite"},
            files={"picture": ("", b"", "application/octet-stream")},
        )

    assert only_job(stage).request.first_frame is None


@pytest.mark.parametrize("picture", [b"<svg onload=alert(1)>", b"GIF89a", PNG.ljust(FRAME_MAX + 1)])
async def test_a_wrong_file_loses_nothing_that_was_typed(picture: bytes) -> None:
    stage = Stage()
    typed = {"prompt": "A <b>kite</b>\nin wind", "seed": "7", "aspect_ratio": "9:16"}
    async with stage.client(site=with_pictures(stage)) as client:
        answer = await client.post("/jobs", data=typed, files=chosen(picture))

    page = Page(answer.text)
    checked = {f.get("value") for f in page.all("input") if "checked" in f}
    assert answer.status_code == 422
    assert "A <b>kite</b>\nin wind" in page.text
    assert "at most 32 MB" in page.text
    assert [f["value"] for f in page.all("input") if f.get("name") == "seed"] == ["7"]
    assert "9:16" in checked
    assert stage.jobs.jobs == {}
    assert [stat async for stat in stage.clips.list()] == []


async def test_a_wrong_file_does_not_push_out_the_right_one_before_it() -> None:
    stage = Stage()
    key = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)
    typed = {"prompt": "A kite", "first_frame": key}
    async with stage.client(site=with_pictures(stage)) as client:
        answer = await client.post("/jobs", data=typed, files=chosen(b"no picture"))

    assert hidden(answer) == [key]


async def test_a_picture_stays_when_something_else_was_wrong() -> None:
    stage = Stage()
    async with stage.client(site=with_pictures(stage)) as client:
        back = await client.post("/jobs", data={"prompt": "A kite", "seed": "x"}, files=chosen())
        (key,) = hidden(back)
        await client.post("/jobs", data={"prompt": "A kite", "first_frame": key})

    job = only_job(stage)
    assert back.status_code == 422
    assert (await Frames(stage.clips).read(job.request.first_frame or ""))[1] == PNG


async def test_a_picture_survives_a_backend_that_takes_none() -> None:
    stage = Stage()
    typed = {"prompt": "A kite", "drawn_for": "stage"}
    async with stage.client(site=with_pictures(stage)) as client:
        there = await client.post("/compose", data={**typed, "backend": "plain"}, files=chosen())
        (key,) = hidden(there, "aside_first_frame")
        back = await client.post(
            "/compose",
            data={
                "prompt": "A kite",
                "drawn_for": "plain",
                "backend": "stage",
                "aside_first_frame": key,
            },
        )

    assert there.status_code == back.status_code == 200
    assert "file" not in {f.get("type") for f in Page(there.text).all("input")}
    assert hidden(there) == []
    assert hidden(back) == [key]
    assert stage.jobs.jobs == {}


async def test_what_is_set_aside_is_not_sent() -> None:
    stage = Stage()
    key = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)
    typed = {"prompt": "A kite", "backend": "plain", "aside_first_frame": key}
    async with stage.client(site=with_pictures(stage)) as client:
        await client.post("/jobs", data=typed)

    assert only_job(stage).request.first_frame is None


@pytest.mark.parametrize(("files", "picture"), [({}, None), (chosen(JPEG, "image/jpeg"), JPEG)])
async def test_the_box_takes_the_picture_of_before_out_and_not_a_new_one(
    files: Files, picture: bytes | None
) -> None:
    stage = Stage()
    key = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)
    typed = {"prompt": "A kite", "first_frame": key, "no_picture": "1"}
    async with stage.client(site=with_pictures(stage)) as client:
        await client.post("/jobs", data=typed, files=files)

    kept = only_job(stage).request.first_frame
    assert (kept and (await Frames(stage.clips).read(kept))[1]) == picture


async def test_a_remix_carries_the_picture() -> None:
    stage = Stage()
    async with stage.client(site=with_pictures(stage)) as client:
        await client.post("/jobs", data={"prompt": "A kite"}, files=chosen())
        first = only_job(stage)
        filled = await client.get(f"/?from={first.id}")
        (key,) = hidden(filled)
        await client.post(
            "/jobs", data={"prompt": "Two kites", "first_frame": key, "origin": first.id}
        )

    remix = next(job for job in stage.jobs.jobs.values() if job.id != first.id)
    assert key == frame_key(first.id)
    assert remix.origin == first.id
    assert remix.request.first_frame == frame_key(remix.id)
    assert (await Frames(stage.clips).read(frame_key(remix.id)))[1] == PNG


async def test_a_backend_that_takes_no_picture_says_so_at_the_field() -> None:
    stage = Stage()
    typed = {"prompt": "A kite", "backend": "plain"}
    async with stage.client(site=with_pictures(stage)) as client:
        answer = await client.post("/jobs", data=typed, files=chosen())

    assert answer.status_code == 422
    assert "Plain takes no such setting." in Page(answer.text).text
    assert len(hidden(answer, "aside_first_frame")) == 1


# --- the picture's address ------------------------------------------------------------------------


async def test_a_picture_is_sent_like_a_poster() -> None:
    stage = Stage()
    async with stage.client(site=with_pictures(stage)) as client:
        await client.post("/jobs", data={"prompt": "A kite"}, files=chosen())
        address = f"/jobs/{only_job(stage).id}/first-frame"
        answer = await client.get(address)
        head = await client.head(address)
        known = await client.get(address, headers={"If-None-Match": answer.headers["etag"]})

    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["content-security-policy"] == CLIP_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (head.status_code, head.content) == (200, b"")
    assert (known.status_code, known.content) == (304, b"")


async def test_there_is_no_picture_of_somebody_else_s_job_and_none_without_one() -> None:
    stage = Stage()
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)
    theirs = await stage.job(
        owner="somebody else", request=VideoRequest(prompt="x", first_frame=draft)
    )
    without = await stage.job()
    async with stage.client(site=with_pictures(stage)) as client:
        answers = [await client.get(f"/jobs/{job.id}/first-frame") for job in (theirs, without)]
        used = await client.post("/jobs", data={"prompt": "x", "first_frame": frame_key(theirs.id)})

    assert [answer.status_code for answer in answers] == [404, 404]
    assert used.status_code == 422
    assert "choose it again" in Page(used.text).text
    assert len(stage.jobs.jobs) == 2


async def test_programs_are_told_the_address_and_not_the_key() -> None:
    stage = Stage()
    async with stage.client(site=with_pictures(stage)) as client:
        await client.post("/jobs", data={"prompt": "A kite"}, files=chosen())
        job = only_job(stage)
        told = (await client.get(f"/api/v1/jobs/{job.id}")).json()

    assert told["request"] == {"prompt": "A kite", "first_frame": f"/jobs/{job.id}/first-frame"}


# --- how much -------------------------------------------------------------------------------------

JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=b"
URLENCODED = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("path", ["/jobs", "/compose"])
async def test_a_picture_of_32_mb_is_taken_and_a_larger_body_is_not_read(path: str) -> None:
    stage = Stage()
    largest = PNG.ljust(FRAME_MAX)
    over = FRAME_MAX + stage.config.form_max + 1
    async with stage.client(site=with_pictures(stage)) as client:
        taken = await client.post(path, data={"prompt": "A kite"}, files=chosen(largest))
        refused = await declared(client, path, MULTIPART, over)

    sizes = {stat.size async for stat in stage.clips.list()}
    assert taken.status_code in {200, 303}
    assert refused == 413
    assert sizes == {FRAME_MAX}


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/jobs", URLENCODED),
        ("/jobs", JSON),
        ("/compose", URLENCODED),
        ("/api/v1/jobs", MULTIPART),
        ("/language", MULTIPART),
        ("/sign-in", MULTIPART),
    ],
)
async def test_nowhere_else_and_in_no_other_dress_so_much_can_be_sent(
    path: str, media_type: str
) -> None:
    stage = Stage()
    async with stage.client(site=with_pictures(stage)) as client:
        assert await declared(client, path, media_type, stage.config.form_max + 1) == 413


async def declared(client: httpx.AsyncClient, path: str, media_type: str, size: int) -> int:
    """Return the status for a body that says it is so large, of which nothing ever comes."""
    headers = {"Content-Type": media_type, "Content-Length": str(size)}
    async with asyncio.timeout(20):
        return (await client.post(path, content=b"", headers=headers)).status_code
