"""Sessions in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

A_DAY = timedelta(days=1)


class MemorySessions:
    """See web.door.SessionStore."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.ends: dict[str, datetime] = {}
        self.tries: dict[str, tuple[int, datetime]] = {}

    async def begin(self, digest: str, ends_at: datetime) -> None:
        self.ends = {kept: end for kept, end in self.ends.items() if end > self._clock()}
        self.ends[digest] = ends_at

    async def ends_at(self, digest: str) -> datetime | None:
        end = self.ends.get(digest)
        return end if end is not None and end > self._clock() else None

    async def prolong(self, digest: str, ends_at: datetime) -> None:
        if await self.ends_at(digest) is not None:
            self.ends[digest] = ends_at

    async def end(self, digest: str) -> None:
        self.ends.pop(digest, None)

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

    async def forgive(self, names: Sequence[str]) -> None:
        for who in names:
            self.tries.pop(who, None)
