"""What is counted of the calls to a backend."""

from __future__ import annotations

import pytest

from rushes.domain import RemoteJob, RemoteStatus
from rushes.errors import BackendUnavailable, RateLimited
from tests.fakes import ScriptedBackend
from tests.jobs.stage import BYTES, Stage, arriving

pytestmark = pytest.mark.anyio

RUNNING = RemoteJob("r-1", RemoteStatus.IN_PROGRESS)
DONE = RemoteJob("r-1", RemoteStatus.COMPLETED)


async def test_each_call_is_counted_by_its_stage_and_outcome() -> None:
    stage = Stage(
        ScriptedBackend(
            submit=[RateLimited("slow"), RUNNING],
            poll=[RUNNING, BackendUnavailable("away"), DONE],
            open_clip=[BackendUnavailable("away"), arriving()],
        )
    )

    await stage.run(await stage.submit(), pause_s=40)

    assert stage.configured.counts.calls == {
        ("submit", "rate_limited"): 1,
        ("submit", "ok"): 1,
        ("poll", "ok"): 2,
        ("poll", "backend_unavailable"): 1,
        ("result", "backend_unavailable"): 1,
        ("result", "ok"): 1,
    }


async def test_a_clip_counts_its_bytes_and_how_long_it_took() -> None:
    stage = Stage(ScriptedBackend(submit=[RUNNING], poll=[RUNNING, DONE], open_clip=[arriving()]))

    job = await stage.run(await stage.submit(), pause_s=20)

    counts = stage.configured.counts
    assert job.submitted_at is not None
    assert job.finished_at is not None
    assert counts.clip_bytes == len(BYTES)
    assert counts.seconds.total == (job.finished_at - job.submitted_at).total_seconds() > 0
    assert sum(counts.seconds.places) == 1


async def test_a_clip_that_nobody_wanted_any_more_is_no_outcome() -> None:
    stage = Stage(ScriptedBackend(submit=[DONE], open_clip=[arriving()]))
    stage.wishes.stop.set()

    await stage.run(await stage.submit())

    assert set(stage.configured.counts.calls) == {("submit", "ok")}
    assert stage.configured.counts.clip_bytes == 0
