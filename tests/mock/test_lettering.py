from __future__ import annotations

import pytest

from rushes.mock.lettering import MAX_LINES, Clock, caption, font_for, mark, wrap


def test_a_long_prompt_ends_in_an_ellipsis_within_the_picture() -> None:
    font = font_for("words", 20)

    lines = wrap("many words " * 300, font, 400)

    assert len(lines) == MAX_LINES
    assert lines[-1].endswith("…")
    assert all(font.getlength(line) <= 400 for line in lines)


def test_one_endless_word_is_cut() -> None:
    font = font_for("x", 20)

    assert all(font.getlength(line) <= 200 for line in wrap("W" * 500, font, 200))


@pytest.mark.parametrize(("width", "height"), [(64, 64), (640, 360), (1080, 1920)])
def test_labels_lie_inside_the_picture_on_even_places(width: int, height: int) -> None:
    labels = (
        caption("A quiet harbour before sunrise, boats at rest", width, height),
        mark(width, height),
        Clock(width, height, 24).at(7),
    )

    for label in labels:
        assert label.x % 2 == label.y % 2 == 0
        assert label.picture.width % 2 == label.picture.height % 2 == 0
        assert label.x < width
        assert label.y < height


def test_every_timecode_has_the_same_size_and_its_own_picture() -> None:
    clock = Clock(640, 360, 24)

    first, later = clock.at(0), clock.at(11 * 24 + 11)

    assert first.picture.size == later.picture.size
    assert first.picture.tobytes() != later.picture.tobytes()
