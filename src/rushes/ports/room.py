"""How much room there is for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Room:
    """What the data folder takes, and what its disk has left; in bytes."""

    clips: int
    database: int
    free: int
    total: int


class Disk(Protocol):
    """The disk that everything is kept on."""

    async def room(self) -> Room:
        """Measure. Raises StorageError."""
        ...
