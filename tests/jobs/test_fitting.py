"""A request is put into the words of the model that gets it, or refused by the field's name."""

from __future__ import annotations

from typing import Any

import pytest

from rushes.backends.language.files import load_profile
from rushes.domain import Capabilities, Catalogue, Setting, VideoRequest
from rushes.errors import InvalidRequest
from rushes.jobs.directory import ConfiguredBackend
from rushes.jobs.fitting import fitted
from tests.fakes import ScriptedBackend

PORTRAIT = {"width": 720, "height": 1280}
KITE = "a kite"
EVERYTHING = Capabilities(
    audio=True,
    fps=Setting("integer", choices=(24, 48)),
    steps=Setting("integer", min=1, max=50),
    guidance=Setting(),
    passthrough={
        "camera": Setting("text", choices=("still", "pan")),
        "shift": Setting("number", min=0),
        "loop": Setting("boolean"),
    },
)


def asked(**fields: Any) -> VideoRequest:  # noqa: ANN401 - request fields
    return VideoRequest(prompt=KITE, **fields)


def fit(profile: str, **fields: Any) -> VideoRequest:  # noqa: ANN401 - request fields
    return fitted(asked(**fields), 1, load_profile(profile).takes(), "Main")


# --- width and height ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "profile",
    ["runway", "xai", "fal", "luma", "ark", "openrouter", "dashscope", "replicate", "gemini-omni"],
)
def test_pixels_become_the_shape_and_resolution_that_mean_just_these(profile: str) -> None:
    made = fit(profile, **PORTRAIT)

    assert (made.aspect_ratio, made.resolution, made.size) == ("9:16", "720p", (720, 1280))


def test_a_table_of_the_profile_goes_before_the_usual_size() -> None:
    made = fit("siliconflow", width=960, height=960)

    assert (made.aspect_ratio, made.resolution) == ("1:1", None)


