"""Which index answers a search: nobody's long past is read for what they have under way."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.dialects import sqlite

from rushes.domain import RUNNING, UNDER_WAY, JobQuery, JobStatus, Scope
from rushes.storage.searching import count_statement, page_statement
from rushes.storage.sql_jobs import SqlJobs
from tests.fakes import StoppedClock

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Select

pytestmark = pytest.mark.anyio

EARLIER = JobQuery(Scope("me"), statuses=frozenset(JobStatus) - UNDER_WAY)


def now(statuses: frozenset[JobStatus]) -> JobQuery:
    return JobQuery(Scope("me"), statuses=statuses)


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (page_statement(now(UNDER_WAY)), "ix_jobs_status"),
        (page_statement(now(RUNNING)), "ix_jobs_status"),
        (page_statement(now(frozenset({JobStatus.QUEUED}))), "ix_jobs_status"),
        (count_statement(now(UNDER_WAY)), "ix_jobs_status"),
        (page_statement(EARLIER), "ix_jobs_newest"),
    ],
)
async def test_the_index_of_few_jobs_is_taken(
    tmp_path: Path, statement: Select[tuple[object]], index: str
) -> None:
    store = SqlJobs(tmp_path / "rushes.db", StoppedClock())
    await store.open()
    asked = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    other = sqlite3.connect(tmp_path / "rushes.db")
    plan = [row[-1] for row in other.execute(f"EXPLAIN QUERY PLAN {asked}")]
    other.close()
    await store.close()

    assert plan[0].startswith(f"SEARCH jobs USING INDEX {index} "), plan
