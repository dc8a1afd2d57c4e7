"""What a downloaded clip is called: `2026-11-22_red-crane-at-dawn_8s_720p.mp4`. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from rushes.domain import Job

# The types that we recognise by their first bytes; anything else is never shown inline.
EXTENSIONS = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "image/gif": "gif",
    "image/webp": "webp",
}
PICTURES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
WORDS_LENGTH = 40


def clip_name(job: Job, media_type: str) -> str:
    """Return a readable file name from the job's date, words, length and size."""
    return f"{_stem(job)}.{EXTENSIONS.get(media_type, 'bin')}"


def recipe_name(job: Job) -> str:
    """Return what the recipe beside a clip is called."""
    return f"{_stem(job)}.json"


def folder_name(job: Job) -> str:
    """Return what the folder of a clip is called among others: readable, and no two the same."""
    return f"{_stem(job)}_{job.id[:8]}"


def picture_name(what: str, media_type: str) -> str:
    """Return what a picture beside a clip is called."""
    return f"{what}.{PICTURES.get(media_type, 'bin')}"


def keepsake_name(job: Job) -> str:
    """Return what the file of clip and recipe is called."""
    return f"{_stem(job)}.zip"


def _stem(job: Job) -> str:
    parts = [
        f"{job.created_at:%Y-%m-%d}",
        _slug(job.title or job.request.prompt) or "clip",
        *_measures(job),
    ]
    return "_".join(parts)


def disposition(name: str, *, is_attachment: bool) -> str:
    """Return a Content-Disposition (RFC 6266): the name in plain ASCII, and then in full."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", folded)
    kind = "attachment" if is_attachment else "inline"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _slug(text: str) -> str:
    words = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", text[:200]).lower()).strip("-")
    if len(words) <= WORDS_LENGTH:
        return words
    head, _, _ = words[: WORDS_LENGTH + 1].rpartition("-")
    return head or words[:WORDS_LENGTH]


def _measures(job: Job) -> list[str]:
    """Return the length and the short side, as they came out or else as asked."""
    seconds, size = job.request.duration_s, job.request.size
    if job.clip is not None:
        seconds = job.clip.duration_s or seconds
        if job.clip.width and job.clip.height:
            size = job.clip.width, job.clip.height
    length = [f"{round(seconds, 1):g}s"] if seconds else []
    return length + ([f"{min(size)}p"] if size else [])
