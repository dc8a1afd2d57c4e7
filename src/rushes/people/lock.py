"""The lock of the one shared password: once it is another, whoever came in before is shown out."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rushes.people.presence import Presence

LOOK_EVERY = 1.0
"""Seconds between two looks at the lock while nobody comes to it: streams ask for nothing."""


@dataclass(slots=True)
class Lock:
    """Tells by `read` what the door is locked with; looks by itself while it is watched."""

    read: Callable[[], str]
    presence: Presence
    _last: str | None = field(default=None, repr=False)

    def __call__(self) -> str:
        """Return what is in force now; where that is news, everybody inside is shown out."""
        now = self.read()
        if self._last is not None and now != self._last:
            self.presence.end_all()
        self._last = now
        return now

    def mark(self) -> str:
        """Return what tells this lock from another one, and nothing else of it."""
        return hashlib.sha256(self().encode("utf-8", "surrogatepass")).hexdigest()

    @asynccontextmanager
    async def watched(self, every: float = LOOK_EVERY) -> AsyncIterator[None]:
        """Look at the lock again and again while the context is open."""
        watch = asyncio.create_task(self._watch(every), name="lock")
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait({watch})

    async def _watch(self, every: float) -> None:
        while True:
            self()
            await asyncio.sleep(every)
