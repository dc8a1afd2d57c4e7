"""Profile files: where they are found, and errors that name file, line, key and reason."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from rushes.backends.grammar import meant
from rushes.backends.profile import ClipProfile, JobProfile
from rushes.errors import NotConfigured

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from pydantic_core import ErrorDetails


Grammar = type[JobProfile] | type[ClipProfile]


def load_profile(name: str, folder: Path | None = None) -> JobProfile | ClipProfile:
    """Load a profile: a path to a .toml file, or a name in `folder` or among the shipped ones.

    Raises NotConfigured with one line for each thing that is wrong.
    """
    source = _find(name, folder)
    try:
        text = source.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotConfigured(f"the profile {source} cannot be read: {error}") from error
    return read_profile(text, str(source))


def shipped_profiles() -> list[str]:
    """Return the names of the profiles that come with Rushes."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in _shipped().iterdir()
        if entry.name.endswith(".toml")
    )


def read_profile(text: str, source: str) -> JobProfile | ClipProfile:
    """Read a profile's text; `source` is how errors name it. Raises NotConfigured."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotConfigured(f"{source}: no TOML: {error}") from error
    grammar = _grammar_of(document)
    try:
        return grammar.model_validate(document)
    except ValidationError as invalid:
        lines = [_explained(error, text, source, grammar) for error in invalid.errors()]
        raise NotConfigured("\n".join(lines)) from invalid


def _grammar_of(document: dict[str, Any]) -> Grammar:
    submit = document.get("submit")
    answers_with_clip = isinstance(submit, dict) and submit.get("answer") == "clip"
    return ClipProfile if answers_with_clip else JobProfile


def _shipped() -> Traversable:
    return resources.files("rushes.backends") / "profiles"


def _find(name: str, folder: Path | None) -> Path | Traversable:
    if name.endswith(".toml"):
        return Path(name)
    own = folder / f"{name}.toml" if folder else None
    if own is not None and own.is_file():
        return own
    known = shipped_profiles()
    if name in known:
        return _shipped() / f"{name}.toml"
    raise NotConfigured(f"no profile is called {name!r}{meant(name, known)}")


# --- errors that help ---------------------------------------------------------------------------

_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]")
_KEY = re.compile(r"""\s*([\w.-]+|"[^"]+"|'[^']+')\s*=""")


def _explained(error: ErrorDetails, text: str, source: str, grammar: Grammar) -> str:
    place = error["loc"]
    line = _line_of(text, place)
    where = f"{source}:{line}" if line else source
    key = ".".join(str(step) for step in place) or "the document"
    if error["type"] == "extra_forbidden":
        return f"{where}: {key}: no such key{meant(str(place[-1]), _keys_at(place[:-1], grammar))}"
    return f"{where}: {key}: {error['msg'].removeprefix('Value error, ')}"


def _keys_at(place: tuple[int | str, ...], grammar: type[BaseModel]) -> list[str]:
    model = grammar
    for step in place:
        if isinstance(step, str) and step in model.model_fields:
            model = _model_in(model.model_fields[step].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type expression
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for part in get_args(annotation) if (m := _model_in(part))), None)


def _line_of(text: str, place: tuple[int | str, ...]) -> int | None:
    """Return the line of the key, or of the table around it, as far as it can be told."""
    best: tuple[int, int | None] = (0, None)
    table: tuple[int | str, ...] = ()
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = here = tuple(header[2].strip().split("."))
            if header[1] == "[[":
                seen[header[2]] = index = seen.get(header[2], -1) + 1
                table = here = (*table, index)
        elif key := _KEY.match(line):
            here = (*table, key[1].strip("\"'"))
        else:
            continue
        if here == place[: len(here)] and len(here) > best[0]:
            best = (len(here), number)
    return best[1]
