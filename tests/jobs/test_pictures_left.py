"""No picture is left behind, none takes another's place, and nobody reaches another's."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from rushes.domain import LOCAL_OWNER, LOCAL_VIEWER, Capabilities, Limits, VideoRequest, Viewer
from rushes.errors import InvalidRequest, QueueFull, StorageError, StorageFull
from rushes.jobs import frames as frames_module
from rushes.jobs.erasing import Eraser
from rushes.jobs.frames import Frames, draft_key, frame_key
from rushes.jobs.housekeeping import Housekeeping
from rushes.jobs.posters import poster_key
from rushes.jobs.service import JobService
from tests.fakes import MemoryClips, MemoryJobs, ScriptedBackend
from tests.jobs.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from rushes.domain import Job
    from tests.fakes.clips import MemoryWriter

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n and what follows"
ADA = Viewer("ada", is_known=True)
BOB = Viewer("bob", is_known=True)
TAKES = Capabilities(first_frame=True, n_max=3)


class FailingClips(MemoryClips):
    """Counts what is written, and fails from the write on that the test says."""

    writes = 0
    fails_at: int | None = None
    trouble: Exception = StorageError("the disk is ill")

    @asynccontextmanager
    async def receive(self, key: str, *, fence: int, resume: bool) -> AsyncIterator[MemoryWriter]:
        self.writes += 1
        async with super().receive(key, fence=fence, resume=resume) as writer:
            if self.writes == self.fails_at:
                await writer.write(b"half")
                raise self.trouble
            yield writer

    @property
    def parts(self) -> set[str]:
        return set(self._parts)


class CutJobs(MemoryJobs):
    """Keeps what it is given, but whoever gave it is cut off before they hear of it."""

    async def add(self, batch: Sequence[Job], limits: Limits) -> list[Job]:
        await super().add(batch, limits)
        raise asyncio.CancelledError


def a_stage(limits: Limits | None = None, store: MemoryJobs | None = None) -> Stage:
    stage = Stage(ScriptedBackend(), TAKES)
    stage.clips = FailingClips(stage.clock)
    stage.store = store or stage.store
    stage.service = JobService(
        stage.store, stage.clips, stage.directory, limits or Limits(), stage.clock
    )
    return stage


def clips_of(stage: Stage) -> FailingClips:
    assert isinstance(stage.clips, FailingClips)
    return stage.clips


async def keys(stage: Stage) -> set[str]:
    return {stat.key async for stat in stage.clips.list()} | clips_of(stage).parts


async def asked(stage: Stage, key: str, viewer: Viewer = LOCAL_VIEWER, count: int = 3) -> list[Job]:
    request = VideoRequest(prompt="x", first_frame=key)
    return await stage.service.submit(viewer, request, count=count, token="press")


# --- copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("copy", [1, 2, 3])
async def test_a_copy_that_fails_takes_those_before_it_along(copy: int) -> None:
    stage = a_stage()
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)
    clips_of(stage).fails_at = 1 + copy

    with pytest.raises(StorageError, match="ill"):
        await asked(stage, draft)

    assert await keys(stage) == {draft}


async def test_an_add_that_was_cut_may_have_come_through_and_keeps_its_copies() -> None:
    stage = a_stage()
    stage.store = CutJobs(stage.clock)
    stage.service.store = stage.store
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)

    with pytest.raises(asyncio.CancelledError):
        await asked(stage, draft)

    queued = (await stage.store.queue()).waiting
    assert await keys(stage) == {draft, *(frame_key(job.id) for job in queued)}
    assert len(queued) == 3


async def test_nothing_is_copied_for_a_batch_that_has_no_room() -> None:
    stage = a_stage(Limits(queued_total=2))
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)
    before = clips_of(stage).writes

    with pytest.raises(QueueFull):
        await asked(stage, draft)

    assert clips_of(stage).writes == before


async def test_nothing_is_copied_for_a_batch_that_is_there_already() -> None:
    stage = a_stage()
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)
    first = await asked(stage, draft)
    before = clips_of(stage).writes

    assert await asked(stage, draft) == first
    assert clips_of(stage).writes == before


async def test_the_sweep_takes_pictures_without_a_job_and_nothing_else() -> None:
    stage = a_stage()
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)
    kept, away, erased = await asked(stage, draft)
    await stage.service.delete(LOCAL_VIEWER, away.id)
    await stage.store.erase(LOCAL_OWNER, only=erased.id)
    for job_id in (kept.id, away.id, erased.id, "never-there"):
        async with stage.clips.receive(poster_key(job_id), fence=1, resume=False) as writer:
            await writer.finish("image/jpeg")
    async with stage.clips.receive(f"{kept.id}-1", fence=1, resume=False) as writer:
        await writer.finish("video/mp4")

    await Housekeeping(stage.store, stage.clips, stage.directory, stage.clock).sweep_pictures()

    pictures = {make(job.id) for job in (kept, away) for make in (frame_key, poster_key)}
    assert await keys(stage) == {draft, f"{kept.id}-1", *pictures}


# --- drafts ---------------------------------------------------------------------------------------


async def test_the_oldest_drafts_make_room_and_pictures_of_jobs_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frames_module, "DRAFTS_MAX", 3 * len(PNG))
    stage = a_stage()
    frames, pictures = Frames(stage.clips), [PNG[:-1] + bytes([number]) for number in range(4)]
    brought = [await frames.keep_draft(LOCAL_OWNER, pictures[0])]
    (job,) = await asked(stage, brought[0], count=1)
    for picture in pictures[1:]:
        stage.clock.advance(seconds=1)
        brought.append(await frames.keep_draft(LOCAL_OWNER, picture))
    again = await frames.keep_draft(LOCAL_OWNER, pictures[3])

    assert again == brought[3]
    assert await keys(stage) == {*brought[1:], frame_key(job.id)}


async def test_an_upload_for_which_there_is_no_room_leaves_nothing_behind() -> None:
    stage = a_stage()
    clips_of(stage).fails_at, clips_of(stage).trouble = 1, StorageFull("no room")

    with pytest.raises(StorageFull):
        await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)

    assert await keys(stage) == set()


async def test_the_same_picture_of_two_people_is_two_drafts() -> None:
    stage = a_stage()
    adas, bobs = [await Frames(stage.clips).keep_draft(who.owner, PNG) for who in (ADA, BOB)]
    (job,) = await asked(stage, adas, ADA, count=1)
    assert adas != bobs

    await Eraser(stage.service).erase_one(ADA, job.id)

    assert await keys(stage) == {bobs}


async def test_nobody_begins_with_a_draft_that_somebody_else_brought() -> None:
    stage = a_stage()
    await Frames(stage.clips).keep_draft(BOB.owner, PNG)
    refusals = []

    for picture in (PNG, b"\xff\xd8\xff never brought"):
        with pytest.raises(InvalidRequest) as caught:
            await asked(stage, draft_key(BOB.owner, picture), ADA)
        refusals.append(str(caught.value))

    assert refusals[0] == refusals[1]
    assert (await stage.store.queue()).waiting == []
