"""The worker as a whole: killed at any store call, stopped, woken, and in trouble."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rushes import logs
from rushes.domain import (
    EVERYONE,
    LOCAL_VIEWER,
    CancelOutcome,
    Capabilities,
    Catalogue,
    JobQuery,
    JobStatus,
    Limits,
    RemoteJob,
    RemoteStatus,
    Viewer,
    utc_now,
)
from rushes.errors import LeaseLost, NotSent, StorageError
from rushes.jobs.worker import Worker
from tests.fakes import MemoryJobs, ScriptedBackend, ScriptedClip
from tests.jobs.stage import BYTES, REQUEST, Stage, arriving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rushes.domain import Job
    from rushes.ports import JobStore

pytestmark = pytest.mark.anyio

QUEUED = RemoteJob("r-1", RemoteStatus.QUEUED, next_poll=timedelta(milliseconds=10))
DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)
CATALOGUE = Catalogue({"": Capabilities()})
OUT_THERE = frozenset({JobStatus.SUBMITTING, JobStatus.IN_PROGRESS})
MAKING = frozenset({JobStatus.SUBMITTING, JobStatus.IN_PROGRESS})  # on its way home it makes room


class Killed(BaseException):
    """The process dies here."""


class DyingStore:
    """A store whose process dies at the n-th write, just before it or just after."""

    def __init__(self, store: JobStore, dies_at: int, *, after: bool) -> None:
        self.store = store
        self.left = dies_at
        self.after = after

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self.store, name)

    async def save(self, job: Any, **options: Any) -> Any:  # noqa: ANN401 - as the store
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        saved = await self.store.save(job, **options)
        if self.left == 0:
            raise Killed
        return saved


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(1, 8))
async def test_killed_at_any_commit_a_job_ends_right_and_is_sent_once(
    dies_at: int, after: bool
) -> None:
    parts = [BYTES[:5000], BYTES[5000:]]
    stage = Stage(
        ScriptedBackend(submit=[QUEUED], poll=[QUEUED, DONE], open_clip=[arriving(*parts)])
    )
    job = await stage.submit()
    dying = DyingStore(stage.store, dies_at, after=after)

    for _ in range(12):
        stage.clock.advance(seconds=31)
        for leased in await stage.claim():
            try:
                await stage.carry(leased, dying)
            except Killed:
                break

    ended = await stage.store.get(job.id)
    assert stage.backend.count("submit") <= 1
    if ended.status is JobStatus.UNKNOWN:
        assert ended.failure is not None
        assert ended.failure.kind == "outcome_unknown"
    else:
        assert ended.status is JobStatus.COMPLETED
        assert ended.clip is not None
        async with stage.clips.open(ended.clip.key) as reader:
            assert await reader.read(0, len(BYTES) + 1) == BYTES


async def test_a_worker_that_was_overtaken_cannot_write() -> None:
    stage = Stage(ScriptedBackend(submit=[QUEUED]))
    await stage.submit()
    (stale,) = await stage.claim("slow")
    stage.clock.advance(seconds=31)
    (fresh,) = await stage.claim("quick")

    await stage.carry(fresh)

    with pytest.raises(LeaseLost):
        await stage.carry(stale)
    assert stage.backend.count("submit") == 1


# --- the running worker -------------------------------------------------------------------------


@asynccontextmanager
async def running(stage: Stage, **limits: int) -> AsyncIterator[None]:
    """Let a worker run on a stage; it is stopped at the end and must end by itself."""
    stop = asyncio.Event()
    worker = Worker(stage.store, stage.clips, stage.directory, limits=Limits(**limits))
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


def live(**script: Any) -> Stage:  # noqa: ANN401 - answers of any kind
    stage = Stage(ScriptedBackend(**script))
    stage.store = MemoryJobs(utc_now)
    stage.service = replace(stage.service, store=stage.store, clock=utc_now)
    return stage


async def ended(stage: Stage, job: Job, *statuses: JobStatus) -> Job:
    revision = 0
    async with asyncio.timeout(10):
        while (job := await stage.store.get(job.id)).status not in statuses:
            revision = await stage.store.wait_changed(revision, timedelta(seconds=1))
    return job


async def test_many_prompts_become_clips_two_at_a_time() -> None:
    stage = live(submit=[QUEUED], poll=[DONE], open_clip=[arriving()])
    out: list[int] = []

    async def watched(*_: object) -> RemoteJob:
        view = await stage.store.search(JobQuery(EVERYONE, statuses=MAKING))
        out.append(len(view.jobs))
        return QUEUED

    stage.backend.script["submit"].appendleft(watched)
    stage.backend.script["submit"].pop()

    async with running(stage):
        jobs = [await stage.submit() for _ in range(6)]
        done = [await ended(stage, job, JobStatus.COMPLETED) for job in jobs]

    assert len(done) == 6
    assert stage.backend.count("submit") == 6
    assert max(out) <= stage.configured.slots


@pytest.mark.parametrize(
    ("slots", "limits"), [(1, {}), (4, {"running_per_owner": 1}), (4, {"running_total": 1})]
)
async def test_people_take_turns_however_many_jobs_they_have(
    slots: int, limits: dict[str, int]
) -> None:
    stage = live(submit=[QUEUED], poll=[DONE], open_clip=[arriving()])
    stage.configured.slots = slots
    crowd = await stage.service.submit(LOCAL_VIEWER, REQUEST, count=5)
    (one,) = await stage.service.submit(Viewer("bert"), REQUEST)

    async with running(stage, **limits):
        done = [await ended(stage, job, JobStatus.COMPLETED) for job in [*crowd, one]]

    by_start = sorted(done, key=lambda job: job.submitted_at or job.created_at)
    assert one.id in [job.id for job in by_start[:2]]
    assert all(job.status is JobStatus.COMPLETED for job in done)


async def test_jobs_wait_for_a_backend_that_is_off_and_go_on_by_themselves() -> None:
    off = [NotSent("refused")] * 3
    stage = live(describe=[*off, CATALOGUE], submit=[QUEUED], poll=[DONE], open_clip=[arriving()])

    async with running(stage):
        job = await stage.submit()
        done = await ended(stage, job, JobStatus.COMPLETED, JobStatus.FAILED)

    assert done.status is JobStatus.COMPLETED
    assert stage.configured.is_up


async def test_a_cancel_wish_reaches_a_download_that_is_under_way() -> None:
    began = asyncio.Event()

    class Endless(ScriptedClip):
        async def chunks(self) -> AsyncIterator[bytes]:
            yield BYTES
            began.set()
            for _ in range(1000):
                await asyncio.sleep(0.01)
                yield bytes(10)

    stage = live(submit=[DONE], open_clip=[Endless((), 10**9)])

    async with running(stage):
        job = await stage.submit()
        await asyncio.wait_for(began.wait(), 10)
        await stage.service.cancel(LOCAL_VIEWER, job.id)
        done = await ended(stage, job, JobStatus.CANCELLED)

    assert done.cancel_outcome is CancelOutcome.STOPPED_WAITING


async def test_a_store_that_fails_for_a_while_loses_nothing() -> None:
    stage = live(submit=[QUEUED], poll=[DONE], open_clip=[arriving()])
    store = stage.store
    job = await stage.submit()

    class Failing(DyingStore):
        async def claim(self, *args: Any) -> Any:  # noqa: ANN401 - as the store
            self.left -= 1
            if self.left >= 0:
                raise StorageError("disk trouble")
            return await self.store.claim(*args)

    stage.store = Failing(store, 1, after=False)
    async with running(stage):
        stage.store = store
        done = await ended(stage, job, JobStatus.COMPLETED)

    assert done.clip is not None


async def test_a_bug_in_a_step_is_contained_and_never_submits_twice() -> None:
    stage = live(submit=[ZeroDivisionError()])

    async with running(stage):
        job = await stage.submit()
        done = await ended(stage, job, JobStatus.UNKNOWN)

    assert done.failure is not None
    assert done.failure.kind == "internal"
    assert stage.backend.count("submit") == 1


class Noting(logging.Handler):
    """Notes which job each event belongs to."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names

    def emit(self, record: logging.LogRecord) -> None:
        self.names.append(logs.job_id.get())


async def test_what_is_logged_of_a_job_names_it() -> None:
    stage = live(submit=[ZeroDivisionError()])
    told, names = logging.getLogger("rushes.jobs.worker"), list[str]()
    handler = Noting(names)
    told.addHandler(handler)

    async with running(stage):
        job = await stage.submit()
        await ended(stage, job, JobStatus.UNKNOWN)
    told.removeHandler(handler)

    assert names == [job.id]
    assert logs.job_id.get() == ""
