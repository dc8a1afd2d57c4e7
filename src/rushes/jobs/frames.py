"""First frames: pictures that people bring along, kept beside the clips until a job is done away.

A picture is a draft from its upload on, so that a form that comes back still has it; each job that
is asked for with it gets a copy of its own. Drafts that nobody used go after a day.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.errors import ClipNotFound, ClipNotReady, InvalidRequest, LeaseLost, RefusedByBackend

if TYPE_CHECKING:
    from datetime import datetime

    from rushes.domain import VideoRequest
    from rushes.ports import ClipStore

FRAME_MAX = 32_000_000
"""Bytes."""
DRAFT_LIFE = timedelta(days=1)
DRAFT = "draft-"
FRAME = "-frame"


def frame_key(job_id: str) -> str:
    """Return the key of a job's first frame in the clip store."""
    return f"{job_id}{FRAME}"


def draft_key(picture: bytes) -> str:
    """Return the key of an upload, the same for the same picture."""
    return f"{DRAFT}{hashlib.sha256(picture).hexdigest()[:40]}"


def owner_of(key: str) -> str | None:
    """Return the id of the job that a first frame belongs to; None for a draft."""
    return None if key.startswith(DRAFT) else key.removesuffix(FRAME)


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

    async def keep_draft(self, picture: bytes) -> str:
        """Keep an upload and return its key; raises InvalidRequest for what is no picture.

        The same picture has the same key, so that a form that is sent twice says the same.
        """
        media_type = picture_type(picture)
        if media_type is None or len(picture) > FRAME_MAX:
            raise InvalidRequest(
                "Choose a PNG, JPEG or WebP picture of at most {limit} MB.",
                field="first_frame",
                limit=FRAME_MAX // 1_000_000,
            )
        key = draft_key(picture)
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

    async def drop(self, key: str) -> None:
        """Remove a job's picture, and the draft of the same picture where it is still there."""
        with contextlib.suppress(ClipNotFound, ClipNotReady):
            _, picture = await self.read(key)
            await self.clips.delete(draft_key(picture))
        await self.clips.delete(key)

    async def drop_old_drafts(self, now: datetime) -> None:
        """Remove the drafts that nobody used in time."""
        await self.drop_drafts(before=now - DRAFT_LIFE)

    async def drop_drafts(self, *, before: datetime | None = None) -> None:
        """Remove every draft, or those alone that are older than a moment."""
        old = [
            stat.key
            async for stat in self.clips.list()
            if stat.key.startswith(DRAFT) and (before is None or stat.modified_at < before)
        ]
        for key in old:
            await self.clips.delete(key)

    async def _write(self, key: str, media_type: str, picture: bytes) -> None:
        async with self.clips.receive(key, fence=1, resume=False) as writer:
            await writer.write(picture)
            await writer.finish(media_type)
