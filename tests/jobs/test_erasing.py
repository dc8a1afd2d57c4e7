"""Erasing without undo: what runs is stopped, backends are asked, nothing stays here."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from rushes.domain import (
    LOCAL_OWNER,
    LOCAL_VIEWER,
    CancelOutcome,
    Custody,
    Job,
    JobStatus,
    RemoteJob,
    RemoteStatus,
    VideoRequest,
    Viewer,
)
from rushes.errors import BackendUnavailable, JobNotFound, StorageError
from rushes.jobs import erasing
from rushes.jobs.erasing import Eraser
from rushes.jobs.frames import Frames, frame_key
from rushes.jobs.posters import Posters
from rushes.jobs.removing import Answer
from tests.fakes import BusyJobs, MemoryJobs, ScriptedBackend
from tests.jobs.stage import Stage, arriving

pytestmark = pytest.mark.anyio

DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)
WORKING = RemoteJob("r-2", RemoteStatus.IN_PROGRESS)
PICTURE = b"\xff\xd8\xff a picture"


async def finished(stage: Stage) -> Job:
    return await stage.run(await stage.submit())


async def kept_keys(stage: Stage) -> set[str]:
    return {stat.key async for stat in stage.clips.list()}


async def test_clips_posters_pictures_and_drafts_go() -> None:
    stage = Stage(ScriptedBackend(submit=[DONE], open_clip=[arriving()]))
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PICTURE)
    await Frames(stage.clips).keep_draft(LOCAL_OWNER, b"\xff\xd8\xff never sent")
    job = await stage.run(await stage.submit(VideoRequest(prompt="a kite", first_frame=draft)))
    await Posters(stage.clips).keep(job, PICTURE)
    await stage.service.delete(LOCAL_VIEWER, (await finished(stage)).id)
    before = await kept_keys(stage)

    erasure = await Eraser(stage.service).erase_all(LOCAL_VIEWER)

    assert len(before) == 6
    assert await kept_keys(stage) == set()
    assert (erasure.jobs, erasure.clips) == (2, 2)


async def test_among_others_only_ones_own_drafts_go() -> None:
    stage = Stage(ScriptedBackend(submit=[DONE], open_clip=[arriving()]))
    ada = Viewer("ada", is_known=True)
    mine = await Frames(stage.clips).keep_draft("ada", PICTURE)
    await Frames(stage.clips).keep_draft("ada", b"\xff\xd8\xff never sent")
    theirs = await Frames(stage.clips).keep_draft("bob", PICTURE)
    await stage.service.submit(ada, VideoRequest(prompt="a kite", first_frame=mine))

    await Eraser(stage.service).erase_all(ada)

    assert await kept_keys(stage) == {theirs}


@pytest.mark.parametrize(
    ("forgets", "said", "answer"),
    [
        (True, True, Answer.DELETED),
        (True, False, Answer.REFUSED),
        (False, False, Answer.NO_WAY),
        (True, BackendUnavailable("down"), Answer.SILENT),
    ],
)
async def test_what_a_backend_answers_is_told_as_it_is(
    forgets: bool, said: bool | Exception, answer: Answer
) -> None:
    backend = ScriptedBackend(submit=[DONE], open_clip=[arriving()], forget=[said])
    stage = Stage(backend)
    stage.configured.custody = Custody(forgets=forgets)
    await finished(stage)

    erasure = await Eraser(stage.service).erase_all(LOCAL_VIEWER)

    assert backend.count("forget") == 1
    assert (erasure.sent, erasure.count(answer)) == (1, 1)
    assert erasure.asked == (0 if answer is Answer.NO_WAY else 1)


async def test_nobody_is_asked_about_a_job_that_never_left() -> None:
    backend = ScriptedBackend()
    stage = Stage(backend)
    job = await stage.submit()

    erasure = await Eraser(stage.service).erase_one(LOCAL_VIEWER, job.id)

    assert (erasure.jobs, erasure.sent, backend.count("forget")) == (1, 0, 0)
    with pytest.raises(JobNotFound):
        await stage.store.get(job.id)


async def test_what_runs_is_cancelled_at_the_backend_before_it_goes() -> None:
    backend = ScriptedBackend(
        submit=[WORKING], poll=[WORKING], cancel=[CancelOutcome.CONFIRMED], forget=[True]
    )
    stage = Stage(backend)
    job = await stage.submit()
    await stage.step()

    erasing_it = asyncio.create_task(Eraser(stage.service).erase_all(LOCAL_VIEWER))
    while not (await stage.store.get(job.id)).cancel_requested_at:
        await asyncio.sleep(0)
    await stage.step()
    await erasing_it

    assert [call.method for call in backend.calls if call.method != "poll"] == [
        "submit",
        "cancel",
        "forget",
    ]


async def test_a_worker_that_does_not_listen_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(erasing, "STOP_AT_MOST", timedelta(milliseconds=20))
    stage = Stage(ScriptedBackend(submit=[WORKING]))
    job = await stage.submit()
    await stage.step()

    assert (await Eraser(stage.service).erase_all(LOCAL_VIEWER)).jobs == 1

    with pytest.raises(JobNotFound):
        await stage.store.get(job.id)


async def test_a_silent_backend_does_not_hide_what_the_others_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(erasing, "ASK_AT_MOST", timedelta(milliseconds=20))

    async def never(*_: object) -> bool:
        await asyncio.Event().wait()
        return True

    stage = Stage(ScriptedBackend(submit=[DONE], open_clip=[arriving()], forget=[never]))
    for _ in range(5):
        await finished(stage)
    await stage.submit()

    erasure = await Eraser(stage.service).erase_all(LOCAL_VIEWER)

    assert erasure.answers == {Answer.SILENT: 5, Answer.NEVER_THERE: 1}


async def test_a_job_that_was_erased_on_its_way_is_not_left_at_the_backend() -> None:
    stage = Stage(ScriptedBackend(submit=[WORKING]))
    await stage.submit()
    (claimed,) = await stage.claim()

    async def erased_meanwhile(*_: object, **__: object) -> RemoteJob:
        await stage.store.erase(LOCAL_VIEWER.owner)
        return WORKING

    backend = ScriptedBackend(submit=[erased_meanwhile])
    stage.configured.backend = backend
    with pytest.raises(JobNotFound):
        await stage.carry(claimed)

    assert [call.method for call in backend.calls] == ["submit", "cancel", "forget"]


async def test_nobody_erases_what_is_somebody_elses() -> None:
    stage = Stage(ScriptedBackend())
    job = await stage.submit()
    ada = Viewer("ada", is_known=True)

    assert (await Eraser(stage.service).erase_all(ada)).jobs == 0
    with pytest.raises(JobNotFound):
        await Eraser(stage.service).erase_one(ada, job.id)

    assert (await stage.store.get(job.id)).status is JobStatus.QUEUED


async def test_a_backend_that_is_gone_cannot_be_asked() -> None:
    stage = Stage(ScriptedBackend(submit=[DONE], open_clip=[arriving()]))
    job = await finished(stage)
    stage.directory.backends.clear()

    erasure = await Eraser(stage.service).erase_one(LOCAL_VIEWER, job.id)

    assert erasure.answers == {Answer.NO_WAY: 1}


class LiveJobs(BusyJobs):
    """Is asked for one more job before it erases."""

    async def erase(self, owner: str, *, only: str | None = None) -> list[Job]:
        await self.meanwhile()
        return await super().erase(owner, only=only)

    async def meanwhile(self) -> None:
        """Do what the test says."""


async def test_the_bytes_of_jobs_made_meanwhile_go_too_even_where_the_files_are_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(ScriptedBackend())
    store = stage.store = LiveJobs(stage.clock)
    stage.service.store = store
    made: list[str] = []

    async def one_more() -> None:
        draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PICTURE)
        job = await stage.submit(VideoRequest(prompt="a late kite", first_frame=draft))
        made.append(frame_key(job.id))
        assert made[0] in await kept_keys(stage)

    monkeypatch.setattr(store, "meanwhile", one_more)
    with pytest.raises(StorageError):
        await Eraser(stage.service).erase_all(LOCAL_VIEWER)

    assert len(made) == 1
    assert await kept_keys(stage) == set()
    assert store.scrubs == [True]


async def test_the_file_is_written_anew_only_where_something_was_erased() -> None:
    stage = Stage(ScriptedBackend())
    store = stage.store
    assert isinstance(store, MemoryJobs)

    await Eraser(stage.service).erase_all(LOCAL_VIEWER)
    await stage.submit()
    await Eraser(stage.service).erase_all(LOCAL_VIEWER)
    await Eraser(stage.service).erase_one(LOCAL_VIEWER, (await stage.submit()).id)

    assert store.scrubs == [False, True, False]
