"""Who is next."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from rushes.domain import JobStatus
from rushes.jobs.queueing import Line, Rules, chooser
from rushes.ports import QueueRow, QueueView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rushes.ports import Lane

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SLOTS = {"a": 2, "b": 1}


def row(
    name: str,
    status: JobStatus = JobStatus.QUEUED,
    backend: str = "a",
    *,
    owner: str = "local",
    cancel_requested: bool = False,
) -> QueueRow:
    """Return a row that is as old as its name's first letter says."""
    created_at = T0 + timedelta(seconds=ord(name[0]))
    return QueueRow(name, owner, backend, status, created_at, 0, cancel_requested)


def chosen(
    *rows: QueueRow,
    running: Mapping[Lane, int] | None = None,
    started: Mapping[Lane, datetime] | None = None,
    rules: Rules | None = None,
    capacity: int = 10,
) -> list[str]:
    choose = chooser(rules or Rules(SLOTS), capacity=capacity)
    return list(choose(QueueView(due=rows, running=running or {}, started=started or {})))


def test_queued_jobs_start_oldest_first_while_slots_are_free() -> None:
    assert chosen(row("m"), row("n"), row("o")) == ["m", "n"]


def test_running_jobs_take_slots_away() -> None:
    assert chosen(row("m"), row("n"), running={("a", "local"): 1}) == ["m"]


def test_each_backend_has_its_own_slots() -> None:
    assert chosen(row("m"), row("n", backend="b"), row("o", backend="b")) == ["m", "n"]


def test_a_job_that_is_out_is_carried_on_without_a_slot() -> None:
    polled = row("m", JobStatus.IN_PROGRESS)

    assert chosen(polled, row("n"), running={("a", "local"): 2}) == ["m"]


def test_a_paused_backend_starts_nothing_but_its_jobs_are_followed() -> None:
    polled = row("m", JobStatus.IN_PROGRESS)

    assert chosen(polled, row("n"), rules=Rules(SLOTS, paused=frozenset({"a"}))) == ["m"]


def test_a_cancel_wish_needs_no_slot() -> None:
    wished = row("m", cancel_requested=True)

    assert chosen(wished, row("n"), rules=Rules(SLOTS, paused=frozenset({"a"}))) == ["m"]


def test_a_rate_bounds_the_starts() -> None:
    assert chosen(row("m"), row("n"), rules=Rules(SLOTS, starts={"a": 1})) == ["m"]
    assert chosen(row("m"), row("n"), rules=Rules(SLOTS, starts={"a": 0})) == []


def test_capacity_bounds_one_claim() -> None:
    out = [row(name, JobStatus.IN_PROGRESS) for name in "mnopq"]

    assert chosen(*out, capacity=2) == ["m", "n"]


def test_a_backend_that_is_no_longer_configured_starts_nothing() -> None:
    assert chosen(row("m", backend="gone")) == []


# --- turns --------------------------------------------------------------------------------------


def test_people_take_turns() -> None:
    crowd = [row(name, owner="alma") for name in "mnop"]

    assert chosen(*crowd, row("z", owner="bert"), rules=Rules({"a": 3})) == ["m", "z", "n"]


def test_whoever_has_fewer_running_there_is_next() -> None:
    rows = [row("m", owner="alma"), row("n", owner="bert")]

    assert chosen(*rows, running={("a", "alma"): 1}) == ["n"]


def test_what_runs_elsewhere_parts_only_newcomers() -> None:
    rows = [row("m", owner="alma"), row("n", owner="bert")]
    elsewhere = {("b", "alma"): 1}
    long_ago = {("a", "alma"): T0, ("a", "bert"): T0 + timedelta(hours=1)}
    one = Rules({"a": 1, "b": 1})

    assert chosen(*rows, running=elsewhere, rules=one) == ["n"]
    assert chosen(*rows, running=elsewhere, started=long_ago, rules=one) == ["m"]


def test_whoever_started_there_the_longest_ago_is_next() -> None:
    rows = [row("m", owner="alma"), row("n", owner="bert"), row("o", owner="cleo")]
    started = {("a", "alma"): T0 + timedelta(hours=1), ("a", "bert"): T0}

    assert chosen(*rows, started=started, rules=Rules({"a": 1})) == ["o"]
    assert chosen(*rows[:2], started=started, rules=Rules({"a": 1})) == ["n"]


def test_nobody_has_more_out_than_one_person_may_at_all_backends_together() -> None:
    rows = [row("m"), row("n"), row("o", backend="b"), row("p", owner="bert", backend="b")]
    rules = Rules({"a": 9, "b": 9}, running_per_owner=2)

    assert chosen(*rows, running={("b", "local"): 1}, rules=rules) == ["p", "m"]


def test_no_more_are_out_than_may_at_all_backends_together() -> None:
    rows = [row("m"), row("n", owner="bert"), row("o", owner="bert", backend="b"), row("p")]
    rules = Rules({"a": 9, "b": 9}, running_total=3)

    assert chosen(*rows, running={("b", "cleo"): 1}, rules=rules) == ["m", "n"]
    assert chosen(*rows, running={("b", "cleo"): 3}, rules=rules) == []
    assert chosen(*rows, running={("b", "cleo"): 5}, rules=rules) == []


@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    slots=st.integers(1, 3),
    data=st.data(),
)
def test_nobody_starves(counts: list[int], slots: int, data: st.DataObject) -> None:
    """Whoever waits with nothing out sees everybody else start once at most."""
    rows = [
        row(f"{chr(97 + owner)}{number}", owner=str(owner))
        for owner, count in enumerate(counts)
        for number in range(count)
    ]
    left = Counter(each.owner for each in rows)
    line = Line(rows, {}, {}, Rules({"a": slots}))
    out: list[str] = []
    passed: Counter[str] = Counter()
    while left.total():
        for started in line:
            out.append(started.owner)
            left[started.owner] -= 1
            passed = Counter({who: passed[who] + 1 for who in left if left[who] and who not in out})
            assert max(passed.values(), default=0) < len(counts)
        line.ended(("a", out.pop(data.draw(st.integers(0, len(out) - 1)))))


@given(mine=st.integers(1, 30), slots=st.integers(1, 4))
def test_one_job_waits_for_no_crowd(mine: int, slots: int) -> None:
    crowd = [row(f"a{number}", owner="alma") for number in range(mine)]
    line = Line([*crowd, row("z", owner="bert")], {}, {}, Rules({"a": slots}))
    begun: list[str] = []
    while "bert" not in begun:
        begun += [each.owner for each in line]
        line.ended(("a", "alma"))

    assert len(begun) <= max(slots, 2)


def test_whoever_is_busy_elsewhere_is_not_forgotten_here() -> None:
    """Somebody who always has a job out at another backend still has every second turn."""
    rows = [row(f"a{number}", owner="alma") for number in range(9)]
    rows += [row(f"b{number}", owner="bert") for number in range(9)]
    line = Line(rows, {("b", "alma"): 1}, {}, Rules({"a": 1, "b": 1}))
    begun: list[str] = []
    for _ in range(8):
        (started,) = line
        begun.append(started.owner)
        line.ended(started.lane)

    assert begun == ["bert", "alma"] * 4
