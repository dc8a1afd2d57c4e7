"""What a profile costs per poll: its request written, its answer read, against reading alone."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

from programs import table

from rushes.backends.language.files import load_profile
from rushes.backends.language.profile import JobProfile
from rushes.backends.profiled import ProfiledBackend
from rushes.domain import RemoteJob, RemoteStatus
from rushes.net import Answer, Credentials, GuardedClient, Patience

if TYPE_CHECKING:
    from collections.abc import Callable

POLLS = 2_000
ROUNDS = 7
ID = "4f1c" * 8
PROMPT = "a kite over dunes at dusk, wide shot, " * 10
LOGS = "\n".join(
    f"{n}%|{'#' * (n // 5):20}| {n // 2}/50 [00:01<00:01, 25.0it/s]" for n in range(99)
)

ANSWERS: dict[str, tuple[str, Any]] = {
    "openai-videos": (
        "one job",
        {
            "id": ID,
            "object": "video",
            "model": "wan",
            "prompt": PROMPT,
            "status": "in_progress",
            "progress": 40,
            "created_at": 1_795_000_000,
            "seconds": "5",
            "size": "1280x720",
            "error": None,
        },
    ),
    "sora-video-gen": (
        "a list of ten",
        {
            "task_responses": [
                {
                    "id": ID if place == 9 else f"task_{place}",
                    "status": "running",
                    "progress_pct": 0.4,
                    "prompt": PROMPT,
                    "actions": {"0": {"prompt": PROMPT}},
                    "generations": [],
                }
                for place in range(10)
            ],
            "has_more": True,
        },
    ),
    "fal": (
        "a few words",
        {"request_id": ID, "status": "IN_PROGRESS", "logs": [{"message": "step"}] * 20},
    ),
    "replicate": (
        f"{len(LOGS) // 1000} kB of logs",
        {"id": ID, "status": "processing", "logs": LOGS, "urls": {}, "error": None},
    ),
    "kling": (
        "a nested job",
        {
            "code": 0,
            "message": "SUCCEED",
            "data": {"task_id": ID, "task_status": "processing", "created_at": 1},
        },
    ),
}


class Canned(GuardedClient):
    """A client that is always answered the same, at once."""

    def __init__(self, body: bytes) -> None:
        super().__init__(
            "http://bench.invalid",
            credentials=Credentials(),
            patience=Patience(),
            max_clip_bytes=1,
        )
        self.answer = Answer(200, {"content-type": "application/json"}, body, "canned")

    async def call(self, *_: object, **__: object) -> Answer:
        """Answer."""
        return self.answer


async def main() -> None:
    """Print one table."""
    rows = [await measured(name, what, answer) for name, (what, answer) in ANSWERS.items()]
    print(f"One poll without the wire: {POLLS} polls, the middle of {ROUNDS} rounds\n")
    head = ["profile", "answer", "bytes", "whole poll", "`json.loads` alone", "the rest"]
    table(head, rows)


async def measured(name: str, what: str, answer: object) -> list[str]:
    """Return the row of a profile."""
    body = json.dumps(answer).encode()
    profile = load_profile(name)
    assert isinstance(profile, JobProfile)
    client = Canned(body)
    backend = ProfiledBackend("bench", profile, client)
    here = f"http://bench.invalid/requests/{ID}"
    remote = RemoteJob(ID, urls=dict.fromkeys(("get", "status", "response", "cancel"), here))
    assert (await backend.poll(remote)).status is RemoteStatus.IN_PROGRESS
    whole, reading = [], []
    for _ in range(ROUNDS):
        whole.append(await polling(backend, remote))
        reading.append(per_call(lambda: json.loads(body)))
    await client.aclose()
    took, read = statistics.median(whole), statistics.median(reading)
    figures = [f"{micros * 1e6:.0f} µs" for micros in (took, read, took - read)]
    return [name, what, str(len(body)), *figures]


async def polling(backend: ProfiledBackend, remote: RemoteJob) -> float:
    """Return processor seconds per poll."""
    began = time.process_time()
    for _ in range(POLLS):
        await backend.poll(remote)
    return (time.process_time() - began) / POLLS


def per_call(work: Callable[[], object]) -> float:
    """Return processor seconds per call."""
    began = time.process_time()
    for _ in range(POLLS):
        work()
    return (time.process_time() - began) / POLLS


if __name__ == "__main__":
    asyncio.run(main())
