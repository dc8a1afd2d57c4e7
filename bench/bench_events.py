"""A thousand open event streams: how soon each hears of one change, and what they cost."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import uvicorn
from fastapi import FastAPI
from fastapi.sse import EventSourceResponse
from programs import completed, plain_backend, running, submit, table

from rushes.app import build, site_for
from rushes.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from programs import Program

    Change = Callable[[httpx.AsyncClient, int], Awaitable[None]]

ME = (sys.executable, "-u", Path(__file__))
STREAMS = 1_000
EVENTS = 15
PAUSE_S = 0.6
WAIT_S = 20


# --- the two servers, each run as `bench_events.py NAME ...` -------------------------------------


def ours(backend: str, data: str) -> None:
    """Run the site; one person may hold all the streams here, which the real one would refuse."""
    settings = load_settings(None, backend_url=f"{backend}/v1", data_dir=Path(data))
    settings.data_dir.mkdir()
    app = site_for(build(settings), starts_parts=True)
    feed = app.state.feed
    many = replace(feed.site.config, streams_max=2 * STREAMS, streams_per_viewer=2 * STREAMS)
    feed.site = replace(feed.site, config=many)
    serve(app)


def framework() -> None:
    """Run the same news by FastAPI's own event streams: each stream encodes for itself."""
    app, revision, wake = FastAPI(), 0, asyncio.Event()

    @app.get("/events", response_class=EventSourceResponse)
    async def events() -> AsyncIterator[dict[str, object]]:
        yield {"revision": revision, "html": ""}
        while True:
            await wake.wait()
            yield {"revision": revision, "html": "<article></article>" * 100}

    @app.post("/change")
    async def change() -> None:
        nonlocal revision, wake
        revision += 1
        wake.set()
        wake = asyncio.Event()

    serve(app)


def serve(app: FastAPI) -> None:
    """Serve on a free port, and tell it."""
    config = uvicorn.Config(app, port=0, log_level="info", access_log=False)
    uvicorn.Server(config).run()


# --- the streams --------------------------------------------------------------------------------


@dataclass
class Stream(asyncio.Protocol):
    """One open stream that notes when something came, heartbeats aside."""

    request: bytes
    heard: list[float] = field(default_factory=list)
    rest: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Note the last byte of each event."""
        *events, self.rest = (self.rest + data).split(b"\n\n")
        self.heard += [time.perf_counter() for event in events if b"data:" in event]


@dataclass(frozen=True)
class Outcome:
    """What was seen: percentiles of the waits in seconds, memory in bytes, processor seconds."""

    waits: list[float]
    memory: int
    cpu_s: float


async def measure(server: Program, change: Change) -> Outcome:
    """Open all streams, make one change after another, and return what it took."""
    host, port = server.url.removeprefix("http://").split(":")
    before = server.memory()
    request = f"GET /events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    loop, streams = asyncio.get_running_loop(), [Stream(request) for _ in range(STREAMS)]
    async with AsyncExitStack() as stack:
        for stream in streams:
            opened, _ = await loop.create_connection(partial(_same, stream), host, int(port))
            stack.callback(opened.close)
        await heard_by_all(streams, 1)
        memory, cpu = server.memory() - before, server.cpu_s()
        waits: list[float] = []
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url))
        for number in range(EVENTS):
            sent = time.perf_counter()
            await change(client, number)
            await heard_by_all(streams, number + 2)
            waits += [stream.heard[number + 1] - sent for stream in streams]
            await asyncio.sleep(PAUSE_S)
        cpu = (server.cpu_s() - cpu) / EVENTS / STREAMS
    return Outcome(statistics.quantiles(waits, n=100), memory, cpu)


def _same(stream: Stream) -> Stream:
    return stream


async def heard_by_all(streams: list[Stream], count: int) -> None:
    """Wait until every stream has heard so many events."""
    async with asyncio.timeout(WAIT_S):
        while any(len(stream.heard) < count for stream in streams):  # noqa: ASYNC110 - a thousand
            await asyncio.sleep(0.005)


def of_ours(folder: Path) -> Outcome:
    """Measure the site, whose changes are stars given and taken."""
    with (
        plain_backend(folder, 100_000) as backend,
        running(*ME, "ours", backend.url, folder / "data", folder=folder) as server,
    ):
        job_id = submit(server)
        completed(server, job_id)

        async def star(client: httpx.AsyncClient, number: int) -> None:
            await client.post(f"/jobs/{job_id}/star", data={"starred": str(number % 2 == 0)})

        return asyncio.run(measure(server, star))


def of_framework(folder: Path) -> Outcome:
    """Measure FastAPI's own."""

    async def change(client: httpx.AsyncClient, _number: int) -> None:
        await client.post("/change")

    with running(*ME, "framework", folder=folder) as server:
        return asyncio.run(measure(server, change))


def main() -> None:
    """Measure both, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seen = {
            "Rushes": of_ours(folder),
            "FastAPI EventSourceResponse": of_framework(folder),
        }
    slowest = seen["Rushes"].waits[98]
    print(f"{STREAMS} open streams, {EVENTS} changes, one after the other\n")
    table(
        ["server", "p50 ms", "p99 ms", "of Rushes", "MB for all streams", "CPU µs per delivery"],
        [
            [
                name,
                f"{1000 * outcome.waits[49]:.0f}",
                f"{1000 * outcome.waits[98]:.0f}",
                f"{outcome.waits[98] / slowest:.2f}",
                f"{outcome.memory / 1e6:.0f}",
                f"{outcome.cpu_s * 1e6:.0f}",
            ]
            for name, outcome in seen.items()
        ],
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ours", backend, data]:
            ours(backend, data)
        case ["framework"]:
            framework()
        case _:
            main()
