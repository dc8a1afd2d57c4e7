"""What a backend lacks to be spoken to is told where `backends.toml` or the environment says it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from rushes.app import configured_backends
from rushes.errors import RushesError
from rushes.settings import BadSetting, load_settings
from tests.backends.test_profile import SMALL

if TYPE_CHECKING:
    from pathlib import Path

TWO_NAMES = SMALL + '\n[auth.headers]\nX-Client = "{client_id}"\nX-Secret = "{kee}"\n'
WITH_VARS = SMALL.replace('path = "/jobs"', 'path = "/{vars.ws}/jobs"', 1) + '\n[vars]\nws = ""\n'


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RUSHES_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where backends are configured; beside it lie profiles."""
    (tmp_path / "small.toml").write_text(SMALL, "utf-8")
    for name, text in (("two", TWO_NAMES), ("vars", WITH_VARS)):
        named = text.replace('name = "small"', f'name = "{name}"')
        (tmp_path / f"{name}.toml").write_text(named, "utf-8")
    (tmp_path / "bad.toml").write_text("z = " + "[" * 3000, "utf-8")
    return tmp_path / "backends.toml"


def refused(file: Path, text: str) -> list[str]:
    file.write_text(text, "utf-8")
    settings = load_settings(None, backends_file=file, profiles_dir=file.parent)
    with pytest.raises(BadSetting) as caught:
        configured_backends(settings)
    told = str(caught.value).replace(str(file), "FILE").replace(str(file.parent), "DIR")
    return told.splitlines()


def told_of(file: Path, rest: str) -> str:
    (line,) = refused(file, f'[a]\nurl = "http://a.example"\n{rest}\n')
    return line


def test_every_secret_that_is_not_there_has_a_line(file: Path) -> None:
    told = refused(
        file,
        '[a]\nurl = "http://a.example"\nkey = { env = "NO_A" }\n'
        'headers = { X-A = { env = "NO_X" }, X-B = "b" }\n'
        '[b]\nurl = "http://b.example"\nkey = { file = "nowhere" }\n',
    )

    assert told == [
        "FILE:3: a.key: NO_A is not set: put it into the environment or into .env",
        "FILE:4: a.headers.X-A: NO_X is not set: put it into the environment or into .env",
        "FILE:7: b.key: the secret cannot be read: DIR/nowhere: No such file or directory",
    ]


WRONG = [
    (
        "profile",
        'profile = "smal"',
        "FILE:3: a.profile: no profile is called 'smal'; did you mean ",
    ),
    ("shipped", 'profile = "runwai"', "FILE:3: a.profile: no profile is called 'runwai'; did you "),
    ("nowhere", 'profile = "own.toml"', "FILE:3: a.profile: the profile DIR/own.toml cannot be re"),
    ("no extras", 'profile = "two"\nextras = { kee = "k" }', "FILE:4: a.extras: the profile two n"),
    ("no vars", 'profile = "vars"', "FILE:1: a.vars: the profile needs ws"),
    ("vars", 'profile = "vars"\nvars = { wz = "a" }', "FILE:4: a.vars.wz: the profile asks for no"),
    ("value", 'profile = "vars"\nvars = { ws = "a/b" }', "FILE:4: a.vars.ws: letters, digits and "),
    ("kind", 'profile = "gradio"\nvars = { ws = "a" }', "FILE:4: a.vars: gradio is no profile and"),
    ("host", 'result_hosts = ["ok", "http://x/y"]', "FILE:3: a.result_hosts: 'http://x/y' is no "),
    ("header", 'headers = { X-Y = "é" }', "FILE:3: a.headers.X-Y: the header X-Y has a character"),
    ("no header", 'headers = { "X Y" = "e" }', "FILE:3: a.headers.X Y: 'X Y' is no name for a hea"),
    ("cookie", 'cookies = { c = "é" }', "FILE:3: a.cookies.c: the cookie c has a character that n"),
    ("twice", 'headers = { Cookie = "a=b" }\ncookies = { c = "d" }', "FILE:4: a.cookies: cookies "),
    (
        "extra",
        'profile = "two"\nextras = { client_id = "é", kee = "k" }',
        "FILE:4: a.extras.client_id: has a character that no header can carry",
    ),
    (
        "typo",
        'profile = "gradio"\noptions = { apy = "x" }',
        "FILE:4: a.options.apy: no such key; did",
    ),
    ("option", 'profile = "gradio"\noptions = { api = 3 }', "FILE:4: a.options.api: "),
    ("lacking", 'profile = "comfyui"', "FILE:1: a.options.workflow: Field required"),
    (
        "workflow",
        'profile = "comfyui"\noptions = { workflow = "w.json" }',
        "FILE:4: a.options.workflow: the workflow cannot be read: ",
    ),
    ("its own file", 'profile = "bad.toml"', "FILE:3: a.profile: DIR/bad.toml: no TOML: "),
]


@pytest.mark.parametrize(("rest", "says"), [case[1:] for case in WRONG], ids=[c[0] for c in WRONG])
def test_what_cannot_be_used_is_told_with_line_and_key(file: Path, rest: str, says: str) -> None:
    assert told_of(file, rest).startswith(says)


