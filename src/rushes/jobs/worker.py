"""Carries jobs from queued to a final state; safe to kill at any line.

The worker keeps nothing that matters in memory: it leases due rows from the store, has each taken
one step further, and gives them back. Whatever it held when it died falls due again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes import logs
from rushes.domain import EVERYONE, Failure, JobStatus, Limits, Stage, new_id, utc_now
from rushes.errors import JobNotFound, LeaseLost, StorageError
from rushes.jobs.fetching import Fetcher
from rushes.jobs.frames import Frames
from rushes.jobs.housekeeping import Housekeeping
from rushes.jobs.queueing import chooser
from rushes.jobs.steps import Steps, Wishes, backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from rushes.domain import Job
    from rushes.jobs.directory import ConfiguredBackend, Directory
    from rushes.ports import Choose, ClipStore, JobStore, QueueView

    Forget = Callable[[datetime], Awaitable[None]]

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
IDLE = timedelta(seconds=5)
"""The longest the worker sleeps when nothing is due; a change in the store wakes it."""
ILL = timedelta(seconds=1)
"""The same while a backend is ill and its jobs are held back."""
BREATH = timedelta(milliseconds=50)
"""The shortest sleep between two looks at the queue."""
STORAGE_PAUSE = timedelta(seconds=1)
PROBE_WELL = timedelta(seconds=60)
PROBE_ILL = timedelta(seconds=10)
SUBMIT_GRACE = timedelta(seconds=3)
"""How long a submit in flight may take to end when the server stops."""
TIDY = timedelta(minutes=10)
MEMORY = timedelta(days=30)
"""How long links and tokens that have ended can still be told of."""
BUG_TRIES = 5


@dataclass(slots=True)
class Carried:
    """A job in this worker's hands: the task that carries it and what the person wishes."""

    task: asyncio.Task[None]
    wishes: Wishes


