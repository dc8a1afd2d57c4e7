"""Whatever a file holds, its readers tell facts that can be true, or that it is broken."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.jobs.facts import FPS_MAX, SECONDS_MAX, SIDE_MAX
from rushes.jobs.media import BrokenClip, MediaFacts, inspect, movie_facts, sniff
from rushes.jobs.webm import length_s, track_facts

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

MP4, WEBM = "video/mp4", "video/webm"
TYPES = [MP4, WEBM, "video/x-matroska", "video/x-msvideo", "image/gif", "text/html"]
Tree = list[tuple[bytes, "Tree | bytes"]]
"""The parts of a file, each a kind and what it holds: more parts, or bytes."""


def real_clip(container: str, codec: str) -> bytes:
    """Encode six pictures of 64x48."""
    told = io.BytesIO()
    with av.open(told, "w", format=container) as out:
        video = out.add_stream(codec, rate=Fraction(24))
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for _ in range(6):
            out.mux(video.encode(av.VideoFrame(64, 48, "yuv420p")))
        out.mux(video.encode(None))
    return told.getvalue()


REAL = {MP4: real_clip("mp4", "mpeg4"), WEBM: real_clip("webm", "libvpx")}

# --- files that are well formed outside and odd inside --------------------------------------------

LENGTHS = struct.pack(">II", 1000, 5000)
MOVIE: Tree = [
    (b"mvhd", bytes(100)),
    (
        b"trak",
        [
            (b"tkhd", bytes(76) + struct.pack(">II", 640 << 16, 360 << 16)),
            (
                b"mdia",
                [
                    (b"hdlr", bytes(8) + b"vide" + bytes(12)),
                    (b"mdhd", bytes(12) + LENGTHS + bytes(4)),
                    (b"minf", [(b"stbl", [(b"stsz", bytes(8) + struct.pack(">I", 120))])]),
                    (b"mdhd", b"\x01" + bytes(19) + struct.pack(">IQ", 1000, 5000)),
                ],
            ),
        ],
    ),
]
MP4_PARTS: Tree = [
    (b"ftyp", b"isom"),
    (b"moov", MOVIE),
    (b"uuid", bytes(16)),
    (b"mdat", bytes(20)),
]
TRACK: Tree = [
    (b"\x83", b"\x01"),
    (b"\x23\xe3\x83", (41_666_667).to_bytes(4)),
    (b"\xe0", [(b"\xb0", b"\x02\x80"), (b"\xba", b"\x01\x68")]),
]
TRACKS: Tree = [(b"\xae", TRACK)]
INFO: Tree = [
    (b"\x2a\xd7\xb1", b"\x0f\x42\x40"),
    (b"\x44\x89", struct.pack(">d", 5000.0)),
]
WEBM_PARTS: Tree = [
    (b"\x1a\x45\xdf\xa3", [(b"\x42\x82", b"webm")]),
    (
        b"\x18\x53\x80\x67",
        [
            (b"\x15\x49\xa9\x66", INFO),
            (b"\x16\x54\xae\x6b", TRACKS),
            (b"\x1f\x43\xb6\x75", bytes(9)),
        ],
    ),
]


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def element(kind: bytes, content: bytes) -> bytes:
    return kind + (len(content) | 1 << 56).to_bytes(8) + content


def written(tree: Tree, write: Callable[[bytes, bytes], bytes]) -> bytes:
    return b"".join(
        write(kind, held if isinstance(held, bytes) else written(held, write))
        for kind, held in tree
    )


@st.composite
def odd(draw: st.DrawFn, tree: Tree) -> Tree:
    """Keep most parts as they are; drop, repeat, empty, cut or overwrite some."""
    parts: Tree = []
    for kind, held in tree:
        inside = draw(odd(held)) if isinstance(held, list) else held
        match draw(st.sampled_from(["as it is"] * 6 + ["none", "twice", "empty", "cut", "odd"])):
            case "none":
                continue
            case "twice":
                parts += [(kind, inside), (kind, inside)]
            case "empty":
                parts.append((kind, b""))
            case "cut" if isinstance(inside, bytes):
                parts.append((kind, inside[: draw(st.integers(0, len(inside)))]))
            case "odd" if isinstance(inside, bytes):
                figure = draw(st.sampled_from([b"\0", b"\xff"]) | st.binary(min_size=1, max_size=1))
                parts.append((kind, (figure * len(inside))[: len(inside)]))
            case _:
                parts.append((kind, inside))
    return parts


@st.composite
def mangled(draw: st.DrawFn, whole: bytes) -> bytes:
    """Cut, repeat or overwrite stretches of a real file."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        stop = start + draw(st.integers(0, 64))
        match draw(st.sampled_from(["cut off", "taken out", "twice", "other"])):
            case "cut off":
                del data[start:]
            case "taken out":
                del data[start:stop]
            case "twice":
                data[start:start] = data[start:stop]
            case _:
                data[start:stop] = draw(st.binary(max_size=16))
    return bytes(data)


# --- the readers ----------------------------------------------------------------------------------


async def facts_of(media_type: str, data: bytes, piece: int = 1 << 20) -> MediaFacts | None:
    """Return the facts, None for a broken clip; anything else goes through and fails the test."""

    async def read(start: int, stop: int) -> bytes:
        return data[start : min(stop, start + piece)]

    try:
        return await inspect(media_type, len(data), read)
    except BrokenClip:
        return None


