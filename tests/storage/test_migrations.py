"""The schema: made at once or step by step, the same; never opened by an older version."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, create_engine, event, text

from rushes.domain import Job
from rushes.errors import StorageError
from rushes.storage.migrations import VERSIONS, bring_up_to_date, stored_version
from rushes.storage.tables import jobs
from rushes.storage.upgrading import FOLDER, upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://", connect_args={"isolation_level": None})

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    yield engine
    engine.dispose()


def schema_of(connection: Connection) -> list[tuple[str, ...]]:
    rows = connection.execute(text("SELECT type, name, tbl_name, sql FROM sqlite_master"))
    return sorted(tuple(" ".join(str(part).split()) for part in row) for row in rows)


def test_a_new_database_is_what_all_steps_together_make(engine: Engine) -> None:
    with engine.connect() as connection:
        with connection.begin() as at_once:
            bring_up_to_date(connection)
            made_at_once = schema_of(connection), stored_version(connection)
            at_once.rollback()
        with connection.begin():
            assert schema_of(connection) == []
            upgrade(connection)
            by_steps = schema_of(connection), stored_version(connection)

    assert by_steps == made_at_once
    assert by_steps[1] == VERSIONS[-1]


@pytest.mark.parametrize("make", [bring_up_to_date, upgrade])
def test_the_revision_begins_at_zero_and_has_one_row(
    engine: Engine, make: Callable[[Connection], None]
) -> None:
    with engine.begin() as connection:
        make(connection)

        assert connection.execute(text("SELECT revision FROM counter")).all() == [(0,)]


def test_every_step_is_known_and_in_order() -> None:
    names = sorted(path.name for path in (FOLDER / "versions").glob("v*.py"))

    assert [name[1:5] for name in names] == list(VERSIONS)


def test_every_field_of_a_job_has_a_column() -> None:
    assert {field.name for field in fields(Job)} <= set(jobs.c.keys())


def test_opening_again_changes_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        bring_up_to_date(connection)
        before = schema_of(connection)
        bring_up_to_date(connection)

        assert schema_of(connection) == before


def test_a_database_that_is_behind_takes_the_missing_steps(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))

        upgrade(connection)

        assert stored_version(connection) == VERSIONS[-1]
        assert "jobs" in {row[1] for row in schema_of(connection)}


def test_a_step_that_is_cut_off_leaves_nothing(engine: Engine) -> None:
    with engine.connect() as connection:
        with connection.begin() as cut_off:
            upgrade(connection)
            cut_off.rollback()

        assert schema_of(connection) == []


def test_a_newer_database_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        bring_up_to_date(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

        with pytest.raises(StorageError, match="schema 9999, newer than this Rushes knows"):
            bring_up_to_date(connection)


def test_another_programs_database_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (body TEXT)"))

        with pytest.raises(StorageError, match="not written by Rushes"):
            bring_up_to_date(connection)


def test_a_start_does_not_load_alembic(tmp_path: Path) -> None:
    script = """
import asyncio, pathlib, sys
from rushes.domain import utc_now
from rushes.storage.sql_jobs import SqlJobs
async def main():
    for _ in range(2):
        store = SqlJobs(pathlib.Path(sys.argv[1]) / "rushes.db", utc_now)
        await store.open()
        await store.close()
asyncio.run(main())
print("alembic" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"
