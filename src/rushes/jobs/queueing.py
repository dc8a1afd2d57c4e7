"""Who is next: a pure function that runs inside the store's claim."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rushes.domain import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rushes.ports import QueueRow, QueueView


def chooser(
    slots: Mapping[str, int],
    *,
    capacity: int,
    paused: frozenset[str] = frozenset(),
    starts: Mapping[str, int] | None = None,
) -> Callable[[QueueView], Sequence[str]]:
    """Return the choice for one claim of at most `capacity` jobs.

    A job that is already out at a backend is always carried on: a poll costs nothing. A queued
    job starts only while its backend has a free slot (`slots`, by backend id) and is not in
    `paused`, and no more of them than its `starts` allow (absent: any number). Oldest first, in
    the order of the view.
    """

    def choose(view: QueueView) -> Sequence[str]:
        return [row.id for row in _startable(view, slots, paused, starts or {})][:capacity]

    return choose


def _startable(
    view: QueueView, slots: Mapping[str, int], paused: frozenset[str], starts: Mapping[str, int]
) -> Iterator[QueueRow]:
    taken, begun = Counter(view.running), Counter[str]()
    for row in view.due:
        if row.status is not JobStatus.QUEUED or row.cancel_requested:
            yield row
        elif (
            row.backend not in paused
            and taken[row.backend] < slots.get(row.backend, 0)
            and begun[row.backend] < starts.get(row.backend, len(view.due))
        ):
            taken[row.backend] += 1
            begun[row.backend] += 1
            yield row
