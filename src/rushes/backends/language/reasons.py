"""What a schema found wrong in a document, in the words of the file that people wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

from rushes.backends.language.grammar import SwitchName, VarName, VarValue
from rushes.domain import SETTING_NAME, Resolution, Shape

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from rushes.backends.language.templating import Place

OURS = frozenset({"[key]", "[table]", "[word]"})
"""Steps of a place that only the schema has: the name of a key, the branches of a choice."""
WORDS = {
    "bool_type": "Input should be true or false",
    "dict_type": "Input should be a table",
    "model_type": "Input should be a table",
    "string_type": "Input should be a text, in quotes",
}


def _pattern(annotated: Any) -> str:  # noqa: ANN401 - a type expression
    return str(get_args(annotated)[1].pattern)


SHAPES = {
    _pattern(Shape): 'a shape, such as "16:9"',
    _pattern(Resolution): 'a resolution, such as "720p"',
    _pattern(SwitchName): "a name of a-z, 0-9 and -",
    _pattern(VarName): "a name of a-z, 0-9 and _",
    _pattern(VarValue): "letters, digits and . _ ~ - only",
    SETTING_NAME: "a name of letters, digits, - and _",
}
"""What a text has to be, by the pattern that holds it to that."""


def place_of(error: ErrorDetails) -> Place:
    """Return where in the document an error is."""
    return tuple(step for step in error["loc"] if step not in OURS)


def in_words(error: ErrorDetails) -> str:
    """Return what is wrong there."""
    kind, said = error["type"], error["msg"].removeprefix("Value error, ")
    pattern = error.get("ctx", {}).get("pattern")
    if kind in {"tuple_type", "list_type"}:
        return f"Input should be a list{_as_list(error)}"
    if pattern in SHAPES:
        return f"Input should be {SHAPES[pattern]}"
    if kind.startswith("date_"):
        return "Input should be a date, such as 2026-11-24"
    said = said.partition(", unable to parse")[0].replace("True, False", "true, false")
    return WORDS.get(kind, said)


def _as_list(error: ErrorDetails) -> str:
    """Return how what was written would be a list."""
    given = error.get("input")  # left out where it may be a secret
    if isinstance(given, dict):
        return f" of tables: [[{'.'.join(map(str, place_of(error)))}]]"
    return f", as in [{json.dumps(given)}]" if isinstance(given, (str, int, float)) else ""
