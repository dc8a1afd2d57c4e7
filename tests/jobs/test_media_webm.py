"""What a WebM clip says of itself: real files, cut ones, and hostile ones."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.jobs.media import BrokenClip, MediaFacts, inspect, sniff
from rushes.jobs.webm import length_s, track_facts

pytestmark = pytest.mark.anyio


class OneWay(io.RawIOBase):
    """A pipe's end: a muxer can write to it, but not go back."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override] # what PyAV hands over
        self.data += data
        return len(data)


def real_clip(*, sound: bool = False, container: str = "webm", live: bool = False) -> bytes:
    """Encode half a second of 128x72 at 24 pictures a second."""
    seekable, one_way = io.BytesIO(), OneWay()
    options = {"live": "1"} if live else {}
    with av.open(one_way if live else seekable, "w", format=container, options=options) as out:
        video = out.add_stream("libvpx", rate=Fraction(24))
        video.width, video.height, video.pix_fmt = 128, 72, "yuv420p"
        audio = out.add_stream("libopus", rate=48_000) if sound else None
        for _ in range(12):
            out.mux(video.encode(av.VideoFrame(128, 72, "yuv420p")))
        out.mux(video.encode(None))
        if audio is not None:
            for place in range(25):
                frame = av.AudioFrame("s16", "stereo", 960)
                frame.sample_rate, frame.pts = 48_000, place * 960
                for plane in frame.planes:
                    plane.update(bytes(plane.buffer_size))
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return bytes(one_way.data) if live else seekable.getvalue()


REAL = real_clip()


async def facts_of(data: bytes, media_type: str = "video/webm") -> MediaFacts:
    async def read(start: int, stop: int) -> bytes:
        return data[start : min(stop, start + 1000)]

    return await inspect(media_type, len(data), read)


async def test_a_webm_tells_its_size_length_pace_and_that_it_is_silent() -> None:
    clip = real_clip()

    facts = await facts_of(clip)

    assert sniff(clip) == "video/webm"
    assert (facts.width, facts.height, facts.fps, facts.has_sound) == (128, 72, 24.0, False)
    assert facts.duration_s == pytest.approx(0.5, abs=1 / 24)


@pytest.mark.parametrize(
    ("container", "media_type"), [("webm", "video/webm"), ("matroska", "video/x-matroska")]
)
async def test_sound_is_heard_of_in_both_containers(container: str, media_type: str) -> None:
    clip = real_clip(sound=True, container=container)

    facts = await facts_of(clip, media_type)

    assert sniff(clip) == media_type
    assert (facts.width, facts.has_sound) == (128, True)


async def test_a_clip_written_live_has_no_length_and_is_taken_as_it_is() -> None:
    facts = await facts_of(real_clip(live=True))

    assert (facts.width, facts.height, facts.duration_s) == (128, 72, None)


@pytest.mark.parametrize("share", [0.999, 0.9, 0.5, 0.1, 0.02])
async def test_a_clip_that_was_cut_short_is_broken(share: float) -> None:
    clip = real_clip(sound=True)

    with pytest.raises(BrokenClip):
        await facts_of(clip[: int(len(clip) * share)])


async def test_one_missing_byte_is_told() -> None:
    with pytest.raises(BrokenClip, match="1 bytes too early"):
        await facts_of(real_clip()[:-1])


def element(kind: int, content: bytes) -> bytes:
    return kind.to_bytes((kind.bit_length() + 7) // 8) + _length(len(content)) + content


def _length(length: int) -> bytes:
    return (length | 1 << 56).to_bytes(8)


SOUND_TRACK = element(0xAE, element(0x83, b"\x02"))
CLUSTER = element(0x1F43B675, bytes(9))


def segment(*parts: bytes) -> bytes:
    return element(0x1A45DFA3, element(0x4282, b"webm")) + element(0x18538067, b"".join(parts))


@pytest.mark.parametrize(
    ("clip", "complaint"),
    [
        (segment(element(0x1654AE6B, SOUND_TRACK), CLUSTER), "no picture track"),
        (segment(CLUSTER), "no description"),
        (segment(element(0x1654AE6B, SOUND_TRACK)), "no picture data"),
        (segment(b"\x00\x00\x00"), "is none"),
        (segment(CLUSTER[:-3]), "too early"),
        (segment(element(0xEC, b"") * 100_001), "too many"),
        (segment(element(0x1654AE6B, bytes(5_000_000))), "too large"),
        (b"\x1a\x45\xdf\xa3", "is none"),
        (b"", "no description"),
    ],
)
async def test_what_does_not_add_up_is_broken(clip: bytes, complaint: str) -> None:
    with pytest.raises(BrokenClip, match=complaint):
        await facts_of(clip)


@given(st.binary(max_size=400))
async def test_hostile_bytes_never_end_in_anything_but_broken(data: bytes) -> None:
    for hostile in (data, segment(data), segment(element(0x1654AE6B, data), CLUSTER)):
        try:
            assert isinstance(await facts_of(hostile), MediaFacts)
        except BrokenClip:
            continue


@given(st.integers(0, 4000), st.binary(min_size=1, max_size=8))
async def test_a_real_clip_with_odd_bytes_in_it_is_read_or_broken(at: int, odd: bytes) -> None:
    clip = bytearray(REAL)
    clip[at % len(clip) : at % len(clip) + len(odd)] = odd
    try:
        assert isinstance(await facts_of(bytes(clip)), MediaFacts)
    except BrokenClip:
        return


@given(st.binary(max_size=200))
def test_hostile_details_are_read_or_broken(data: bytes) -> None:
    for reader in (track_facts, length_s):
        try:
            told = reader(data)
        except BrokenClip:
            continue
        assert told is None or isinstance(told, (float, MediaFacts))


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (b"\x40\x8f\x40\x00\x00\x00\x00\x00", 1.0),
        (b"\x44\x7a\x00\x00", 1.0),
        (b"\x7f\xf8\x00\x00\x00\x00\x00\x00", None),
        (b"\x7f\xf0\x00\x00\x00\x00\x00\x00", None),
        (b"\xc0\x8f\x40\x00\x00\x00\x00\x00", None),
        (b"\x01", None),
    ],
)
def test_a_length_is_a_number_of_seconds_or_nothing(told: bytes, seconds: float | None) -> None:
    assert length_s(element(0x4489, told)) == seconds
