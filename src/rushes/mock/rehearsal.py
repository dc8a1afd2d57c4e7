"""What every dialect has in common: taking a job, following it, handing the clip over."""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
import time
import zlib
from collections import Counter
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av

from rushes.mock.jobs import Ending, JobBook, MockJob, Standing
from rushes.mock.refusal import (
    BUSY,
    CROWDED,
    FORBIDDEN,
    NO_CREDIT,
    OVERLOADED,
    REJECTED,
    Refusal,
)
from rushes.mock.renderer import Renderer
from rushes.mock.words import Word, rehearsed, words_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rushes.mock.config import MockConfig
    from rushes.mock.spec import ClipSpec

log = logging.getLogger(__name__)

# In nobody's words: a server that has words or a code for it says so in its dialect.
REFUSALS = {
    Word.REFUSE: (400, "This prompt is not taken (rehearsed by #refuse).", REJECTED),
    Word.NO_CREDIT: (402, "Nothing is left (rehearsed by #no-credit).", NO_CREDIT),
    Word.FORBIDDEN: (403, "You may not do this (rehearsed by #forbidden).", FORBIDDEN),
    Word.BUSY: (429, "Too many requests (rehearsed by #busy).", BUSY),
    Word.CROWDED: (429, "Too many jobs at once (rehearsed by #crowded).", CROWDED),
    Word.OVERLOADED: (503, "Come back later (rehearsed by #overloaded).", OVERLOADED),
}
TWICE = frozenset({Word.BUSY, Word.CROWDED, Word.OVERLOADED})
"""Words that are turned away only so often."""


