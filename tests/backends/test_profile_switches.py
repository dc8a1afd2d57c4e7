"""One profile for a family: a switch changes it key by key, and is checked like any profile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from rushes.backends.language.files import (
    load_profile,
    read_profile,
    shipped_choices,
    shipped_profiles,
)
from rushes.backends.language.profile import ClipProfile, JobProfile
from rushes.errors import NotConfigured
from tests.backends.test_profile import SMALL

if TYPE_CHECKING:
    from pathlib import Path

SWITCHED = f"""{SMALL}
[switch.other.submit]
path = "/other"
[switch.other.poll]
max_s = 3

[switch.at-once.submit]
answer = "clip"
[switch.at-once.result]
base64 = ["/clip"]
"""


def test_a_switch_replaces_the_keys_that_it_names_and_no_others() -> None:
    plain = read_profile(SWITCHED, "small.toml")
    other = read_profile(SWITCHED, "small.toml", "other")

    assert isinstance(plain, JobProfile)
    assert isinstance(other, JobProfile)
    assert (plain.submit.path, other.submit.path) == ("/jobs", "/other")
    assert other.submit.body == plain.submit.body
    assert (other.poll.path, other.poll.max_s) == (plain.poll.path, 3)


def test_a_switch_to_answers_that_are_clips_leaves_the_jobs_behind() -> None:
    switched = read_profile(SWITCHED, "small.toml", "at-once")

    assert isinstance(switched, ClipProfile)
    assert switched.result.base64 == ("/clip",)
    assert switched.error == read_profile(SWITCHED, "small.toml").error


def test_a_misspelt_switch_is_corrected() -> None:
    with pytest.raises(NotConfigured, match=re.escape("'othr'; did you mean 'other'?")):
        read_profile(SWITCHED, "small.toml", "othr")
    with pytest.raises(NotConfigured, match="there are none"):
        load_profile("xai+other")


WRONG = [
    ('path = "/other"', 'path = "/{nobody}"', "small.toml:LINE: submit.path: nothing is called"),
    ("max_s = 3", "max = 3", "small.toml:LINE: poll.max: no such key; did you mean 'max_s'?"),
    ("[switch.other.submit]", "[switch.Other.submit]", "small.toml"),
    ("[switch.other.poll]", "[switch.other.pol]", "small.toml:LINE: pol: no such key"),
]


@pytest.mark.parametrize(("right", "wrong", "complaint"), WRONG)
def test_an_error_in_a_switch_names_its_line(right: str, wrong: str, complaint: str) -> None:
    text = SWITCHED.replace(right, wrong, 1)
    line = text[: text.index(wrong)].count("\n") + 1

    with pytest.raises(NotConfigured) as caught:
        read_profile(text, "small.toml", "other")

    assert caught.value.message.startswith(complaint.replace("LINE", str(line)))


@pytest.mark.parametrize(
    "switch", ["switch = 1", "[switch]\nother = 1", "[switch.other]\nsubmit = 1"]
)
def test_a_switch_that_is_none_is_a_configuration_error(switch: str) -> None:
    text = f"{switch}\n{SMALL}" if "[" not in switch else f"{SMALL}\n{switch}\n"

    with pytest.raises(NotConfigured, match="switch"):
        read_profile(text, "small.toml", "other")


def test_a_file_of_one_s_own_can_be_switched_too(tmp_path: Path) -> None:
    folder = tmp_path / "a+b"
    folder.mkdir()
    path = folder / "small.toml"
    path.write_text(SWITCHED, "utf-8")

    assert load_profile(str(path)).submit.path == "/jobs"
    assert load_profile(f"{path}+other").submit.path == "/other"
    assert load_profile("small+other", folder).submit.path == "/other"


@pytest.mark.parametrize("choice", sorted(set(shipped_choices()) - set(shipped_profiles())))
def test_each_shipped_switch_is_sound_and_tells_what_it_is_for(choice: str) -> None:
    name = choice.partition("+")[0]
    plain, switched = load_profile(name), load_profile(choice)

    assert switched.profile.service != plain.profile.service
    assert switched.submit != plain.submit
