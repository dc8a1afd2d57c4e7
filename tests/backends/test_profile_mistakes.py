"""What a profile cannot mean is refused when it is read, and not when somebody's job is sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from rushes.backends.asking import variant_for
from rushes.backends.language.files import load_profile, read_profile
from rushes.backends.language.profile import JobProfile
from rushes.errors import NotConfigured
from tests.backends.test_profile import SMALL

if TYPE_CHECKING:
    from pathlib import Path

PROMPT = 'prompt = "=prompt!"'
POLL = 'path = "/jobs/{id}"\n'
CHECK = '[check]\npath = "/jobs"'
CLASSIFY = 'code = ["a"]\n'
AUTH = "[auth.headers]\n"
BEFORE = '[submit.before]\npath = "/{prompt}"\nvalues = {}'
ONLY_BEHIND = 'path = "/jobs"\nappend = [" {prompt}"]'


def complaints(right: str, wrong: str) -> list[str]:
    """Return what is said of the small profile with one thing written otherwise."""
    assert right in SMALL
    with pytest.raises(NotConfigured) as caught:
        read_profile(SMALL.replace(right, wrong, 1), "small.toml")
    return caught.value.message.splitlines()


def added(text: str) -> list[str]:
    """Return what is said of the small profile with more behind it."""
    return complaints(CHECK, f"{CHECK}\n{text}")


# --- a submit that says nothing -----------------------------------------------------------------


@pytest.mark.parametrize("said", ['script = "{{prompt}}"', 'script = "hello"', 'x = "=seed"'])
def test_a_submit_without_the_prompt_is_refused(said: str) -> None:
    assert complaints(PROMPT, said) == [
        'small.toml:10: submit: no template here names the prompt, as in "=prompt!"'
    ]


def test_each_variant_says_the_prompt_too() -> None:
    variants = """
