"""Runs the schema's steps with Alembic, without any configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep
    from sqlalchemy import Connection

FOLDER = Path(__file__).parent


def upgrade(connection: Connection) -> None:
    """Take every step that the database lacks, in the caller's transaction: all or none."""
    script = ScriptDirectory(FOLDER, version_locations=[FOLDER / "versions"])

    def steps(current: str, _context: object) -> list[RevisionStep]:
        return script._upgrade_revs("head", current)

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
