"""A box that no tool knows, between index and pictures: whoever rewrites the clip loses it.

It may not come last: Chromium looks for a box after `mdat` before it plays anything.
"""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rushes.mock.spec import ClipSpec

BOX = b"rush"
CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
OFFSETS = {b"stco": ">I", b"co64": ">Q"}
"""Tables of where pieces of sound and picture lie in the file, with the width of an entry."""


def sign(path: Path, spec: ClipSpec) -> None:
    """Insert the box behind `moov` and move every offset in the index by its length."""
    clip = bytearray(path.read_bytes())
    start, stop = _moov(clip)
    box = _box(spec)
    _shift(clip, start, stop, len(box))
    clip[stop:stop] = box
    path.write_bytes(clip)


def _box(spec: ClipSpec) -> bytes:
    prompt = hashlib.sha256(spec.prompt.encode(errors="surrogatepass")).hexdigest()
    told = json.dumps({"prompt_sha256": prompt, "seed": spec.seed}).encode()
    return struct.pack(">I4s", 8 + len(told), BOX) + told


def _moov(clip: bytearray) -> tuple[int, int]:
    start = 0
    while start < len(clip):
        size, kind = struct.unpack_from(">I4s", clip, start)
        if kind == b"moov":
            return start, start + size
        start += size
    raise ValueError("the clip has no index")


def _shift(clip: bytearray, start: int, stop: int, by: int) -> None:
    while start < stop:
        size, kind = struct.unpack_from(">I4s", clip, start)
        if kind in CONTAINERS:
            _shift(clip, start + 8, start + size, by)
        elif kind in OFFSETS:
            _shift_table(clip, start + 12, OFFSETS[kind], by)
        start += size


def _shift_table(clip: bytearray, start: int, entry: str, by: int) -> None:
    (count,) = struct.unpack_from(">I", clip, start)
    for at in range(start + 4, start + 4 + count * struct.calcsize(entry), struct.calcsize(entry)):
        struct.pack_into(entry, clip, at, struct.unpack_from(entry, clip, at)[0] + by)
