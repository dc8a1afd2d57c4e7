"""Who is here: what a stream waits for beside its news, to end when its reader is shown out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from weakref import WeakValueDictionary


def vouched_key(name: str) -> str:
    """Return the key of somebody whom a proxy lets in, who has no session of ours."""
    return f"vouched for:{name}"


@dataclass(frozen=True, slots=True)
class Presence:
    """One event for each way in that is in use: a session's digest, a token's id, a name."""

    _overs: WeakValueDictionary[str, asyncio.Event] = field(default_factory=WeakValueDictionary)

    def over(self, key: str) -> asyncio.Event:
        """Return the event that is set when this way in is closed; hold on to it."""
        return self._overs.setdefault(key, asyncio.Event())

    def end(self, *keys: str) -> None:
        """Show out whoever came in by these."""
        for key in keys:
            over = self._overs.pop(key, None)  # whoever comes by it again has an event of their own
            if over is not None:
                over.set()

    def end_all(self) -> None:
        """Show out everybody."""
        self.end(*self._overs.keys())
