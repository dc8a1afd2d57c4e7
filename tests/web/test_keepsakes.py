"""A clip and its recipe in one file."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import pytest

from rushes.domain import JobStatus, RemoteJob, VideoRequest
from tests.web.stage import CANARY, Stage

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 4_000


async def test_the_zip_holds_the_untouched_clip_and_how_it_was_made() -> None:
    stage = Stage()
    job = await stage.finished(DATA)
    remote = RemoteJob(
        CANARY, effective_prompt="Rain, 35 mm", urls={"clip": CANARY}, context=CANARY
    )
    asked = VideoRequest(prompt="Pluie à Lyon", duration_s=8, seed=3)
    await stage.jobs.write(replace(job, remote=remote, request=asked))
    async with stage.client() as client:
        answer = await client.get(f"/jobs/{job.id}/clip?with=recipe")

    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        recipe_name, clip_name = archive.namelist()
        recipe = json.loads(archive.read(recipe_name))
        assert archive.read(clip_name) == DATA
        assert archive.getinfo(clip_name).compress_type == zipfile.ZIP_STORED
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert clip_name == recipe["clip"]["file"] == "2026-11-22_pluie-à-lyon_8s_720p.mp4"
    assert (recipe["prompt"], recipe["effective_prompt"]) == ("Pluie à Lyon", "Rain, 35 mm")
    assert recipe["settings"] == {"duration_s": 8, "seed": 3}
    assert recipe["clip"]["sha256"] == job.clip.sha256 if job.clip else False
    assert CANARY.encode() not in answer.content


async def test_the_clip_is_read_bit_by_bit() -> None:
    stage = Stage()
    job = await stage.finished(DATA)
    async with stage.client() as client:
        await client.get(f"/jobs/{job.id}/clip?with=recipe")

    assert len(stage.clips.reads) >= 2
    assert stage.clips.readers == 0


async def test_head_tells_the_name_and_reads_nothing() -> None:
    stage = Stage()
    job = await stage.finished(DATA)
    async with stage.client() as client:
        answer = await client.head(f"/jobs/{job.id}/clip?with=recipe")
        reads = list(stage.clips.reads)
        whole = await client.get(f"/jobs/{job.id}/clip?with=recipe")

    assert answer.status_code == 200
    assert ".zip" in answer.headers["content-disposition"]
    assert reads == []
    assert {**answer.headers, "x-request-id": ""} == {**whole.headers, "x-request-id": ""}


async def test_an_unfinished_clip_has_no_keepsake() -> None:
    stage = Stage()
    job = await stage.job(status=JobStatus.IN_PROGRESS)
    async with stage.client() as client:
        assert (await client.get(f"/jobs/{job.id}/clip?with=recipe")).status_code == 404
