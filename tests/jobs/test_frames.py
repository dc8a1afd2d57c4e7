"""Pictures that clips begin with: kept as drafts, copied for each job, gone with it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from rushes.domain import (
    LOCAL_OWNER,
    LOCAL_VIEWER,
    Capabilities,
    JobStatus,
    Limits,
    RemoteJob,
    RemoteStatus,
    VideoRequest,
    Viewer,
)
from rushes.errors import InvalidRequest, LeaseLost, QueueFull
from rushes.jobs.frames import (
    DRAFT_LIFE,
    FRAME_MAX,
    Frames,
    frame_key,
    is_draft,
    owner_of,
    picture_type,
)
from rushes.jobs.housekeeping import UNDO, Housekeeping
from rushes.jobs.service import JobService
from tests.fakes import MemoryClips, ScriptedBackend
from tests.jobs.stage import Stage, arriving
from tests.web.memory import WatchedClips

if TYPE_CHECKING:
    from rushes.domain import Job

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n and what follows"
JPEG = b"\xff\xd8\xff\xe0 another"
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 one"
OTHER = Viewer("somebody-else")
TAKES = Capabilities(first_frame=True, n_max=3)


def a_stage(backend: ScriptedBackend | None = None) -> Stage:
    stage = Stage(backend or ScriptedBackend(), TAKES)
    stage.clips = MemoryClips(stage.clock)
    stage.service = JobService(stage.store, stage.clips, stage.directory, Limits(), stage.clock)
    return stage


def making_clips() -> ScriptedBackend:
    """Return a backend that answers each submit as done, and has one clip."""
    done = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)
    return ScriptedBackend(submit=[done], open_clip=[arriving()])


async def keys(stage: Stage) -> set[str]:
    return {stat.key async for stat in stage.clips.list()}


async def asked(
    stage: Stage, key: str, viewer: Viewer = LOCAL_VIEWER, *, count: int = 1, press: str = "first"
) -> list[Job]:
    request = VideoRequest(prompt="x", first_frame=key)
    return await stage.service.submit(viewer, request, count=count, token=press)


# --- drafts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (WEBP, "image/webp"),
        (b"GIF89a", None),
        (b"<svg onload=alert(1)>", None),
        (b"RIFF\x10\x00\x00\x00AVI LIST", None),
        (b"", None),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(head: bytes, media_type: str | None) -> None:
    assert picture_type(head) == media_type


async def test_the_same_picture_has_the_same_key_and_another_one_has_not() -> None:
    frames = Frames(MemoryClips())

    first, again, other = [
        await frames.keep_draft(LOCAL_OWNER, picture) for picture in (PNG, PNG, JPEG)
    ]

    assert first == again != other
    assert await frames.read(first) == ("image/png", PNG)
    assert await frames.read(other) == ("image/jpeg", JPEG)
    assert is_draft(first)


@pytest.mark.parametrize("picture", [b"", b"<svg>", b"\0" * 9, PNG.ljust(FRAME_MAX + 1)])
async def test_what_is_no_picture_or_too_large_is_not_kept(picture: bytes) -> None:
    clips = MemoryClips()

    with pytest.raises(InvalidRequest) as caught:
        await Frames(clips).keep_draft(LOCAL_OWNER, picture)

    assert caught.value.field == "first_frame"
    assert [stat async for stat in clips.list()] == []


async def test_a_picture_may_weigh_exactly_the_most() -> None:
    clips = MemoryClips()

    key = await Frames(clips).keep_draft(LOCAL_OWNER, PNG.ljust(FRAME_MAX))

    assert [(stat.key, stat.size) async for stat in clips.list()] == [(key, FRAME_MAX)]


async def test_a_picture_that_is_brought_twice_at_once_is_no_trouble() -> None:
    clips = WatchedClips()
    key = await Frames(clips).keep_draft(LOCAL_OWNER, PNG)
    clips.trouble = LeaseLost("another writer")

    assert await Frames(clips).keep_draft(LOCAL_OWNER, PNG) == key


async def test_drafts_go_after_a_day_and_pictures_of_jobs_stay() -> None:
    stage = a_stage()
    frames = Frames(stage.clips)
    old = await frames.keep_draft(LOCAL_OWNER, PNG)
    (job,) = await asked(stage, old)
    stage.clock.advance(hours=1)
    young = await frames.keep_draft(LOCAL_OWNER, JPEG)

    stage.clock.advance(seconds=DRAFT_LIFE.total_seconds() - 3600)
    await frames.drop_old_drafts(stage.clock())
    before = await keys(stage)
    stage.clock.advance(seconds=1)
    await frames.drop_old_drafts(stage.clock())

    assert before == {old, young, frame_key(job.id)}
    assert await keys(stage) == {young, frame_key(job.id)}


# --- a job's own copy -----------------------------------------------------------------------------


async def test_each_job_of_a_batch_has_a_copy_of_its_own() -> None:
    stage = a_stage()
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)

    jobs = await asked(stage, draft, count=3)

    assert [job.request.first_frame for job in jobs] == [frame_key(job.id) for job in jobs]
    assert {owner_of(job.request.first_frame or "") for job in jobs} == {job.id for job in jobs}
    assert await keys(stage) == {draft, *(frame_key(job.id) for job in jobs)}
    for job in jobs:
        assert await Frames(stage.clips).read(frame_key(job.id)) == ("image/png", PNG)


async def test_a_remix_has_a_copy_too_and_outlives_where_it_came_from() -> None:
    stage = a_stage()
    (first,) = await asked(stage, await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG))

    (remix,) = await asked(stage, first.request.first_frame or "", press="second")
    await stage.clips.delete(frame_key(first.id))

    assert remix.request.first_frame == frame_key(remix.id)
    assert (await Frames(stage.clips).read(frame_key(remix.id)))[1] == PNG


async def test_a_retry_begins_with_the_same_picture() -> None:
    stage = a_stage()
    (first,) = await asked(stage, await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG))

    again = await stage.service.retry(LOCAL_VIEWER, first.id)

    assert again.request.first_frame == frame_key(again.id)
    assert (await Frames(stage.clips).read(frame_key(again.id)))[1] == PNG


@pytest.mark.parametrize(
    "key", [f"draft-{'0' * 40}", "draft-../../etc/passwd", "../x", "no-job-frame", "", "-frame"]
)
async def test_a_picture_that_is_not_here_is_refused_and_nothing_is_asked(key: str) -> None:
    stage = a_stage()

    with pytest.raises(InvalidRequest) as caught:
        await asked(stage, key)

    assert caught.value.field == "first_frame"
    assert await keys(stage) == set()


async def test_a_draft_that_has_gone_meanwhile_is_refused() -> None:
    stage = a_stage()
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)
    await stage.clips.delete(draft)

    with pytest.raises(InvalidRequest, match="choose it again"):
        await asked(stage, draft)


async def test_nobody_begins_with_the_picture_of_another_person_s_job() -> None:
    stage = a_stage()
    (theirs,) = await asked(stage, await Frames(stage.clips).keep_draft(OTHER.owner, PNG), OTHER)
    before = await keys(stage)

    with pytest.raises(InvalidRequest) as caught:
        await asked(stage, frame_key(theirs.id))

    assert caught.value.field == "first_frame"
    assert theirs.id not in caught.value.message
    assert await keys(stage) == before


async def test_a_clip_is_no_picture_to_begin_with_even_one_s_own() -> None:
    stage = a_stage(making_clips())
    job = await stage.run(await stage.submit())
    assert job.clip is not None

    with pytest.raises(InvalidRequest):
        await asked(stage, job.clip.key)


async def test_a_double_post_leaves_no_second_copy_behind() -> None:
    stage = a_stage()
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)

    first = await asked(stage, draft, count=2)
    second = await asked(stage, draft, count=2)

    assert [job.id for job in second] == [job.id for job in first]
    assert await keys(stage) == {draft, *(frame_key(job.id) for job in first)}


async def test_a_batch_that_is_not_taken_leaves_no_copy_behind() -> None:
    stage = a_stage()
    stage.service = JobService(
        stage.store, stage.clips, stage.directory, Limits(queued_total=1), stage.clock
    )
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)

    with pytest.raises(QueueFull):
        await asked(stage, draft, count=2)

    assert await keys(stage) == {draft}


# --- on its way -----------------------------------------------------------------------------------


async def test_the_backend_gets_the_picture_itself() -> None:
    backend = ScriptedBackend()
    stage = a_stage(backend)
    (job,) = await asked(stage, await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG))

    await stage.step()

    request, key = next(call.arguments for call in backend.calls if call.method == "submit")
    encoded = base64.b64encode(PNG).decode()
    assert isinstance(request, VideoRequest)
    assert request.first_frame == f"data:image/png;base64,{encoded}"
    assert key == job.id
    assert (await stage.store.get(job.id)).request.first_frame == frame_key(job.id)


async def test_a_job_whose_picture_is_gone_fails_and_nothing_is_sent() -> None:
    backend = ScriptedBackend()
    stage = a_stage(backend)
    (job,) = await asked(stage, await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG))
    await stage.clips.delete(frame_key(job.id))

    ended = await stage.run(job)

    assert ended.status is JobStatus.FAILED
    assert ended.failure is not None
    assert ended.failure.kind == "refused_by_backend"
    assert "first picture" in f"{ended.failure.message} {ended.failure.detail}"
    assert backend.count("submit") == 0


# --- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_clip", [True, False])
async def test_the_picture_of_a_deleted_job_goes_after_the_undo_window(has_clip: bool) -> None:
    stage = a_stage(making_clips())
    draft = await Frames(stage.clips).keep_draft(LOCAL_OWNER, PNG)
    (job,) = await asked(stage, draft)
    (kept,) = await asked(stage, draft, press="second")
    if has_clip:
        job = await stage.run(job)
        assert job.clip is not None
    await stage.service.delete(LOCAL_VIEWER, job.id)
    housekeeping = Housekeeping(stage.store, stage.clips, stage.directory, stage.clock)

    stage.clock.advance(seconds=UNDO.total_seconds() - 1)
    await housekeeping.empty_the_bin()
    before = await keys(stage)
    stage.clock.advance(seconds=2)
    await housekeeping.empty_the_bin()

    assert frame_key(job.id) in before
    assert frame_key(job.id) not in await keys(stage)
    assert frame_key(kept.id) in await keys(stage)
