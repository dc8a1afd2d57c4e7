"""Pixel sizes from shape and resolution."""

from __future__ import annotations

import pytest

from rushes.sizes import SHORT_SIDE, pixel_size


@pytest.mark.parametrize(
    ("shape", "resolution", "size"),
    [
        ("16:9", "360p", (640, 360)),
        ("16:9", "480p", (854, 480)),
        ("16:9", "720p", (1280, 720)),
        ("16:9", "1080p", (1920, 1080)),
        ("9:16", "720p", (720, 1280)),
        ("9:16", "1080p", (1080, 1920)),
        ("1:1", "480p", (480, 480)),
        ("4:3", "720p", (960, 720)),
        ("21:9", "1080p", (2520, 1080)),
    ],
)
def test_sizes_are_the_ones_the_field_uses(
    shape: str, resolution: str, size: tuple[int, int]
) -> None:
    assert pixel_size(shape, resolution) == size


@pytest.mark.parametrize("resolution", SHORT_SIDE)
@pytest.mark.parametrize("shape", ["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"])
def test_sides_are_even_and_turn_with_the_shape(shape: str, resolution: str) -> None:
    width, height = pixel_size(shape, resolution)
    turned = ":".join(reversed(shape.split(":")))

    assert width % 2 == 0
    assert height % 2 == 0
    assert pixel_size(turned, resolution) == (height, width)


@pytest.mark.parametrize(
    ("shape", "resolution"), [("16:9", "333p"), ("0:1", "720p"), ("x", "720p")]
)
def test_unknown_words_are_refused(shape: str, resolution: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any reading error will do
        pixel_size(shape, resolution)
