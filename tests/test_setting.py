"""Which values a setting takes, and how it tells them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from rushes.backends.language.capabilities import Models, Takes
from rushes.domain import Setting, VideoRequest


@pytest.mark.parametrize(
    ("value", "is_taken"),
    [
        *((0, True), (2**53, True), (2**53 + 1, False), (-(10**400), False), (10**400, False)),
        *((0.5, True), (float("nan"), False), (float("inf"), False), (True, False)),
    ],
)
def test_a_number_is_one_that_every_reader_of_json_knows(value: float, is_taken: bool) -> None:
    assert Setting("number").takes(value) is is_taken


def test_a_boolean_has_choices_too() -> None:
    only_on = Setting("boolean", choices=(True,))

    assert [only_on.takes(value) for value in (True, False, 1)] == [True, False, False]
    assert only_on.values == ("true",)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (Setting("integer", choices=(1_234_567, 7)), ("1234567", "7")),
        (Setting("number", choices=(0.25, 1.0)), ("0.25", "1")),
        (Setting("text", choices=("pan",)), ("pan",)),
        (Setting("boolean"), ("true", "false")),
        (Setting("integer", 1.0, 1_234_567.0), ("integer ≥ 1 ≤ 1234567",)),
        (Setting("number", max=1.5), ("number ≤ 1.5",)),
    ],
)
def test_values_are_told_as_a_program_would_write_them(
    setting: Setting, told: tuple[str, ...]
) -> None:
    assert setting.values == told


@pytest.mark.parametrize("table", [Models, Takes])
@pytest.mark.parametrize(
    ("name", "choices", "type_"),
    [
        ("fps", ["24"], "integer"),
        ("num_frames", [24.5], "integer"),
        ("steps", [True], "integer"),
        ("guidance", ["high"], "number"),
    ],
)
def test_choices_of_another_type_are_refused(
    table: type[Models | Takes], name: str, choices: list[object], type_: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        table.model_validate({name: {"choices": choices}})

    (error,) = caught.value.errors()
    assert error["loc"] == (name,)
    assert error["msg"] == f"Value error, each of choices must be of type {type_}"


@pytest.mark.parametrize(
    "extra", [{"a\n": 1}, {"": 1}, {"é": 1}, {"x" * 41: 1}, {"a": "\udc00"}, {"a": ["\udc00"]}]
)
def test_an_extra_that_cannot_be_told_is_refused(extra: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="a setting's"):
        VideoRequest(prompt="x", extra=extra)


def test_an_extra_keeps_whatever_else_it_is_given() -> None:
    extra = {"a-b_1": "\U0001f30a", "k": [1, None]}

    assert VideoRequest(prompt="x", extra=extra).extra == extra
