"""What a model takes, and what comes nearest to a request that was meant for another."""

from __future__ import annotations

import pytest

from rushes.domain import Capabilities, Catalogue, VideoRequest

TAKES = Capabilities(
    durations=(4, 8),
    aspect_ratios=("16:9", "1:1", "3:4"),
    resolutions=("480p", "1080p"),
    negative_prompt=True,
)


def ask(**fields: object) -> VideoRequest:
    return VideoRequest.model_validate({"prompt": "a kite", **fields})


@pytest.mark.parametrize(
    ("name", "value", "is_offered"),
    [
        ("duration_s", 4.0, True),
        ("duration_s", 5, False),
        ("aspect_ratio", "1:1", True),
        ("aspect_ratio", "9:16", False),
        ("resolution", "480p", True),
        ("resolution", "720p", False),
        ("negative_prompt", "blur", True),
        ("seed", 7, False),
        ("first_frame", "key", False),
        ("model", "any", True),
    ],
)
def test_a_model_offers_what_it_lists(name: str, value: object, is_offered: bool) -> None:
    assert TAKES.offers(name, value) is is_offered


@pytest.mark.parametrize(
    ("asked", "gets"),
    [
        ({"duration_s": 4.5}, {"duration_s": 4}),
        ({"duration_s": 60}, {"duration_s": 8}),
        ({"resolution": "720p"}, {"resolution": "480p"}),
        ({"resolution": "2160p"}, {"resolution": "1080p"}),
        ({"aspect_ratio": "9:16"}, {"aspect_ratio": "3:4"}),
        ({"aspect_ratio": "21:9"}, {"aspect_ratio": "16:9"}),
        ({"aspect_ratio": "5:4"}, {"aspect_ratio": "1:1"}),
        ({"negative_prompt": "blur", "seed": 7}, {"negative_prompt": "blur"}),
        (
            {"model": "another's", "width": 640, "height": 360},
            {"aspect_ratio": "16:9", "resolution": "480p"},
        ),
        ({"fps": 24}, {}),
        ({"duration_s": 8, "aspect_ratio": "16:9"}, {"duration_s": 8, "aspect_ratio": "16:9"}),
    ],
)
def test_each_setting_becomes_the_nearest_that_is_offered(
    asked: dict[str, object], gets: dict[str, object]
) -> None:
    assert TAKES.nearest(ask(**asked)) == ask(**gets)


def test_a_model_without_choices_is_asked_for_none() -> None:
    asked = ask(duration_s=5, resolution="720p", aspect_ratio="16:9", seed=1)

    assert Capabilities().nearest(asked) == ask()


def test_overrides_of_a_model_go_before_those_for_all() -> None:
    catalogue = Catalogue({"small": TAKES, "large": TAKES}, default="small")

    changed = catalogue.changed(
        {"": {"durations": (5.0,), "n_max": 1}, "large": {"n_max": 4}, "gone": {"n_max": 9}}
    )

    assert changed.default == "small"
    small, large = changed.models["small"], changed.models["large"]
    assert (small.durations, small.n_max) == ((5.0,), 1)
    assert (large.durations, large.n_max) == ((5.0,), 4)
    assert set(changed.models) == {"small", "large"}


def test_where_no_model_is_named_overrides_for_all_count() -> None:
    changed = Catalogue({"": TAKES}).changed({"": {"seed": True}})

    assert changed.models[""].seed
