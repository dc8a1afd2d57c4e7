"""What was asked beside what came."""

from __future__ import annotations

from dataclasses import replace
from gettext import NullTranslations
from typing import Any

import pytest

from rushes.domain import Clip, VideoRequest
from rushes.web.wording.made import comparisons
from tests.web.pages import completed, queued

TEXT = NullTranslations()
CLIP = Clip("k-1", "video/mp4", 9, "0" * 64, 1280, 720, 8.0, 24.0, has_sound=False)


def differing(asked: dict[str, Any], **got: Any) -> list[str]:  # noqa: ANN401 - any field
    job = replace(
        completed(), request=VideoRequest(prompt="rain", **asked), clip=replace(CLIP, **got)
    )
    return [line.label for line in comparisons(job, TEXT) if line.differs]


WIDE = {"aspect_ratio": "16:9", "resolution": "720p"}


@pytest.mark.parametrize(
    ("asked", "got", "differs"),
    [
        ({}, {}, []),
        (WIDE, {}, []),
        (WIDE, {"width": 1248, "height": 704}, ["Size"]),
        ({"aspect_ratio": "16:9"}, {"width": 854, "height": 480}, []),
        ({"aspect_ratio": "9:16"}, {}, ["Size"]),
        ({"resolution": "720p"}, {}, []),
        ({"resolution": "1080p"}, {}, ["Size"]),
        ({"aspect_ratio": "16:9", "resolution": "2160p"}, {"width": 3840, "height": 2160}, []),
        ({"duration_s": 8}, {"duration_s": 8.04}, []),
        ({"duration_s": 8}, {"duration_s": 8.05}, ["Length"]),
        ({"duration_s": 10}, {}, ["Length"]),
        ({"fps": 24}, {"fps": 23.976}, []),
        ({"fps": 30}, {}, ["Frames per second"]),
        ({"audio": True}, {}, ["Sound"]),
        ({"audio": False}, {}, []),
    ],
)
def test_only_what_was_asked_can_differ(
    asked: dict[str, Any], got: dict[str, Any], differs: list[str]
) -> None:
    assert differing(asked, **got) == differs


def test_a_line_says_both_sides() -> None:
    lines = {line.label: (line.asked, line.got) for line in comparisons(completed(), TEXT)}

    assert lines == {
        "Size": ("1280 × 720", "1280 × 720"),  # noqa: RUF001 - as people write it
        "Length": ("8\u00a0s", "8\u00a0s"),
        "Frames per second": ("", "24"),
        "Sound": ("", "without sound"),
    }


def test_a_mute_file_leaves_lines_out() -> None:
    unknown = Clip("k-1", "video/webm", 9, "0" * 64)

    assert comparisons(replace(completed(), clip=unknown), TEXT) == []
    assert comparisons(queued(), TEXT) == []
