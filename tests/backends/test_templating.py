"""References keep their type, absent values leave no trace, and values are never templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.backends.language.templating import (
    TemplateError,
    fill,
    fill_address,
    form_fields,
    names_in,
    render,
)

if TYPE_CHECKING:
    from pydantic import JsonValue

NASTY = 'a "red" kite\r\n🪁 {{x}} {id} =seed == %2F \\ \x00 |upper'
VALUES: dict[str, Any] = {
    "prompt": NASTY,
    "duration_s": 8.0,
    "size": (1280, 720),
    "seed": 0,
    "audio": False,
    "aspect_ratio": "16:9",
    "resolution": "720p",
    "nothing": None,
    "extra.image": "data:image/jpeg;base64,AAAA",
    "extra.bare": "AAAA",
    "extra.link": "https://x.test/a b",
    "extra.lora": {"name": "x", "scale": 0.5},
}
TABLES = {"ratio": {"16:9+720p": "1280:720"}, "length": {"8": "long"}}

RENDERED: list[tuple[JsonValue, JsonValue]] = [
    ("plain", "plain"),
    (5, 5),
    (None, None),
    (True, True),
    ("=prompt", NASTY),
    ("=prompt!", NASTY),
    ("see: {prompt}", f"see: {NASTY}"),
    ("==prompt", "=prompt"),
    ("{{prompt}}", "{prompt}"),
    ("=duration_s", 8.0),
    ("=duration_s|int", 8),
    ("=duration_s|int|str", "8"),
    ("=duration_s|str|suffix:s", "8s"),
    ("=duration_s|map:length", "long"),
    ("{duration_s} s", "8 s"),
    ("=duration_s|frames:30", 240),
    ("=absent|default:2.5|frames:24", 60),
    ("=size|join:x", "1280x720"),
    ("=size|join:*", "1280*720"),
    ("=aspect_ratio+resolution|map:ratio", "1280:720"),
    ("=resolution|upper", "720P"),
    ("=resolution|upper|lower", "720p"),
    ("=extra.image|b64", "AAAA"),
    ("=extra.bare|datauri:image/png", "data:image/png;base64,AAAA"),
    ("=extra.image|datauri:image/png", "data:image/jpeg;base64,AAAA"),
    ("=extra.link|datauri:image/png", "https://x.test/a b"),
    ("=extra.link|url", "https%3A%2F%2Fx.test%2Fa%20b"),
    ("=audio", False),
    ("=audio|onoff", "off"),
    ("=seed", 0),
    ("=seed|float", 0.0),
    ("=absent|default:x", "x"),
    ("=absent|default:7|int", 7),
    ("=extra.lora", {"name": "x", "scale": 0.5}),
    ({"a": "=absent", "b": "=seed"}, {"b": 0}),
    ({"a": {"b": {"c": "=absent"}}, "d": 1}, {"d": 1}),
    ({"a": [{"b": "=absent"}], "c": ["=absent", "=seed"]}, {"c": [0]}),
    ({"a": "text with {absent}", "b": "=nothing|int"}, {}),
    ({"a": {}, "b": []}, {"a": {}, "b": []}),
    ({"a": "=absent+seed|map:ratio"}, {}),
]


@pytest.mark.parametrize(("template", "expected"), RENDERED)
def test_a_template_renders_to(template: JsonValue, expected: JsonValue) -> None:
    made = render(template, VALUES, TABLES)

    assert (made, type(made)) == (expected, type(expected))


UNREADABLE = [
    "=",
    "=9",
    "=prompt|",
    "=prompt|eval",
    "=prompt|int;",
    "= prompt",
    "=duration_s|frames",
    "=duration_s|frames:0",
    "=duration_s|frames:1e9",
    "{",
    "a } b",
    "{a b}",
]


@pytest.mark.parametrize("template", UNREADABLE)
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        list(names_in({"body": [template]}))


IMPOSSIBLE = [
    "=prompt|frames:30",
    "=absent!",
    "=prompt|int",
    "=extra.lora|float",
    "=seed|join:x",
    "=resolution|map:ratio",
    "=resolution|map:no_such_table",
]


@pytest.mark.parametrize("template", IMPOSSIBLE)
def test_a_value_that_does_not_fit_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        render({"a": template}, VALUES, TABLES)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999"])
def test_what_json_cannot_say_is_no_number(text: str) -> None:
    with pytest.raises(TemplateError, match="is no number"):
        render({"a": "=extra.weight|float"}, {"extra.weight": text}, TABLES)


def test_all_names_of_a_template_are_found() -> None:
    body: JsonValue = {
        "a": "=prompt!|str",
        "b": [{"c": "{id:path} {extra.x-y}"}],
        "d": "=a+b",
        "e": 1,
    }

    assert list(names_in(body)) == ["prompt", "id", "extra.x-y", "a", "b"]


@given(st.text())
def test_any_prompt_arrives_as_it_was_typed(prompt: str) -> None:
    body: JsonValue = {"prompt": "=prompt!", "text": "<{prompt}>"}

    assert render(body, {"prompt": prompt}, {}) == {"prompt": prompt, "text": f"<{prompt}>"}


ADDRESSES: list[tuple[str, dict[str, str], str]] = [
    ("/videos/{id}", {"id": "video_1"}, "/videos/video_1"),
    ("/videos/{id}", {"id": "a/b?c=d#e%f+g="}, "/videos/a%2Fb%3Fc%3Dd%23e%25f%2Bg%3D"),
    ("/videos/{id}/x", {"id": ".."}, "/videos/%2E%2E/x"),
    ("/videos/{id}", {"id": "è🪁"}, "/videos/%C3%A8%F0%9F%AA%81"),
    ("/{id:path}", {"id": "models/v/operations/1?x"}, "/models/v/operations/1%3Fx"),
    ("/{id:path}", {"id": "a/../../b"}, "/a/%2E%2E/%2E%2E/b"),
    ("{urls.poll}", {"urls.poll": "https://x.test/a?b=c"}, "https://x.test/a?b=c"),
    ("/r{urls.poll:path}/s", {"urls.poll": "https://x.test/a%20b/c?d=e"}, "/r/a%20b/c/s"),
    ("/r{urls.poll:path}", {"urls.poll": "https://x.test/../a"}, "/r/%2E%2E/a"),
    ("/v1/models:go", {}, "/v1/models:go"),
]


@pytest.mark.parametrize(("template", "values", "expected"), ADDRESSES)
def test_an_address_keeps_each_value_in_its_segment(
    template: str, values: dict[str, str], expected: str
) -> None:
    assert fill_address(template, values) == expected


def test_an_address_without_its_value_is_refused() -> None:
    with pytest.raises(TemplateError):
        fill_address("/videos/{id}", {"id": None})


def test_what_is_no_address_has_no_path() -> None:
    with pytest.raises(TemplateError, match="no address"):
        fill_address("/r{urls.poll:path}", {"urls.poll": "https://[x/a"})


def test_text_without_its_value_is_absent() -> None:
    assert fill("Bearer {key}", {}) is None
    assert fill("Bearer {key}", {"key": "k"}) == "Bearer k"


def test_a_form_has_scalars_as_text_and_the_rest_as_json() -> None:
    body: JsonValue = {"a": 1, "b": 2.0, "c": 2.5, "d": True, "e": "è", "f": {"g": ["è"]}}

    assert form_fields(body) == {
        "a": "1",
        "b": "2",
        "c": "2.5",
        "d": "true",
        "e": "è",
        "f": '{"g": ["è"]}',
    }
