"""The clip: on its way, and whole."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Download:
    """One attempt to bring a clip home, noted before its first byte is written.

    `key` is new for each start from zero and is the clip's strong ETag from the first byte to
    the last. `validator` is the backend's own strong ETag, needed to resume. `media_type` is set
    once the first bytes were found to be a clip: from then on it can be watched.
    """

    key: str
    size: int | None = None
    validator: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """The finished bytes and what is known of them. Sides in pixels, length in seconds."""

    key: str
    media_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    fps: float | None = None
    has_sound: bool | None = None
    mark: str | None = None
    """The mark of machine making found in the file, such as "C2PA"; None: none was found."""
    codec: str | None = None
    """What the file calls the way its pictures are written, such as "avc1" or "VP9"."""
