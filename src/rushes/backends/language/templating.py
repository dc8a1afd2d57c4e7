"""Typed references and `{name}` text: from a profile's templates to request bodies and addresses.

`"=duration_s|int|str"` is a reference: its value keeps its type, runs through a closed list of
filters, and an absent value drops the key, the element, and each parent that this leaves empty;
`!` makes it required. Any other string is text in which `{name}` is filled in. `==`, `{{` and `}}`
stand for the characters themselves. Values are never read as templates, whatever they hold.
"""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from rushes.net import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic import JsonValue

    Value = Any  # a JSON value or a tuple; None means absent
    Values = Mapping[str, Value]
    Place = tuple[int | str, ...]
    Tables = Mapping[str, Mapping[str, str]]  # of the filter `map`, by name

_NAME = r"[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_-]+)?"
_REFERENCE = re.compile(rf"=({_NAME}(?:\+{_NAME})*)(!?)((?:\|[^|]*)*)")
_HOLE = re.compile(rf"(\{{\{{|\}}\}})|\{{({_NAME})(:path)?\}}|[{{}}]")
_ABSENT: Final[Any] = object()


class TemplateError(ValueError):
    """A template that cannot be read, or a value that it cannot take."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed `=a+b!|filter:argument`."""

    names: tuple[str, ...]
    is_required: bool
    filters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """A parsed `{name}` or `{name:path}`."""

    name: str
    is_path: bool


@lru_cache(maxsize=1024)
def parse_reference(text: str) -> Reference | None:
    """Return the reference that `text` is, or None for plain text; raises TemplateError."""
    if not text.startswith("=") or text.startswith("=="):
        return None
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise TemplateError(f"{text!r} is no reference; write == for a leading =")
    steps = tuple(_parse_filter(part) for part in match[3].split("|")[1:])
    return Reference(tuple(match[1].split("+")), bool(match[2]), steps)


def _parse_filter(part: str) -> tuple[str, str]:
    name, _, argument = part.partition(":")
    if name not in FILTERS:
        raise TemplateError(f"no filter {name!r}; there are {', '.join(sorted(FILTERS))}")
    if name == "frames" and not re.fullmatch(r"[1-9]\d{0,2}", argument):
        raise TemplateError(f"frames wants pictures per second, as in frames:30, not {argument!r}")
    if name == "datauri" and not re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", argument):
        raise TemplateError(f"datauri wants a type, as in datauri:image/png, not {argument!r}")
    return name, argument


@lru_cache(maxsize=1024)
def parse_text(text: str) -> tuple[str | Hole, ...]:
    """Return the literal parts and holes of `text`; raises TemplateError for a stray brace."""
    parts: list[str | Hole] = []
    end = 0
    for match in _HOLE.finditer(text):
        doubled, name, path = match.groups()
        if not doubled and not name:
            raise TemplateError(f"a stray {match[0]} in {text!r}; write {match[0] * 2} for one")
        parts.append(text[end : match.start()])
        parts.append(doubled[0] if doubled else Hole(name, bool(path)))
        end = match.end()
    return *parts, text[end:]


def names_in(template: JsonValue) -> Iterator[str]:
    """Yield every name that a template refers to; raises TemplateError if it cannot be read."""
    for _, text in strings_in(template):
        found = parse_reference(text)
        if found is not None:
            yield from found.names
        else:
            yield from (part.name for part in parse_text(text) if isinstance(part, Hole))


