"""Claim, lease, fence and save against a model, in any order that hypothesis can think of."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rushes.domain import EVERYONE, CancelOutcome, Job, JobStatus, Limits
from rushes.errors import JobConflict, LeaseLost
from rushes.storage.sql_jobs import SqlJobs
from tests.fakes import StoppedClock, a_job

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rushes.ports import QueueView

T = TypeVar("T")

LEASE = timedelta(seconds=30)
DEADLINE = timedelta(minutes=30)
WORKERS = st.sampled_from(["first", "second"])
SECONDS = st.sampled_from([0, 0, 0, 5, 29, 30, 61])


@dataclass
class Known:
    """What the model knows of a job."""

    next_at: datetime | None
    fence: int = 0
    worker: str | None = None
    lease_until: datetime | None = None

    def is_leased(self, now: datetime) -> bool:
        return self.lease_until is not None and self.lease_until > now

    def is_due(self, now: datetime) -> bool:
        return self.next_at is not None and self.next_at <= now and not self.is_leased(now)

    def give_back(self) -> None:
        self.worker = self.lease_until = None


class Leases(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = StoppedClock()
        self.known: dict[str, Known] = {}
        self.copies: list[Job] = []
        self.revision = 0
        self.store = self.open()

    def do(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    def open(self) -> SqlJobs:
        store = SqlJobs(Path(self.folder.name) / "rushes.db", self.clock)
        self.do(store.open())
        return store

    def teardown(self) -> None:
        self.do(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        self.add(0)
        self.add(30)

    @rule(wait=SECONDS)
    def add(self, wait: int) -> None:
        job = a_job(
            place=len(self.known),  # ids are random: without it a run could not be repeated
            next_at=self.clock.now + timedelta(seconds=wait),
            created_at=self.clock.now,
        )
        self.do(self.store.add([job], Limits()))
        self.known[job.id] = Known(job.next_at)

    @rule(worker=WORKERS, most=st.sampled_from([9, 9, 1, 0]), after=SECONDS)
    def claim(self, worker: str, most: int, after: int) -> None:
        now = self.clock.advance(seconds=after)
        due = {job_id for job_id, known in self.known.items() if known.is_due(now)}
        offered: list[str] = []

        def choose(view: QueueView) -> list[str]:
            offered.extend(row.id for row in view.due)
            return offered[:most]

        claimed = self.do(self.store.claim(worker, LEASE, choose))

        assert set(offered) == due
        assert [job.id for job in claimed.jobs] == offered[:most]
        for job in claimed.jobs:
            known = self.known[job.id]
            known.fence += 1
            known.worker, known.lease_until = worker, now + LEASE
            self.copies.append(job)
            assert job.fence == known.fence
        assert claimed.wake_at == self.next_due(besides=offered[:most])

    def next_due(self, besides: list[str]) -> datetime | None:
        moments = [
            max(known.next_at, known.lease_until or known.next_at)
            for job_id, known in self.known.items()
            if known.next_at is not None and job_id not in besides
        ]
        return min((moment for moment in moments if moment > self.clock.now), default=None)

    @precondition(lambda self: self.copies)
    @rule(release=st.booleans(), wait=SECONDS, data=st.data())
    def save(self, release: bool, wait: int, data: st.DataObject) -> None:
        """A worker saves what it was given some time ago, maybe too long."""
        copy = data.draw(st.sampled_from(self.copies))
        known = self.known[copy.id]
        is_current = copy.fence == known.fence
        step = copy.submitting(now=self.clock.now, deadline=DEADLINE)
        step = replace(step, next_at=self.clock.now + timedelta(seconds=wait))
        try:
            saved = self.do(self.store.save(step, release=release))
        except LeaseLost:
            assert not is_current
            return
        assert is_current
        assert saved.status is JobStatus.SUBMITTING
        known.next_at = saved.next_at
        if release:
            known.give_back()

    @rule(worker=WORKERS)
    def renew(self, worker: str) -> None:
        renewed = {job.id for job in self.do(self.store.renew(worker, LEASE))}

        assert renewed == {key for key, known in self.known.items() if known.worker == worker}
        for job_id in renewed:
            self.known[job_id].lease_until = self.clock.now + LEASE

    @rule(is_stale=st.booleans(), data=st.data())
    def a_person_gives_up(self, is_stale: bool, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(list(self.known)))
        known = self.known[job_id]
        job = self.do(self.store.get(job_id))
        if job.is_final:
            return
        seen = replace(job, revision=job.revision - is_stale)
        is_allowed = not is_stale and not known.is_leased(self.clock.now)
        try:
            self.do(
                self.store.amend(seen.cancelled(CancelOutcome.STOPPED_WAITING, now=self.clock.now))
            )
        except JobConflict:
            assert not is_allowed
            return
        assert is_allowed
        known.fence += 1
        known.next_at = None
        known.give_back()

    @rule(data=st.data())
    def a_person_wishes_to_cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(list(self.known)))
        job = self.do(self.store.mark(job_id, cancel_requested_at=self.clock.now))

        self.known[job_id].next_at = None if job.is_final else self.clock.now
        self.copies = [
            replace(copy, cancel_requested_at=self.clock.now) if copy.id == job_id else copy
            for copy in self.copies
        ]

    @rule()
    def the_process_restarts(self) -> None:
        self.do(self.store.close())
        self.store = self.open()
        for known in self.known.values():
            known.give_back()

    @invariant()
    def rows_are_what_the_model_knows(self) -> None:
        rows = {job.id: job for job in self.do(self.store.changed_since(0, EVERYONE))}

        assert rows.keys() == self.known.keys()
        for job_id, known in self.known.items():
            assert (rows[job_id].fence, rows[job_id].next_at) == (known.fence, known.next_at)

    @invariant()
    def the_revision_never_goes_back(self) -> None:
        revision = self.do(self.store.revision())

        assert revision >= self.revision
        assert self.do(self.store.wait_changed(revision - 1, LEASE)) == revision
        self.revision = revision


TestLeases = Leases.TestCase
TestLeases.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # to shrink a failure takes longer than a test may
    suppress_health_check=[HealthCheck.too_slow],
)
