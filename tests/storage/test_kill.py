"""Killed without warning: what was acknowledged is there, and what was half done is not."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rushes.domain import EVERYONE, utc_now
from rushes.errors import ClipNotFound
from rushes.storage.local_clips import LocalClips
from rushes.storage.parts import SYNC_EVERY
from rushes.storage.sql_jobs import SqlJobs

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]

WRITE_JOBS = """
import asyncio, pathlib, sys
from datetime import timedelta
from rushes.domain import Limits, utc_now
from rushes.storage.sql_jobs import SqlJobs
from tests.fakes import a_job

async def main():
    store = SqlJobs(pathlib.Path(sys.argv[1]) / "rushes.db", utc_now)
    await store.open()
    while True:
        (job,) = await store.add([a_job()], Limits(10**6, 10**6))
        print(job.id, "queued", flush=True)
        claimed = await store.claim("w", timedelta(hours=1), lambda view: [job.id])
        sent = claimed.jobs[0].submitting(now=utc_now(), deadline=timedelta(hours=1))
        await store.save(sent, release=False)
        print(job.id, "submitting", flush=True)

asyncio.run(main())
"""

WRITE_CLIP = """
import asyncio, hashlib, pathlib, sys
from rushes.storage.local_clips import LocalClips
from rushes.storage.parts import SYNC_EVERY, SYNC_PAUSE

async def main():
    clips = LocalClips(pathlib.Path(sys.argv[1]))
    await clips.prepare()
    data = hashlib.shake_256(b"long").digest(32 * 1024 * 1024)
    async with clips.receive("long", fence=1, resume=False) as writer:
        for start in range(0, len(data), 65536):
            if start % SYNC_EVERY == 0:
                await asyncio.sleep(SYNC_PAUSE.total_seconds())
            await writer.write(data[start : start + 65536])
            print(writer.position, flush=True)
            if writer.position % (4 * 1024 * 1024) == 0:
                await asyncio.sleep(0.3)
        sys.stdin.read()

asyncio.run(main())
"""


def kill_after(script: str, folder: Path, *, lines: int) -> list[str]:
    """Run a script, kill it when it has said that many lines, and return all that it said."""
    with subprocess.Popen(
        [sys.executable, "-c", script, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return [line for line in said if line.endswith("\n")]  # the last one may be torn


async def test_no_acknowledged_row_is_lost(tmp_path: Path) -> None:
    acknowledged: dict[str, str] = {}
    for lines in (1, 40, 75):
        for line in kill_after(WRITE_JOBS, tmp_path, lines=lines):
            job_id, status = line.split()
            acknowledged[job_id] = status
        store = SqlJobs(tmp_path / "rushes.db", utc_now)
        await store.open()
        rows = {job.id: job for job in await store.changed_since(0, EVERYONE)}
        histories = {job_id: await store.history(job_id) for job_id in rows}
        await store.close()

        assert acknowledged.keys() <= rows.keys()
        late = {key for key, status in acknowledged.items() if rows[key].status != status}
        assert len(late) <= 3, "only a job that was between commit and print is further on"
        assert all(rows[key].status == "submitting" for key in late)
        for job_id, events in histories.items():
            assert events[-1].what == rows[job_id].status, "row and history were one commit"


async def test_an_arriving_clip_keeps_the_prefix_that_is_on_disk(tmp_path: Path) -> None:
    said = kill_after(WRITE_CLIP, tmp_path, lines=2 * SYNC_EVERY // 65_536 + 3)
    written = int(said[-1])
    clips = LocalClips(tmp_path)
    await clips.prepare()

    with pytest.raises(ClipNotFound):
        async with clips.open("long"):
            pass
    data = hashlib.shake_256(b"long").digest(32 * 1024 * 1024)
    async with clips.receive("long", fence=2, resume=True) as writer:
        assert SYNC_EVERY <= writer.position <= written + 65_536
        assert writer.position % 65_536 == 0
        await writer.write(data[writer.position :])
        blob = await writer.finish("video/mp4")

    assert blob.sha256 == hashlib.sha256(data).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ["long.mp4"]
