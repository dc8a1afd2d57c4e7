"""One picture for each clip, kept once beside it; whoever brings the first one decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushes.errors import ClipNotFound, ClipNotReady, InvalidRequest, LeaseLost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rushes.domain import Job
    from rushes.ports import ClipStore

POSTER_MAX = 512 * 1024
"""Bytes."""
POSTER = "-poster"


def poster_key(job_id: str) -> str:
    """Return the key of a job's poster in the clip store."""
    return f"{job_id}{POSTER}"


def picture_type(head: bytes) -> str | None:
    """Return the media type of a picture that can be a poster, by its first bytes, or None."""
    if head[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return None


@dataclass(frozen=True, slots=True)
class Posters:
    """The pictures in a clip store. Raises StorageError."""

    clips: ClipStore

    async def has(self, job: Job) -> bool:
        """Whether the job's clip has its picture."""
        if job.clip is None:
            return False
        try:
            async with self.clips.open(poster_key(job.id)):
                return True
        except (ClipNotFound, ClipNotReady):
            return False

    async def among(self, jobs: Sequence[Job]) -> frozenset[str]:
        """Return the ids of those jobs whose clip has its picture."""
        return frozenset([job.id for job in jobs if await self.has(job)])

    async def keep(self, job: Job, picture: bytes) -> None:
        """Keep the picture of a finished clip, unless there is one; raises InvalidRequest."""
        media_type = picture_type(picture)
        if media_type is None or len(picture) > POSTER_MAX:
            raise InvalidRequest("A poster is a JPEG or WebP picture of at most 512 KiB.")
        if job.clip is None:
            raise ClipNotReady("there is no clip yet to show a picture of")
        if await self.has(job):
            return
        try:
            async with self.clips.receive(poster_key(job.id), fence=1, resume=False) as writer:
                await writer.write(picture)
                await writer.finish(media_type)
        except LeaseLost:  # another page brought one at the same moment
            return
