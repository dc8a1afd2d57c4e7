"""First frames: pictures that people bring along, kept beside the clips until a job is done away.

A picture is a draft from its upload on, so that a form that comes back still has it; each job that
is asked for with it gets a copy of its own. Drafts that nobody used go after a day.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.errors import (
    ClipNotFound,
    ClipNotReady,
    InvalidRequest,
    LeaseLost,
    RefusedByBackend,
    StorageFull,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack
    from datetime import datetime

    from rushes.domain import Job, VideoRequest
    from rushes.ports import BlobStat, ClipStore

FRAME_MAX = 32_000_000
"""Bytes."""
DRAFT_LIFE = timedelta(days=1)
DRAFTS_MAX = 1_000_000_000
"""Bytes of all drafts together; the oldest make room."""
DRAFT = "draft-"
FRAME = "-frame"


def frame_key(job_id: str) -> str:
    """Return the key of a job's first frame in the clip store."""
    return f"{job_id}{FRAME}"


def draft_key(owner: str, picture: bytes) -> str:
    """Return the key of somebody's upload, the same for the same picture."""
    return f"{_drafts_of(owner)}{hashlib.sha256(picture).hexdigest()[:40]}"


def is_draft(key: str) -> bool:
    """Whether a key is a draft's, whoever brought it."""
    return key.startswith(DRAFT)


def is_draft_of(owner: str, key: str) -> bool:
    """Whether a key is a draft's that this person brought."""
    return key.startswith(_drafts_of(owner))


def _drafts_of(owner: str) -> str:
    return f"{DRAFT}{hashlib.sha256(owner.encode()).hexdigest()[:16]}-"


def owner_of(key: str) -> str:
    """Return the id of the job that a first frame belongs to."""
    return key.removesuffix(FRAME)


def picture_type(head: bytes) -> str | None:
    """Return the media type of a picture that a clip can begin with, by its first bytes."""
    if head[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return None


def picture_gone() -> InvalidRequest:
    """Return what is said of a picture that is gone, or was never this viewer's."""
    return InvalidRequest(
        "The picture is not here any more: please choose it again.", field="first_frame"
    )


@dataclass(frozen=True, slots=True)
class Frames:
    """The first frames in a clip store. Raises StorageError."""

    clips: ClipStore

    async def keep_draft(self, owner: str, picture: bytes) -> str:
        """Keep somebody's upload and return its key; raises InvalidRequest for what is no picture.

        The same picture has the same key, so that a form that is sent twice says the same.
        Raises StorageFull where there is no room.
        """
        media_type = picture_type(picture)
        if media_type is None or len(picture) > FRAME_MAX:
            raise InvalidRequest(
                "Choose a PNG, JPEG or WebP picture of at most {limit} MB.",
                field="first_frame",
                limit=FRAME_MAX // 1_000_000,
            )
        key = draft_key(owner, picture)
        await self._make_room(key, len(picture))
        with suppress(LeaseLost):  # the same picture, brought twice at the same moment
            await self._write(key, media_type, picture)
        return key

    async def copy(self, key: str, job_id: str) -> str:
        """Copy a picture for a job and return the new key; raises InvalidRequest if it is gone."""
        try:
            media_type, picture = await self.read(key)
        except (ClipNotFound, ClipNotReady) as error:
            raise picture_gone() from error
        await self._write(frame_key(job_id), media_type, picture)
        return frame_key(job_id)

    async def copied(self, key: str, batch: Sequence[Job], undo: AsyncExitStack) -> list[Job]:
        """Give each job that begins with a picture a copy of it, which `undo` takes back.

        Raises InvalidRequest where the picture is gone.
        """
        jobs = []
        for job in batch:
            request = job.request
            if request.first_frame is not None:  # some backends take none
                undo.push_async_callback(self.clips.delete, frame_key(job.id))
                copy = await self.copy(key, job.id)
                request = request.model_copy(update={"first_frame": copy})
            jobs.append(replace(job, request=request))
        return jobs

    async def read(self, key: str) -> tuple[str, bytes]:
        """Return media type and bytes; raises ClipNotFound."""
        async with self.clips.open(key) as reader:
            picture, size = bytearray(), reader.size or 0
            while len(picture) < size:
                picture += await reader.read(len(picture), size)
            return reader.media_type, bytes(picture)

    async def enclosed(self, request: VideoRequest) -> VideoRequest:
        """Return a request as backends get it: with the picture itself, as a data URI.

        Raises RefusedByBackend where the picture is gone: without it nothing must be sent.
        """
        if request.first_frame is None:
            return request
        try:
            media_type, picture = await self.read(request.first_frame)
        except (ClipNotFound, ClipNotReady) as error:
            raise RefusedByBackend("the first picture is not kept any more") from error
        encoded = base64.b64encode(picture).decode("ascii")
        return request.model_copy(update={"first_frame": f"data:{media_type};base64,{encoded}"})

    async def drop(self, owner: str, key: str) -> None:
        """Remove a job's picture, and its owner's draft of the same where it is still there."""
        with contextlib.suppress(ClipNotFound, ClipNotReady):
            _, picture = await self.read(key)
            await self.clips.delete(draft_key(owner, picture))
        await self.clips.delete(key)

    async def drop_old_drafts(self, now: datetime) -> None:
        """Remove the drafts that nobody used in time."""
        for draft in await self._drafts():
            if draft.modified_at < now - DRAFT_LIFE:
                await self.clips.delete(draft.key)

    async def drop_drafts(self, owner: str) -> None:
        """Remove every draft of somebody's."""
        for draft in await self._drafts():
            if is_draft_of(owner, draft.key):
                await self.clips.delete(draft.key)

    async def _drafts(self) -> list[BlobStat]:
        """Return all drafts, the oldest first."""
        drafts = [stat async for stat in self.clips.list() if is_draft(stat.key)]
        return sorted(drafts, key=lambda stat: stat.modified_at)

    async def _make_room(self, key: str, size: int) -> None:
        """Drop the oldest of the other drafts until one more of this size fits."""
        others = [draft for draft in await self._drafts() if draft.key != key]
        weight = size + sum(draft.size for draft in others)
        for draft in others:
            if weight <= DRAFTS_MAX:
                return
            await self.clips.delete(draft.key)
            weight -= draft.size

    async def _write(self, key: str, media_type: str, picture: bytes) -> None:
        try:
            async with self.clips.receive(key, fence=1, resume=False) as writer:
                await writer.write(picture)
                await writer.finish(media_type)
        except StorageFull:  # nobody goes on with the part, and it takes room
            await self.clips.delete(key)
            raise
