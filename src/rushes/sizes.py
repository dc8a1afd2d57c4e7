"""Pixel sizes from a shape and a resolution: one rule, used where a backend has no table."""

from __future__ import annotations

SHORT_SIDE = {
    "360p": 360,
    "480p": 480,
    "540p": 540,
    "720p": 720,
    "768p": 768,
    "1080p": 1080,
    "2160p": 2160,
}
# 16:9 at these heights has no whole even width by arithmetic; these are the field's choices.
WIDE = {360: 640, 480: 854, 540: 960, 720: 1280, 768: 1366, 1080: 1920, 2160: 3840}


def pixel_size(aspect_ratio: str, resolution: str) -> tuple[int, int]:
    """Return (width, height) for a shape `W:H` and a resolution such as `720p`.

    Both sides are even, as H.264 asks. Raises ValueError for words it does not know.
    """
    across, down = (int(part) for part in aspect_ratio.split(":"))
    short = SHORT_SIDE.get(resolution)
    if short is None or across <= 0 or down <= 0:
        raise ValueError(f"no pixel size for {aspect_ratio} at {resolution}")
    long = _long_side(short, max(across, down), min(across, down))
    return (long, short) if across >= down else (short, long)


def _long_side(short: int, longer: int, shorter: int) -> int:
    if (longer, shorter) == (16, 9):
        return WIDE[short]
    return round(short * longer / shorter / 2) * 2
