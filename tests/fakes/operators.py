"""What operators did, and the disk they look at, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushes.ports import Room

if TYPE_CHECKING:
    from rushes.domain import AuditLine, Hold

GB = 1_000_000_000


class MemoryOperators:
    """See ports.OperatorStore."""

    def __init__(self) -> None:
        self.lines: list[AuditLine] = []
        self.kept: dict[str, Hold] = {}

    async def note(self, line: AuditLine) -> None:
        self.lines.append(line)

    async def audit(self, *, limit: int) -> list[AuditLine]:
        return self.lines[::-1][:limit]

    async def holds(self) -> list[Hold]:
        return [self.kept[backend] for backend in sorted(self.kept)]

    async def hold(self, hold: Hold) -> None:
        self.kept.setdefault(hold.backend, hold)

    async def release(self, backend: str) -> None:
        self.kept.pop(backend, None)


class MemoryDisk:
    """See ports.Disk; has what the test says."""

    def __init__(self) -> None:
        self.measured = Room(clips=1_200_000_000, database=500_000, free=90 * GB, total=100 * GB)

    async def room(self) -> Room:
        return self.measured