[[submit.variants]]
when = "has(seed)"
path = "/with-a-seed"
[[submit.variants]]
when = "has(first_frame)"
[submit.variants.body]
image = "=first_frame"
"""
    assert complaints(PROMPT, PROMPT + variants) == [
        'small.toml:18: submit.variants.1: no template here names the prompt, as in "=prompt!"'
    ]


def test_what_is_not_sent_says_no_prompt() -> None:
    sent = 'path = "/jobs"\nencoding = "none"'

    assert "names the prompt" in complaints('path = "/jobs"', sent)[0]
    assert "names the prompt" in complaints(PROMPT, 'x = "a"\n[submit.defaults]\n')[0]
    spoken = f'path = "/jobs"\n\n[submit.body]\n{PROMPT}'
    assert "names the prompt" in complaints(spoken, ONLY_BEHIND)[0]


@pytest.mark.parametrize("said", ['image = "=first_frame!"', 'text = "a clip of {prompt}"'])
def test_a_picture_that_must_be_there_and_a_prompt_in_text_are_enough(said: str) -> None:
    profile = read_profile(SMALL.replace(PROMPT, said), "small.toml")

    assert list(profile.submit.body) == [said.partition(" ")[0]]


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("=prompt!|int", "'a kite' is no number"),
        ("=size|float", "(1280, 720) is no number"),
        ("=seed|b64", "only a data URI holds base64 and says its type"),
        ("=prompt|join:x", "'a kite' has no parts to join"),
    ],
)
def test_a_filter_that_no_value_passes_is_refused(template: str, reason: str) -> None:
    assert complaints(PROMPT, f'{PROMPT}\nx = "{template}"') == [
        f"small.toml:15: submit.body.x: it could never be filled in: {reason}"
    ]


@pytest.mark.parametrize("value", ["nan", "-inf", "2026-11-24", "07:32:00"])
def test_what_json_cannot_say_is_refused(value: str) -> None:
    assert complaints(PROMPT, f"{PROMPT}\nx = {{ y = [{value}] }}") == [
        "small.toml:15: submit.body.x.y.0: JSON has no such value"
    ]
    assert added(f"body = {{ x = {value} }}") == [
        "small.toml:37: check.body.x: JSON has no such value"
    ]


def test_a_number_is_finite_everywhere() -> None:
    assert added("[progress]\nscale = inf") == [
        "small.toml:38: progress.scale: Input should be a finite number"
    ]


# --- addresses and texts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        (POLL, 'path = "=id"\n', ":20: poll.path: a path begins with"),
        (POLL, 'path = "jobs/{id}"\n', ":20: poll.path: a path begins with"),
        (POLL, 'path = "//other.example"\n', ":20: poll.path: a path begins with"),
        (POLL, 'path = "https://other.example/{id}"\n', ":20: poll.path: leave the host out"),
        (
            'path = "/jobs"',
            'path = "/jobs/=model"',
            ":11: submit.path: an address takes no references: write {model}, not =model",
        ),
        (
            'path = "/jobs/{id}/clip"',
            'path = "/=id"',
            ":33: result.path: an address takes no references: write {id}, not =id",
        ),
        (CHECK, '[check]\npath = "https://other.example"', ":36: check.path: leave the host"),
        (CHECK, '[check]\npath = "/{vars.ws}"', ":36: check.path: [vars] has no 'ws'"),
        (CHECK, '[check]\npath = "/{key}"', ":36: check.path: this is sent as it stands"),
        (CHECK, f'{CHECK}\nbody = {{ a = ["=model"] }}', ":37: check.body.a.0: this is sent as"),
        (POLL, 'path = "/{vars.ws}"\n', ":20: poll.path: [vars] has no 'ws'"),
        (PROMPT, f"{PROMPT}\n{BEFORE}", ":16: submit.before.path: this is sent as it stands"),
        (
            'path = "/jobs"',
            'path = "/jobs"\nappend = ["=seed!|str"]',
            ":12: submit.append.0: no reference is read here: write {seed}",
        ),
    ],
)
def test_a_text_that_would_be_sent_as_it_stands_is_refused(
    right: str, wrong: str, complaint: str
) -> None:
    assert complaints(right, wrong)[0].startswith(f"small.toml{complaint}")


def test_a_clip_may_lie_at_another_host() -> None:
    elsewhere = 'path = "https://clips.example/{id}.mp4"'
    profile = read_profile(SMALL.replace('path = "/jobs/{id}/clip"', elsewhere), "small.toml")

    assert isinstance(profile, JobProfile)
    assert profile.result.path == "https://clips.example/{id}.mp4"


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ('X-Key = "=key"', "auth.headers.X-Key: no reference is read here: write {key}"),
        ('X-Key = "{key}\\n"', "auth.headers.X-Key: "),
        ('X-Key = "clé {key}"', "auth.headers.X-Key: "),
        ('"X Key" = "{key}"', "auth.headers.X Key: 'X Key' is no name for a header"),
        ('Host = "{key}"', "auth.headers.Host: the header Host belongs to the connection"),
    ],
)
def test_a_credential_that_none_can_send_is_refused(header: str, complaint: str) -> None:
    assert added(AUTH + header)[0].startswith(f"small.toml:38: {complaint}")


# --- what nothing tells -------------------------------------------------------------------------

UNTOLD = "no answer is asked for 'values.gen'; there are none"


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        (
            'path = "/jobs/{id}/clip"',
            'path = "/x/{values.gen}"',
            f"small.toml:33: result.path: {UNTOLD}",
        ),
        (
            'path = "/jobs/{id}/clip"',
            'path = "/x"\nmethod = "POST"\nbody = { a = ["=values.gen"] }',
            f"small.toml:35: result.body.a.0: {UNTOLD}",
        ),
        (
            'path = "/jobs/{id}/clip"',
            'path = "/x"\nthumbnail = "/x/{values.gen}"',
            f"small.toml:34: result.thumbnail: {UNTOLD}",
        ),
        (
            POLL,
            f'{POLL}select = {{ array = "", where = {{ "/id" = "{{values.gen}}" }} }}\n',
            f"small.toml:21: poll.select.where./id: {UNTOLD}",
        ),
    ],
)
def test_what_no_answer_tells_is_named_nowhere(right: str, wrong: str, complaint: str) -> None:
    assert complaints(right, wrong) == [complaint]


STEPS = """\
path = "/x/{values.file}"
[[result.steps]]
path = "/files/{id}"
values = { file = ["/file"] }
"""


def test_what_a_step_tells_is_known_behind_it_alone() -> None:
    clip = 'path = "/jobs/{id}/clip"'
    profile = read_profile(SMALL.replace(clip, STEPS), "small.toml")

    assert isinstance(profile, JobProfile)
    assert profile.result.path == "/x/{values.file}"
    assert complaints(clip, STEPS.replace("{id}", "{values.file}")) == [
        "small.toml:35: result.steps.0.path: no answer is asked for 'values.file'; there are none"
    ]
    early = SMALL.replace(clip, STEPS).replace(POLL, 'path = "/{values.file}"\n')
    with pytest.raises(NotConfigured, match=r"small\.toml:20: poll\.path: no answer is asked"):
        read_profile(early, "small.toml")


# --- rules, kinds, switches, words --------------------------------------------------------------


@pytest.mark.parametrize("rule", ['path = "/error"', 'equals = "x"', 'exists = "/a"\nequals = 1'])
def test_a_rule_with_half_a_comparison_is_refused(rule: str) -> None:
    assert added(f'[[state.rules]]\nstate = "failed"\n{rule}')[0] == (
        "small.toml:37: state.rules.0: a condition needs exists, empty, or path with equals"
    )


def test_a_kind_that_would_be_of_every_error_is_refused() -> None:
    assert complaints(CLASSIFY, "")[0].startswith(
        "small.toml:25: error.classify.0: a kind needs http, code, code_pattern or message"
    )


def test_a_cancel_that_nobody_is_asked_for_is_not_offered() -> None:
    assert added('[capabilities]\ncancel = "any"') == [
        "small.toml:38: capabilities.cancel: without [cancel] nobody is asked to stop"
    ]


def test_an_answer_that_is_the_clip_is_never_cancelled_over_there() -> None:
    at_once = '[switch.x.submit]\nanswer = "clip"\n[switch.x.result]\nbase64 = ["/clip"]'
    offered = f'[cancel]\npath = "/jobs/{{id}}"\n[capabilities]\ncancel = "any"\n{at_once}'
    mended = f'{offered}\n[switch.x.capabilities]\ncancel = "none"\n'

    assert added(offered) == [
        "small.toml:40: capabilities.cancel: without [cancel] nobody is asked to stop (with +x)",
    ]
    assert read_profile(SMALL + mended, "small.toml", "x").capabilities.cancel == "none"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ("[switch.x.submti]\npath = 1", "submti: no such key; did you mean 'submit'?"),
        ('[switch.x.submit]\npth = "/x"', "submit.pth: no such key; did you mean 'path'?"),
    ],
)
def test_a_switch_is_checked_before_it_is_chosen(changes: str, complaint: str) -> None:
    (line,) = added(changes)

    assert re.fullmatch(rf"small\.toml:(37|38): {re.escape(complaint)} \(with \+x\)", line)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ('audio = "off"', "audio: Input should be true, false or 'on'"),
        ('seed = "yes"', "seed: Input should be true or false"),
        ("first_frame = 1", "first_frame: Input should be true or false"),
        ('steps = "yes"', "steps: Input should be true or false"),
        ("steps = { min = 3, max = 1 }", "steps: min is above max"),
        ("steps = { mni = 3 }", "steps.mni: no such key; did you mean 'min'?"),
        ('durations = ["4s"]', "durations.0: Input should be a valid number"),
        ("durations = 4", "durations: Input should be a list, as in [4]"),
        (
            'aspect_ratios = ["16x9"]',
            'aspect_ratios.0: Input should be a shape, such as "16:9"',
        ),
        ('resolutions = ["4k"]', 'resolutions.0: Input should be a resolution, such as "720p"'),
    ],
)
def test_a_capability_is_told_in_one_line_of_plain_words(setting: str, reason: str) -> None:
    assert added(f"[capabilities]\n{setting}") == [f"small.toml:38: capabilities.{reason}"]


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ('["/id"]', '"/id"', '17: extract.id: Input should be a list, as in ["/id"]'),
        ('path = ["/status"]', 'http = { ok = "failed" }', "23: state.http.ok: Input should be a"),
        (
            "[submit.body]",
            '[submit.variants]\nwhen = "has(seed)"\n[submit.body]',
            "13: submit.variants: Input should be a list of tables: [[submit.variants]]",
        ),
        (PROMPT, f"{PROMPT}\nx = 2026-01-01", "15: submit.body.x: JSON has no such value"),
        ("date = 2026-11-22", 'date = "22.11."', "8: profile.date: Input should be a date, such"),
        (CHECK, f"{CHECK}\n[tables]\nx = 1", "38: tables.x: Input should be a table"),
        (CHECK, f'{CHECK}\n[vars]\nX = "a"', "38: vars.X: Input should be a name of a-z, 0-9"),
        ("version = 1", "version = 1\nlimits = 1", "4: profile.limits: Input should be a text"),
    ],
)
def test_what_stands_in_the_wrong_form_is_told_in_words_of_toml(
    right: str, wrong: str, complaint: str
) -> None:
    (line,) = complaints(right, wrong)

    assert line.startswith(f"small.toml:{complaint}")
    assert "[key]" not in line


def test_a_file_and_its_profile_bear_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(SMALL, "utf-8")

    for name in ("other", str(path)):
        with pytest.raises(NotConfigured, match=r"other\.toml:2: profile\.name: the file is call"):
            load_profile(name, tmp_path)


# --- what is possible ---------------------------------------------------------------------------


def test_a_variant_may_hang_on_what_only_this_service_knows() -> None:
    variant = """
turbo = "=extra.turbo"
[[submit.variants]]
when = "has(extra.turbo) and lacks(seed)"
path = "/turbo"
"""
    submit = read_profile(SMALL.replace(PROMPT, PROMPT + variant), "small.toml").submit

    assert variant_for(submit, {"extra.turbo": True}) is submit.variants[0]
    assert variant_for(submit, {"extra.turbo": True, "seed": 1}) is None
    assert variant_for(submit, {"extra.slow": True}) is None
