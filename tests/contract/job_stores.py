"""The job stores that the contract suites run against, and what the suites share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.domain import Failure, Job, Limits, RemoteJob, Stage
from rushes.storage.sql_jobs import SqlJobs
from tests.fakes import MemoryJobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from rushes.ports import JobStore, QueueView

KINDS = ("one connection", "reads apart", "memory")

LEASE = timedelta(seconds=30)
SOON = timedelta(seconds=5)
DEADLINE = timedelta(minutes=30)
TROUBLE = Failure(
    kind="rate_limited",
    stage=Stage.SUBMIT,
    message="slow down",
    retryable=True,
    retry_after=timedelta(seconds=7),
)
REMOTE = RemoteJob("far-1", progress=20, urls={"poll": "http://b.test/1"}, context='{"a":1}')


@asynccontextmanager
async def opened(kind: str, folder: Path, clock: Callable[[], datetime]) -> AsyncIterator[JobStore]:
    """Open a store of one of KINDS for a test, and close it."""
    if kind == "memory":
        yield MemoryJobs(clock)
        return
    version = (3, 51, 3) if kind == "reads apart" else (3, 40, 1)
    jobs = SqlJobs(folder / "rushes.db", clock, sqlite_version=version)
    await jobs.open()
    try:
        yield jobs
    finally:
        await jobs.close()


def everything(view: QueueView) -> list[str]:
    return [row.id for row in view.due]


async def add(store: JobStore, *batch: Job) -> list[Job]:
    return await store.add(batch, Limits())


async def claim_one(store: JobStore, worker: str = "worker") -> Job:
    claimed = await store.claim(worker, LEASE, everything)
    assert len(claimed.jobs) == 1
    return claimed.jobs[0]
