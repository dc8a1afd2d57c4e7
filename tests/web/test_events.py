"""Live news: the stream taken by hand, and the same items by polling."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.domain import LOCAL_VIEWER, Failure, JobStatus, Stage, utc_now
from rushes.errors import NotSent
from rushes.web.dependencies import WebConfig
from rushes.web.events import Eyes, Feed
from tests.web.player import Player
from tests.web.stage import CANARY
from tests.web.stage import Stage as Scene

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.anyio

EYES = Eyes(LOCAL_VIEWER, "en")
WELL = Scene().site().jobs.backends.health()


def parsed(chunk: bytes) -> list[dict[str, Any]]:
    """Read a piece of stream as a browser would."""
    found = []
    for block in chunk.decode().strip("\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line[0] != ":")
        if "data" in fields:
            fields["data"] = json.loads(fields["data"])
        found.append(fields)
    return found


async def next_of(stream: AsyncGenerator[bytes]) -> bytes:
    async with asyncio.timeout(5):
        return await anext(stream)


async def test_the_first_event_is_a_snapshot_of_what_was_missed() -> None:
    scene = Scene()
    await scene.job("seen")
    missed = await scene.job("missed")
    async with aclosing(Feed(scene.site()).stream(EYES, 1)) as stream:
        (snapshot,) = parsed(await next_of(stream))

    assert snapshot["event"] == "snapshot"
    assert (snapshot["id"], snapshot["retry"]) == ("2", "3000")
    assert snapshot["data"]["revision"] == 2
    assert snapshot["data"]["gap"] is False
    (item,) = snapshot["data"]["items"]
    assert item["id"] == missed.id
    assert (item["status"], item["final"], item["revision"]) == ("queued", False, 2)
    assert f'id="job-{missed.id}"' in item["html"]


async def test_without_a_revision_it_begins_with_now() -> None:
    scene = Scene()
    await scene.job()
    async with aclosing(Feed(scene.site()).stream(EYES, None)) as stream:
        (snapshot,) = parsed(await next_of(stream))

    assert snapshot["data"] == {"revision": 1, "gap": False, "health": WELL, "items": []}


async def test_each_change_is_one_event_of_one_line() -> None:
    scene = Scene()
    job = await scene.job("two\nlines \u2028 and more")
    async with aclosing(Feed(scene.site()).stream(EYES, 1)) as stream:
        await next_of(stream)
        await scene.jobs.write(replace(job, status=JobStatus.IN_PROGRESS, progress=40))
        chunk = await next_of(stream)

    (event,) = parsed(chunk)
    assert event["id"] == "2"
    assert event["data"]["status"] == "in_progress"
    assert "event" not in event
    assert chunk.count(b"\ndata: ") + chunk.startswith(b"data: ") == 1


async def test_a_deleted_job_is_told_without_a_card() -> None:
    scene = Scene()
    job = await scene.job()
    async with aclosing(Feed(scene.site()).stream(EYES, 1)) as stream:
        await next_of(stream)
        await scene.jobs.mark(job.id, deleted_at=utc_now())
        (event,) = parsed(await next_of(stream))

    assert event["data"] == {"id": job.id, "revision": 2, "deleted": True}


async def test_silence_is_broken_by_heartbeats() -> None:
    feed = Feed(Scene().site(), heartbeat=timedelta(milliseconds=10))
    async with aclosing(feed.stream(EYES, None)) as stream:
        await next_of(stream)

        assert await next_of(stream) == b": alive\n\n"
        assert await next_of(stream) == b": alive\n\n"


async def test_a_backend_that_goes_and_comes_back_is_told_between_two_heartbeats() -> None:
    site = Scene().site()
    backend = site.jobs.backends.default
    feed = Feed(site, heartbeat=timedelta(milliseconds=10))
    async with aclosing(feed.stream(EYES, None)) as stream:
        await next_of(stream)
        backend.stumbled(NotSent("refused"), Stage.SUBMIT)
        (gone,) = parsed(await next_of(stream))
        silence = await next_of(stream)
        backend.answered()
        (back,) = parsed(await next_of(stream))

    assert gone["event"] == back["event"] == "snapshot"
    assert gone["data"]["health"] != WELL
    assert gone["data"]["items"] == []
    assert silence == b": alive\n\n"
    assert back["data"]["health"] == WELL


async def test_a_stream_ends_by_itself() -> None:
    feed = Feed(Scene().site(), lifetime=timedelta(0))
    async with aclosing(feed.stream(EYES, None)) as stream:
        await next_of(stream)

        with pytest.raises(StopAsyncIteration):
            await next_of(stream)


async def test_a_hundred_streams_ask_and_render_once() -> None:
    scene = Scene()
    site = scene.site()
    feed = Feed(site)
    streams = [feed.stream(EYES, None) for _ in range(100)]
    await asyncio.gather(*(next_of(stream) for stream in streams))
    waiting = asyncio.gather(*(next_of(stream) for stream in streams))
    await asyncio.sleep(0)
    await scene.job()
    chunks = await waiting
    for stream in streams:
        await stream.aclose()

    assert scene.jobs.looks == 1
    assert len({id(chunk) for chunk in chunks}) == 1


async def test_each_language_has_its_own_news() -> None:
    scene = Scene()
    feed = Feed(scene.site())
    await scene.job()

    english = await feed.news(EYES, 0, 1)
    french = await feed.news(replace(EYES, language="fr"), 0, 1)

    assert english is not french
    assert english is await feed.news(EYES, 0, 1)


async def test_a_failed_look_is_not_remembered() -> None:
    scene = Scene()
    feed = Feed(scene.site())
    await scene.job()
    scene.jobs.trouble = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        await feed.news(EYES, 0, 1)
    scene.jobs.trouble = None

    assert "items" in (await feed.news(EYES, 0, 1)).document


async def test_a_page_that_missed_too_much_is_told_to_load_anew() -> None:
    scene = Scene()
    for _ in range(4):
        await scene.job()
    batch = await Feed(scene.site(), batch_max=2).news(EYES, 1, 4)

    assert json.loads(batch.document) == {"revision": 4, "gap": True, "health": WELL, "items": []}
    assert parsed(batch.events)[0]["event"] == "snapshot"


async def test_a_page_whose_newest_job_was_forgotten_meanwhile_is_left_alone() -> None:
    scene = Scene()
    await scene.job()
    batch = await Feed(scene.site()).news(EYES, 3, 7)

    assert json.loads(batch.document) == {"revision": 1, "gap": False, "health": WELL, "items": []}
    assert batch.events == b""


async def test_a_page_that_knows_nothing_gets_the_newest() -> None:
    scene = Scene()
    jobs = [await scene.job() for _ in range(4)]
    batch = await Feed(scene.site(), batch_max=2).news(EYES, 0, 4)
    news = json.loads(batch.document)

    assert [item["id"] for item in news["items"]] == [job.id for job in jobs[2:]]
    assert (news["gap"], news["revision"]) == (False, 4)


async def test_polling_gives_the_same_items_as_the_stream() -> None:
    scene = Scene()
    await scene.job()
    async with aclosing(Feed(scene.site()).stream(EYES, 0)) as stream:
        (snapshot,) = parsed(await next_of(stream))
    async with scene.client() as client:
        polled = await client.get("/api/v1/changes?after=0")

    assert polled.json() == snapshot["data"]
    assert polled.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("after", ["", "-1", "x", "1.5", "9" * 40, "٣"])
async def test_a_strange_revision_means_now(after: str) -> None:
    scene = Scene()
    await scene.job()
    async with scene.client() as client:
        news = (await client.get("/api/v1/changes", params={"after": after})).json()

    assert news == {"revision": 1, "gap": False, "health": WELL, "items": []}


async def test_the_stream_has_its_headers_and_says_goodbye_when_the_server_stops() -> None:
    scene = Scene()
    await scene.job()
    player = Player(scene.app(), "/events", **{"last-event-id": "0"})
    await player.until(100)
    scene.stop.set()
    await player.end()

    assert player.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert player.headers["cache-control"] == "no-cache, no-transform"
    assert player.headers["x-accel-buffering"] == "no"
    assert "content-length" not in player.headers
    first, last = parsed(player.body)
    assert len(first["data"]["items"]) == 1
    assert last["event"] == "bye"
    assert player.is_complete


async def test_seats_are_bounded_and_given_back() -> None:
    scene = Scene(WebConfig(streams_per_viewer=2))
    app = scene.app()
    players = [Player(app, "/events") for _ in range(2)]
    for player in players:
        await player.until(10)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        refused = await client.get("/events")
    players[0].left.set()
    await players[0].end()
    another = Player(app, "/events")
    await another.until(10)
    scene.stop.set()
    await another.end()
    await players[1].end()

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert another.status == 200


async def test_nothing_meant_for_operators_reaches_others() -> None:
    scene = Scene()
    failure = Failure("unauthorized", Stage.SUBMIT, CANARY, detail=CANARY, remote_code=CANARY)
    await scene.job(status=JobStatus.FAILED, failure=failure)
    stranger = Eyes(replace(LOCAL_VIEWER, is_operator=False), "en")

    batch = await Feed(scene.site()).news(stranger, 0, 1)
    ours = await Feed(scene.site()).news(EYES, 0, 1)

    assert "does not accept the key" in batch.document
    assert CANARY not in batch.document
    assert CANARY in ours.document


@given(
    prompt=st.text(min_size=1, max_size=80).filter(
        lambda text: bool(text.strip()) and "\0" not in text
    )
)
def test_no_prompt_can_forge_an_event(prompt: str) -> None:
    async def told() -> bytes:
        scene = Scene()
        await scene.job(prompt)
        return (await Feed(scene.site()).news(EYES, 0, 1)).events

    chunk = asyncio.run(told())

    assert chunk.count(b"\n") == 3
    assert chunk.endswith(b"\n\n")
    assert b"\r" not in chunk
