"""How much room the data folder takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rushes.errors import StorageError
from rushes.storage.disk import DataFolder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def test_clips_and_the_database_with_its_log_are_weighed(tmp_path: Path) -> None:
    (tmp_path / "clips" / "ab").mkdir(parents=True)
    (tmp_path / "clips" / "ab" / "one").write_bytes(bytes(1000))
    (tmp_path / "clips" / "two.part").write_bytes(bytes(500))
    (tmp_path / "rushes.db").write_bytes(bytes(70))
    (tmp_path / "rushes.db-wal").write_bytes(bytes(7))
    (tmp_path / "backends.toml").write_bytes(bytes(9000))

    room = await DataFolder(tmp_path, clips="clips", database="rushes.db").room()

    assert (room.clips, room.database) == (1500, 77)
    assert 0 < room.free <= room.total


async def test_an_empty_folder_weighs_nothing(tmp_path: Path) -> None:
    room = await DataFolder(tmp_path, clips="clips", database="rushes.db").room()

    assert (room.clips, room.database) == (0, 0)


async def test_a_folder_that_is_gone_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the data folder cannot be measured"):
        await DataFolder(tmp_path / "gone", clips="clips", database="rushes.db").room()


async def test_what_a_link_points_at_is_not_weighed(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "big").write_bytes(bytes(100_000))
    (tmp_path / "clips" / "link").symlink_to(tmp_path / "big")

    room = await DataFolder(tmp_path, clips="clips", database="rushes.db").room()

    assert room.clips < 1000
