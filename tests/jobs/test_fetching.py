"""The clip's way home: resumed, whole or not at all, watched by whoever likes."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

import pytest

from rushes.domain import LOCAL_VIEWER, CancelOutcome, Job, JobStatus, RemoteJob, RemoteStatus
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    ClipNotFound,
    ClipNotReady,
    ResultExpired,
    ResultLost,
)
from rushes.jobs.posters import POSTER_MAX, Posters, poster_key
from rushes.ports import BlobState, Submission
from tests.fakes import ScriptedBackend, ScriptedClip
from tests.jobs.stage import BYTES, Stage, arriving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rushes.ports import ClipSource

pytestmark = pytest.mark.anyio

DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)
CUT = BackendUnavailable("the connection broke")
HALF = len(BYTES) // 2


def stage_with(*clips: object, **script: object) -> Stage:
    return Stage(ScriptedBackend(submit=[DONE], open_clip=list(clips), **script))  # type: ignore[arg-type]


async def turns(count: int) -> None:
    """Let everybody else go on for a while."""
    for _ in range(count):
        await asyncio.sleep(0)


async def whole(stage: Stage, job: Job) -> bytes:
    assert job.clip is not None
    async with stage.clips.open(job.clip.key) as reader:
        return await reader.read(0, len(BYTES) + 1)


def _opened(stage: Stage) -> list[tuple[object, ...]]:
    """Return from where, and with which validator, the clip was opened each time."""
    return [call.arguments[1:] for call in stage.backend.calls if call.method == "open_clip"]


async def test_the_bytes_are_untouched_and_their_hash_is_kept() -> None:
    stage = stage_with(arriving(BYTES[:100], BYTES[100:5000], BYTES[5000:]))

    job = await stage.run(await stage.submit())

    assert await whole(stage, job) == BYTES
    assert job.clip is not None
    assert job.clip.sha256 == hashlib.sha256(BYTES).hexdigest()


async def test_a_broken_download_goes_on_where_it_stopped() -> None:
    first = arriving(BYTES[:HALF], CUT)
    stage = stage_with(first, arriving(BYTES[HALF:], start=HALF))

    job = await stage.run(await stage.submit())

    assert await whole(stage, job) == BYTES
    assert _opened(stage)[-1] == (HALF, '"v"')
    assert job.clip is not None
    assert job.clip.key == f"{job.id}-1"


async def test_without_a_strong_validator_it_begins_anew_under_a_new_key() -> None:
    first = arriving(BYTES[:HALF], CUT, validator=None)
    stage = stage_with(first, arriving())

    job = await stage.run(await stage.submit())

    assert await whole(stage, job) == BYTES
    assert _opened(stage)[-1] == (0, None)
    assert job.clip is not None
    assert job.clip.key == f"{job.id}-2"


async def test_a_backend_that_ignores_the_range_is_taken_from_zero() -> None:
    stage = stage_with(arriving(BYTES[:HALF], CUT), arriving(start=0, validator='"other"'))

    job = await stage.run(await stage.submit())

    assert await whole(stage, job) == BYTES
    assert job.clip is not None
    assert job.clip.key == f"{job.id}-2"


async def test_a_clip_shorter_than_promised_is_never_whole() -> None:
    short = ScriptedClip((BYTES[:HALF],), len(BYTES))
    stage = stage_with(short)

    job = await stage.run(await stage.submit(), rounds=15, pause_s=120)

    assert job.status is JobStatus.FAILED
    assert job.clip is None


async def test_a_clip_of_untold_length_that_was_cut_is_found_out_by_its_boxes() -> None:
    stage = stage_with(ScriptedClip((BYTES[:-100],)))

    job = await stage.run(await stage.submit())

    assert job.failure is not None
    assert job.failure.kind == "clip_unusable"


@pytest.mark.parametrize(
    "body", [b"<html>Bad gateway</html>", b"<svg/>" * 2000, b'{"error": 1}', b"", b"\x7fELF" * 3000]
)
async def test_what_is_no_video_is_dropped(body: bytes) -> None:
    stage = stage_with(ScriptedClip((body,), len(body)))

    job = await stage.run(await stage.submit())

    assert job.failure is not None
    assert job.failure.kind == "clip_unusable"
    assert [stat async for stat in stage.clips.list()] == []


async def test_nobody_reads_before_the_beginning_is_known_to_be_a_clip() -> None:
    states: list[object] = []

    class Watched(ScriptedClip):
        async def chunks(self):  # type: ignore[no-untyped-def]  # noqa: ANN202 - as the base
            for start in range(0, len(BYTES), 2048):
                job = await stage.store.get(job_id)
                assert job.download is not None
                try:
                    async with stage.clips.open(job.download.key) as reader:
                        states.append((start, reader.state, job.is_watchable))
                except (ClipNotReady, ClipNotFound):
                    states.append((start, None, job.is_watchable))
                yield BYTES[start : start + 2048]
                await turns(50)  # the taker writes this while the next is asked for

    stage = stage_with(Watched((), len(BYTES)))
    job_id = (await stage.submit()).id

    await stage.step()

    assert states[:3] == [(0, None, False), (2048, None, False), (4096, BlobState.ARRIVING, True)]


async def test_an_expired_address_is_asked_for_anew_once() -> None:
    stage = stage_with(ResultExpired("403"), arriving(), poll=[DONE])

    job = await stage.run(await stage.submit())

    assert job.status is JobStatus.COMPLETED
    assert stage.backend.count("poll") == 1


async def test_an_address_that_expires_after_a_broken_download_is_asked_for_anew() -> None:
    broken = BackendUnavailable("broke off")
    stage = stage_with(broken, ResultExpired("403"), arriving(), poll=[DONE])
    job = await stage.run(await stage.submit(), pause_s=31)

    assert job.status is JobStatus.COMPLETED


async def test_an_address_that_stays_expired_is_a_failure_that_says_so() -> None:
    stage = stage_with(ResultExpired("403"), poll=[DONE])

    job = await stage.run(await stage.submit())

    assert job.failure is not None
    assert job.failure.kind == "result_expired"


@pytest.mark.parametrize("error", [ResultLost("sync"), BackendUnavailable("500")])
async def test_what_cannot_be_fetched_ends_in_time(error: BackendError) -> None:
    stage = stage_with(error)

    job = await stage.run(await stage.submit(), rounds=15, pause_s=120)

    assert job.failure is not None
    assert job.failure.kind == error.kind
    assert stage.backend.count("open_clip") <= 12


async def test_a_clip_that_was_whole_before_the_crash_is_adopted() -> None:
    stage = stage_with(arriving())
    job = await stage.submit()
    await stage.step()
    done = await stage.store.get(job.id)
    other = Stage(ScriptedBackend(open_clip=[ResultLost("never asked")]))
    other.clips = stage.clips
    again = await other.submit()
    (leased,) = await other.claim()
    assert done.clip is not None
    intent = leased.submitting(now=other.clock(), deadline=other.configured.deadline)
    fetching = intent.fetching(DONE, next_at=other.clock())
    download = done.download
    assert download is not None
    await other.store.save(fetching.arriving(download))

    await other.step()

    adopted = await other.store.get(again.id)
    assert (adopted.status, adopted.clip) == (JobStatus.COMPLETED, done.clip)
    assert other.backend.count("open_clip") == 0


async def test_cancelling_while_bytes_come_drops_them() -> None:
    stage = stage_with(arriving(BYTES[:5000], BYTES[5000:]))
    job = await stage.submit()
    (leased,) = await stage.claim()
    await stage.service.cancel(LOCAL_VIEWER, job.id)  # seen at the submit: nothing is spent
    await stage.carry(leased)
    assert (await stage.store.get(job.id)).cancel_outcome is CancelOutcome.NOTHING_SPENT

    second = await stage.submit()
    stage.wishes.stop.set()
    await stage.step()

    ended = await stage.store.get(second.id)
    assert ended.cancel_outcome is CancelOutcome.STOPPED_WAITING
    assert [stat async for stat in stage.clips.list()] == []


@pytest.mark.parametrize("sent", [b"", BYTES[:100], BYTES[:5000]], ids=["no", "few", "many"])
async def test_cancelling_while_nothing_comes_is_noticed_at_once(sent: bytes) -> None:
    silent = Halting(sent)
    stage = stage_with(silent)
    job = await stage.submit()
    (leased,) = await stage.claim()
    carrying = asyncio.create_task(stage.carry(leased))
    await turns(50)
    assert not carrying.done()

    stage.wishes.stop.set()
    async with asyncio.timeout(1):
        await carrying

    ended = await stage.store.get(job.id)
    assert ended.cancel_outcome is CancelOutcome.STOPPED_WAITING
    assert silent.is_closed
    assert [stat async for stat in stage.clips.list()] == []


async def test_cancelling_while_a_backend_does_not_even_answer_is_noticed_at_once() -> None:
    asked = asyncio.Event()

    class Mute(ScriptedBackend):
        @asynccontextmanager
        async def open_clip(self, *_: object, **__: object) -> AsyncIterator[ScriptedClip]:
            asked.set()
            await asyncio.Event().wait()
            yield arriving()

    stage = Stage(Mute(submit=[DONE]))
    job = await stage.submit()
    (leased,) = await stage.claim()
    carrying = asyncio.create_task(stage.carry(leased))
    await asked.wait()

    stage.wishes.stop.set()
    async with asyncio.timeout(1):
        await carrying

    assert (await stage.store.get(job.id)).status is JobStatus.CANCELLED


# --- a synchronous backend: the answer to the submit is the clip --------------------------------


class Halting:
    """A ClipSource of untold length that comes to a halt after its first bytes."""

    size = None
    start = 0
    validator = None

    def __init__(self, sent: bytes = BYTES[:5000]) -> None:
        self.gate = asyncio.Event()
        self.sent = sent
        self.is_closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            yield self.sent
            await self.gate.wait()
            yield BYTES[len(self.sent) :]
        finally:
            self.is_closed = True


def answering(clip: ClipSource) -> Submission:
    return Submission(DONE, nullcontext(clip))


async def test_a_clip_in_the_answer_to_the_submit_is_watched_from_its_first_bytes() -> None:
    clip = Halting()
    stage = Stage(ScriptedBackend(submit=[answering(clip)]))
    job_id = (await stage.submit()).id
    (leased,) = await stage.claim()
    carrying = asyncio.create_task(stage.carry(leased))
    while not (job := await stage.store.get(job_id)).is_watchable:
        await asyncio.sleep(0)

    assert job.download is not None
    async with stage.clips.open(job.download.key) as reader:
        early = await reader.read(0, 5000)
        assert (reader.state, reader.size) == (BlobState.ARRIVING, None)
        clip.gate.set()
        rest = await reader.read(len(early), len(BYTES))
        await carrying

    job = await stage.store.get(job_id)
    assert early + rest == BYTES
    assert job.clip is not None
    assert job.download is not None
    assert job.clip.key == job.download.key
    assert stage.backend.count("open_clip") == 0


async def test_a_clip_in_the_answer_that_breaks_off_and_cannot_be_had_again_is_lost() -> None:
    broken = answering(ScriptedClip((BYTES[:5000], CUT)))
    stage = Stage(ScriptedBackend(submit=[broken], open_clip=[ResultLost("it was an answer")]))

    job = await stage.run(await stage.submit())

    assert job.failure is not None
    assert job.failure.kind == "result_lost"
    assert stage.backend.count("submit") == 1


JPEG = b"\xff\xd8\xff" + bytes(500)


async def test_the_backends_own_picture_becomes_the_poster() -> None:
    stage = stage_with(arriving(), thumbnail=[JPEG])

    job = await stage.run(await stage.submit())

    async with stage.clips.open(poster_key(job.id)) as reader:
        assert (reader.media_type, await reader.read(0, 1000)) == ("image/jpeg", JPEG)
    (asked,) = [call for call in stage.backend.calls if call.method == "thumbnail"]
    assert asked.arguments == (job.remote, POSTER_MAX)


@pytest.mark.parametrize(
    "answer",
    [BackendUnavailable("no picture today"), b"<svg onload=alert(1)>", None],
    ids=["an error", "no picture", "none"],
)
async def test_a_picture_that_does_not_come_costs_no_clip(answer: object) -> None:
    stage = stage_with(arriving(), thumbnail=[answer])

    job = await stage.run(await stage.submit())

    assert await whole(stage, job) == BYTES
    assert not await Posters(stage.clips).has(job)
