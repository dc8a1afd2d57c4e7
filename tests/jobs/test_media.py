"""What bytes are, by looking at them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.jobs.media import C2PA_UUID, BrokenClip, MediaFacts, inspect, movie_facts, sniff

pytestmark = pytest.mark.anyio


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def track(handler: bytes, *, width: int = 0, height: int = 0, samples: int = 0) -> bytes:
    tkhd = box(b"tkhd", bytes(76), struct.pack(">II", width << 16, height << 16))
    mdhd = box(b"mdhd", bytes(12), struct.pack(">II", 12_288, 12_288 * 5), bytes(4))
    hdlr = box(b"hdlr", bytes(8), handler, bytes(12))
    stsz = box(b"stsz", bytes(8), struct.pack(">I", samples))
    minf = box(b"minf", box(b"stbl", stsz))
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, minf))


def clip(*tracks: bytes, media: bytes = bytes(100)) -> bytes:
    ftyp = box(b"ftyp", b"isom", bytes(4), b"isom")
    return ftyp + box(b"moov", box(b"mvhd", bytes(100)), *tracks) + box(b"mdat", media)


PICTURE = track(b"vide", width=640, height=360, samples=120)
SOUND = track(b"soun")


async def facts_of(data: bytes) -> MediaFacts:
    async def read(start: int, stop: int) -> bytes:
        return data[start:stop]

    return await inspect("video/mp4", len(data), read)


async def test_an_mp4_tells_its_size_length_pace_and_sound() -> None:
    facts = await facts_of(clip(SOUND, PICTURE))

    assert facts == MediaFacts(640, 360, 5.0, 24.0, has_sound=True)


async def test_a_silent_clip_is_known_to_be_silent() -> None:
    assert (await facts_of(clip(PICTURE))).has_sound is False


async def test_a_mark_of_machine_making_is_told_only_where_it_was_found() -> None:
    marked = clip(PICTURE) + box(b"uuid", C2PA_UUID, b"manifest")
    other = clip(PICTURE) + box(b"uuid", bytes(16), b"something else")

    assert (await facts_of(marked)).mark == "C2PA"
    assert (await facts_of(other)).mark is None


@pytest.mark.parametrize("cut", [1, 50, 107, 108])
async def test_a_clip_that_was_cut_short_is_broken(cut: int) -> None:
    with pytest.raises(BrokenClip, match=r"too early|ends inside|no picture data"):
        await facts_of(clip(PICTURE)[:-cut])


async def test_a_clip_without_an_index_is_broken() -> None:
    with pytest.raises(BrokenClip, match="moov"):
        await facts_of(box(b"ftyp", b"isom") + box(b"mdat", bytes(10)))


async def test_sound_alone_is_no_clip() -> None:
    with pytest.raises(BrokenClip, match="picture"):
        await facts_of(clip(SOUND))


async def test_a_64_bit_box_and_a_box_to_the_end_are_read() -> None:
    long_box = struct.pack(">I4sQ", 1, b"free", 16 + 5) + bytes(5)
    to_the_end = struct.pack(">I4s", 0, b"mdat") + bytes(33)

    facts = await facts_of(clip(PICTURE) + long_box + to_the_end)

    assert facts.width == 640


@given(st.binary(max_size=400))
def test_a_hostile_index_never_ends_in_anything_but_broken(data: bytes) -> None:
    try:
        facts = movie_facts(data)
    except BrokenClip:
        return
    assert isinstance(facts, MediaFacts)


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/mp4"),
        (b"\x1a\x45\xdf\xa3\x01\x00webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x01\x00matroska", "video/x-matroska"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video/x-msvideo"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8X", "image/webp"),
        (b"GIF89a\x01\x00", "image/gif"),
        (b"\x00\x00\x00\x20ftypavif", None),
        (b"<!doctype html><script>", None),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', None),
        (b'{"error": "not ready"}', None),
        (b"\x7fELF\x02\x01", None),
        (b"%PDF-1.7", None),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"", None),
    ],
)
def test_the_type_is_ours_by_the_first_bytes(head: bytes, media_type: str | None) -> None:
    assert sniff(head) == media_type
