"""How tests carry a job through a backend as the worker does: submit, poll, fetch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rushes.domain import RemoteStatus, VideoRequest

if TYPE_CHECKING:
    import httpx

    from rushes.domain import RemoteJob
    from rushes.ports import VideoBackend

ENDED = {RemoteStatus.COMPLETED, RemoteStatus.FAILED, RemoteStatus.CANCELLED}
KEY = "hf_canary0123456789"


@dataclass(frozen=True)
class Fetched:
    """A clip as it came, and what its source said of it."""

    data: bytes
    size: int | None
    start: int
    validator: str | None


async def submit(backend: VideoBackend, key: str, **fields: Any) -> RemoteJob:  # noqa: ANN401
    request = VideoRequest(**({"prompt": "a kite"} | fields))
    return (await backend.submit(request, idempotency_key=key)).remote


async def follow(backend: VideoBackend, remote: RemoteJob) -> list[RemoteJob]:
    """Poll until the job has ended; return what each poll told, at most 20 s long."""
    seen = [remote]
    for _ in range(200):
        if seen[-1].status in ENDED:
            return seen
        await asyncio.sleep(0.1)
        seen.append(await backend.poll(seen[-1]))
    raise AssertionError(f"never ended: {seen[-1]}")


async def wait_for(backend: VideoBackend, remote: RemoteJob, status: RemoteStatus) -> RemoteJob:
    """Poll until the job stands so; at most 10 s."""
    for _ in range(200):
        remote = await backend.poll(remote)
        if remote.status is status:
            return remote
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {status}: {remote}")


async def fetch(
    backend: VideoBackend, remote: RemoteJob, *, start: int = 0, validator: str | None = None
) -> Fetched:
    async with backend.open_clip(remote, start=start, validator=validator) as source:
        data = b"".join([chunk async for chunk in source.chunks()])
        return Fetched(data, source.size, source.start, source.validator)


def stats(mock: httpx.Client) -> Any:  # noqa: ANN401 - JSON
    """Return what a mock counted."""
    return mock.get("/_mock/stats").json()


def reset(mock: httpx.Client) -> None:
    """Have a mock forget everything."""
    mock.post("/_mock/reset").raise_for_status()
