"""What was put away goes for good, but not before its time."""

from __future__ import annotations

import pytest

from rushes.domain import LOCAL_VIEWER, RemoteJob, RemoteStatus
from rushes.errors import ClipNotFound
from rushes.jobs.housekeeping import Housekeeping
from tests.fakes import ScriptedBackend
from tests.jobs.stage import Stage, arriving

pytestmark = pytest.mark.anyio

DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)


@pytest.mark.parametrize(("hours", "stays"), [(0.5, True), (1.5, False)])
async def test_the_clip_of_a_deleted_job_goes_after_the_undo_window(
    hours: float, stays: bool
) -> None:
    stage = Stage(ScriptedBackend(submit=[DONE], open_clip=[arriving()]))
    job = await stage.run(await stage.submit())
    kept = await stage.run(await stage.submit())
    await stage.service.delete(LOCAL_VIEWER, job.id)
    stage.clock.advance(hours=hours)

    emptied = await Housekeeping(stage.store, stage.clips, stage.clock).empty_the_bin()

    assert emptied == (0 if stays else 1)
    assert job.clip is not None
    assert kept.clip is not None
    async with stage.clips.open(kept.clip.key) as reader:
        assert reader.size
    if not stays:
        with pytest.raises(ClipNotFound):
            async with stage.clips.open(job.clip.key):
                pass
