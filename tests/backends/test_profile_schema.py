"""The JSON Schema of profiles: what an editor says of one, as a validator of its own reads it."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from importlib import resources
from typing import Any

import jsonschema_rs
import pytest

from rushes.backends.language.files import shipped_profiles
from rushes.backends.profile_tools import profile_schema
from rushes.cli import main
from tests.backends.test_profile import SMALL

SCHEMA = jsonschema_rs.validator_for(profile_schema())
CLIP = 'path = "/jobs"\nanswer = "clip"'
VARIANT = '[[submit.variants]]\nwhen = "seed"'


def as_json(document: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    """Return what an editor sees of TOML: dates are texts to a schema."""
    if isinstance(document, dict):
        return {key: as_json(part) for key, part in document.items()}
    if isinstance(document, list):
        return [as_json(part) for part in document]
    return document.isoformat() if isinstance(document, date) else document


def marks(text: str) -> list[list[Any]]:
    """Return the places that an editor would mark."""
    return [error.instance_path for error in SCHEMA.iter_errors(as_json(tomllib.loads(text)))]


def test_the_schema_is_printed_with_its_dialect(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "schema"]) == 0

    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "A profile of Rushes"


@pytest.mark.parametrize("name", shipped_profiles())
def test_nothing_is_marked_in_a_shipped_profile(name: str) -> None:
    text = (resources.files("rushes.backends") / "profiles" / f"{name}.toml").read_text("utf-8")

    assert marks(text) == []


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ('path = "/jobs"', 'pth = "/jobs"\npath = "/jobs"', ["submit"]),
        ('["/id"]', '["id"]', ["extract", "id", 0]),
        ('kind = "forbidden"', 'kind = "moderation"', ["error", "classify", 0, "kind"]),
        ('path = ["/status"]', 'http = { ok = "failed" }', ["state", "http"]),
        ('path = ["/status"]', 'map = { x = "complete" }', ["state", "map", "x"]),
        ("[poll]", f"{VARIANT}\n[poll]", ["submit", "variants", 0, "when"]),
        ("[check]", '[switch.x.submti]\npath = "/x"\n[check]', ["switch", "x"]),
        ("[check]", "[capabilities]\nsteps = 3\n[check]", ["capabilities", "steps"]),
        ("[poll]\n", "[poll_]\n", []),
    ],
)
def test_a_mistake_is_marked_where_it_is(right: str, wrong: str, place: list[Any]) -> None:
    found = marks(SMALL.replace(right, wrong, 1))

    assert found
    assert all(where == place for where in found)


def test_what_falls_away_with_an_answer_that_is_the_clip_is_marked() -> None:
    answers = SMALL.replace('path = "/jobs"', CLIP, 1)

    assert sorted(place[0] for place in marks(answers)) == ["extract", "poll", "result", "state"]


def test_the_words_of_the_language_explain_themselves() -> None:
    schema = profile_schema()

    assert schema["$defs"]["Select"]["description"].startswith("The entry of a list")
    explained = schema["$defs"]["Errors"]["properties"]["wait"]["description"]
    assert explained.startswith("Where it says how long to wait")
