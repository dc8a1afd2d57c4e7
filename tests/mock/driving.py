"""How the tests drive a mock: make a job, wait for a state, read a clip."""

from __future__ import annotations

import io
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import av
import httpx
import uvicorn

from rushes.mock.app import create_mock
from rushes.mock.config import MockConfig

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from rushes.mock.dialects.dialect import Dialect

SMALL = {"seconds": "1", "size": "128x72", "seed": "3"}
QUICK = MockConfig(queue_s=0.05, work_s=0.3, send_s=0.05, retry_after_s=1)


@contextmanager
def serving(
    config: MockConfig, dialects: Mapping[str, type[Dialect]] | None = None
) -> Generator[httpx.Client]:
    """Run the mock in a thread and yield a client; both have ended afterwards.

    `dialects` are played beside those that it has.
    """
    app = create_mock(config)
    for base, dialect in (dialects or {}).items():
        app.mount(base, dialect(app.state.rehearsal).app())
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", ws="wsproto"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        address = _address(server)
        with httpx.Client(base_url=address, timeout=20, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()


def _address(server: uvicorn.Server) -> str:
    for _ in range(500):
        if server.started:
            host, port = server.servers[0].sockets[0].getsockname()[:2]
            return f"http://{host}:{port}"
        time.sleep(0.01)
    raise AssertionError("the mock did not start")


def submit(
    client: httpx.Client, prompt: str, *, base: str = "/v1", **fields: str
) -> httpx.Response:
    sent = {"prompt": prompt, **SMALL, **fields}
    if base == "/litellm/v1":
        sent.setdefault("model", "rehearsal")
    return client.post(
        f"{base}/videos", files={name: (None, value) for name, value in sent.items()}
    )


def created(client: httpx.Client, prompt: str, *, base: str = "/v1", **fields: str) -> str:
    answer = submit(client, prompt, base=base, **fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def poll(client: httpx.Client, job_id: str, *, base: str = "/v1") -> httpx.Response:
    return client.get(f"{base}/videos/{quote(job_id, safe='')}")


def content(
    client: httpx.Client, job_id: str, *, base: str = "/v1", **headers: str
) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(f"{base}/videos/{quote(job_id, safe='')}/content", headers=sent)


def wait(client: httpx.Client, job_id: str, status: str, *, base: str = "/v1") -> dict[str, Any]:
    """Poll until the job has the status; at most 15 s."""
    job: dict[str, Any] = {}
    for _ in range(300):
        job = poll(client, job_id, base=base).json()
        if job["status"] == status:
            return job
        time.sleep(0.05)
    raise AssertionError(f"never {status}: {job}")


@dataclass(frozen=True)
class Probe:
    width: int
    height: int
    fps: float
    frames: int
    duration_s: float
    sound_s: float | None
    codecs: tuple[str, ...]


def probe(clip: bytes) -> Probe:
    """Decode every frame and say what is there."""
    with av.open(io.BytesIO(clip), "r") as container:
        video = container.streams.video[0]
        audio = container.streams.audio
        heard = [float(s.duration * s.time_base) for s in audio if s.duration and s.time_base]
        return Probe(
            width=video.width,
            height=video.height,
            fps=float(video.average_rate or 0),
            frames=sum(1 for _ in container.decode(video)),
            duration_s=(container.duration or 0) / 1_000_000,
            sound_s=heard[0] if heard else None,
            codecs=tuple(s.codec_context.name for s in (video, *audio)),
        )


def boxes(clip: bytes) -> list[tuple[str, bytes]]:
    """Return the top-level MP4 boxes in order, type and content."""
    found, at = [], 0
    while at < len(clip):
        size = int.from_bytes(clip[at : at + 4], "big")
        assert 8 <= size <= len(clip) - at
        found.append((clip[at + 4 : at + 8].decode("latin-1"), clip[at + 8 : at + size]))
        at += size
    return found
