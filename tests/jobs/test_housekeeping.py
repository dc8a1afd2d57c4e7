"""What was put away goes for good, but not before its time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import LOCAL_OWNER, LOCAL_VIEWER, RemoteJob, RemoteStatus
from rushes.errors import JobNotFound
from rushes.jobs import worker as worker_module
from rushes.jobs.frames import Frames
from rushes.jobs.housekeeping import Housekeeping
from rushes.jobs.posters import Posters, poster_key
from rushes.jobs.worker import MEMORY, Worker
from tests.fakes import BusyJobs, ScriptedBackend
from tests.jobs.stage import Stage, arriving

if TYPE_CHECKING:
    from datetime import datetime

pytestmark = pytest.mark.anyio

DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)


@pytest.mark.parametrize(("hours", "stays"), [(0.5, True), (1.5, False)])
async def test_the_clip_of_a_deleted_job_goes_after_the_undo_window(
    hours: float, stays: bool
) -> None:
    stage = Stage(ScriptedBackend(submit=[DONE], open_clip=[arriving()]))
    job = await stage.run(await stage.submit())
    kept = await stage.run(await stage.submit())
    await Posters(stage.clips).keep(job, b"\xff\xd8\xff a picture")
    await stage.service.delete(LOCAL_VIEWER, job.id)
    stage.clock.advance(hours=hours)

    emptied = await Housekeeping(
        stage.store, stage.clips, stage.directory, stage.clock
    ).empty_the_bin()

    assert emptied == (0 if stays else 1)
    assert job.clip is not None
    assert kept.clip is not None
    left = {stat.key async for stat in stage.clips.list()}
    of_the_deleted = {job.clip.key, poster_key(job.id)}
    assert left == {kept.clip.key} | (of_the_deleted if stays else set())


async def test_after_the_undo_window_the_row_goes_too_and_the_backend_is_asked() -> None:
    backend = ScriptedBackend(submit=[DONE], open_clip=[arriving()], forget=[True])
    stage = Stage(backend)
    job = await stage.run(await stage.submit())
    waiting = await stage.submit()
    for each in (job, waiting):
        await stage.service.delete(LOCAL_VIEWER, each.id)
    stage.clock.advance(hours=2)

    keeping = Housekeeping(stage.store, stage.clips, stage.directory, stage.clock)
    emptied = await keeping.empty_the_bin()

    assert (emptied, backend.count("forget")) == (2, 1)
    for each in (job, waiting):
        with pytest.raises(JobNotFound):
            await stage.store.get(each.id)
    assert await keeping.empty_the_bin() == 0


async def test_a_round_of_tidying_does_all_else_even_where_the_files_are_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_module, "TIDY", timedelta(milliseconds=1))
    stage = Stage(ScriptedBackend())
    store = stage.store = stage.service.store = BusyJobs(stage.clock)
    await stage.service.delete(LOCAL_VIEWER, (await stage.submit()).id)
    await Frames(stage.clips).keep_draft(LOCAL_OWNER, b"\xff\xd8\xff a picture")
    stage.clock.advance(days=2)
    stop = asyncio.Event()
    forgotten: list[datetime] = []

    async def forget(before: datetime) -> None:
        forgotten.append(before)

    worker = Worker(store, stage.clips, stage.directory, forget=[forget], clock=stage.clock)
    working = asyncio.create_task(worker.run(stop))
    async with asyncio.timeout(5):
        while not store.scrubs:
            await asyncio.sleep(0.001)
    stop.set()
    await working

    assert store.scrubs == [False]
    assert [stat async for stat in stage.clips.list()] == []
    assert set(forgotten) == {stage.clock() - MEMORY}
