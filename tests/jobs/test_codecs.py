"""How a clip's pictures are written, as its own header calls it."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import pytest

from rushes.jobs.media import MediaFacts, inspect
from tests.jobs.test_media import PICTURE, box, clip, track

pytestmark = pytest.mark.anyio


def real_clip(container: str, encoder: str) -> bytes:
    """Encode a quarter of a second of 128x72."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as out:
        video = out.add_stream(encoder, rate=Fraction(24))
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 128, 72, "yuv420p"
        for _ in range(6):
            out.mux(video.encode(av.VideoFrame(128, 72, "yuv420p")))
        out.mux(video.encode(None))
    return target.getvalue()


async def facts_of(data: bytes, media_type: str) -> MediaFacts:
    async def read(start: int, stop: int) -> bytes:
        return data[start:stop]

    return await inspect(media_type, len(data), read)


@pytest.mark.parametrize(
    ("container", "encoder", "media_type", "codec"),
    [
        ("mp4", "libx264", "video/mp4", "avc1"),
        ("mp4", "libx265", "video/mp4", "hev1"),
        ("mp4", "mpeg4", "video/mp4", "mp4v"),
        ("webm", "libvpx", "video/webm", "VP8"),
        ("webm", "libvpx-vp9", "video/webm", "VP9"),
        ("matroska", "libx264", "video/x-matroska", "MPEG4/ISO/AVC"),
    ],
)
async def test_a_real_clip_tells_its_codec(
    container: str, encoder: str, media_type: str, codec: str
) -> None:
    if encoder not in av.codecs_available:
        pytest.skip(f"PyAV was built without {encoder}")

    assert (await facts_of(real_clip(container, encoder), media_type)).codec == codec


async def test_a_clip_that_does_not_say_has_none() -> None:
    assert (await facts_of(clip(PICTURE), "video/mp4")).codec is None


@pytest.mark.parametrize("letters", [b"", b"av", b"\x00\x01\x02\x03", b"a<b>"])
async def test_letters_that_are_none_are_not_told(letters: bytes) -> None:
    whole = track(b"vide", width=640, height=360, samples=120)
    table = box(b"stsd", bytes(12), letters)
    stbl = box(b"stbl", table, box(b"stsz", bytes(8), (120).to_bytes(4)))
    mdia = box(b"mdia", box(b"hdlr", bytes(8), b"vide", bytes(12)), box(b"minf", stbl))

    assert (await facts_of(clip(box(b"trak", mdia), whole), "video/mp4")).codec is None