@pytest.mark.parametrize(
    ("profile", "fields"),
    [
        ("runway", {"width": 832, "height": 480}),
        ("runway", {"width": 720, "height": 720}),
        ("runway", PORTRAIT | {"aspect_ratio": "16:9"}),
        ("kling", PORTRAIT),
        ("minimax-v1", PORTRAIT),
        ("minimax-v1", {"width": 1366, "height": 768}),
        ("huggingface", PORTRAIT),
    ],
)
def test_pixels_that_it_has_no_words_for_are_refused(profile: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fit(profile, **fields)

    assert caught.value.field == "width"


def test_the_refusal_names_the_sizes_that_there_are() -> None:
    with pytest.raises(InvalidRequest) as caught:
        fit("runway", width=832, height=480)

    assert caught.value.values["choices"] == "1280 x 720, 720 x 1280"


@pytest.mark.parametrize("profile", ["openai-videos", "sora-video-gen", "together"])
def test_where_pixels_are_sent_any_size_may_be_asked_for(profile: str) -> None:
    made = fit(profile, width=832, height=480)

    assert (made.pixels, made.aspect_ratio, made.resolution) == ((832, 480), None, None)


@pytest.mark.parametrize(
    ("word", "field"),
    [({"aspect_ratio": "16:9"}, "aspect_ratio"), ({"resolution": "1080p"}, "resolution")],
)
def test_words_that_contradict_the_pixels_are_refused(word: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fit("openai-videos", **PORTRAIT, **word)

    assert caught.value.field == field


def test_a_usual_shape_does_not_go_before_pixels() -> None:
    there = ConfiguredBackend(
        *("main", "Main", "main.test", ScriptedBackend()),
        catalogue=Catalogue({"": load_profile("runway").takes()}),
        defaults={"aspect_ratio": "16:9", "resolution": "720p", "duration_s": 5.0},
    )

    made = there.completed(asked(**PORTRAIT))

    assert (made.aspect_ratio, made.resolution, made.duration_s) == (None, None, 5.0)


@pytest.mark.parametrize(
    ("profile", "fields", "near"),
    [
        ("runway", PORTRAIT, ("9:16", "720p", (720, 1280))),
        ("runway", {"width": 480, "height": 832}, ("9:16", "720p", None)),
        ("kling", {"width": 1080, "height": 1920}, ("9:16", None, None)),
        ("openai-videos", {"width": 480, "height": 832}, (None, None, (480, 832))),
    ],
)
def test_another_backend_gets_the_nearest_size_and_never_another_shape(
    profile: str, fields: dict[str, int], near: tuple[object, ...]
) -> None:
    made = load_profile(profile).takes().nearest(asked(**fields))

    assert (made.aspect_ratio, made.resolution, made.pixels) == near


# --- the prompt ---------------------------------------------------------------------------------


def test_a_prompt_is_counted_as_the_backend_counts() -> None:
    takes = load_profile("runway").takes()
    fits, too_long = "🪁" * 500, "🪁" * 500 + "!"

    assert fitted(VideoRequest(prompt=fits), 1, takes, "Main").prompt == fits
    with pytest.raises(InvalidRequest, match="emoji") as caught:
        fitted(VideoRequest(prompt=too_long), 1, takes, "Main")
    assert caught.value.field == "prompt"


def test_elsewhere_an_emoji_is_one() -> None:
    takes = Capabilities(prompt_max=3)

    assert fitted(VideoRequest(prompt="🪁🪁🪁"), 1, takes, "Main").prompt == "🪁🪁🪁"


# --- settings -----------------------------------------------------------------------------------


def test_what_a_model_lists_is_taken() -> None:
    request = asked(
        audio=False,
        fps=48,
        steps=50,
        guidance=3.5,
        extra={"camera": "pan", "shift": 0, "loop": True},
    )

    assert fitted(request, 1, EVERYTHING, "Main") == request


@pytest.mark.parametrize(
    ("fields", "field", "choices"),
    [
        ({"fps": 25}, "fps", "24, 48"),
        ({"steps": 51}, "steps", "integer ≥ 1 ≤ 50"),
        ({"num_frames": 81}, "num_frames", None),
        ({"extra": {"camera": "zoom"}}, "extra.camera", "still, pan"),
        ({"extra": {"shift": "0"}}, "extra.shift", "number ≥ 0"),
        ({"extra": {"shift": True}}, "extra.shift", "number ≥ 0"),
        ({"extra": {"shift": float("nan")}}, "extra.shift", "number ≥ 0"),
        ({"extra": {"loop": 1}}, "extra.loop", "true, false"),
        ({"extra": {"url": "http://10.0.0.1"}}, "extra.url", None),
    ],
)
def test_what_it_does_not_list_is_refused_by_name(
    fields: dict[str, Any], field: str, choices: str | None
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fitted(asked(**fields), 1, EVERYTHING, "Main")

    assert (caught.value.field, caught.value.values.get("choices")) == (field, choices)


@pytest.mark.parametrize("fields", [{"audio": True}, {"audio": False}, {"fps": 24}])
def test_a_model_that_lists_nothing_takes_nothing(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fitted(asked(**fields), 1, Capabilities(), "Main")

    assert caught.value.field in fields


def test_another_backend_gets_only_the_settings_that_it_knows() -> None:
    there = Capabilities(steps=Setting("integer"), passthrough={"shift": Setting()})
    request = asked(audio=True, fps=24, steps=9, extra={"shift": 1.5, "camera": "pan"})

    made = there.nearest(request)

    assert made == asked(steps=9, extra={"shift": 1.5})


def test_usual_settings_fill_what_nobody_said() -> None:
    there = ConfiguredBackend(
        *("main", "Main", "main.test", ScriptedBackend()),
        catalogue=Catalogue({"": EVERYTHING}),
        defaults={
            "audio": True,
            "steps": 20,
            "num_frames": 81,
            "extra": {"camera": "still", "shift": 2.0, "unknown": 1},
        },
    )

    made = there.completed(asked(extra={"shift": 1.0}))

    assert made == asked(audio=True, steps=20, extra={"camera": "still", "shift": 1.0})
