"""Who is next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rushes.domain import JobStatus
from rushes.jobs.queueing import chooser
from rushes.ports import QueueRow, QueueView

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def row(
    name: str,
    status: JobStatus = JobStatus.QUEUED,
    backend: str = "a",
    *,
    cancel_requested: bool = False,
) -> QueueRow:
    created_at = T0 + timedelta(seconds=ord(name[0]))
    return QueueRow(name, "local", backend, status, created_at, 0, cancel_requested)


def chosen(*rows: QueueRow, running: dict[str, int] | None = None, **options: object) -> list[str]:
    settings = {"capacity": 10, "paused": frozenset[str]()} | options
    choose = chooser({"a": 2, "b": 1}, **settings)  # type: ignore[arg-type]
    return list(choose(QueueView(due=rows, running=running or {})))


def test_queued_jobs_start_oldest_first_while_slots_are_free() -> None:
    assert chosen(row("m"), row("n"), row("o")) == ["m", "n"]


def test_running_jobs_take_slots_away() -> None:
    assert chosen(row("m"), row("n"), running={"a": 1}) == ["m"]


def test_each_backend_has_its_own_slots() -> None:
    assert chosen(row("m"), row("n", backend="b"), row("o", backend="b")) == ["m", "n"]


def test_a_job_that_is_out_is_carried_on_without_a_slot() -> None:
    polled = row("m", JobStatus.IN_PROGRESS)

    assert chosen(polled, row("n"), running={"a": 2}) == ["m"]


def test_a_paused_backend_starts_nothing_but_its_jobs_are_followed() -> None:
    polled = row("m", JobStatus.IN_PROGRESS)

    assert chosen(polled, row("n"), paused=frozenset({"a"})) == ["m"]


def test_a_cancel_wish_needs_no_slot() -> None:
    wished = row("m", cancel_requested=True)

    assert chosen(wished, row("n"), paused=frozenset({"a"})) == ["m"]


def test_capacity_bounds_one_claim() -> None:
    out = [row(name, JobStatus.IN_PROGRESS) for name in "mnopq"]

    assert chosen(*out, capacity=2) == ["m", "n"]


def test_a_backend_that_is_no_longer_configured_starts_nothing() -> None:
    assert chosen(row("m", backend="gone")) == []
