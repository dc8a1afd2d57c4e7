"""A clip and its recipe in one zip: stored, made while it is sent, the clip's bytes untouched."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import rushes
from rushes.web.clips.names import clip_name, recipe_name
from rushes.web.clips.zipping import SentZip

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from rushes.domain import Clip, Job
    from rushes.web.receipts import Receipt


def recipe(job: Job, clip: Clip, receipt: Receipt) -> dict[str, Any]:
    """Return how a clip was made, as a document that says nothing of the backend's addresses."""
    return {
        "made_with_ai": True,
        "title": job.title or None,
        "prompt": job.request.prompt,
        "effective_prompt": job.remote.effective_prompt if job.remote else None,
        "settings": settings_of(job),
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
        "receipt": receipt.document(),
        "written_by": f"Rushes {rushes.__version__}",
    }


def settings_of(job: Job) -> dict[str, Any]:
    """Return what was asked for beside the prompt."""
    return job.request.model_dump(
        mode="json", exclude={"prompt", "first_frame"}, exclude_none=True, exclude_defaults=True
    )


async def keepsake(
    job: Job, clip: Clip, receipt: Receipt, chunks: AsyncGenerator[bytes]
) -> AsyncGenerator[bytes]:
    """Yield a zip of the recipe and of the clip that comes in `chunks`, `clip.size` bytes long."""
    archive, moment = SentZip(), job.finished_at or job.created_at
    yield archive.text(recipe_name(job), moment, as_text(recipe(job, clip, receipt)))
    name = clip_name(job, clip.media_type)
    async with aclosing(archive.file(name, moment, chunks, size=clip.size)) as file:
        async for part in file:
            yield part
    yield archive.end()


def as_text(document: dict[str, Any]) -> str:
    """Return a document as a file for people and programs."""
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n"
