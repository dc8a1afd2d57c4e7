"""Profile files: where they are found, and errors that name file, line, key and reason."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from rushes.backends import KINDS
from rushes.backends.language.grammar import close_to, meant
from rushes.backends.language.instance import told
from rushes.backends.language.profile import ClipProfile, JobProfile, Profile
from rushes.backends.language.reasons import in_words, place_of
from rushes.errors import NotConfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from pydantic_core import ErrorDetails

    from rushes.backends.language.profile import Switch


KINDS_IN_CODE = KINDS.keys() - {"profile"}
"""The kinds of backends whose names stand where a profile's would."""

Grammar = type[JobProfile] | type[ClipProfile]

ABOUT_JOBS = JobProfile.model_fields.keys() - Profile.model_fields.keys()
"""The tables that a switch leaves behind when it turns to answers that are the clip."""


def load_profile(
    name: str, folder: Path | None = None, given: Mapping[str, str] | None = None
) -> JobProfile | ClipProfile:
    """Load a profile: a path to a .toml file, or a name in `folder` or among the shipped ones.

    `name+switch` is a profile as one of its switches changes it; for `given` see `read_profile`.
    Raises NotConfigured with one line for each thing that is wrong.
    """
    name, switch = _parted(name)
    source, text = profile_text(name, folder)
    profile, stem = read_profile(text, source, switch, given), Path(source).stem
    if profile.profile.name != stem:
        reason = f"the file is called {stem!r}, and its profile has to be called the same"
        raise NotConfigured(located(("profile", "name"), reason, text, source))
    return profile


def profile_text(name: str, folder: Path | None = None) -> tuple[str, str]:
    """Return where a profile lies and what is written there; raises NotConfigured."""
    source = _find(name, folder)
    try:
        return str(source), source.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NotConfigured(f"the profile {source} cannot be read: {error}") from error


def _parted(name: str) -> tuple[str, str | None]:
    stem, plus, switch = name.rpartition("+")
    return (stem, switch) if plus and not name.endswith(".toml") else (name, None)


def shipped_profiles() -> list[str]:
    """Return the names of the profiles that come with Rushes."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in _shipped().iterdir()
        if entry.name.endswith(".toml")
    )


def shipped_choices() -> list[str]:
    """Return what can be chosen: the shipped profiles, and each as its switches change it."""
    named = {name: load_profile(name).switch for name in shipped_profiles()}
    return [choice for name in named for choice in (name, *(f"{name}+{s}" for s in named[name]))]


def read_profile(
    text: str,
    source: str,
    switch: str | None = None,
    given: Mapping[str, str] | None = None,
) -> JobProfile | ClipProfile:
    """Read a profile's text and all its switches, and change it by one of these.

    `source` is how errors name it.

    `given` are the values of its `[vars]`; None: it is about no instance. Raises NotConfigured.
    """
    document = told(parsed(text, source), given)
    profile = _validated(document, text, source)
    switched = {
        name: _validated(_changed(document, changes), text, source, name)
        for name, changes in profile.switch.items()
    }
    if switch is None:
        return profile
    if switch not in switched:
        raise NotConfigured(
            f"{source}: no switch is called {switch!r}{meant(switch, profile.switch)}"
        )
    return switched[switch]


def parsed(text: str, source: str) -> dict[str, Any]:
    """Return the document that a text of TOML is; raises NotConfigured."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of numbers and lists without end
        raise NotConfigured(f"{source}: no TOML: {error}") from error


def _validated(
    document: dict[str, Any], text: str, source: str, switch: str | None = None
) -> JobProfile | ClipProfile:
    grammar = _grammar_of(document)
    try:
        return grammar.model_validate(document)
    except ValidationError as invalid:
        lines = [explained(error, text, source, grammar, switch) for error in invalid.errors()]
        raise NotConfigured("\n".join(lines)) from invalid


def _changed(document: dict[str, Any], changes: Switch) -> dict[str, Any]:
    """Return a document in which the keys of a switch's tables took the place of its own."""
    if _grammar_of(changes) is ClipProfile:
        document = {name: part for name, part in document.items() if name not in ABOUT_JOBS}
    return document | {name: document.get(name, {}) | part for name, part in changes.items()}


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
    if name in shipped_profiles():
        return _shipped() / f"{name}.toml"
    raise NotConfigured(f"no profile is called {name!r}{_others(name, folder)}")


def _others(name: str, folder: Path | None) -> str:
    """Return the end of a sentence that tells which profiles and kinds there are."""
    own = sorted(path.stem for path in folder.glob("*.toml")) if folder else []
    there = f"in {folder} there are {', '.join(own)}, and " if own else ""
    listed = f"; {there}`rushes profile list` prints those that are shipped"
    lost = f"; RUSHES_PROFILES_DIR={folder} is no folder" if folder and not folder.is_dir() else ""
    return lost + (close_to(name, [*own, *shipped_profiles(), *KINDS_IN_CODE]) or listed)


# --- errors that help ---------------------------------------------------------------------------

_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]")
_KEY = re.compile(r"""\s*([\w.-]+|"[^"]+"|'[^']+')\s*=""")


def explained(
    error: ErrorDetails,
    text: str,
    source: str,
    grammar: type[BaseModel],
    switch: str | None = None,
) -> str:
    """Return what is wrong with a TOML document in one line: file, line, key, reason."""
    return located(place_of(error), reason_of(error, grammar), text, source, switch)


def reason_of(error: ErrorDetails, grammar: type[BaseModel]) -> str:
    """Return what is wrong at an error's place."""
    place = place_of(error)
    if error["type"] != "extra_forbidden":
        return in_words(error)
    if grammar is ClipProfile and len(place) == 1 and place[0] in ABOUT_JOBS:
        return 'leave it out: with [submit] answer = "clip" there is no job to tell of'
    return f"no such key{meant(str(place[-1]), _keys_at(place[:-1], grammar))}"


def located(
    place: tuple[int | str, ...], reason: str, text: str, source: str, switch: str | None = None
) -> str:
    """Return a reason behind the file, line and key that it is about."""
    line = _line_of(text, ("switch", switch, *place)) if switch else None
    line = line or _line_of(text, place)
    where = f"{source}:{line}" if line else source
    key = ".".join(str(step) for step in place) or "the document"
    return f"{where}: {key}: {reason}" + (f" (with +{switch})" if switch else "")


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
    seen: dict[tuple[int | str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = here = _table(header[2], seen, is_entry=header[1] == "[[")
        elif key := _KEY.match(line):
            here = (*table, key[1].strip("\"'"))
        else:
            continue
        if here == place[: len(here)] and len(here) > best[0]:
            best = (len(here), number)
    return best[1]


def _table(
    header: str, seen: dict[tuple[int | str, ...], int], *, is_entry: bool
) -> tuple[int | str, ...]:
    """Return where a header leads: a list on the way means its last entry so far."""
    *way, last = (part.strip(" \"'") for part in header.split("."))
    place: tuple[int | str, ...] = ()
    for part in way:
        place = (*place, part)
        if place in seen:
            place = (*place, seen[place])
    place = (*place, last)
    if is_entry:
        seen[place] = seen.get(place, -1) + 1
        place = (*place, seen[place])
    return place
