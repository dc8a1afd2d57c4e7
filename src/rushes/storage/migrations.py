"""The schema's versions, each a step that runs once; Alembic is loaded only when one must run."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, select

from rushes.errors import StorageError
from rushes.storage.tables import counter, metadata, schema_version

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSIONS = ("0001", "0002", "0003", "0004")
"""Oldest first; the last one is what `tables.metadata` says."""


def bring_up_to_date(connection: Connection) -> None:
    """Create the schema, or take the steps that it lacks, inside the caller's transaction.

    Raises StorageError for a database that a newer version, or another program, has written.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        _create(connection)
        return
    version = stored_version(connection) if schema_version.name in tables else None
    if version is None:
        raise StorageError("this database was not written by Rushes")
    if version not in VERSIONS:
        raise StorageError(
            f"the database has schema {version}, newer than this Rushes knows ({VERSIONS[-1]}): "
            "start the version that wrote it, or restore a backup"
        )
    if version != VERSIONS[-1]:
        # Importing Alembic costs most of a second, which a database that is up to date saves.
        importlib.import_module("rushes.storage.upgrading").upgrade(connection)


def stored_version(connection: Connection) -> str | None:
    """Return the version that the database says it has."""
    version: str | None = connection.scalar(select(schema_version.c.version_num))
    return version


def _create(connection: Connection) -> None:
    """Create at once what all steps together would; a test holds the two equal."""
    metadata.create_all(connection)
    connection.execute(insert(schema_version).values(version_num=VERSIONS[-1]))
    connection.execute(insert(counter).values(revision=0))
