"""Everything of one's own in one zip."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rushes.domain import LOCAL_OWNER, Failure, JobStatus, RemoteJob, VideoRequest
from rushes.domain import Stage as Step
from rushes.jobs.frames import Frames
from rushes.jobs.posters import Posters
from tests.web.stage import BEGAN, CANARY, Stage

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

JPEG = b"\xff\xd8\xff picture"


def opened(answer: httpx.Response) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def words(archive: zipfile.ZipFile) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(archive.read("jobs.json"))
    return told


async def test_each_clip_comes_with_its_poster_first_picture_and_recipe() -> None:
    stage = Stage()
    job = await stage.finished(b"clip" * 1000)
    await Posters(stage.clips).keep(job, JPEG)
    frames = Frames(stage.clips)
    picture = await frames.copy(await frames.keep_draft(LOCAL_OWNER, JPEG), job.id)
    await stage.jobs.write(
        replace(job, request=VideoRequest(prompt="Pluie à Lyon", first_frame=picture))
    )
    async with stage.client() as client:
        answer = await client.post("/export")
    archive = opened(answer)

    folder = f"clips/2026-11-22_pluie-à-lyon_8s_720p_{job.id[:8]}"
    assert sorted(archive.namelist()) == [
        f"{folder}/2026-11-22_pluie-à-lyon_8s_720p.json",
        f"{folder}/2026-11-22_pluie-à-lyon_8s_720p.mp4",
        f"{folder}/picture.jpg",
        f"{folder}/poster.jpg",
        "jobs.json",
    ]
    assert archive.read(f"{folder}/2026-11-22_pluie-à-lyon_8s_720p.mp4") == b"clip" * 1000
    assert archive.read(f"{folder}/poster.jpg") == JPEG
    assert words(archive)[0]["files"] == folder
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="rushes_20')
    assert answer.headers["cache-control"] == "no-store"


async def test_every_job_is_told_with_its_history_and_nobody_elses_is() -> None:
    stage = Stage()
    failure = Failure("refused", Step.SUBMIT, message="not that", detail=CANARY)
    failed = await stage.job("a refused one", status=JobStatus.FAILED, failure=failure)
    remote = RemoteJob(CANARY, urls={"poll": CANARY}, context=CANARY)
    cancelled = await stage.job("a cancelled one", status=JobStatus.CANCELLED, remote=remote)
    away = await stage.job("put away", deleted_at=BEGAN)
    await stage.job("somebody else's", owner="bob")
    async with stage.client() as client:
        archive = opened(await client.get("/export"))
    told = words(archive)

    assert [job["id"] for job in told] == [cancelled.id, failed.id, away.id]
    assert told[1]["failure"] == {"kind": "refused", "message": "not that"}
    assert [event["what"] for event in told[1]["history"]] == ["failed"]
    assert told[2]["deleted_at"] is not None
    assert archive.namelist() == ["jobs.json"]
    assert CANARY not in json.dumps(told)


async def test_nothing_is_an_empty_list() -> None:
    async with Stage().client() as client:
        assert words(opened(await client.get("/export"))) == []


async def test_a_clip_that_is_not_there_any_more_is_left_out() -> None:
    stage = Stage()
    gone, kept = await stage.finished(b"gone"), await stage.finished(b"kept")
    assert gone.clip is not None
    await stage.clips.delete(gone.clip.key)
    async with stage.client() as client:
        archive = opened(await client.get("/export"))

    clips = [name for name in archive.namelist() if name.endswith(".mp4")]
    assert [kept.id[:8] in name for name in clips] == [True]
    assert len(words(archive)) == 2


async def test_head_reads_nothing() -> None:
    stage = Stage()
    await stage.finished(b"clip")
    async with stage.client() as client:
        answer = await client.head("/export")
        reads = list(stage.clips.reads)
        whole = await client.get("/export")

    assert (answer.status_code, answer.content) == (200, b"")
    assert reads == []
    assert {**answer.headers, "x-request-id": ""} == {**whole.headers, "x-request-id": ""}


async def test_a_zip_of_two_hundred_clips_is_never_held() -> None:
    stage = Stage()
    data = bytes(1_000_000)
    for _ in range(200):
        await stage.finished(data)  # every clip is the same bytes in memory
    body = stage.app()
    sizes: list[int] = []

    async def taken(message: Any) -> None:  # noqa: ANN401 - ASGI's own
        sizes.append(len(message.get("body", b"")))

    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await stage.stop.wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    tracemalloc.start()
    try:
        await body(_scope("/export"), receive, taken)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sum(sizes) > 200_000_000
    assert max(sizes) < 2_000_000
    assert peak < 20_000_000, f"{peak / 1e6:.1f} MB"


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
