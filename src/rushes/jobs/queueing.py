"""Who is next: a pure function that runs inside the store's claim."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rushes.domain import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rushes.ports import QueueRow, QueueView


def chooser(
    slots: Mapping[str, int], *, capacity: int, paused: frozenset[str] = frozenset()
) -> Callable[[QueueView], Sequence[str]]:
    """Return the choice for one claim of at most `capacity` jobs.

    A job that is already out at a backend is always carried on: a poll costs nothing. A queued
    job starts only while its backend has a free slot (`slots`, by backend name) and is not in
    `paused`. Oldest first, in the order of the view.
    """

    def choose(view: QueueView) -> Sequence[str]:
        return [row.id for row in _startable(view, slots, paused)][:capacity]

    return choose


def _startable(
    view: QueueView, slots: Mapping[str, int], paused: frozenset[str]
) -> Iterator[QueueRow]:
    taken = Counter(view.running)
    for row in view.due:
        if row.status is not JobStatus.QUEUED or row.cancel_requested:
            yield row
        elif row.backend not in paused and taken[row.backend] < slots.get(row.backend, 0):
            taken[row.backend] += 1
            yield row
