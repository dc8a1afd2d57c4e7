"""What a trial shows to a service that makes no clip without a picture."""

from __future__ import annotations

import base64
import struct
import zlib
from functools import cache
from typing import TYPE_CHECKING

from rushes.backends.language.offers import needs
from rushes.backends.speaking import Speaker

if TYPE_CHECKING:
    from rushes.backends.language.profile import Profile
    from rushes.ports import VideoBackend

SIDE = 512
"""Services refuse pictures of less than some 300 pixels a side."""
BLUE = bytes((70, 110, 160))


def picture_for_trial_of(backend: VideoBackend) -> str | None:
    """Return a picture for a request to a backend, where it is known to take none without."""
    return picture_for(backend.profile) if isinstance(backend, Speaker) else None


def picture_for(profile: Profile) -> str | None:
    """Return a picture as a data URI where every submit of a profile needs one."""
    return _picture() if needs(profile.submit, "first_frame") else None


@cache
def _picture() -> str:
    """Return a plain PNG of a sky."""
    row = b"\0" + BLUE * SIDE
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * SIDE, 9)),
        (b"IEND", b""),
    ]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
