"""A stage for the workflow: a store and clips in memory, a backend by script, a clock by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.domain import LOCAL_VIEWER, Catalogue, Limits, VideoRequest
from rushes.jobs.directory import ConfiguredBackend, Directory
from rushes.jobs.fetching import Fetcher
from rushes.jobs.frames import Frames
from rushes.jobs.queueing import Rules, chooser
from rushes.jobs.service import JobService
from rushes.jobs.steps import Steps, Wishes
from tests.fakes import MemoryClips, MemoryJobs, ScriptedBackend, ScriptedClip, StoppedClock
from tests.jobs.test_media import PICTURE, SOUND, clip

if TYPE_CHECKING:
    from rushes.domain import Capabilities, Job
    from rushes.ports import JobStore

REQUEST = VideoRequest(prompt="a red kite over dunes")
BYTES = clip(SOUND, PICTURE, media=bytes(9000))
LEASE = timedelta(seconds=30)


def arriving(
    *parts: bytes | Exception, start: int = 0, validator: str | None = '"v"'
) -> ScriptedClip:
    """Return a clip that comes in these parts (by default: whole)."""
    return ScriptedClip(parts or (BYTES,), len(BYTES), start, validator)


@dataclass
class Stage:
    """What a test of the workflow needs, with one method for each thing that happens."""

    backend: ScriptedBackend
    capabilities: Capabilities | None = None
    clock: StoppedClock = field(default_factory=StoppedClock)
    clips: MemoryClips = field(default_factory=MemoryClips)
    wishes: Wishes = field(default_factory=Wishes)
    store: JobStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = MemoryJobs(self.clock)
        catalogue = Catalogue({"": self.capabilities}) if self.capabilities else None
        self.configured = ConfiguredBackend(
            "demo", "Demo", "backend.test", self.backend, catalogue=catalogue
        )
        self.directory = Directory.of([self.configured])
        self.service = JobService(self.store, self.clips, self.directory, Limits(), self.clock)

    async def submit(self, request: VideoRequest = REQUEST) -> Job:
        (job,) = await self.service.submit(LOCAL_VIEWER, request)
        return job

    async def claim(self, worker: str = "w") -> list[Job]:
        claimed = await self.store.claim(worker, LEASE, chooser(Rules({"demo": 5}), capacity=9))
        return list(claimed.jobs)

    async def carry(self, job: Job, store: JobStore | None = None) -> None:
        """Take a leased job one step."""
        kept = store or self.store
        fetcher = Fetcher(kept, self.clips, self.clock)
        steps = Steps(kept, self.directory, fetcher, Frames(self.clips), self.clock)
        await steps.step(job, self.wishes)

    async def step(self) -> None:
        """Let every due job take one step."""
        for job in await self.claim():
            await self.carry(job)

    async def run(self, job: Job, *, rounds: int = 12, pause_s: float = 5) -> Job:
        """Go on until the job has ended or nothing more is due."""
        for _ in range(rounds):
            job = await self.store.get(job.id)
            if job.next_at is None:
                break
            self.clock.advance(seconds=pause_s)
            await self.step()
        return await self.store.get(job.id)
