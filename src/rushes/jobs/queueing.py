"""Who is next: pure rules, the same inside the store's claim and in the forecast.

People take turns: at each backend the next job is one of whoever has the fewest running there, and
among those of whoever was handed over a job there the longest ago.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING

from rushes.domain import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from rushes.ports import Lane, QueueRow, QueueView


@dataclass(frozen=True, slots=True)
class Rules:
    """What a start must keep to, by backend id.

    A backend takes as many jobs at once as it has `slots`, none while it is `paused`, and no more
    starts now than `starts` says (absent: any number). At all backends together at most
    `running_total` jobs are out at once, and `running_per_owner` of one person (None: any number).
    """

    slots: Mapping[str, int]
    paused: frozenset[str] = frozenset()
    starts: Mapping[str, int] = field(default_factory=dict)
    rates: Mapping[str, int] = field(default_factory=dict)
    """How many starts each minute gives back; only a forecast looks so far."""
    running_total: int | None = None
    running_per_owner: int | None = None


def chooser(rules: Rules, *, capacity: int) -> Callable[[QueueView], Sequence[str]]:
    """Return the choice for one claim of at most `capacity` jobs.

    A job that is already out at a backend is carried on before any other starts, and one that is
    to be cancelled needs no slot: neither costs anything.
    """

    def choose(view: QueueView) -> Sequence[str]:
        out = [row for row in view.due if not _is_waiting(row)]
        line = Line(filter(_is_waiting, view.due), view.running, view.started, rules)
        return [row.id for row in islice(chain(out, line), capacity)]

    return choose


def _is_waiting(row: QueueRow) -> bool:
    return row.status is JobStatus.QUEUED and not row.cancel_requested


class Line:
    """The queued jobs, in a lane for each person at each backend, and whose turn it is."""

    def __init__(
        self,
        waiting: Iterable[QueueRow],
        running: Mapping[Lane, int],
        started: Mapping[Lane, datetime],
        rules: Rules,
    ) -> None:
        self._rules = rules
        self._lanes: dict[Lane, deque[QueueRow]] = {}
        for row in waiting:
            self._lanes.setdefault(row.lane, deque()).append(row)
        self._running = Counter(running)
        self._taken, self._out = Counter[str](), Counter[str]()
        self._total = sum(running.values())
        for (backend, owner), count in running.items():
            self._taken[backend] += count
            self._out[owner] += count
        self._starts = dict(rules.starts)
        by_time = sorted(started, key=lambda lane: started[lane])
        self._turns = {lane: turn for turn, lane in enumerate(by_time, start=1)}
        self._turn = len(by_time)

    def __iter__(self) -> Iterator[QueueRow]:
        """Take the jobs that may start now, one after the other."""
        while (lane := self._next()) is not None:
            row = self._lanes[lane].popleft()
            if not self._lanes[lane]:
                del self._lanes[lane]
            self._start(lane)
            yield row

    def _next(self) -> Lane | None:
        return min(filter(self._may_start, self._lanes), key=self._rank, default=None)

    def ended(self, lane: Lane) -> None:
        """Give a slot back."""
        self._count(lane, -1)

    def allow(self, backend: str) -> None:
        """Give a start back that the rate of a backend held up."""
        self._starts[backend] += 1

    def _start(self, lane: Lane) -> None:
        self._count(lane, 1)
        self._turn += 1
        self._turns[lane] = self._turn
        if lane[0] in self._starts:
            self._starts[lane[0]] -= 1

    def _count(self, lane: Lane, more: int) -> None:
        backend, owner = lane
        self._total += more
        self._running[lane] += more
        self._taken[backend] += more
        self._out[owner] += more

    def _may_start(self, lane: Lane) -> bool:
        backend, owner = lane
        rules, most = self._rules, self._rules.running_per_owner
        return (
            (rules.running_total is None or self._total < rules.running_total)
            and backend not in rules.paused
            and self._taken[backend] < rules.slots.get(backend, 0)
            and self._starts.get(backend, 1) > 0
            and (most is None or self._out[owner] < most)
        )

    def _rank(self, lane: Lane) -> tuple[object, ...]:
        # What somebody has running elsewhere counts only among newcomers: before the last turn it
        # would keep whoever is always busy elsewhere from ever having another one here.
        first = self._lanes[lane][0]
        return (
            self._running[lane],
            self._turns.get(lane, 0),
            self._out[lane[1]],
            first.created_at,
            first.place,
            first.id,
        )
