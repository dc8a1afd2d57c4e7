"""Conditions and ranges, as a table."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.web.clips.ranges import Selection, select

SIZE = 1000
ETAG = '"abc-1"'
WHOLE = Selection(200, 0, SIZE)
UNSATISFIABLE = Selection(416, 0, 0)
NOT_MODIFIED = Selection(304, 0, 0)


def part(start: int, stop: int) -> Selection:
    return Selection(206, start, stop)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ("bytes=0-0", part(0, 1)),
        ("bytes=0-1", part(0, 2)),
        ("bytes=0-", part(0, 1000)),
        ("bytes=500-", part(500, 1000)),
        ("bytes=10-19", part(10, 20)),
        ("bytes=999-", part(999, 1000)),
        ("bytes=990-5000", part(990, 1000)),
        ("bytes=-1", part(999, 1000)),
        ("bytes=-1000", part(0, 1000)),
        ("bytes=-99999", part(0, 1000)),
        ("BYTES=0-1", part(0, 2)),
        ("bytes= 0-1 ", part(0, 2)),
        ("bytes=1000-", UNSATISFIABLE),
        ("bytes=1000-1001", UNSATISFIABLE),
        ("bytes=-0", UNSATISFIABLE),
        ("bytes=0-1,5-6", WHOLE),
        ("bytes=,0-1", WHOLE),
        ("bytes=5-4", WHOLE),
        ("bytes=2000-1000", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=- ", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=0x1-2", WHOLE),
        ("bytes=+1-2", WHOLE),
        ("bytes=1 - 2", WHOLE),
        ("bytes=\u0661-\u0662", WHOLE),
        ("bytes=0-1\n", WHOLE),
        ("bytes 0-1", WHOLE),
        ("items=0-1", WHOLE),
        ("bytes=1", WHOLE),
        ("bytes=" + "9" * 19 + "-", WHOLE),
        ("", WHOLE),
        (None, WHOLE),
    ],
)
def test_single_ranges_are_honoured_and_everything_else_is_ignored(
    ranges: str | None, expected: Selection
) -> None:
    assert select(size=SIZE, etag=ETAG, ranges=ranges) == expected


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [
        (ETAG, part(0, 2)),
        (f" {ETAG} ", part(0, 2)),
        (f"W/{ETAG}", WHOLE),
        ('"abc-2"', WHOLE),
        ("abc-1", WHOLE),
        ("Sat, 22 Nov 2026 10:00:00 GMT", WHOLE),
    ],
)
def test_if_range_holds_only_for_our_strong_tag(if_range: str, expected: Selection) -> None:
    assert select(size=SIZE, etag=ETAG, ranges="bytes=0-1", if_range=if_range) == expected


def test_a_stale_if_range_answers_whole_where_the_range_would_not_fit() -> None:
    answer = select(size=SIZE, etag=ETAG, ranges="bytes=5000-", if_range='"old"')

    assert answer == WHOLE


@pytest.mark.parametrize(
    ("if_none_match", "expected"),
    [
        (ETAG, NOT_MODIFIED),
        (f"W/{ETAG}", NOT_MODIFIED),
        (f'"x", {ETAG}, "y"', NOT_MODIFIED),
        ("*", NOT_MODIFIED),
        ('"x"', WHOLE),
        ("abc-1", WHOLE),
        ("", WHOLE),
    ],
)
def test_if_none_match_compares_weakly(if_none_match: str, expected: Selection) -> None:
    assert select(size=SIZE, etag=ETAG, if_none_match=if_none_match) == expected


def test_not_modified_wins_over_a_range() -> None:
    assert select(size=SIZE, etag=ETAG, ranges="bytes=0-1", if_none_match=ETAG) == NOT_MODIFIED


def test_an_unknown_size_has_no_ranges() -> None:
    assert select(size=None, etag=ETAG, ranges="bytes=0-1") == Selection(200, 0, None)


@pytest.mark.parametrize("ranges", ["bytes=0-", "bytes=0-0", "bytes=-5"])
def test_an_empty_clip_satisfies_no_range(ranges: str) -> None:
    assert select(size=0, etag=ETAG, ranges=ranges) == UNSATISFIABLE


@pytest.mark.parametrize("filler", ["0-1,", "-", "9", " ", '"', '"a",'])
def test_a_hundred_kilobytes_of_header_cost_next_to_nothing(filler: str) -> None:
    header = "bytes=" + filler * (100_000 // len(filler))

    began = time.process_time()
    answer = select(size=SIZE, etag=ETAG, ranges=header, if_none_match=header)

    assert answer == WHOLE
    assert time.process_time() - began < 0.05


@given(ranges=st.text(max_size=40) | st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True))
def test_any_header_gives_bytes_that_exist(ranges: str) -> None:
    answer = select(size=SIZE, etag=ETAG, ranges=ranges)

    assert answer.status in {200, 206, 416}
    if answer.status != 416:
        assert answer.stop is not None
        assert 0 <= answer.start < answer.stop <= SIZE
