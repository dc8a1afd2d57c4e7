"""What a WebM or Matroska clip says of itself, from the EBML elements around its pictures.

Pure reading of structure, as in `media`. RFC 8794 tells how elements are written, RFC 9559 what
they are called.
"""

from __future__ import annotations

import math
import re
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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rushes.jobs.facts import Read

EBML, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
INFO, TIMESTAMP_SCALE, DURATION = 0x1549A966, 0x2AD7B1, 0x4489
TRACKS, TRACK, TRACK_TYPE, DEFAULT_DURATION = 0x1654AE6B, 0xAE, 0x83, 0x23E383
CODEC_ID, CODEC_NAME = 0x86, re.compile(rb"V_([A-Z0-9/_]{1,32})")
VIDEO, PIXEL_WIDTH, PIXEL_HEIGHT = 0xE0, 0xB0, 0xBA
PICTURES, SOUND = 1, 2  # track types

HEADER_MAX = 12  # an id of 4 bytes, a length of 8
DETAILS_MAX = 4 * 1024 * 1024
ELEMENTS_MAX = 100_000
NANOSECOND = 1e-9


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its id, and where its content starts and stops (None: nobody said)."""

    id: int
    start: int
    stop: int | None


async def webm_facts(size: int, read: Read) -> MediaFacts:
    """Return the facts of a whole clip of `size` bytes; raises BrokenClip when it is cut short.

    A clip that was written live does not tell where its parts end: then a cut goes unseen.
    """
    details: dict[int, bytes] = {}
    has_pictures = False
    async for element in _level_one(size, read):
        has_pictures = has_pictures or element.id == CLUSTER
        if element.id in {INFO, TRACKS} and element.id not in details:
            stop = size if element.stop is None else element.stop
            if stop - element.start > DETAILS_MAX:
                raise BrokenClip("the description of the tracks is too large to be true")
            details[element.id] = await read_all(read, element.start, stop)
    if not has_pictures or TRACKS not in details:
        raise BrokenClip("there is no description of tracks or no picture data in the file")
    facts = track_facts(details[TRACKS])
    return replace(facts, duration_s=length_s(details.get(INFO, b"")))


async def _level_one(size: int, read: Read) -> AsyncIterator[Element]:
    """Yield what lies in the segment, up to the first element that does not tell its end."""
    end: int | None = None
    offset = 0
    for _ in range(ELEMENTS_MAX):
        if offset >= (size if end is None else end):
            return
        header = await read_all(read, offset, min(offset + HEADER_MAX, size))
        element = _element(header, offset)
        if element.stop is not None and element.stop > (end or size):
            raise BrokenClip(f"the file ends {element.stop - size} bytes too early")
        if element.id == SEGMENT:
            offset, end = element.start, element.stop or size
            continue
        yield element
        if element.stop is None:
            return
        offset = element.stop
    raise BrokenClip("too many elements to be true")


def _element(data: bytes, offset: int) -> Element:
    """Read an element's header, `data[0]` being at `offset`; raises BrokenClip."""
    width = _width(data, 0)
    if width > 4:
        raise BrokenClip("what should be an element is none")
    length_width = _width(data, width)
    head = width + length_width
    if head > len(data):
        raise BrokenClip("the file ends inside an element's header")
    length = int.from_bytes(data[width:head]) & ~(1 << 7 * length_width)
    is_untold = length == (1 << 7 * length_width) - 1
    start = offset + head
    return Element(int.from_bytes(data[:width]), start, None if is_untold else start + length)


def _width(data: bytes, at: int) -> int:
    """Return how many bytes a number takes: one more than the zero bits that it begins with."""
    first = data[at] if at < len(data) else 0
    if first == 0:
        raise BrokenClip("what should be an element is none")
    return 9 - first.bit_length()


def _inside(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield id and content of the elements that `data` is made of."""
    offset = 0
    for _ in range(ELEMENTS_MAX):
        if offset >= len(data):
            return
        element = _element(data[offset : offset + HEADER_MAX], offset)
        if element.stop is None or element.stop > len(data):
            raise BrokenClip("an element is longer than the one around it")
        yield element.id, data[element.start : element.stop]
        offset = element.stop


def track_facts(tracks: bytes) -> MediaFacts:
    """Return what the content of `Tracks` says of the first picture track and of sound."""
    found = [dict(_inside(content)) for kind, content in _inside(tracks) if kind == TRACK]
    kinds = [_whole(track.get(TRACK_TYPE)) for track in found]
    if PICTURES not in kinds:
        raise BrokenClip("there is no picture track in the file")
    track = found[kinds.index(PICTURES)]
    video = dict(_inside(track.get(VIDEO, b"")))
    pause = _whole(track.get(DEFAULT_DURATION))
    return MediaFacts(
        width=believed(_whole(video.get(PIXEL_WIDTH)), SIDE_MAX),
        height=believed(_whole(video.get(PIXEL_HEIGHT)), SIDE_MAX),
        fps=believed(round(1 / (pause * NANOSECOND), 3), FPS_MAX) if pause else None,
        has_sound=SOUND in kinds,
        codec=_codec(track.get(CODEC_ID, b"")),
    )


def _codec(content: bytes) -> str | None:
    name = CODEC_NAME.match(content)
    return name[1].decode() if name else None


def length_s(info: bytes) -> float | None:
    """Return the length that the content of `Info` tells, in seconds."""
    told = dict(_inside(info))
    ticks = _real(told.get(DURATION, b""))
    scale = _whole(told.get(TIMESTAMP_SCALE)) or 1_000_000
    return believed(ticks * scale * NANOSECOND, SECONDS_MAX)


def _whole(content: bytes | None) -> int | None:
    """Read an unsigned number of at most 8 bytes; None for none, and for zero."""
    return int.from_bytes(content) or None if content and len(content) <= 8 else None


def _real(content: bytes) -> float:
    layout = {4: ">f", 8: ">d"}.get(len(content))
    return float(struct.unpack(layout, content)[0]) if layout else math.nan