def strings_in(template: JsonValue, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Yield every string of a template and where it stands: keys and indices below `place`."""
    for at, leaf in leaves_in(template, place):
        if isinstance(leaf, str):
            yield at, leaf


def leaves_in(template: JsonValue, place: Place = ()) -> Iterator[tuple[Place, Value]]:
    """Yield whatever a template's tables and lists hold, and where: as `strings_in`."""
    if not isinstance(template, (dict, list)):
        yield place, template
        return
    for key, part in template.items() if isinstance(template, dict) else enumerate(template):
        yield from leaves_in(part, (*place, key))


# --- filling in ---------------------------------------------------------------------------------


def render(template: JsonValue, values: Values, tables: Tables) -> JsonValue:
    """Return the body that `template` makes of `values`; raises TemplateError."""
    made: JsonValue = _render(template, values, tables)
    return {} if made is _ABSENT else made


def fill(text: str, values: Values) -> str | None:
    """Return `text` with its names filled in, or None where one of them is absent."""
    return _fill(text, values, lambda value, _hole: value)


def fill_address(text: str, values: Values) -> str:
    """Fill a path or URL; raises TemplateError where a value is absent.

    Each value becomes one percent-encoded segment, with `{id:path}` several. `{urls.x}` is an
    address that the backend gave and stands as it is; `{urls.x:path}` is only its path.
    """
    filled = _fill(text, values, _segment)
    if filled is None:
        raise TemplateError(f"the address {text!r} lacks a value")
    return filled


def form_parts(body: JsonValue) -> dict[str, str | Upload]:
    """Return the parts of a multipart form: files, scalars as text, the rest as JSON."""
    parts: dict[str, Value] = body if isinstance(body, dict) else {}
    return {n: v if isinstance(v, Upload) else _text(v) for n, v in parts.items()}


def form_fields(body: JsonValue) -> dict[str, str]:
    """Return the text parts of a form: scalars as text, the rest as JSON."""
    if not isinstance(body, dict):
        raise TemplateError("a form is a table of names and values")
    return {name: _text(value) for name, value in body.items()}


def _render(template: JsonValue, values: Values, tables: Tables) -> Value:
    if isinstance(template, dict):
        pairs = ((key, _render(part, values, tables)) for key, part in template.items())
        kept = {key: part for key, part in pairs if part is not _ABSENT}
        return kept if kept or not template else _ABSENT
    if isinstance(template, list):
        parts = [_render(part, values, tables) for part in template]
        elements = [part for part in parts if part is not _ABSENT]
        return elements if elements or not template else _ABSENT
    return _render_text(template, values, tables) if isinstance(template, str) else template


def _render_text(text: str, values: Values, tables: Tables) -> Value:
    found = parse_reference(text)
    if found is not None:
        value = look_up(found, values, tables)
        return _ABSENT if value is None else value
    filled = fill(text.removeprefix("=") if text.startswith("==") else text, values)
    return _ABSENT if filled is None else filled


def look_up(found: Reference, values: Values, tables: Tables) -> Value:
    """Return what a reference is, None where that is absent; raises TemplateError."""
    value = _joined([values.get(name) for name in found.names])
    for name, argument in found.filters:
        if value is not None or name == "default":
            value = FILTERS[name](value, argument, tables)
    if value is None and found.is_required:
        raise TemplateError(f"{'+'.join(found.names)} is needed")
    return value


def _joined(values: list[Value]) -> Value:
    if len(values) == 1:
        return values[0]
    return None if None in values else "+".join(_text(value) for value in values)


def _fill(text: str, values: Values, write: Callable[[str, Hole], str]) -> str | None:
    parts: list[str] = []
    for part in parse_text(text):
        if isinstance(part, str):
            parts.append(part)
        elif (value := values.get(part.name)) is None:
            return None
        else:
            parts.append(write(_text(value), part))
    return "".join(parts)


def _segment(value: str, hole: Hole) -> str:
    is_address = hole.name.startswith("urls.")
    if is_address and not hole.is_path:
        return value
    quoted = _path_of(value) if is_address else quote(value, safe="/" if hole.is_path else "")
    # A segment of dots would climb; written in hexadecimal it is a name like any other.
    return "/".join(
        part.replace(".", "%2E") if part in {".", ".."} else part for part in quoted.split("/")
    )


def _path_of(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError as error:
        raise TemplateError(f"{address!r} is no address") from error


def _text(value: Value) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- filters ------------------------------------------------------------------------------------


def _number(value: Value, _argument: str, _tables: Tables) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise TemplateError(f"{value!r} is no number") from None
    if not math.isfinite(number):
        raise TemplateError(f"{value!r} is no number")
    return number


def _whole(value: Value, argument: str, tables: Tables) -> int:
    number = _number(value, argument, tables)
    if not number.is_integer():
        raise TemplateError(f"{value!r} is no whole number")
    return int(number)


def _frames(value: Value, fps: str, tables: Tables) -> int:
    return round(_number(value, "", tables) * int(fps))


def _join(value: Value, separator: str, _tables: Tables) -> str:
    if not isinstance(value, (tuple, list)):
        raise TemplateError(f"{value!r} has no parts to join")
    return separator.join(_text(part) for part in value)


def _map(value: Value, table: str, tables: Tables) -> str:
    found = tables.get(table, {}).get(_text(value))
    if found is None:
        raise TemplateError(f"the table {table!r} has no entry for {_text(value)}")
    return found


def _data_uri(value: Value) -> tuple[str, str]:
    """Return the media type of a data URI, and its bare base64."""
    head, mark, data = _text(value).partition(";base64,")
    if not mark or not head.startswith("data:"):
        raise TemplateError("only a data URI holds base64 and says its type")
    return head.removeprefix("data:"), data


def _b64(value: Value, _argument: str, _tables: Tables) -> str:
    """Return the bare base64 of a data URI."""
    return _data_uri(value)[1]


def _mime(value: Value, _argument: str, _tables: Tables) -> str:
    """Return the media type of a data URI."""
    return _data_uri(value)[0]


def _datauri(value: Value, media_type: str, _tables: Tables) -> str:
    """Put the head of a data URI before bare base64; what has one, or is an address, stays."""
    text = _text(value)
    is_whole = text.startswith(("data:", "https://", "http://"))
    return text if is_whole else f"data:{media_type};base64,{text}"


def picture_file(data_uri: str, name: str = "picture") -> Upload:
    """Return what a data URI holds as a file, for a part of a form; raises TemplateError."""
    media_type, data = _data_uri(data_uri)
    try:
        content = base64.b64decode(data, validate=True)
    except ValueError:
        raise TemplateError("the data URI holds no base64") from None
    return Upload(f"{name}.{media_type.rpartition('/')[2]}", media_type, content)


FILTERS: Mapping[str, Callable[[Value, str, Tables], Value]] = {
    "b64": _b64,
    "datauri": _datauri,
    "default": lambda value, argument, _: argument if value is None else value,
    "file": lambda value, _argument, _tables: picture_file(_text(value)),
    "float": _number,
    "frames": _frames,
    "int": _whole,
    "join": _join,
    "lower": lambda value, _argument, _tables: _text(value).lower(),
    "map": _map,
    "mime": _mime,
    "onoff": lambda value, _argument, _tables: "on" if value else "off",
    "str": lambda value, _argument, _tables: _text(value),
    "suffix": lambda value, argument, _tables: _text(value) + argument,
    "url": lambda value, _argument, _tables: quote(_text(value), safe=""),
    "upper": lambda value, _argument, _tables: _text(value).upper(),
}
