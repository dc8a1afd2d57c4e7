"""What one person's live news tell of everybody else's: nothing, whatever the others do."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import JobStatus, Viewer
from rushes.web.events import Eyes, Feed
from tests.web.crowd import Crowd, browser
from tests.web.stage import Stage
from tests.web.test_events import next_of, parsed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rushes.domain import Job

pytestmark = pytest.mark.anyio

BOB = Eyes(Viewer("bob", is_known=True), "en")
ID = re.compile(rb"[a-z2-7]{26}")
ASKED = ("", "?after=0", "?after=1", "?after=2", "?after=5", "?after=1000")
PAGES = ("/", "/library", "/queue")
LONG, SHORT = timedelta(hours=1), timedelta(milliseconds=20)


async def stir(stage: Stage, job: Job, times: int = 20) -> None:
    """Have somebody's job move."""
    for progress in range(times):
        await stage.jobs.write(replace(job, status=JobStatus.IN_PROGRESS, progress=progress))


@asynccontextmanager
async def never_resting(stage: Stage, job: Job) -> AsyncIterator[None]:
    """Have somebody's job move all the time."""

    async def move() -> None:
        while True:
            await stir(stage, job)
            await asyncio.sleep(0.001)

    moving = asyncio.create_task(move())
    try:
        yield
    finally:
        moving.cancel()
        await asyncio.wait({moving})


async def told_to_bob(*, is_ann_busy: bool) -> list[bytes]:
    """Return the raw bytes of all that Bob can read of how far things have come, dice apart."""
    stage = Crowd()
    await stage.gather()
    bobs, done = "b" * 26, JobStatus.CANCELLED  # what waits is told its place among everybody's
    await stage.job("bob's", owner="bob", id=bobs, batch=bobs, status=done)
    anns = await stage.job("ann's", owner="ann")
    told = []
    async with await browser(stage, "bob") as client:
        for _ in range(3):
            if is_ann_busy:
                await stir(stage, anns)
            told += [(await client.get(f"/api/v1/changes{after}")).content for after in ASKED]
            pages = [(await client.get(page)).text for page in PAGES]
            told += [str(re.findall(r"revision[^\d]*(\d+|null)", page)).encode() for page in pages]
            for after in (None, 0, 1, 7):
                async with aclosing(Feed(stage.site()).stream(BOB, after)) as stream:
                    told.append(await next_of(stream))
    return [ID.sub(b"id", chunk) for chunk in told]


async def test_what_bob_is_told_is_the_same_whatever_ann_does() -> None:
    quiet = await told_to_bob(is_ann_busy=False)

    assert await told_to_bob(is_ann_busy=True) == quiet
    assert b'"revision":1,"gap":false' in quiet[0]


async def test_a_stream_says_nothing_when_others_jobs_move() -> None:
    stage = Stage()
    bobs, anns = await stage.job(owner="bob"), await stage.job(owner="ann")
    async with aclosing(Feed(stage.site(), heartbeat=LONG).stream(BOB, None)) as stream:
        await next_of(stream)
        coming = asyncio.create_task(next_of(stream))
        await stir(stage, anns)
        async with asyncio.timeout(5):
            while stage.jobs.waits < 2:  # until the stream has seen that, and waits again
                await asyncio.sleep(0)
        is_quiet = not coming.done()
        await stir(stage, bobs, times=1)
        (event,) = parsed(await coming)

    assert is_quiet
    assert event["data"]["id"] == bobs.id


async def test_signs_of_life_come_in_their_own_time() -> None:
    stage = Stage()
    anns = await stage.job(owner="ann")
    feed = Feed(stage.site(), heartbeat=SHORT)
    async with never_resting(stage, anns), aclosing(feed.stream(BOB, None)) as stream:
        await next_of(stream)
        clock = asyncio.get_running_loop().time
        began = clock()
        chunks = [await next_of(stream) for _ in range(3)]

        assert chunks == [b": alive\n\n"] * 3
        assert clock() - began >= 3 * SHORT.total_seconds()


async def test_a_stream_ends_at_its_time_in_silence_too() -> None:
    feed = Feed(Stage().site(), heartbeat=LONG, lifetime=SHORT)
    async with aclosing(feed.stream(BOB, None)) as stream:
        await next_of(stream)

        with pytest.raises(StopAsyncIteration):
            await next_of(stream)
