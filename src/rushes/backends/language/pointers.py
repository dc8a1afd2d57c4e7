"""Where things stand in an answer: JSON Pointers (RFC 6901) that know lists too. Pure functions."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rushes.backends.language.grammar import EACH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import JsonValue


def find(document: JsonValue, pointer: str) -> JsonValue:
    """Return what lies at a JSON Pointer (RFC 6901), or None, as for null.

    In a list, `*` is the first entry under which the rest of the pointer finds something;
    `*[kind=video]` is the first such entry whose `kind` is just that text. With `-` before it, it
    is the last one.
    """
    return _follow(document, pointer.split("/")[1:])


def _follow(found: JsonValue, steps: list[str]) -> JsonValue:
    for place, step in enumerate(steps, start=1):
        if isinstance(found, list) and step.startswith(("*", "-*")):
            hits = (_follow(entry, steps[place:]) for entry in _entries(found, step))
            return next((hit for hit in hits if hit is not None), None)
        key = plain(step)
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and re.fullmatch(r"\d{1,6}", key) and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def _entries(found: list[JsonValue], step: str) -> list[JsonValue]:
    wanted = EACH.fullmatch(step)
    if step.startswith("-"):
        found = found[::-1]
    if wanted is None or wanted[1] is None:
        return found
    text = plain(wanted[2])
    return [entry for entry in found if find_text(entry, [f"/{wanted[1]}"]) == text]


def plain(step: str) -> str:
    """Return a step of a pointer without its escapes."""
    return step.replace("~1", "/").replace("~0", "~")


def find_text(document: JsonValue, pointers: Iterable[str]) -> str | None:
    """Return the first non-empty text or number that the pointers lead to, as text."""
    for pointer in pointers:
        found = find(document, pointer)
        if isinstance(found, str) and found:
            return found
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return json.dumps(found)
    return None


def find_prose(document: JsonValue, pointers: Iterable[str]) -> str | None:
    """Return the first text that the pointers lead to; of a table or list its texts, by line."""
    found = (_prose(find(document, pointer)) for pointer in pointers)
    return next((prose for prose in found if prose), None)


def _prose(found: JsonValue) -> str:
    inner = list(found.values()) if isinstance(found, dict) else found
    parts = inner if isinstance(inner, list) else [inner]
    return "\n".join(part for part in parts if isinstance(part, str) and part)


def same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are the same; yes is not 1 here."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def select(
    document: JsonValue, array: str, where: Mapping[str, str], *, last: bool = False
) -> JsonValue:
    """Return the entry of a list in which each pointer leads to just that text; None if none is."""
    entries = find(document, array)
    fitting = (
        entry
        for entry in (entries if isinstance(entries, list) else [])
        if all(find_text(entry, [pointer]) == text for pointer, text in where.items())
    )
    return next(iter(list(fitting)[-1:]), None) if last else next(fitting, None)
