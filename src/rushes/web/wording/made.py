"""What was asked beside what came: one line for each thing that a clip says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushes.web.wording.measures import seconds_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from gettext import NullTranslations

    from rushes.domain import Clip, Job, VideoRequest

SHAPE_TOLERANCE = 0.02
"""Sides are rounded to what a codec takes; 854 x 480 is still 16:9."""
PACE_TOLERANCE = 0.01
"""Part of the pace; 23.976 was asked for as 24."""
CONTAINERS = {
    "video/mp4": "MP4",
    "video/webm": "WebM",
    "video/x-matroska": "Matroska",
    "video/x-msvideo": "AVI",
    "image/webp": "WebP",
    "image/gif": "GIF",
}
PLAIN = frozenset(
    {"MP4", "MP4, avc1", "MP4, avc3", "WebM", "WebM, VP8", "WebM, VP9", "GIF", "WebP"}
)
"""What about every browser plays."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line: what it is about, what was asked ("" if nothing), what came."""

    label: str
    asked: str
    got: str
    differs: bool


def media_type(job: Job) -> str:
    """Return what a clip is by its first bytes, here or on its way; or ""."""
    arriving = job.download.media_type if job.download is not None else None
    return (job.clip.media_type if job.clip is not None else arriving) or ""


def is_picture(job: Job) -> bool:
    """Whether the clip is a moving picture, which no player plays but every page shows."""
    return media_type(job).startswith("image/")


def clip_format(job: Job) -> str:
    """Return what a clip's file is called, as "MP4, hvc1"; where nobody looked, its container."""
    kind = media_type(job)
    container = CONTAINERS.get(kind, kind.partition("/")[2].upper())
    return ", ".join(part for part in (container, job.clip.codec if job.clip else None) if part)


def is_plain(job: Job) -> bool:
    """Whether about every browser plays the clip."""
    return clip_format(job) in PLAIN


def comparisons(job: Job, text: NullTranslations) -> list[Comparison]:
    """Compare a finished clip with its request, as far as the file tells."""
    return [] if job.clip is None else compared(job.request, job.clip, text)


def compared(asked: VideoRequest, clip: Clip, text: NullTranslations) -> list[Comparison]:
    """Compare a clip with what was asked for, as far as the file tells."""
    return [*_picture(asked, clip, text), *_time(asked, clip, text)]


def _picture(asked: VideoRequest, clip: Clip, text: NullTranslations) -> Iterator[Comparison]:
    if not clip.width or not clip.height:
        return
    got = _sides((clip.width, clip.height))
    size = _asked_size(asked)
    if size is not None:
        wanted, differs = _sides(size), size != (clip.width, clip.height)
    else:
        wanted = " · ".join(word for word in (asked.resolution, asked.aspect_ratio) if word)
        differs = not (_has_shape(asked, clip) and _has_resolution(asked, clip))
    yield Comparison(text.gettext("Size"), wanted, got, differs)


def _sides(size: tuple[int, int]) -> str:
    return f"{size[0]} \N{MULTIPLICATION SIGN} {size[1]}"


def _asked_size(asked: VideoRequest) -> tuple[int, int] | None:
    try:
        return asked.size
    except ValueError:  # a resolution that only its backend knows in pixels
        return None


def _has_shape(asked: VideoRequest, clip: Clip) -> bool:
    if asked.aspect_ratio is None or not clip.width or not clip.height:
        return True
    across, _, down = asked.aspect_ratio.partition(":")
    wanted = int(across) / int(down)
    return abs(clip.width / clip.height - wanted) <= SHAPE_TOLERANCE * wanted


def _has_resolution(asked: VideoRequest, clip: Clip) -> bool:
    if asked.resolution is None or not clip.width or not clip.height:
        return True
    return min(clip.width, clip.height) == int(asked.resolution.removesuffix("p"))


def _time(asked: VideoRequest, clip: Clip, text: NullTranslations) -> Iterator[Comparison]:
    length, pace = asked.duration_s, asked.fps
    if clip.duration_s:
        frame = 1 / clip.fps if clip.fps else 0.05
        is_off = length is not None and abs(clip.duration_s - length) > frame + 0.001
        wanted = seconds_words(length, text) if length else ""
        got = seconds_words(round(clip.duration_s, 2), text)
        yield Comparison(text.gettext("Length"), wanted, got, is_off)
    if clip.fps:
        is_off = pace is not None and abs(clip.fps - pace) > PACE_TOLERANCE * pace
        got = f"{round(clip.fps, 2):g}"
        label = text.gettext("Frames per second")
        yield Comparison(label, f"{pace}" if pace else "", got, is_off)
    if clip.has_sound is not None:
        words = {True: text.gettext("with sound"), False: text.gettext("without sound")}
        sound = asked.audio
        is_off = sound is not None and sound is not clip.has_sound
        wanted = "" if sound is None else words[sound]
        yield Comparison(text.gettext("Sound"), wanted, words[clip.has_sound], is_off)
