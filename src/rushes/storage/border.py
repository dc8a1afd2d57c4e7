"""The one border where errors of the disk and of the database become ours.

Messages never carry a path, a statement or its values: they may end up on a page.
"""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from rushes.errors import StorageError, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def file_errors(what: str) -> Iterator[None]:
    """Turn OSError into StorageFull or StorageError; `what` begins the sentence."""
    try:
        yield
    except OSError as error:
        kind = StorageFull if error.errno in FULL else StorageError
        raise kind(f"{what}: {error.strerror}") from error


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn what SQLAlchemy and its driver raise into StorageFull or StorageError."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", None)
        kind = StorageFull if code == sqlite3.SQLITE_FULL else StorageError
        raise kind(f"the database failed: {error.orig}") from error
    except SQLAlchemyError as error:
        raise StorageError(f"the database failed: {type(error).__name__}") from error
    except ValidationError as error:
        raise StorageError(f"a stored {error.title} cannot be read") from error
