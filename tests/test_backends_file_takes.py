"""What `takes` of `backends.toml` offers has to be sayable by the profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rushes.app import configured_backends
from rushes.settings import BadSetting, load_settings

if TYPE_CHECKING:
    from pathlib import Path

MAIN = '[main]\nurl = "https://api.example"\nprofile = "{profile}"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backends.toml"


def refused(file: Path, profile: str, rest: str) -> list[str]:
    file.write_text(MAIN.format(profile=profile) + rest, "utf-8")
    with pytest.raises(BadSetting) as caught:
        configured_backends(load_settings(None, backends_file=file))
    return str(caught.value).replace(str(file), "FILE").splitlines()


def test_settings_that_no_template_says_are_refused_where_they_stand(file: Path) -> None:
    told = refused(file, "kling", "takes = { steps = true, seed = true }\n")

    assert told == [
        "FILE:4: main.takes.seed: no template of [submit] names 'seed'",
        "FILE:4: main.takes.steps: no template of [submit] names 'steps'",
    ]


def test_those_of_one_model_are_told_at_that_model(file: Path) -> None:
    models = 'models = ["a", { name = "b", takes = { passthrough = { x = { type = "text" } } } }]\n'

    assert refused(file, "kling", models) == [
        "FILE:4: main.models.1.takes.passthrough.x: no template of [submit] names 'extra.x'"
    ]


def test_a_shape_that_the_profile_has_no_word_for_is_refused(file: Path) -> None:
    told = refused(file, "runway", 'takes = { aspect_ratios = ["2:7"], resolutions = ["720p"] }\n')

    no_word = "2:7 at 720p is offered, but the table 'ratio' has no entry for 2:7+720p"
    assert told == [
        f"FILE:4: main.takes: submit.body.ratio: {no_word}",
        f"FILE:4: main.takes: submit.variants.0.body.ratio: {no_word}",
    ]


@pytest.mark.parametrize(
    "rest",
    [
        "takes = { n_max = 1, durations = [5] }\n",
        'takes = { steps = true }\nmodels = [{ name = "a", takes = { steps = false } }]\n',
    ],
)
def test_what_can_be_said_or_is_taken_back_by_each_model_is_accepted(file: Path, rest: str) -> None:
    file.write_text(MAIN.format(profile="kling") + rest, "utf-8")

    (backend,) = configured_backends(load_settings(None, backends_file=file))

    assert backend.id == "main"
