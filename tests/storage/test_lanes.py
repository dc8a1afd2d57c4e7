"""The queue by lanes: what one look takes in, and at what price."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.dialects import sqlite

from rushes.domain import JobStatus, Limits
from rushes.jobs.queueing import Rules, chooser
from rushes.storage.lanes import VIEW_MAX, last_starts_statement
from rushes.storage.sql_jobs import SqlJobs
from tests.fakes import StoppedClock, a_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

LEASE = timedelta(seconds=30)
MANY = Limits(queued_total=20_000, queued_per_owner=20_000)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
async def store(tmp_path: Path, clock: StoppedClock) -> AsyncIterator[SqlJobs]:
    store = SqlJobs(tmp_path / "rushes.db", clock)
    await store.open()
    yield store
    await store.close()


async def crowded(store: SqlJobs, clock: StoppedClock, crowd: int) -> None:
    """Let one person wait with very many jobs, and later somebody else with a single one."""
    await store.add([a_job(owner="alma", place=place) for place in range(crowd)], MANY)
    late = clock.advance(hours=1)
    await store.add([a_job(owner="bert", created_at=late)], MANY)


@pytest.mark.parametrize("crowd", [600, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_one_persons_crowd_hides_nobody(
    store: SqlJobs, clock: StoppedClock, crowd: int
) -> None:
    await crowded(store, clock, crowd)

    claimed = await store.claim("worker", LEASE, chooser(Rules({"demo": 2}), capacity=2))
    queue = await store.queue()

    assert [job.owner for job in claimed.jobs] == ["alma", "bert"]
    assert len(queue.waiting) == VIEW_MAX
    assert queue.waiting[-1].owner == "bert"
    assert queue.counts["demo", JobStatus.QUEUED] == crowd + 1


async def test_one_backends_crowd_hides_no_others(store: SqlJobs, clock: StoppedClock) -> None:
    await crowded(store, clock, 600)
    late = clock.advance(hours=1)
    (other,) = await store.add([a_job(owner="alma", backend="other", created_at=late)], MANY)

    claimed = await store.claim("worker", LEASE, chooser(Rules({"other": 1}), capacity=2))

    assert [job.id for job in claimed.jobs] == [other.id]


async def test_last_turns_are_found_without_reading_every_job(
    store: SqlJobs, tmp_path: Path
) -> None:
    await store.revision()
    binds = {"literal_binds": True}
    asked = last_starts_statement().compile(dialect=sqlite.dialect(), compile_kwargs=binds)

    with sqlite3.connect(tmp_path / "rushes.db") as other:
        plan = [row[-1] for row in other.execute(f"EXPLAIN QUERY PLAN {asked}")]
    other.close()

    assert not [line for line in plan if re.match(r"SCAN jobs\b", line)], plan
    assert [line for line in plan if "ix_jobs_submitted_at" in line], plan