def can_be_true(facts: MediaFacts | None) -> bool:
    if facts is None:
        return True
    limits = [
        (facts.width, SIDE_MAX),
        (facts.height, SIDE_MAX),
        (facts.duration_s, SECONDS_MAX),
        (facts.fps, FPS_MAX),
    ]
    return all(figure is None or 0 < figure <= at_most for figure, at_most in limits)


@pytest.mark.parametrize(
    ("media_type", "parts", "write"), [(MP4, MP4_PARTS, box), (WEBM, WEBM_PARTS, element)]
)
async def test_the_files_to_be_spoilt_are_sound(
    media_type: str, parts: Tree, write: Callable[[bytes, bytes], bytes]
) -> None:
    facts = await facts_of(media_type, written(parts, write))
    real = await facts_of(media_type, REAL[media_type])

    assert facts == MediaFacts(640, 360, 5.0, 24.0, has_sound=False)
    assert real is not None
    assert (real.width, real.height, real.fps) == (64, 48, 24.0)


@given(st.sampled_from(TYPES), st.binary(max_size=300))
async def test_any_bytes_are_read_or_broken(media_type: str, data: bytes) -> None:
    assert can_be_true(await facts_of(media_type, data, piece=7))
    assert sniff(data) in {None, *TYPES, "image/webp"}


@given(st.data(), st.sampled_from([MP4, WEBM]))
async def test_a_real_file_that_was_mangled_is_read_or_broken(
    data: st.DataObject, media_type: str
) -> None:
    assert can_be_true(await facts_of(media_type, data.draw(mangled(REAL[media_type])), piece=500))


@given(odd(MP4_PARTS))
async def test_an_mp4_of_odd_boxes_is_read_or_broken(parts: Tree) -> None:
    assert can_be_true(await facts_of(MP4, written(parts, box)))


@given(odd(WEBM_PARTS))
async def test_a_webm_of_odd_elements_is_read_or_broken(parts: Tree) -> None:
    assert can_be_true(await facts_of(WEBM, written(parts, element)))


@given(odd(MOVIE), odd(TRACKS), odd(INFO), st.binary(max_size=60))
def test_odd_details_are_read_or_broken(movie: Tree, tracks: Tree, info: Tree, tail: bytes) -> None:
    for read, details in (
        (movie_facts, written(movie, box)),
        (track_facts, written(tracks, element)),
        (lambda told: MediaFacts(duration_s=length_s(told)), written(info, element)),
    ):
        for told in (details, details + tail, tail):
            try:
                facts = read(told)
            except BrokenClip:
                continue
            assert can_be_true(facts)


# --- figures --------------------------------------------------------------------------------------


def movie(*, sides: tuple[int, int] = (640, 360), timing: bytes, samples: int = 120) -> bytes:
    mdia: Tree = [
        (b"hdlr", bytes(8) + b"vide" + bytes(12)),
        (b"mdhd", timing + bytes(4)),
        (b"minf", [(b"stbl", [(b"stsz", bytes(8) + struct.pack(">I", samples))])]),
    ]
    tkhd = bytes(76) + struct.pack(">II", *(side << 16 for side in sides))
    return written([(b"trak", [(b"tkhd", tkhd), (b"mdia", mdia)])], box)


def short(timescale: int, length: int) -> bytes:
    return bytes(12) + struct.pack(">II", timescale, length)


def long(timescale: int, length: int) -> bytes:
    return b"\x01" + bytes(19) + struct.pack(">IQ", timescale, length)


@pytest.mark.parametrize(
    ("timing", "seconds", "fps"),
    [
        (short(1000, 5000), 5.0, 24.0),
        (long(1000, 5000), 5.0, 24.0),
        (short(1_000_000, 2**32 - 1), None, None),
        (long(2**32 - 1, 2**64 - 1), None, None),
        (short(0, 5000), None, None),
        (short(1000, 0), None, None),
        (short(1, 86_400), 86_400.0, 0.001),
        (short(1, 86_401), None, None),
        (short(1000, 119), 0.119, None),
        (long(2**32 - 1, 1), 1 / (2**32 - 1), None),
    ],
)
def test_an_mp4_tells_no_length_or_pace_that_cannot_be_true(
    timing: bytes, seconds: float | None, fps: float | None
) -> None:
    facts = movie_facts(movie(timing=timing))

    assert (facts.width, facts.duration_s, facts.fps) == (640, seconds, fps)


def test_an_mp4_without_sides_tells_none() -> None:
    facts = movie_facts(movie(sides=(0, 65_535), timing=short(1000, 5000)))

    assert (facts.width, facts.height) == (None, 65_535)


@pytest.mark.parametrize(
    ("wide", "pause", "width", "fps"),
    [
        (65_535, 41_666_667, 65_535, 24.0),
        (65_536, 1_000_000, None, 1000.0),
        (2**64 - 1, 999_000, None, None),
        (0, 2**64 - 1, None, None),
    ],
)
def test_a_webm_tells_no_side_or_pace_that_cannot_be_true(
    wide: int, pause: int, width: int | None, fps: float | None
) -> None:
    track: Tree = [
        (b"\x83", b"\x01"),
        (b"\x23\xe3\x83", pause.to_bytes(8)),
        (b"\xe0", [(b"\xb0", wide.to_bytes(8))]),
    ]

    facts = track_facts(written([(b"\xae", track)], element))

    assert (facts.width, facts.fps) == (width, fps)


@pytest.mark.parametrize(("ticks", "seconds"), [(86_400_000, 86_400.0), (86_400_001, None)])
def test_a_webm_is_at_most_a_day_long(ticks: float, seconds: float | None) -> None:
    assert length_s(element(b"\x44\x89", struct.pack(">d", ticks))) == seconds
