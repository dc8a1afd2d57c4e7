"""Secrets stay secret, and text from outside is safe to show."""

from __future__ import annotations

import dataclasses
import json
import pickle

import pytest

from rushes.net import Credentials, Redactor, Secret

KEY = "sk-canary-0123456789"


def test_a_secret_prints_as_stars_in_every_way() -> None:
    secret = Secret(KEY)

    assert {str(secret), repr(secret), f"{secret}", f"{secret:>40}", f"{[secret]}"[1:-1]} == {"***"}
    assert secret.reveal() == KEY


def test_a_secret_goes_into_no_file() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(KEY))
    with pytest.raises(TypeError):
        json.dumps(Secret(KEY))
    with pytest.raises(TypeError):
        dataclasses.asdict(Credentials(headers={"a": Secret(KEY)}))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        (f"key={KEY}!", "key=***!"),
        (f"{KEY}{KEY}", "******"),
        (f"part {KEY[2:12]} of it", "part *** of it"),
        (f"short {KEY[:7]}", f"short {KEY[:7]}"),
        ("line\r\nbreak\ttab", "line\\r\\nbreak\\ttab"),
        ("\x1b[31mred\u202egnirts\x00", "\\x1b[31mred\\u202egnirts\\x00"),
        ("un kite è bello 🪁", "un kite è bello 🪁"),
        ("  spaces  ", "spaces"),
    ],
)
def test_text_is_shown_without_secrets_and_control_characters(text: str, shown: str) -> None:
    assert Redactor([Secret(KEY)]).clean(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no such task", "no such task"),
        ("ask the desk, not asks", "*** the desk, not asks"),
        ("Bearer ask, key=ask&x=1", "Bearer ***, key=***&x=1"),
        ('{"token":"ask"}', '{"token":"***"}'),
    ],
)
def test_a_short_secret_is_hidden_where_it_stands_alone(text: str, shown: str) -> None:
    redactor = Redactor([Secret("ask"), Secret(KEY)])

    assert redactor.clean(text) == shown
    assert redactor.clean(f"{text} {KEY}") == f"{shown} ***"


def test_text_is_cut_to_its_limit() -> None:
    redactor = Redactor([Secret(KEY)])

    assert redactor.clean("x" * 200) == "x" * 200
    assert redactor.clean("x" * 201) == "x" * 199 + "…"
    assert len(redactor.clean("\x00" * 500, 50)) == 50


def test_a_secret_at_the_cut_leaves_no_readable_part() -> None:
    shown = Redactor([Secret(KEY)]).clean("x" * 190 + KEY)

    assert shown == "x" * 190 + "***"


def test_an_empty_secret_hides_nothing() -> None:
    assert Redactor([Secret("")]).clean("text") == "text"