def test_every_name_that_a_profile_asks_for_in_vain_has_a_line(file: Path) -> None:
    told = refused(file, '[a]\nurl = "http://a.example"\nprofile = "two"\n')

    assert told == [
        "FILE:1: a.extras: the profile two needs 'client_id'",
        "FILE:1: a.extras: the profile two needs 'kee'; did you mean 'key'?",
    ]


def test_a_key_that_no_header_can_carry_is_told_and_not_repeated(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD_KEY", "canary-\u00e9-4711")

    told = told_of(file, 'key = { env = "ODD_KEY" }')

    assert told == "FILE:3: a.key: has a character that no header can carry"


def test_options_of_other_kinds_are_no_options_of_a_profile(file: Path) -> None:
    told = told_of(file, 'profile = "small"\noptions = { workflow = "w.json" }')

    assert told == "FILE:4: a.options.workflow: a profile has no options: 'small' is one"


def test_a_usual_extra_that_no_model_takes_is_refused(file: Path) -> None:
    takes = 'takes = { passthrough = { style = { type = "text" } } }'
    body = 'prompt = "=prompt!"'
    text = SMALL.replace(body, f'{body}\nstyle = "=extra.style"')
    (file.parent / "small.toml").write_text(text, "utf-8")

    rest = f'profile = "small"\n{takes}\ndefaults = {{ extra = {{ stile = "x" }} }}'
    told = told_of(file, rest)
    file.write_text(file.read_text("utf-8").replace("stile", "style"), "utf-8")
    settings = load_settings(None, backends_file=file, profiles_dir=file.parent)

    assert told == "FILE:5: a.defaults.extra.stile: no model takes it; did you mean 'style'?"
    assert [backend.id for backend in configured_backends(settings)] == ["a"]


# --- the environment ------------------------------------------------------------------------------


def told_of_environment(file: Path, **given: object) -> str:
    given = {"backend_url": "http://a.example", "profiles_dir": file.parent} | given
    settings = load_settings(None, **given)
    with pytest.raises(RushesError) as caught:
        configured_backends(settings)
    return str(caught.value).replace(str(file.parent), "DIR")


def test_one_backend_of_the_environment_is_told_by_its_settings(file: Path) -> None:
    assert told_of_environment(file, backend_result_hosts="http://x/y") == (
        "RUSHES_BACKEND_RESULT_HOSTS: 'http://x/y' is no host and no host:port"
    )
    assert told_of_environment(file, backend_key="\u00e9") == (
        "RUSHES_BACKEND_KEY: has a character that no header can carry"
    )
    assert told_of_environment(file, backend_headers='{"X-Y": "\\n"}').startswith(
        "RUSHES_BACKEND_HEADERS: the header X-Y has a character"
    )
    assert told_of_environment(file, backend_profile="smal").startswith(
        "RUSHES_BACKEND_PROFILE: no profile is called 'smal'; did you mean 'small'?"
    )


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("vars", "the profile needs ws; `vars` has its place in RUSHES_BACKENDS_FILE alone"),
        ("comfyui", "workflow: Field required; `options` has its place in RUSHES_BACKENDS_FILE a"),
    ],
)
def test_what_the_environment_cannot_say_is_told_with_the_place_that_can(
    file: Path, profile: str, says: str
) -> None:
    told = told_of_environment(file, backend_profile=profile)

    assert told.startswith(f"RUSHES_BACKEND_PROFILE: {says}")


# --- profiles and files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "close"), [("smal", "small"), ("comfyu", "comfyui"), ("gradoi", "gradio")]
)
def test_own_profiles_and_kinds_in_code_are_proposed_too(
    file: Path, typed: str, close: str
) -> None:
    told = told_of_environment(file, backend_profile=typed)

    assert told.endswith(f"no profile is called {typed!r}; did you mean {close!r}?")


def test_where_nothing_comes_close_own_profiles_are_told_and_the_shipped_ones_are_not(
    file: Path,
) -> None:
    told = told_of_environment(file, backend_profile="zzzzzzzz")

    assert told.endswith(
        "no profile is called 'zzzzzzzz'; in DIR there are bad, small, two, vars, "
        "and `rushes profile list` prints those that are shipped"
    )


def test_a_folder_of_profiles_that_is_none_is_named(file: Path) -> None:
    told = told_of_environment(
        file, backend_profile="glacier", profiles_dir=file.parent / "nowhere"
    )

    assert "RUSHES_PROFILES_DIR=DIR/nowhere is no folder" in told


@pytest.mark.parametrize("text", ["z = " + "[" * 3000, "z = " + "1" * 5000])
def test_what_the_parser_gives_up_on_is_no_toml(file: Path, text: str) -> None:
    (told,) = refused(file, text)

    assert told.startswith("FILE: no TOML: ")


def test_a_file_in_another_encoding_is_named(file: Path) -> None:
    file.write_bytes('[a]\nname = "é"\n'.encode("latin-1"))

    with pytest.raises(BadSetting) as caught:
        configured_backends(load_settings(None, backends_file=file))

    assert str(caught.value) == f"RUSHES_BACKENDS_FILE cannot be read: {file} is not UTF-8"


def test_a_mark_of_byte_order_does_not_matter(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "small.toml").write_text(SMALL, "utf-8-sig")
    file.write_text('[a]\nurl = "http://a.example"\nprofile = "small"\n', "utf-8-sig")

    (backend,) = configured_backends(
        load_settings(None, backends_file=file, profiles_dir=file.parent)
    )

    assert backend.id == "a"
