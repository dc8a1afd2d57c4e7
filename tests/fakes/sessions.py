"""Sessions in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.ports import KeptSession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

A_DAY = timedelta(days=1)


class MemorySessions:
    """See ports.SessionStore."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.kept: dict[str, KeptSession] = {}
        self.tries: dict[str, tuple[int, datetime]] = {}

    async def begin(self, digest: str, owner: str, ends_at: datetime) -> None:
        now = self._clock()
        self.kept = {key: kept for key, kept in self.kept.items() if kept.ends_at > now}
        self.kept[digest] = KeptSession(owner, ends_at)

    async def find(self, digest: str) -> KeptSession | None:
        kept = self.kept.get(digest)
        return kept if kept is not None and kept.ends_at > self._clock() else None

    async def prolong(self, digest: str, ends_at: datetime) -> None:
        kept = await self.find(digest)
        if kept is not None:
            self.kept[digest] = KeptSession(kept.owner, ends_at)

    async def end(self, digest: str) -> None:
        self.kept.pop(digest, None)

    async def end_all(self, owner: str) -> list[str]:
        ended = [digest for digest, kept in self.kept.items() if kept.owner == owner]
        for digest in ended:
            del self.kept[digest]
        return ended

    async def count_try(
        self, names: Sequence[str], pause: Callable[[str, int], timedelta]
    ) -> timedelta:
        now = self._clock()
        self.tries = {who: told for who, told in self.tries.items() if told[1] > now - A_DAY}
        known = {who: self.tries[who] for who in names if who in self.tries}
        waits = [min(last, now) + pause(who, count) - now for who, (count, last) in known.items()]
        wait = max(waits, default=timedelta())
        if wait > timedelta():
            return wait
        for who in names:
            count, _ = known.get(who, (0, now))
            self.tries[who] = (count + 1, now)
        return timedelta()

    async def excuse(self, names: Sequence[str]) -> None:
        for who in names:
            count, last = self.tries.get(who, (0, self._clock()))
            if count > 0:
                self.tries[who] = (count - 1, last)

    async def forgive(self, names: Sequence[str]) -> None:
        for who in names:
            self.tries.pop(who, None)