class Rehearsal:
    """The one stage behind all dialects. Use it inside `running()`."""

    def __init__(self, config: MockConfig) -> None:
        self.config = config
        self.jobs = JobBook(_subfolder(config, "jobs"), kept=config.jobs_kept)
        self.downloads: Counter[str] = Counter()
        self.turned_away: Counter[str] = Counter()
        self.spoilt: Counter[str] = Counter()
        self._preparations: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have workers and a place for clips; take up again what an earlier run left."""
        with tempfile.TemporaryDirectory(prefix="rushes-mock-") as scratch:
            folder = _subfolder(self.config, "clips") or Path(scratch)
            size, workers = self.config.cache_bytes, self.config.workers
            async with Renderer(folder, capacity=size, workers=workers) as self.renderer:
                for job in self.jobs:
                    self._prepare(job)
                try:
                    yield
                finally:
                    await self._stop_preparing()

    def submit(
        self,
        *,
        dialect: str,
        model: str,
        name: Callable[[str], str],
        spec: ClipSpec,
        idempotency_key: str | None,
        picture: str | None = None,
        withheld: str = "",
    ) -> MockJob:
        """Take a job and begin to render. `name` makes the public id from a fresh key.

        `picture` is the digest of the first frame that came along: it is remembered, not drawn;
        `withheld` is what is said where the clip is withheld.
        """
        words = words_in(spec.prompt)
        word = Word.REJECT if Word.REJECT in words else Word.REFUSE
        stretch = self.config.slow_factor if Word.SLOW in words else 1.0
        key = secrets.token_hex(16)
        job = MockJob(
            key=key,
            id=name(key),
            dialect=dialect,
            model=model,
            spec=spec,
            created_at=time.time(),
            queue_s=self.config.queue_s * stretch,
            work_s=self.config.work_s * stretch,
            ending=_ending(words),
            idempotency_key=idempotency_key,
            picture=picture,
            withheld=rehearsed(withheld, word) if withheld else "",
        )
        self.jobs.keep(job)
        self._prepare(job)
        return job

    def admit(self, prompt: str) -> None:
        """Raise Refusal when the prompt's words ask to be refused or turned away."""
        for word in sorted(words_in(prompt) & REFUSALS.keys()):
            status, message, code = REFUSALS[word]
            if word not in TWICE:
                raise Refusal(status, message, code=code, param="prompt")
            if self.turned_away[prompt] < self.config.busy_answers:
                self.turned_away[prompt] += 1
                raise Refusal(status, message, code=code, retry_after_s=self.config.retry_after_s)

    def find(self, job_id: str, *, dialect: str) -> MockJob:
        """Return a job of this dialect; raises Refusal 404."""
        job = self.jobs.get(job_id)
        if job is None or job.is_deleted or job.dialect != dialect:
            raise Refusal(404, f"Video '{job_id}' not found")
        return job

    def of(self, dialect: str) -> list[MockJob]:
        """Return the jobs of a dialect, oldest first."""
        return [job for job in self.jobs if job.dialect == dialect and not job.is_deleted]

    def in_trouble(self, words: frozenset[Word]) -> list[MockJob]:
        """Return the jobs whose prompts have one of the words, oldest first."""
        return [
            job
            for job in self.jobs
            if "#" in job.spec.prompt and not words.isdisjoint(words_in(job.spec.prompt))
        ]

    def forget(self, job: MockJob) -> None:
        """Delete a job; its submission stays counted."""
        self.jobs.update(job.id, lambda current: replace(current, is_deleted=True))

    def standing(self, job: MockJob) -> Standing:
        """Say how a job stands now."""
        return job.standing(time.time())

    async def clip(self, job: MockJob) -> Path:
        """Return the clip's file, waiting for it if need be; raises Refusal 404 if none comes."""
        if not job.makes_clip:
            raise Refusal(404, "this job makes no clip")
        return await self.renderer.clip(job.spec)

    async def ended(self, job: MockJob) -> Standing:
        """Return how the job ended, when it has; wait under a time-out, for one may stall."""
        standing = self.standing(job)
        while standing.ended_at is None:
            await asyncio.sleep(0.02)
            standing = self.standing(self.jobs.get(job.id) or job)
        return standing

    def bytes_per_s(self, size: int) -> float:
        """Return how fast a clip of `size` bytes is sent."""
        if self.config.bytes_per_s is not None:
            return self.config.bytes_per_s
        return size / self.config.send_s if self.config.send_s > 0 else float("inf")

    def deal_seed(self, prompt: str) -> int:
        """Choose a seed where none is asked: new for each job of a prompt, the same next time."""
        earlier = sum(job.spec.prompt == prompt for job in self.jobs)
        return zlib.crc32(f"{earlier}:{prompt}".encode(errors="surrogatepass")) & 0x7FFFFFFF

    def stats(self) -> dict[str, object]:
        """Count what was executed: a deleted job counts, a refused submission does not."""
        keys = (job.idempotency_key for job in self.jobs)
        return {
            "submissions": sum(1 for _ in self.jobs),
            "by_prompt": Counter(job.spec.prompt for job in self.jobs),
            "by_key": Counter(key for key in keys if key is not None),
            "turned_away": self.turned_away,
            "spoilt": self.spoilt,
            "downloads": self.downloads,
            "rendered": self.renderer.rendered,
        }

    def reset(self) -> None:
        """Forget jobs and counts; cached clips stay."""
        self.jobs.clear()
        self.downloads.clear()
        self.turned_away.clear()
        self.spoilt.clear()

    def _prepare(self, job: MockJob) -> None:
        if job.makes_clip and job.rendered_at is None and not job.is_deleted:
            preparation = asyncio.create_task(self._render(job))
            self._preparations.add(preparation)
            preparation.add_done_callback(self._preparations.discard)

    async def _render(self, job: MockJob) -> None:
        try:
            await self.renderer.clip(job.spec)
        except (BrokenProcessPool, av.FFmpegError, OSError):
            log.exception("the clip of job %s cannot be rendered", job.id)
            self.jobs.update(job.id, lambda current: replace(current, ending=Ending.FAILS))
        else:
            now = time.time()
            self.jobs.update(job.id, lambda current: replace(current, rendered_at=now))

    async def _stop_preparing(self) -> None:
        waiting = tuple(self._preparations)
        for preparation in waiting:
            preparation.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _subfolder(config: MockConfig, name: str) -> Path | None:
    return None if config.folder is None else config.folder / name


def _ending(words: frozenset[Word]) -> Ending:
    for word, ending in (
        (Word.STALL, Ending.STALLS),
        (Word.ERROR, Ending.CRASHES),
        (Word.REJECT, Ending.REJECTED),
        (Word.REFUSE, Ending.REJECTED),  # of a server that takes it and refuses it later
        (Word.FAIL, Ending.FAILS),
    ):
        if word in words:
            return ending
    return Ending.COMPLETES
