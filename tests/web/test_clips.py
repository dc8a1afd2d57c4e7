"""The clip out: whole or arriving, in parts or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from rushes.domain import Download, JobStatus
from rushes.web.clips.serving import READ, relay
from tests.web.memory import Arrival
from tests.web.player import Player, start_arrival
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 40


async def test_a_finished_clip_comes_whole() -> None:
    stage = Stage()
    job = await stage.finished(DATA)
    async with stage.client() as client:
        answer = await client.get(f"/jobs/{job.id}/clip")

    assert job.clip is not None
    assert answer.status_code == 200
    assert answer.content == DATA
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["etag"] == f'"{job.clip.key}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["content-disposition"].startswith(
        'inline; filename="2026-11-22_rain-on-a-tram-window_8s_720p.mp4"; filename*='
    )
    assert stage.clips.readers == 0


async def test_head_tells_the_same_and_reads_nothing() -> None:
    stage = Stage()
    job = await stage.finished(DATA)
    async with stage.client() as client:
        head = await client.head(f"/jobs/{job.id}/clip", headers={"Range": "bytes=0-1"})
        get = await client.get(f"/jobs/{job.id}/clip")

    assert head.content == b""
    assert {**head.headers, "x-request-id": ""} == {**get.headers, "x-request-id": ""}
    assert len(stage.clips.reads) == 1


@pytest.mark.parametrize(
    ("ranges", "start", "stop"),
    [("bytes=0-1", 0, 2), ("bytes=100-", 100, len(DATA)), ("bytes=-16", len(DATA) - 16, len(DATA))],
)
async def test_a_part_is_exactly_what_was_asked(ranges: str, start: int, stop: int) -> None:
    stage = Stage()
    job = await stage.finished(DATA)
    async with stage.client() as client:
        answer = await client.get(f"/jobs/{job.id}/clip", headers={"Range": ranges})

    assert answer.status_code == 206
    assert answer.content == DATA[start:stop]
    assert answer.headers["content-length"] == str(stop - start)
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"


async def test_beyond_the_end_there_is_nothing() -> None:
    stage = Stage()
    job = await stage.finished(DATA)
    async with stage.client() as client:
        answer = await client.get(f"/jobs/{job.id}/clip", headers={"Range": "bytes=99999-"})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"
    assert answer.content == b""


async def test_what_is_known_is_not_sent_again() -> None:
    stage = Stage()
    job = await stage.finished(DATA)
    async with stage.client() as client:
        tag = (await client.head(f"/jobs/{job.id}/clip")).headers["etag"]
        answer = await client.get(f"/jobs/{job.id}/clip", headers={"If-None-Match": tag})

    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == tag
    assert "content-type" not in answer.headers


async def test_a_long_clip_is_read_in_measured_pieces() -> None:
    stage = Stage()
    data = b"ab" * READ
    job = await stage.finished(data)
    async with stage.client() as client:
        answer = await client.get(f"/jobs/{job.id}/clip", headers={"Range": "bytes=1-"})

    assert answer.content == data[1:]
    assert stage.clips.reads == [(1, READ + 1), (READ + 1, 2 * READ)]


async def test_a_download_is_an_attachment() -> None:
    stage = Stage()
    job = await stage.finished(DATA)
    async with stage.client() as client:
        answer = await client.get(f"/jobs/{job.id}/clip?download=1")

    assert answer.headers["content-disposition"].startswith("attachment; filename=")


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "video"])
async def test_what_is_no_clip_of_ours_is_never_shown(media_type: str) -> None:
    stage = Stage()
    job = await stage.finished(b"<script>", media_type)
    async with stage.client() as client:
        answer = await client.get(f"/jobs/{job.id}/clip")

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "status", [JobStatus.QUEUED, JobStatus.SUBMITTING, JobStatus.IN_PROGRESS, JobStatus.FETCHING]
)
async def test_before_the_first_byte_it_says_when_to_ask_again(status: JobStatus) -> None:
    stage = Stage()
    job = await stage.job(status=status)
    async with stage.client(headers={"Accept": "application/json"}) as client:
        answer = await client.get(f"/jobs/{job.id}/clip")

    assert answer.status_code == 404
    assert answer.json()["kind"] == "clip_not_ready"
    assert answer.headers["retry-after"] == "2"


async def test_a_download_that_has_not_begun_is_not_ready_either() -> None:
    stage = Stage()
    job = await stage.arriving(100)
    async with stage.client(headers={"Accept": "application/json"}) as client:
        answer = await client.get(f"/jobs/{job.id}/clip")

    assert answer.json()["kind"] == "clip_not_ready"


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.COMPLETED])
async def test_a_job_that_ended_without_a_clip_has_none(status: JobStatus) -> None:
    stage = Stage()
    job = await stage.job(status=status)
    async with stage.client(headers={"Accept": "application/json"}) as client:
        answer = await client.get(f"/jobs/{job.id}/clip")

    assert (answer.status_code, answer.json()["kind"]) == (404, "clip_not_found")
    assert "retry-after" not in answer.headers


async def test_somebody_elses_clip_is_not_there() -> None:
    stage = Stage()
    job = await stage.job(owner="another", status=JobStatus.COMPLETED)
    async with stage.client(headers={"Accept": "application/json"}) as client:
        answer = await client.get(f"/jobs/{job.id}/clip")

    assert (answer.status_code, answer.json()["kind"]) == (404, "job_not_found")


# --- arriving -----------------------------------------------------------------------------------


async def test_an_arriving_clip_is_followed_to_its_end() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, 12)
    await clip.grow(b"abcd")
    player = Player(stage.app(), path)

    await player.until(4)
    assert not player.task.done()
    await clip.grow(b"efgh")
    await player.until(8)
    await clip.finish(b"ijkl")
    await player.end()

    assert player.status == 200
    assert player.body == b"abcdefghijkl"
    assert player.is_complete
    assert player.headers["content-length"] == "12"
    assert player.headers["cache-control"] == "no-store"
    assert player.headers["accept-ranges"] == "bytes"
    assert stage.clips.readers == 0


async def test_the_tag_stays_from_the_first_byte_to_the_last() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, 4)
    await clip.grow(b"ab")
    early = Player(stage.app(), path, range="bytes=0-1")
    await early.end()
    await clip.finish(b"cd")
    late = Player(stage.app(), path, range="bytes=2-", **{"if-range": early.headers["etag"]})
    await late.end()

    assert (early.status, late.status) == (206, 206)
    assert early.body + late.body == b"abcd"
    assert early.headers["etag"] == late.headers["etag"]
    assert late.headers["cache-control"].endswith("immutable")


async def test_a_seek_ahead_waits_for_its_bytes() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, 8)
    await clip.grow(b"ab")
    player = Player(stage.app(), path, range="bytes=6-")
    while not stage.clips.reads:
        await asyncio.sleep(0)

    assert player.body == b""
    await clip.finish(b"cdefgh")
    await player.end()

    assert player.headers["content-range"] == "bytes 6-7/8"
    assert player.body == b"gh"


async def test_an_arriving_clip_of_unknown_length_has_no_ranges() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, None)
    await clip.grow(b"abcd")
    player = Player(stage.app(), path, range="bytes=0-1")
    await player.until(4)
    await clip.finish(b"ef")
    await player.end()

    assert player.status == 200
    assert player.body == b"abcdef"
    assert "accept-ranges" not in player.headers
    assert "content-length" not in player.headers


async def test_head_of_an_arriving_clip_says_no_length_where_nobody_knows_it() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, None)
    await clip.grow(b"abcd")
    async with stage.client() as client:
        head = await client.head(path)
        await clip.finish(b"ef")
        after = await client.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert "content-length" not in head.headers
    assert after.headers["content-length"] == "6"


async def test_a_download_that_is_cut_and_goes_on_is_followed_on() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, 8)
    await clip.grow(b"abcd")
    player = Player(stage.app(), path)
    await player.until(4)
    await clip.cut()
    await clip.grow(b"ef")
    await player.until(6)
    await clip.finish(b"gh")
    await player.end()

    assert player.is_complete
    assert player.body == b"abcdefgh"
    assert stage.clips.readers == 0


@pytest.mark.parametrize("end", [JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.IN_PROGRESS])
async def test_a_clip_that_breaks_off_for_good_is_left_unfinished(end: JobStatus) -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, None)
    await clip.grow(b"abcd")
    player = Player(stage.app(), path)
    await player.until(4)
    (job,) = stage.jobs.jobs.values()
    await stage.jobs.write(replace(job, status=end))
    await clip.break_off()
    await player.end()

    assert not player.is_complete
    assert stage.clips.readers == 0


async def test_a_clip_that_begins_anew_is_not_spliced() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, None)
    await clip.grow(b"abcd")
    player = Player(stage.app(), path)
    await player.until(4)
    (job,) = stage.jobs.jobs.values()
    await stage.jobs.write(replace(job, download=Download(f"{job.id}-2", media_type="video/mp4")))
    await clip.break_off()
    second = Arrival(stage.clips, f"{job.id}-2", None)
    await second.finish(b"another clip")
    await player.end()

    assert not player.is_complete
    assert player.body == b"abcd"


async def test_a_viewer_who_leaves_frees_the_clip() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, 100)
    await clip.grow(b"abcd")
    player = Player(stage.app(), path)
    await player.until(4)
    player.left.set()
    await player.end()

    assert stage.clips.readers == 0


async def test_a_server_that_stops_ends_the_relay() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, 100)
    await clip.grow(b"abcd")
    player = Player(stage.app(), path)
    await player.until(4)
    stage.stop.set()
    await player.end()

    assert not player.is_complete
    assert stage.clips.readers == 0


async def test_deleting_a_clip_does_not_break_who_watches_it() -> None:
    stage = Stage()
    data = b"ab" * READ
    await stage.clips.keep("k-1", data, "video/mp4")
    async with stage.clips.open("k-1") as reader:
        chunks = relay(reader, 0, len(data))
        first = await anext(chunks)
        await stage.clips.delete("k-1")
        rest = b"".join([chunk async for chunk in chunks])

    assert first + rest == data
