"""A finished job that is cancelled before its next poll, on dialects whose DELETE would drop it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rushes.backends import load_backend
from rushes.backends.contract import followed
from rushes.domain import LOCAL_VIEWER, CancelOutcome, JobStatus, VideoRequest
from tests.contract.rehearsed import MockServer
from tests.contract.rows import KEY, ROWS, Row
from tests.fakes import ScriptedBackend
from tests.jobs.stage import Stage
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
DELETING = {"/v1": "openai-videos", "/runway": "runway", "/ark": "ark"}


def rows() -> list[Row]:
    return [row for row in ROWS if DELETING.get(row.base) == row.profile]


@pytest.mark.slow
@pytest.mark.parametrize("row", rows(), ids=lambda row: row.profile)
async def test_a_paid_clip_is_brought_home_and_not_deleted(row: Row, tmp_path: Path) -> None:
    with serving(replace(QUICK, key=KEY if row.with_key else None, folder=tmp_path)) as mock:
        server = MockServer(str(mock.base_url).rstrip("/"), row.words)
        stage = Stage(ScriptedBackend())
        backend = stage.configured.backend = load_backend(row.config(server.address, tmp_path))
        try:
            job = await stage.submit(VideoRequest(prompt="nobody asked", **row.least))
            await stage.step()
            remote = (await stage.store.get(job.id)).remote
            assert remote is not None
            await followed(backend, remote)  # behind the worker's back
            await stage.service.cancel(LOCAL_VIEWER, job.id)
            await stage.step()
        finally:
            await backend.aclose()
        sha256 = await asyncio.to_thread(server.sha256, "nobody asked")

    ended = await stage.store.get(job.id)
    assert (ended.status, ended.cancel_outcome) == (JobStatus.COMPLETED, CancelOutcome.TOO_LATE)
    assert ended.clip is not None
    assert ended.clip.sha256 == sha256
