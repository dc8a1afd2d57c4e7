"""The site over a real server and real sockets: what the test transport cannot show."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

from rushes.domain import JobStatus
from tests.web.player import start_arrival
from tests.web.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio


@dataclass
class Running:
    """A server at work, and where."""

    url: str
    server: uvicorn.Server
    task: asyncio.Task[None]


class StoppingServer(uvicorn.Server):
    """Lets open streams end before it waits for them."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event) -> None:
        super().__init__(config)
        self.stop = stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.stop.set()
        await super().shutdown(sockets)


@asynccontextmanager
async def running(stage: Stage, **more: Any) -> AsyncIterator[Running]:  # noqa: ANN401 - uvicorn's
    """Serve a stage on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    usual = {"ws": "none", "lifespan": "off", "log_config": None, "timeout_graceful_shutdown": 4}
    config = uvicorn.Config(stage.app(), **usual | more)
    server = StoppingServer(config, stage.stop)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", server, task)
    finally:
        server.should_exit = True
        await task
        listener.close()


async def test_an_open_stream_does_not_hold_the_server_up() -> None:
    stage = Stage()
    async with running(stage) as run, httpx.AsyncClient(base_url=run.url) as client:
        streams = [client.stream("GET", "/events?after=0") for _ in range(3)]
        answers = [await stream.__aenter__() for stream in streams]
        bodies = [answer.aiter_text() for answer in answers]
        firsts = [await anext(body) for body in bodies]
        await stage.job()
        seconds = [await anext(body) for body in bodies]

        began = time.monotonic()
        run.server.should_exit = True
        lasts = ["".join([text async for text in body]) for body in bodies]
        await run.task
        took = time.monotonic() - began
        for stream in streams:
            await stream.__aexit__(None, None, None)

    assert all(text.startswith("event: snapshot\n") for text in firsts)
    assert len(set(seconds)) == 1
    assert all(text.endswith("event: bye\ndata: {}\n\n") for text in lasts)
    assert took < 5


async def test_a_reader_who_leaves_gives_its_seat_back() -> None:
    stage = Stage()
    statuses = []
    async with running(stage) as run, httpx.AsyncClient(base_url=run.url) as client:
        for _ in range(10):
            async with client.stream("GET", "/events") as answer:
                statuses.append(answer.status_code)
                await anext(answer.aiter_text())
            await asyncio.sleep(0.02)

    assert statuses == [200] * 10


async def test_an_arriving_clip_plays_while_it_is_written() -> None:
    stage = Stage()
    data = bytes(range(256)) * 16_384
    path, clip = await start_arrival(stage, len(data))
    await clip.grow(data[:1000])
    async with running(stage) as run, httpx.AsyncClient(base_url=run.url) as client:
        async with client.stream("GET", path, headers={"Range": "bytes=10-"}) as answer:
            body = answer.aiter_bytes()
            early = await anext(body)
            await clip.finish(data[1000:])
            rest = b"".join([chunk async for chunk in body])

        assert answer.status_code == 206
        assert early == data[10:1000]
        assert early + rest == data[10:]


@pytest.mark.parametrize("http", ["h11", "httptools"])
async def test_head_says_no_length_of_a_body_that_nobody_has_measured(http: str) -> None:
    stage = Stage()
    job = await stage.finished(bytes(range(256)))
    arriving, clip = await start_arrival(stage, None)
    await clip.grow(b"abcd")
    async with running(stage, http=http) as run, httpx.AsyncClient(base_url=run.url) as client:
        heads = [
            await client.head(path)
            for path in (arriving, f"/jobs/{job.id}/clip?with=recipe", "/export")
        ]
        whole = await client.head(f"/jobs/{job.id}/clip")

    assert [head.status_code for head in heads] == [200, 200, 200]
    assert [head.headers.get("content-length") for head in heads] == [None, None, None]
    assert whole.headers["content-length"] == "256"


async def test_a_clip_that_breaks_off_for_good_is_seen_to_be_cut() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, None)
    await clip.grow(b"abcd")
    async with (
        running(stage) as run,
        httpx.AsyncClient(base_url=run.url) as client,
        client.stream("GET", path) as answer,
    ):
        body = answer.aiter_bytes()
        assert await anext(body) == b"abcd"
        (job,) = stage.jobs.jobs.values()
        await stage.jobs.write(replace(job, status=JobStatus.FAILED))
        await clip.break_off()
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(body)


async def test_a_viewer_who_hangs_up_frees_the_clip() -> None:
    stage = Stage()
    path, clip = await start_arrival(stage, 10_000)
    await clip.grow(b"abcd")
    async with running(stage) as run, httpx.AsyncClient(base_url=run.url) as client:
        async with client.stream("GET", path) as answer:
            await anext(answer.aiter_bytes())
            assert stage.clips.readers == 1
        async with asyncio.timeout(5):
            while stage.clips.readers:
                await asyncio.sleep(0.01)

    assert stage.clips.readers == 0


async def test_a_refused_body_still_hears_why_before_it_is_hung_up_on() -> None:
    async with running(Stage()) as run:
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", run.url.rsplit(":", 1)[1])
            writer.write(b"POST /jobs HTTP/1.1\r\nHost: localhost\r\n")
            writer.write(b"Content-Length: 3000000\r\n\r\n" + b"x" * 2_000_000)
            async with asyncio.timeout(3):
                head = await reader.readuntil(b"\r\n\r\n")
                told = await reader.readuntil(b"here\n")
            writer.write(b"x" * 1_000_000)
            async with asyncio.timeout(3):
                rest = await reader.read()
            writer.close()

            assert head.startswith(b"HTTP/1.1 413 ")
            assert told == b"413 at most 64 KiB can be sent here\n"
            assert rest == b""


@pytest.mark.parametrize("size", [512 * 1024 + 1, 3_000_000])
async def test_a_body_that_grows_too_large_hears_so_too(size: int) -> None:
    async with running(Stage()) as run:
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", run.url.rsplit(":", 1)[1])
            writer.write(
                b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            )
            writer.write(b"Content-Type: application/x-www-form-urlencoded\r\n\r\n")
            writer.write(b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n")
            async with asyncio.timeout(3):
                head = await reader.readuntil(b"\r\n\r\n")
                page = await reader.read()
            writer.close()

            assert head.startswith(b"HTTP/1.1 413 ")
            assert b"This is more than can be taken at once." in page
