"""Values in files: a changed file is in use at the next look, a spoilt one changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rushes.entrance import entrance_of
from rushes.people.passwords import hash_password
from rushes.settings import load_settings
from rushes.storage.sql_jobs import SqlJobs
from rushes.watched import Watched
from tests.fakes import StoppedClock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


def put(file: Path, text: str) -> None:
    """Put a new file in the place of another, as those who rotate secrets do."""
    part = file.with_suffix(".new")
    part.write_text(text)
    part.replace(file)


def test_a_new_file_is_read_and_a_spoilt_or_missing_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "number"
    put(file, "1")
    number = Watched(file, lambda: int(file.read_text()))

    told = [number()]
    put(file, "2")
    told.append(number())
    put(file, "no number")
    told.append(number())
    file.unlink()
    told.append(number())
    put(file, "3")
    told.append(number())

    assert told == [1, 2, 2, 2, 3]


async def test_a_new_shared_password_opens_at_once_and_ends_older_sessions(tmp_path: Path) -> None:
    file, store = tmp_path / "password", SqlJobs(tmp_path / "rushes.db", StoppedClock())
    put(file, hash_password("the first one"))
    settings = load_settings(None, auth="password", password_file=file, data_dir=tmp_path)
    await store.open()
    try:
        door = entrance_of(settings, store).door
        assert door is not None
        token = await door.open("127.0.0.1", None, "local")
        before = await door.session(token)
        put(file, hash_password("the second one"))
        after = await door.session(token)
        recognised = [await door.recognise("", f"the {word} one") for word in ("first", "second")]
    finally:
        await store.close()

    assert before is not None
    assert after is None
    assert recognised == [None, "local"]
