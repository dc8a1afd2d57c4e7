"""The shared in-memory stores, with what the routes' tests want to see and to break."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.clips import MemoryClips
from tests.fakes.jobs import MemoryJobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import timedelta

    from rushes.domain import Job, Limits, Scope
    from rushes.ports import BlobState
    from tests.fakes.clips import MemoryReader, MemoryWriter


class BreakableJobs(MemoryJobs):
    """Raises what it is told to, counts how often it is asked for news, and takes any job."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.waits = 0
        self.refusal: Exception | None = None
        self.trouble: Exception | None = None

    @property
    def jobs(self) -> dict[str, Job]:
        """Every job by its id."""
        return self._rows

    async def write(self, job: Job) -> Job:
        """Keep a job as it is, whatever was before."""
        return self._put(self._rows.get(job.id), *self._stamped([job]))

    async def add(self, batch: Sequence[Job], limits: Limits) -> list[Job]:
        if self.refusal is not None:
            raise self.refusal
        return await super().add(batch, limits)

    async def changed_since(self, revision: int, scope: Scope) -> list[Job]:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        return await super().changed_since(revision, scope)

    async def wait_changed(self, after: int, at_most: timedelta) -> int:
        self.waits += 1
        return await super().wait_changed(after, at_most)

    async def newest(self, scope: Scope) -> int:
        if self.trouble is not None:
            raise self.trouble
        return await super().newest(scope)

    async def revision(self) -> int:
        if self.trouble is not None:
            raise self.trouble
        return await super().revision()


class WatchedClips(MemoryClips):
    """Notes every read and how many readers there are."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []
        self.readers = 0
        self.trouble: Exception | None = None

    async def keep(self, key: str, data: bytes, media_type: str) -> None:
        """Put a finished clip there."""
        async with self.receive(key, fence=1, resume=False) as writer:
            await writer.write(data)
            await writer.finish(media_type)

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[WatchedReader]:  # type: ignore[override] # a reader all the same
        async with super().open(key) as reader:
            self.readers += 1
            try:
                yield WatchedReader(reader, self.reads)
            finally:
                self.readers -= 1

    @asynccontextmanager
    async def receive(self, key: str, *, fence: int, resume: bool) -> AsyncIterator[MemoryWriter]:
        if self.trouble is not None:
            raise self.trouble
        async with super().receive(key, fence=fence, resume=resume) as writer:
            yield writer


class WatchedReader:
    """A reader that notes what is read."""

    def __init__(self, reader: MemoryReader, reads: list[tuple[int, int]]) -> None:
        self._reader = reader
        self._reads = reads
        self.media_type = reader.media_type
        self.size = reader.size

    @property
    def state(self) -> BlobState:
        return self._reader.state

    async def read(self, start: int, stop: int) -> bytes:
        self._reads.append((start, stop))
        return await self._reader.read(start, stop)


@dataclass
class Arrival:
    """A clip that comes home bit by bit, as the test says."""

    clips: WatchedClips
    key: str
    size: int | None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    writer: MemoryWriter | None = None
    fence: int = 0

    async def grow(self, data: bytes) -> None:
        """Let more bytes arrive; the first ones let readers in."""
        if self.writer is None:
            self.fence += 1
            receiving = self.clips.receive(self.key, fence=self.fence, resume=self.fence > 1)
            self.writer = await self.stack.enter_async_context(receiving)
            await self.writer.release("video/mp4", self.size)
        await self.writer.write(data)

    async def finish(self, data: bytes) -> None:
        """Let the last bytes arrive."""
        await self.grow(data)
        assert self.writer is not None
        await self.writer.finish("video/mp4")
        await self.stack.aclose()

    async def cut(self) -> None:
        """Let the connection break; what came is kept, and `grow` goes on with it."""
        await self.stack.aclose()
        self.writer = None

    async def break_off(self) -> None:
        """Let it fail."""
        assert self.writer is not None
        await self.writer.abandon()
        await self.stack.aclose()
