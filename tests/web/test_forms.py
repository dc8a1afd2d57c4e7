"""The composer's form: read strictly, kept word for word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.domain import VideoRequest
from rushes.web.forms import FormProblem, read_wish, typed_values


def same(message: str) -> str:
    return message


def test_a_prompt_is_enough() -> None:
    wish = read_wish({"prompt": "Rain"}, same)

    assert wish.request == VideoRequest(prompt="Rain")
    assert (wish.count, wish.backend, wish.token) == (1, None, None)


def test_every_field_arrives() -> None:
    wish = read_wish(
        {
            "prompt": " Rain ",
            "negative_prompt": "text",
            "model": "m1",
            "aspect_ratio": "16:9",
            "resolution": "720p",
            "duration": "2,5",
            "seed": "0",
            "count": "4",
            "backend": "stage",
            "token": "abc",
        },
        same,
    )

    assert wish.request == VideoRequest(
        prompt="Rain",
        negative_prompt="text",
        model="m1",
        aspect_ratio="16:9",
        resolution="720p",
        duration_s=2.5,
        seed=0,
    )
    assert (wish.count, wish.backend, wish.token) == (4, "stage", "abc")


def test_the_composer_calls_its_token_submit_token() -> None:
    assert read_wish({"prompt": "Rain", "submit_token": "abc"}, same).token == "abc"


def test_a_blank_field_is_absent() -> None:
    wish = read_wish({"prompt": "Rain", "seed": " ", "duration": "", "model": ""}, same)

    assert wish.request == VideoRequest(prompt="Rain")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompt", "  "),
        ("prompt", "x" * 32_001),
        ("seed", "-1"),
        ("seed", "1.5"),
        ("seed", "٣"),
        ("seed", "1_000"),
        ("seed", "2147483648"),
        ("seed", "9" * 5_000),
        ("duration", "0"),
        ("duration", "-5"),
        ("duration", "61"),
        ("duration", "1e1"),
        ("duration", "nan"),
        ("duration", "five"),
        ("count", "0"),
        ("count", "17"),
        ("aspect_ratio", "wide"),
        ("resolution", "HD"),
        ("model", "m" * 201),
        ("negative_prompt", "x" * 2_501),
    ],
)
def test_a_bad_value_is_named_and_kept(name: str, value: str) -> None:
    values = {"prompt": "Rain", "seed": "7"} | {name: value}

    with pytest.raises(FormProblem) as caught:
        read_wish(values, same)

    assert list(caught.value.errors) == [name]
    assert caught.value.field == name
    assert caught.value.values == values


def test_all_bad_fields_are_named_at_once() -> None:
    with pytest.raises(FormProblem) as caught:
        read_wish({"prompt": "", "seed": "x", "resolution": "HD"}, same)

    assert set(caught.value.errors) == {"prompt", "seed", "resolution"}


def test_messages_are_translated() -> None:
    with pytest.raises(FormProblem) as caught:
        read_wish({"prompt": "Rain", "count": "99"}, "fr: ".__add__)

    assert caught.value.errors["count"].startswith("fr: Please")


def test_line_ends_become_newlines_and_unknown_fields_are_left() -> None:
    assert typed_values({"prompt": "a\r\nb\rc", "owner": "x"}) == {"prompt": "a\nb\nc"}


@given(
    st.dictionaries(
        st.sampled_from(["prompt", "seed", "duration", "count", "resolution", "aspect_ratio"]),
        st.text(max_size=12),
    )
)
def test_any_form_is_a_wish_or_a_problem(values: dict[str, str]) -> None:
    problem = None
    try:
        read_wish(values, same)
    except FormProblem as refused:
        problem = refused

    assert problem is None or (problem.errors and problem.values == values)
