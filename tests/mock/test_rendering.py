from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING

import av
import pytest

from rushes.errors import InvalidRequest
from rushes.mock.rendering import render
from rushes.mock.spec import ClipSpec
from tests.mock.driving import boxes, probe

if TYPE_CHECKING:
    from pathlib import Path


def rendered(spec: ClipSpec, folder: Path) -> bytes:
    path = folder / "clip.mp4"
    render(spec, path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("width", "height", "fps", "frames"),
    [
        (640, 360, 24, 48),
        (360, 640, 24, 24),
        (240, 240, 30, 45),
        (854, 480, 25, 10),
        (1920, 1080, 24, 6),
        (1080, 1920, 30, 6),
        (64, 64, 1, 1),
    ],
)
def test_size_rate_and_length_are_exact(
    tmp_path: Path, width: int, height: int, fps: int, frames: int
) -> None:
    spec = ClipSpec("hills", width=width, height=height, fps=fps, frames=frames)

    seen = probe(rendered(spec, tmp_path))

    assert (seen.width, seen.height, seen.fps, seen.frames) == (width, height, fps, frames)
    assert seen.duration_s == pytest.approx(frames / fps, abs=1 / fps)
    assert seen.codecs == ("h264", "aac")
    assert seen.sound_s == pytest.approx(frames / fps, abs=0.03)


def test_ten_seconds_are_ten_seconds(tmp_path: Path) -> None:
    seen = probe(rendered(ClipSpec("long", width=64, height=64, frames=240), tmp_path))

    assert (seen.duration_s, seen.frames) == (10.0, 240)


def test_a_box_that_no_tool_knows_lies_between_index_and_pictures(tmp_path: Path) -> None:
    spec = ClipSpec("a box", width=128, height=72, frames=12, seed=7)

    clip = rendered(spec, tmp_path)

    names = [name for name, _ in boxes(clip)]
    assert names.index("moov") < names.index("rush") < names.index("mdat")
    assert names[-1] == "mdat"
    assert json.loads(dict(boxes(clip))["rush"]) == {
        "prompt_sha256": hashlib.sha256(b"a box").hexdigest(),
        "seed": 7,
    }


def test_every_picture_and_sound_is_found_behind_the_box(tmp_path: Path) -> None:
    clip = rendered(ClipSpec("a box", width=128, height=72, frames=48), tmp_path)

    with av.open(io.BytesIO(clip), "r") as opened:
        frames = sum(1 for _ in opened.decode(video=0))
    with av.open(io.BytesIO(clip), "r") as opened:
        sounds = sum(frame.samples for frame in opened.decode(audio=0))

    assert frames == 48
    assert sounds >= 2 * 48_000


def test_the_same_spec_is_the_same_bytes_and_a_seed_changes_them(tmp_path: Path) -> None:
    one = ClipSpec("twice", width=128, height=72, frames=12, seed=1)
    other = ClipSpec("twice", width=128, height=72, frames=12, seed=2)

    assert rendered(one, tmp_path) == rendered(one, tmp_path)
    assert rendered(one, tmp_path) != rendered(other, tmp_path)
    assert one.digest != other.digest


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        " ",
        "\n\t",
        "🎬🌊",
        "星空の下の海",
        "مرحبا",
        "a" * 32_000,
        "many words " * 2_000,
        "\ud800\x00",
    ],
)
def test_any_prompt_can_be_drawn(tmp_path: Path, prompt: str) -> None:
    seen = probe(rendered(ClipSpec(prompt, width=64, height=114, frames=2), tmp_path))

    assert (seen.width, seen.height, seen.frames) == (64, 114, 2)


def test_a_silent_clip_has_no_sound_track(tmp_path: Path) -> None:
    spec = ClipSpec("hush", width=128, height=72, frames=6, sound=False)

    assert probe(rendered(spec, tmp_path)).codecs == ("h264",)


def test_a_heavy_clip_weighs_what_was_asked_and_plays(tmp_path: Path) -> None:
    spec = ClipSpec("heavy", width=128, height=72, frames=48, weight=3_000_000)

    clip = rendered(spec, tmp_path)

    assert len(clip) == pytest.approx(3_000_000, rel=0.1)
    assert probe(clip).frames == 48


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("size", {"width": 641}),
        ("size", {"height": 32}),
        ("size", {"width": 1920, "height": 1920}),
        ("fps", {"fps": 0}),
        ("fps", {"fps": 61}),
        ("seconds", {"frames": 0}),
        ("seconds", {"frames": 481}),
    ],
)
def test_what_cannot_be_rendered_is_refused(field: str, fields: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ClipSpec("no", **fields)  # type: ignore[arg-type]

    assert caught.value.field == field
