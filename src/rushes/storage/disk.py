"""How much room the data folder takes, and how much is left."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from rushes.ports import Room
from rushes.storage.border import file_errors


class DataFolder:
    """See ports.Disk. `clips` is a folder inside `path`, `database` a file there."""

    def __init__(self, path: Path, *, clips: str, database: str) -> None:
        self._path = path
        self._clips = clips
        self._database = database

    async def room(self) -> Room:
        """See ports.Disk."""
        return await asyncio.to_thread(self._measured)

    def _measured(self) -> Room:
        with file_errors("the data folder cannot be measured"):
            usage = shutil.disk_usage(self._path)
            return Room(
                clips=_folder_weight(self._path / self._clips),
                database=self._database_weight(),
                free=usage.free,
                total=usage.total,
            )

    def _database_weight(self) -> int:
        # Beside the file lie its log and an index of that, while it is open.
        return sum(_weight(part) for part in self._path.glob(f"{self._database}*"))


def _folder_weight(folder: Path) -> int:
    return sum(
        _weight(Path(parent, name)) for parent, _, names in os.walk(folder) for name in names
    )


def _weight(file: Path) -> int:
    """Return a file's size in bytes; one that has gone meanwhile weighs nothing."""
    try:
        return file.lstat().st_size
    except FileNotFoundError:
        return 0
