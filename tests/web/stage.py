"""A whole site over memory, and a client that speaks to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx

from rushes.domain import (
    Capabilities,
    Catalogue,
    Clip,
    Download,
    Job,
    JobStatus,
    Limits,
    VideoRequest,
    new_id,
)
from rushes.jobs.directory import ConfiguredBackend, Directory
from rushes.jobs.operating import OperatorService
from rushes.jobs.oversight import Oversight
from rushes.jobs.service import JobService
from rushes.jobs.sharing import Sharing
from rushes.web.dependencies import Site, WebConfig
from rushes.web.prefix import Addresses
from rushes.web.rendering import Renderer, folder
from rushes.web.site import create_site
from rushes.web.static import digest_of
from tests.fakes.operators import MemoryDisk, MemoryOperators
from tests.fakes.shares import MemoryShares
from tests.web.memory import BreakableJobs, WatchedClips

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI

    from rushes.jobs.operating import Register
    from rushes.ports import VideoBackend

CAPABILITIES = Capabilities(
    durations=(5.0, 8.0),
    aspect_ratios=("16:9", "9:16"),
    resolutions=("480p", "720p"),
    seed=True,
    n_max=4,
)
CANARY = "canary-7f3a"
BEGAN = datetime(2026, 11, 22, 10, tzinfo=UTC)
FLOOR = 4_000_000_000


def a_backend(id_: str = "stage", **changes: Any) -> ConfiguredBackend:  # noqa: ANN401 - its fields
    """Return a backend that nobody calls."""
    nobody: VideoBackend = object()  # type: ignore[assignment] # no test calls a backend
    there = ConfiguredBackend(
        id_, id_, "backend.test", nobody, catalogue=Catalogue({"": CAPABILITIES})
    )
    return replace(there, **changes)


@dataclass
class Stage:
    """The parts of one site."""

    config: WebConfig = field(default_factory=WebConfig)
    jobs: BreakableJobs = field(default_factory=BreakableJobs)
    clips: WatchedClips = field(default_factory=WatchedClips)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    shares: MemoryShares = field(default_factory=MemoryShares)
    operators: MemoryOperators = field(default_factory=MemoryOperators)
    operators_may_read: bool = False
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    accounts: Register | None = None
    backends: Sequence[ConfiguredBackend] = field(default_factory=lambda: [a_backend()])

    def site(self) -> Site:
        """Return the site's parts as the routes take them."""
        addresses = Addresses(self.config.public.prefix, digest_of(self.config.static))
        directory = Directory.of(self.backends)
        service = JobService(self.jobs, self.clips, directory, Limits())
        return Site(
            config=self.config,
            addresses=addresses,
            jobs=service,
            clips=self.clips,
            renderer=Renderer(
                templates=folder("templates"),
                locales=folder("locales"),
                addresses=addresses,
                default_language=self.config.language,
                rehearsal=self.config.rehearsal,
                directory=directory,
                logout_url=self.config.logout_url,
            ),
            stop=self.stop,
            sharing=Sharing(service, self.shares),
            oversight=Oversight(self.jobs, self.operators, self.operators_may_read),
            operators=OperatorService(
                self.jobs,
                self.operators,
                directory,
                self.disk,
                floor=FLOOR,
                accounts=self.accounts,
                clock=lambda: BEGAN,
            ),
        )

    def app(self) -> FastAPI:
        """Return the site as an application."""
        return create_site(self.site())

    def client(self, *, site: Site | None = None, **options: Any) -> httpx.AsyncClient:  # noqa: ANN401 - httpx's own
        """Return a client of a fresh application over the same stores."""
        app = create_site(site or self.site())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://localhost", **options)

    async def job(self, prompt: str = "Rain on a tram window", **columns: Any) -> Job:  # noqa: ANN401 - Job's own
        """Keep one job, queued unless told otherwise."""
        job = Job(
            **{
                "id": new_id(),
                "batch": new_id(),
                "place": 0,
                "owner": "local",
                "backend": "stage",
                "request": VideoRequest(prompt=prompt),
                "submit_token": new_id(),
                "created_at": BEGAN + timedelta(seconds=len(self.jobs.jobs)),
                **columns,
            }
        )
        return await self.jobs.write(job)

    async def finished(self, data: bytes, media_type: str = "video/mp4") -> Job:
        """Keep one finished job with its clip."""
        key = f"{new_id()}-1"
        await self.clips.keep(key, data, media_type)
        clip = Clip(key, media_type, len(data), "0" * 64, 1280, 720, 8.0)
        return await self.job(status=JobStatus.COMPLETED, clip=clip, progress=100)

    async def arriving(self, size: int | None) -> Job:
        """Keep one job whose clip may arrive under its download's key."""
        download = Download(f"{new_id()}-1", size)
        return await self.job(status=JobStatus.FETCHING, download=download)
