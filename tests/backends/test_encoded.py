"""A clip in base64 inside JSON: found wherever it is, decoded whatever pieces it comes in."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator  # noqa: TC003 - a protocol's hints
from typing import Any

import pytest

from rushes.backends.encoded import AROUND_MAX, EncodedClip
from rushes.errors import BadBackendResponse

pytestmark = pytest.mark.anyio

CLIP = bytes(range(256)) * 41
TEXT = base64.b64encode(CLIP).decode()
SIZES = [1, 2, 3, 5, 64, 100_000]


class Pieces:
    """A source that brings its bytes so many at a time."""

    size: int | None = None
    start = 0
    validator: str | None = None

    def __init__(self, data: bytes, at_a_time: int) -> None:
        self.data = data
        self.at_a_time = at_a_time

    async def chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.data), self.at_a_time):
            yield self.data[start : start + self.at_a_time]


async def decoded(data: bytes, pointers: list[str], at_a_time: int = 1000) -> bytes | None:
    clip = EncodedClip(Pieces(data, at_a_time), pointers)
    if not await clip.is_there():
        return None
    return b"".join([piece async for piece in clip.chunks()])


PLACES: list[tuple[Any, str]] = [
    ({"video": TEXT}, "/video"),
    ({"seed": 1, "ok": True, "none": None, "video": TEXT, "more": "x"}, "/video"),
    ({"a": [{"video": "no"}, {"x": [1, -2.5e3], "video": TEXT}]}, "/a/1/video"),
    ({"video": {"video": 'a "quoted" \\ {"video": "zz"}'}, "b": {"video": TEXT}}, "/b/video"),
    ({"a/b": {"~": TEXT}}, "/a~1b/~0"),
    ([TEXT], "/0"),
    ({"video": f"data:video/mp4;base64,{TEXT}"}, "/video"),
    ({"video": TEXT.rstrip("=")}, "/video"),
    ({"video": base64.encodebytes(CLIP).decode()}, "/video"),
]


@pytest.mark.parametrize("at_a_time", SIZES)
@pytest.mark.parametrize(("document", "pointer"), PLACES, ids=range(len(PLACES)))
async def test_the_clip_is_found_and_comes_whole(
    document: Any,  # noqa: ANN401 - any JSON
    pointer: str,
    at_a_time: int,
) -> None:
    data = json.dumps(document, indent=1).encode().replace(b"/", b"\\/")

    assert await decoded(data, ["/nowhere", pointer], at_a_time) == CLIP


async def test_a_tiny_clip_is_a_clip_too() -> None:
    assert await decoded(b'{"video":"AAEC"}', ["/video"], 3) == b"\0\1\2"


@pytest.mark.parametrize("document", [b'{"url": "https://x.test/a"}', b'{"video": null}', b"[]"])
async def test_an_answer_without_a_clip_can_be_read_as_what_it_is(document: bytes) -> None:
    clip = EncodedClip(Pieces(document, 4), ["/video"])

    assert await clip.is_there() is False
    assert clip.document() == json.loads(document)


async def test_what_is_no_json_is_told() -> None:
    clip = EncodedClip(Pieces(b"}}<html>", 4), ["/video"])

    assert await clip.is_there() is False
    with pytest.raises(BadBackendResponse):
        clip.document()


@pytest.mark.parametrize(
    "data",
    [b'{"video": "AAAA', b'{"video": "A!AA"}', b'{"video": "AAAAA"}', b'{"video": "AA==AAAA"}'],
)
async def test_a_broken_text_is_no_clip(data: bytes) -> None:
    with pytest.raises(BadBackendResponse):
        await decoded(data, ["/video"], 4)


async def test_what_stands_around_a_clip_is_bounded() -> None:
    data = b'{"a": "' + b"x" * (AROUND_MAX + 10_000) + b'", "video": "AAAA"}'

    with pytest.raises(BadBackendResponse, match="1 MiB"):
        await decoded(data, ["/video"], 100_000)