@dataclass(slots=True)
class Worker:
    """Takes due jobs, `capacity` at once, until told to stop."""

    store: JobStore
    clips: ClipStore
    directory: Directory
    capacity: int = 16
    limits: Limits = field(default_factory=Limits)
    forget: Sequence[Forget] = ()
    """Each forgets what ended before a moment."""
    clock: Callable[[], datetime] = utc_now
    name: str = field(default_factory=new_id)
    steps: Steps = field(init=False)
    carried: dict[str, Carried] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        fetcher = Fetcher(self.store, self.clips, self.clock)
        frames = Frames(self.clips)
        self.steps = Steps(self.store, self.directory, fetcher, frames, self.clock)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let submits in flight end and drop the rest."""
        loops = [
            asyncio.create_task(self._forever(stop, self._claim_round)),
            asyncio.create_task(self._forever(stop, self._renew_round)),
            asyncio.create_task(self._forever(stop, self._tidy_round)),
            *(asyncio.create_task(self._watch(stop, b)) for b in self.directory.all()),
        ]
        try:
            await stop.wait()
        finally:
            await _cancelled(loops)
            await self._put_down()

    # --- the rounds -----------------------------------------------------------------------------

    async def _forever(self, stop: asyncio.Event, one_round: Callable[[], Awaitable[None]]) -> None:
        while not stop.is_set():
            try:
                await one_round()
            except StorageError as error:
                log.warning("the job store does not answer: %s", error)
                await asyncio.sleep(STORAGE_PAUSE.total_seconds())

    async def _claim_round(self) -> None:
        before = await self.store.revision()
        room = self.capacity - len(self.carried)
        claimed = await self.store.claim(self.name, LEASE, self._choose(room))
        for job in claimed.jobs:
            self._pick_up(job)
        after = await self.store.wait_changed(before, self._pause(claimed.wake_at, room))
        if after > before and self.carried:
            await self._pass_wishes(before)

    def _choose(self, room: int) -> Choose:
        rules = self.directory.rules(self.clock(), self.limits)
        choose = chooser(rules, capacity=max(room, 0))
        held = self.carried

        def free(view: QueueView) -> list[str]:
            return [job_id for job_id in choose(view) if job_id not in held]

        return free

    def _pause(self, wake_at: datetime | None, room: int) -> timedelta:
        # Jobs held back for an ill backend are due, but nothing in the store tells its recovery.
        longest = IDLE if all(self._is_open(b) for b in self.directory.all()) else ILL
        if wake_at is None or room <= 0:
            return longest
        return min(max(wake_at - self.clock(), BREATH), longest)

    def _is_open(self, backend: ConfiguredBackend) -> bool:
        return backend.is_held or (backend.takes_jobs and backend.may_start(self.clock()) != 0)

    async def _pass_wishes(self, after: int) -> None:
        for job in await self.store.changed_since(after, EVERYONE):
            carried = self.carried.get(job.id)
            if carried is not None and job.is_unwanted:
                carried.wishes.stop.set()
            if carried is not None and job.deleted_at is not None:
                carried.wishes.away.set()

    async def _renew_round(self) -> None:
        await asyncio.sleep(LEASE.total_seconds() / 3)
        if self.carried:
            await self.store.renew(self.name, LEASE)

    async def _tidy_round(self) -> None:
        await asyncio.sleep(TIDY.total_seconds())
        housekeeping = Housekeeping(self.store, self.clips, self.directory, self.clock)
        await Frames(self.clips).drop_old_drafts(self.clock())
        for forget in self.forget:
            await forget(self.clock() - MEMORY)
        await housekeeping.empty_the_bin()  # last: it can fail where readers hold the log

    async def _watch(self, stop: asyncio.Event, backend: ConfiguredBackend) -> None:
        """Ask a backend how it is, often while it is ill; queued jobs go on when it is well."""
        attempt = 0
        while not stop.is_set():
            was_up = backend.is_up
            if await backend.probe():
                attempt = 0
                if not was_up:
                    log.info("backend %s answers again", backend.name)
                await backend.wait_stumble(PROBE_WELL)
            else:
                if was_up or attempt == 0:
                    self._tell_outage(backend)
                attempt += 1
                await asyncio.sleep(min(backoff(attempt), PROBE_ILL).total_seconds())

    def _tell_outage(self, backend: ConfiguredBackend) -> None:
        trouble = backend.trouble
        told = (trouble.detail or trouble.kind) if trouble else "no answer"
        log.warning("backend %s is not well: %s", backend.name, told)

    # --- one job --------------------------------------------------------------------------------

    def _pick_up(self, job: Job) -> None:
        backend = self.directory.find(job.backend)
        is_starting = job.status is JobStatus.QUEUED and job.cancel_requested_at is None
        if backend is not None and is_starting:
            backend.started(self.clock())
        wishes = Wishes()
        task = asyncio.create_task(self._carry(job, wishes), name=f"job {job.id}")
        self.carried[job.id] = Carried(task, wishes)
        task.add_done_callback(lambda _: self.carried.pop(job.id, None))

    async def _carry(self, job: Job, wishes: Wishes) -> None:
        """Take one step; the one place where an error that nobody foresaw is caught."""
        logs.job_id.set(job.id)
        try:
            await self.steps.step(job, wishes)
        except (LeaseLost, JobNotFound):
            log.info("job %s was erased, or another worker carries it now", job.id)
        except StorageError as error:
            log.warning("job %s waits for the store: %s", job.id, error)
        except Exception:
            log.exception("job %s: a step failed in a way nobody foresaw", job.id)
            with contextlib.suppress(StorageError):
                await self._after_bug(job)

    async def _after_bug(self, carried: Job) -> None:
        job = replace(await self.store.get(carried.id), fence=carried.fence)
        failure = Failure(kind="internal", stage=Stage.POLL)
        if job.status is JobStatus.SUBMITTING:
            await self.store.save(job.unknown(failure, next_at=None))
        elif job.attempt < BUG_TRIES:
            pause = backoff(job.attempt + 2)
            await self.store.save(job.set_back(failure, next_at=self.clock() + pause))
        else:
            await self.store.save(job.failed(failure, now=self.clock()))

    async def _put_down(self) -> None:
        """A submit in flight may still end; everything else is found again in its row."""
        tasks = [carried.task for carried in self.carried.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=SUBMIT_GRACE.total_seconds())
        await _cancelled(tasks)


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
