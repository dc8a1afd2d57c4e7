"""A clip and its recipe in one zip: stored, made while it is sent, the clip's bytes untouched."""

from __future__ import annotations

import json
import zipfile
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import rushes
from rushes.web.names import clip_name, recipe_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from rushes.domain import Clip, Job


def recipe(job: Job, clip: Clip) -> dict[str, Any]:
    """Return how a clip was made, as a document that says nothing of the backend's addresses."""
    asked = job.request.model_dump(
        mode="json", exclude={"prompt", "first_frame"}, exclude_none=True, exclude_defaults=True
    )
    return {
        "made_with_ai": True,
        "title": job.title or None,
        "prompt": job.request.prompt,
        "effective_prompt": job.remote.effective_prompt if job.remote else None,
        "settings": asked,
        "backend": job.backend,
        "clip": {
            "file": clip_name(job, clip.media_type),
            "media_type": clip.media_type,
            "size": clip.size,
            "sha256": clip.sha256,
            "width": clip.width,
            "height": clip.height,
            "duration_s": clip.duration_s,
            "fps": clip.fps,
            "has_sound": clip.has_sound,
            "mark": clip.mark,
        },
        "created_at": job.created_at.isoformat(),
        "submitted_at": job.submitted_at.isoformat() if job.submitted_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "written_by": f"Rushes {rushes.__version__}",
    }


async def keepsake(job: Job, clip: Clip, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Yield a zip of the recipe and of the clip that comes in `chunks`, `clip.size` bytes long."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        text = json.dumps(recipe(job, clip), indent=2, ensure_ascii=False)
        archive.writestr(_entry(job, recipe_name(job)), f"{text}\n")
        entry = _entry(job, clip_name(job, clip.media_type))
        entry.file_size = clip.size  # decides between 32 and 64 bits
        async with aclosing(chunks):
            with archive.open(entry, "w") as member:
                async for chunk in chunks:
                    member.write(chunk)
                    yield sink.taken()
    yield sink.taken()


def _entry(job: Job, name: str) -> zipfile.ZipInfo:
    """Return a stored file's entry; a zip has no time zone and begins in 1980."""
    moment = job.finished_at or job.created_at
    entry = zipfile.ZipInfo(name, date_time=moment.timetuple()[:6])
    entry.external_attr = 0o644 << 16
    return entry


class _Sink:
    """A file that can only be written to and keeps nothing that was taken."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes, /) -> int:
        """Take more bytes."""
        self._bytes += data
        return len(data)

    def flush(self) -> None:
        """See io.IOBase; there is nowhere to flush to."""

    def close(self) -> None:
        """See io.IOBase; there is nothing to close."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        data = bytes(self._bytes)
        self._bytes.clear()
        return data
