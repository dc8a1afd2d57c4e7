"""What bytes are, by looking at them: the type from the first bytes, the facts from the header.

Pure reading of structure; nothing is ever decoded (a decoder is native code fed by strangers).
MP4 is read here (ISO/IEC 14496-12 names the boxes), WebM in `webm`. Sizes are bytes, times seconds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rushes.jobs.facts import (
    FPS_MAX,
    SECONDS_MAX,
    SIDE_MAX,
    BrokenClip,
    MediaFacts,
    believed,
    read_all,
)
from rushes.jobs.webm import webm_facts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rushes.jobs.facts import Read

__all__ = ["BrokenClip", "MediaFacts", "inspect", "sniff"]

SNIFF_BYTES = 4096
MOOV_MAX = 64 * 1024 * 1024
BOXES_MAX = 10_000
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""The `uuid` box that holds a C2PA manifest in an MP4 (C2PA specification 2.1, A.5)."""
STILL_BRANDS = frozenset({b"avif", b"avis", b"heic", b"mif1"})


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its four-letter type, and where its content starts and stops."""

    kind: bytes
    start: int
    stop: int


def sniff(head: bytes) -> str | None:
    """Return the media type of a clip by its first bytes, or None for what is not a clip."""
    if head[4:8] == b"ftyp" and head[8:12] not in STILL_BRANDS:
        return "video/mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[:4] == b"RIFF":
        return {b"AVI ": "video/x-msvideo", b"WEBP": "image/webp"}.get(head[8:12])
    return "image/gif" if head[:6] in (b"GIF87a", b"GIF89a") else None


async def inspect(media_type: str, size: int, read: Read) -> MediaFacts:
    """Return the facts of a whole clip of `size` bytes; raises BrokenClip when it is cut short.

    MP4, WebM and Matroska are looked into; other types have no facts and are taken as they are.
    """
    if media_type in {"video/webm", "video/x-matroska"}:
        return await webm_facts(size, read)
    return await _mp4_facts(size, read) if media_type == "video/mp4" else MediaFacts()


async def _mp4_facts(size: int, read: Read) -> MediaFacts:
    boxes, mark = {}, None
    async for box in _top_boxes(size, read):
        boxes[box.kind] = box
        if box.kind == b"uuid":
            uuid = await read_all(read, box.start, min(box.start + 16, box.stop))
            mark = "C2PA" if uuid == C2PA_UUID else mark
    moov = boxes.get(b"moov")
    if moov is None or b"mdat" not in boxes:
        raise BrokenClip("there is no index (moov) or no picture data (mdat) in the file")
    if moov.stop - moov.start > MOOV_MAX:
        raise BrokenClip("the index (moov) is too large to be true")
    return replace(movie_facts(await read_all(read, moov.start, moov.stop)), mark=mark)


async def _top_boxes(size: int, read: Read) -> AsyncIterator[Box]:
    offset = 0
    for _ in range(BOXES_MAX):
        if offset == size:
            return
        header = await read_all(read, offset, min(offset + 16, size))
        box = _box(header, offset, size)
        if box.stop > size:
            raise BrokenClip(f"the file ends {box.stop - size} bytes too early")
        yield box
        offset = box.stop
    raise BrokenClip("too many boxes to be true")


def _box(header: bytes, offset: int, end: int) -> Box:
    """Read one box header; sizes 0 (to the end) and 1 (64 bits) are the standard's special ones."""
    if len(header) < 8:
        raise BrokenClip("the file ends inside a box header")
    length, kind = struct.unpack_from(">I4s", header)
    skip = 8
    if length == 1:
        if len(header) < 16:
            raise BrokenClip("the file ends inside a box header")
        (length,) = struct.unpack_from(">Q", header, 8)
        skip = 16
    elif length == 0:
        length = end - offset
    if length < skip:
        raise BrokenClip("a box is shorter than its own header")
    return Box(kind, offset + skip, offset + length)


def _children(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[Box]:
    end = len(data) if stop is None else stop
    for _ in range(BOXES_MAX):
        if start + 8 > end:
            return
        box = _box(data[start : start + 16], start, end)
        if box.stop > end:
            raise BrokenClip("a box is longer than the one around it")
        yield box
        start = box.stop


def _find(data: bytes, around: Box, *path: bytes) -> Box | None:
    for kind in path:
        inner = next(
            (b for b in _children(data, around.start, around.stop) if b.kind == kind), None
        )
        if inner is None:
            return None
        around = inner
    return around


def _fields(layout: str, data: bytes, box: Box, at: int) -> tuple[int, ...]:
    """Read what lies `at` bytes into a box; raises BrokenClip where the box is shorter."""
    place = box.start + at
    if place < box.start or place + struct.calcsize(layout) > box.stop:
        raise BrokenClip("the index (moov) is cut short")
    return struct.unpack_from(layout, data, place)


def movie_facts(moov: bytes) -> MediaFacts:
    """Return what the content of a `moov` box says of the first picture track and of sound."""
    facts: MediaFacts | None = None
    has_sound = False
    for track in (b for b in _children(moov) if b.kind == b"trak"):
        handler = _find(moov, track, b"mdia", b"hdlr")
        kind = moov[handler.start + 8 : handler.stop][:4] if handler else b""
        has_sound = has_sound or kind == b"soun"
        if kind == b"vide" and facts is None:
            facts = _picture_facts(moov, track)
    if facts is None:
        raise BrokenClip("there is no picture track in the file")
    return replace(facts, has_sound=has_sound)


def _picture_facts(moov: bytes, track: Box) -> MediaFacts:
    width = height = None
    header = _find(moov, track, b"tkhd")
    if header is not None:
        sides = _fields(">II", moov, header, header.stop - header.start - 8)
        width, height = (believed(side >> 16, SIDE_MAX) for side in sides)
    duration = _track_seconds(moov, track)
    samples = _sample_count(moov, track)
    fps = round(samples / duration, 3) if samples and duration else None
    codec = _codec(moov, track)
    return MediaFacts(width, height, duration, believed(fps, FPS_MAX), codec=codec)


def _codec(moov: bytes, track: Box) -> str | None:
    """Return the four letters of the first way that the track's pictures are written in."""
    table = _find(moov, track, b"mdia", b"minf", b"stbl", b"stsd")
    letters = moov[table.start + 12 : table.stop][:4] if table else b""
    return letters.decode() if len(letters) == 4 and letters.isalnum() else None


def _track_seconds(moov: bytes, track: Box) -> float | None:
    header = _find(moov, track, b"mdia", b"mdhd")
    if header is None:
        return None
    (version,) = _fields(">B", moov, header, 0)
    layout, at, untold = (">IQ", 20, 2**64 - 1) if version == 1 else (">II", 12, 2**32 - 1)
    timescale, length = _fields(layout, moov, header, at)
    if not timescale or length == untold:
        return None
    return believed(length / timescale, SECONDS_MAX)


def _sample_count(moov: bytes, track: Box) -> int:
    table = _find(moov, track, b"mdia", b"minf", b"stbl", b"stsz")
    if table is None:
        return 0
    (count,) = _fields(">I", moov, table, 8)
    return count
