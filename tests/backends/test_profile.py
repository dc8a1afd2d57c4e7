"""A profile is checked when it is loaded, and its errors lead to the line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from rushes.backends.language.files import load_profile, read_profile, shipped_profiles
from rushes.backends.language.profile import ClipProfile, JobProfile
from rushes.errors import NotConfigured

if TYPE_CHECKING:
    from pathlib import Path

SMALL = """\
[profile]
name = "small"
version = 1
title = "Small"
service = "a service"
api = "1"
source = "its page"
date = 2026-11-22

[submit]
path = "/jobs"

[submit.body]
prompt = "=prompt!"

[extract]
id = ["/id"]

[poll]
path = "/jobs/{id}"

[state]
path = ["/status"]

[[error.classify]]
code = ["a"]
kind = "forbidden"
[[error.classify]]
code = ["b"]
kind = "unauthorized"

[result]
path = "/jobs/{id}/clip"

[check]
path = "/jobs"
"""


FOLLOWING = {"extract", "poll", "state", "result"}


@pytest.mark.parametrize("name", shipped_profiles())
def test_each_shipped_profile_is_sound_and_bears_its_file_s_name(name: str) -> None:
    profile = load_profile(name)

    assert profile.profile.name == name
    assert profile.capabilities.as_capabilities().n_max >= 1


def test_a_small_profile_needs_no_more() -> None:
    profile = read_profile(SMALL, "small.toml")

    assert isinstance(profile, JobProfile)
    assert (profile.submit.method, profile.poll.method, profile.submit.encoding) == (
        "POST",
        "GET",
        "json",
    )
    assert profile.cancel is None


def test_a_profile_whose_answer_is_the_clip_needs_nothing_to_follow() -> None:
    answers = SMALL.replace('path = "/jobs"', 'path = "/jobs"\nanswer = "clip"', 1)
    kept = [part for part in answers.split("\n[") if part.split("]")[0] not in FOLLOWING]

    profile = read_profile("\n[".join(kept), "clip.toml")

    assert isinstance(profile, ClipProfile)


def test_a_profile_whose_answer_is_the_clip_has_nothing_to_follow() -> None:
    answers = SMALL.replace('path = "/jobs"', 'path = "/jobs"\nanswer = "clip"', 1)

    with pytest.raises(NotConfigured, match=r"clip\.toml:20: poll: leave it out: with"):
        read_profile(answers, "clip.toml")


WRONG: list[tuple[str, str, str]] = [
    (
        'path = "/jobs"',
        'pth = "/jobs"',
        "small.toml:11: submit.pth: no such key; did you mean 'path'?",
    ),
    ("[poll]", "[pol]", "small.toml:19: pol: no such key; did you mean 'poll'?"),
    ("[poll]", "[pol]", "small.toml: poll: Field required"),
    ("version = 1", "version = 2", "small.toml:3: profile.version: Input should be 1"),
    (
        '"=prompt!"',
        '"=promt!"',
        "small.toml:14: submit.body.prompt: nothing is called 'promt' here; did you mean 'prompt'?",
    ),
    (
        '"=prompt!"',
        '"=prompt|eval"',
        "small.toml:14: submit.body.prompt: no filter 'eval'; there are",
    ),
    ('"=prompt!"', '"a { b"', "small.toml:14: submit.body.prompt: a stray { in"),
    (
        '"/jobs/{id}"',
        '"/jobs/{prompt}"',
        "small.toml:20: poll.path: nothing is called 'prompt' here; there are id",
    ),
    ('["/id"]', '["id"]', "small.toml:17: extract.id.0: a JSON Pointer is empty or begins"),
    (
        '"unauthorized"',
        '"unauthorised"',
        "small.toml:30: error.classify.1.kind: no kind of error; did you mean 'unauthorized'?",
    ),
    ('code = ["a"]', 'message = "("', "small.toml:26: error.classify.0.message: no regular expr"),
    ('path = "/jobs/{id}/clip"', "", "small.toml:32: result: the clip lies nowhere"),
    (
        '"=prompt!"',
        '"=fps|frames"',
        "small.toml:14: submit.body.prompt: frames wants pictures per second",
    ),
    (
        "[poll]",
        '[poll]\nselect = { array = "/data", where = { "id" = "{id}" } }',
        "small.toml:20: poll.select.where.id",
    ),
    (
        "[poll]",
        '[poll]\nselect = { array = "/data", missing = "queued" }',
        "small.toml:20: poll.select.missing: Input should be 'gone' or 'out_of_sight'",
    ),
    (
        "[submit.body]",
        '[submit.defaults]\nresolution = "big"\n[submit.body]',
        "small.toml:14: submit.defaults.resolution: Input should be a resolution, such as",
    ),
    (
        'path = "/jobs/{id}"',
        'path = "{urls.pol}"',
        "small.toml:20: poll.path: no answer is asked for 'urls.pol'; there are none",
    ),
    (
        '["/id"]',
        '["/id"]\nurls = { poll = ["/poll"] }\n[cancel]\npath = "{urls.pol}"',
        "small.toml:20: cancel.path: no answer is asked for 'urls.pol'; did you mean 'urls.poll'?",
    ),
    (
        "[submit.body]",
        '[[submit.variants]]\nwhen = "seed"\n[submit.body]',
        "small.toml:14: submit.variants.0.when: a condition is has(name) or lacks(name)",
    ),
    (
        '["/id"]',
        '["/jobs/-*[id"]',
        "small.toml:17: extract.id.0: the entries of a list are * or *[key=text], from the end -*",
    ),
    (
        'path = "/jobs/{id}/clip"',
        'path = "/jobs/{id}/clip"\nbase64 = ["/parts/-*/data"]',
        "small.toml:34: result.base64.0: a clip is read as it comes",
    ),
    ("[profile]", "[profile", "small.toml: no TOML"),
    ('name = "small"', 'name = "../x"', "small.toml:2: profile.name: Input should be a name of"),
]


@pytest.mark.parametrize(("right", "wrong", "complaint"), WRONG)
def test_an_error_names_file_line_key_and_remedy(right: str, wrong: str, complaint: str) -> None:
    with pytest.raises(NotConfigured) as caught:
        read_profile(SMALL.replace(right, wrong, 1), "small.toml")

    assert any(line.startswith(complaint) for line in caught.value.message.splitlines()), (
        caught.value.message
    )


def test_one_s_own_profile_goes_before_a_shipped_one(tmp_path: Path) -> None:
    own = SMALL.replace('"small"', '"openai-videos"')
    (tmp_path / "openai-videos.toml").write_text(own, "utf-8")

    assert load_profile("openai-videos", tmp_path).profile.title == "Small"
    assert load_profile("openai-videos").profile.title != "Small"
    assert load_profile(str(tmp_path / "openai-videos.toml")).profile.title == "Small"


@pytest.mark.parametrize("name", ["openai-video", "../openai-videos", "", "no/such.toml"])
def test_a_profile_that_is_not_there_is_a_configuration_error(name: str) -> None:
    with pytest.raises(NotConfigured):
        load_profile(name)


def test_a_misspelt_name_is_corrected() -> None:
    with pytest.raises(NotConfigured, match=re.escape("did you mean 'openai-videos'?")):
        load_profile("openai-video")


def test_a_file_that_is_no_text_is_a_configuration_error(tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(NotConfigured, match=r"odd\.toml"):
        load_profile(str(path))
