"""What a profile offers, set beside what its submit can say: pixels, tables, settings."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from rushes.backends.language.grammar import meant
from rushes.backends.language.templating import (
    TemplateError,
    look_up,
    names_in,
    parse_reference,
    strings_in,
)
from rushes.sizes import pixel_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rushes.backends.language.capabilities import Models, Takes
    from rushes.backends.language.profile import Profile
    from rushes.backends.language.sections import Submit, Variant
    from rushes.backends.language.templating import Place, Reference, Tables
    from rushes.domain import Capabilities, Words

    Text = tuple[Place, str]
    Flaw = tuple[Place, str]

SHAPE, RESOLUTION = "aspect_ratio", "resolution"
WORDS = frozenset({SHAPE, RESOLUTION})
SIZES = frozenset({"size", "width", "height"})
SETTINGS = {
    "seed": frozenset({"seed", "any_seed"}),
    "negative_prompt": frozenset({"negative_prompt"}),
    "first_frame": frozenset({"first_frame"}),
    "audio": frozenset({"audio"}),
    "fps": frozenset({"fps"}),
    "num_frames": frozenset({"num_frames"}),
    "steps": frozenset({"steps"}),
    "guidance": frozenset({"guidance"}),
}
"""What can be offered, and the names by which templates say it."""
CHOICES = {
    "durations": frozenset({"duration_s"}),
    "aspect_ratios": frozenset({SHAPE}) | SIZES,
    "resolutions": frozenset({RESOLUTION}) | SIZES,
}
"""The same of what has to be said only where there is more than one to choose from."""
SAMPLES: Mapping[str, Any] = {
    "prompt": "a kite",
    "negative_prompt": "a kite",
    "first_frame": "data:image/png;base64,AAAA",
    "job_id": "abc",
    "seed": 1,
    "any_seed": 1,
    "audio": True,
    "size": (1280, 720),
    "width": 1280,
    "height": 720,
}
"""What stands for any value of its kind, where a filter is tried before somebody's job is."""
_PARTS = ("path", "query", "headers", "body")
_PIXELS = re.compile(r"(\d{3,4})\D(\d{3,4})")


def takes_of(
    submit: Submit, tables: Tables, models: Models, more: Takes | None = None
) -> Capabilities:
    """Return what a model takes: what is said of all, and `more` of this one."""
    takes = models.as_capabilities()
    if more is not None:
        takes = replace(takes, **more.as_overrides())
    names = [_names(form) for form in _forms(submit)]
    return replace(
        takes,
        pixels=any(SIZES & form for form in names)
        and all(SIZES & form or not WORDS & form for form in names),
        sizes=_sizes(submit, tables),
    )


def flaws(submit: Submit, tables: Tables, of_models: Mapping[Place, Capabilities]) -> list[Flaw]:
    """Return where a submit cannot say what is offered, each with the reason.

    `of_models` is what each model takes, by the place in the document that says so.
    """
    ill = [*_unknown_tables(submit, tables), *_unprompted(submit), *_unfit(submit)]
    if ill:
        return ill
    found = [
        flaw
        for place, takes in of_models.items()
        for flaw in (*_unsaid(submit, place, takes), *_unsayable(submit, tables, takes))
    ]
    return list(dict.fromkeys(found))


def flaws_of(profile: Profile, offers: Iterable[tuple[Place, Capabilities]]) -> list[Flaw]:
    """Return where a profile cannot say what an operator offers, by the place that offers it."""
    found: list[Flaw] = []
    for place, takes in offers:
        for at, reason in flaws(profile.submit, profile.tables, {place: takes}):
            if at[: len(place)] == place:
                found.append((at, reason))
            else:
                found.append((place, f"{'.'.join(map(str, at))}: {reason}"))
    return list(dict.fromkeys(found))


def nowhere_said(submit: Submit, extra: Mapping[str, Any]) -> list[str]:
    """Return the names of extras that no template has a place for."""
    named = named_by(submit)
    return [name for name in extra if f"extra.{name}" not in named]


def named_by(submit: Submit) -> set[str]:
    """Return all that the templates of a submit name, in whatever form."""
    return _names(_texts(submit))


def needs(submit: Submit, name: str) -> bool:
    """Whether no form of a submit can be filled in without `name`."""
    return all(any(_needs(place, text, name) for place, text in form) for form in _forms(submit))


def _needs(place: Place, text: str, name: str) -> bool:
    found = parse_reference(text)
    if found is not None:
        return found.is_required and name in found.names
    is_path = place[1:] == ("path",) or (place[1] == "variants" and place[3:] == ("path",))
    return is_path and name in names_in(text)


# --- the templates --------------------------------------------------------------------------------


def _forms(submit: Submit) -> list[list[Text]]:
    """Return the texts of each form that a submit can have: as it stands, and as each variant."""
    always = list(strings_in(list(submit.append), ("submit", "append")))
    plain = _own_parts(submit, ("submit",))
    forms = [plain]
    for number, variant in enumerate(submit.variants):
        forms.append(plain | _own_parts(variant, ("submit", "variants", number)))
    return [
        [*always, *(text for place, part in form.values() for text in strings_in(part, place))]
        for form in forms
    ]


def _own_parts(form: Submit | Variant, place: Place) -> dict[str, tuple[Place, Any]]:
    parts = {name: getattr(form, name) for name in _PARTS}
    return {name: ((*place, name), part) for name, part in parts.items() if part is not None}


def _texts(submit: Submit) -> list[Text]:
    return list(dict.fromkeys(text for form in _forms(submit) for text in form))


def _names(form: list[Text]) -> set[str]:
    return {name for _, text in form for name in names_in(text)}


def _references(submit: Submit) -> Iterator[tuple[Place, Reference]]:
    for place, text in _texts(submit):
        found = parse_reference(text)
        if found is not None:
            yield place, found


# --- what they make of an offer -------------------------------------------------------------------


def _sizes(submit: Submit, tables: Tables) -> dict[Words, tuple[int, int]]:
    """Return the pixels that the tables have for shapes and resolutions."""
    sizes: dict[Words, tuple[int, int]] = {}
    for _, found in _references(submit):
        if WORDS.issuperset(found.names):
            entries = [tables.get(a, {}) for name, a in found.filters if name == "map"]
            for key, value in ((k, v) for table in entries for k, v in table.items()):
                said = dict(zip(found.names, key.split("+"), strict=False))
                if pixels := _PIXELS.fullmatch(value):
                    sizes[said.get(SHAPE), said.get(RESOLUTION)] = int(pixels[1]), int(pixels[2])
    return sizes


def _unknown_tables(submit: Submit, tables: Tables) -> Iterator[Flaw]:
    for place, found in _references(submit):
        for name, table in found.filters:
            if name == "map" and table not in tables:
                yield place, f"no table is called {table!r}{meant(table, tables)}"


def _unprompted(submit: Submit) -> Iterator[Flaw]:
    """Yield the forms that would be paid for without a word, or a picture, of what was asked."""
    variants = [("submit", "variants", number) for number in range(len(submit.variants))]
    for place, form in zip([("submit",), *variants], _forms(submit), strict=True):
        sent = [(at, text) for at, text in form if _is_sent(at, submit)]
        if "prompt" not in _names(sent) and not any(_needs_picture(text) for _, text in sent):
            yield place, 'no template here names the prompt, as in "=prompt!"'


def _needs_picture(text: str) -> bool:
    found = parse_reference(text)
    return found is not None and found.is_required and "first_frame" in found.names


def _is_sent(place: Place, submit: Submit) -> bool:
    part = place[3] if place[1] == "variants" else place[1]
    return part in _PARTS and not (part == "body" and submit.encoding == "none")


def _unfit(submit: Submit) -> Iterator[Flaw]:
    """Yield the references whose filters no value passes."""
    for place, found in _references(submit):
        if SAMPLES.keys() >= set(found.names) and "map" not in dict(found.filters):
            try:
                look_up(found, SAMPLES, {})
            except TemplateError as error:
                yield place, f"it could never be filled in: {error}"


def _unsaid(submit: Submit, place: Place, takes: Capabilities) -> Iterator[Flaw]:
    """Yield the settings that are offered and go nowhere."""
    named = {name for _, text in _texts(submit) for name in names_in(text)}
    for name, said_by in SETTINGS.items():
        if getattr(takes, name) and not said_by & named:
            yield (*place, name), f"no template of [submit] names {name!r}"
    for name, said_by in CHOICES.items():
        if len(getattr(takes, name)) > 1 and not said_by & named:
            yield (*place, name), f"no template of [submit] names {min(said_by)!r}"
    for name in takes.passthrough:
        if f"extra.{name}" not in named:
            yield (*place, "passthrough", name), f"no template of [submit] names 'extra.{name}'"


def _unsayable(submit: Submit, tables: Tables, takes: Capabilities) -> Iterator[Flaw]:
    """Yield the templates that cannot say a shape, resolution or length that is offered."""
    offered = _offered(submit, takes)
    for place, text in _texts(submit):
        named = set(names_in(text))
        needed = [n for n in offered if n in named or (n in WORDS and SIZES & named)]
        for values in product(*(offered[name] for name in needed)):
            said = dict(zip(needed, values, strict=True))
            try:
                _say(text, said, named, tables)
            except ValueError as error:
                words = " at ".join(f"{v:g}" if isinstance(v, float) else v for v in values)
                yield place, f"{words} is offered, but {error}"


def _offered(submit: Submit, takes: Capabilities) -> dict[str, tuple[Any, ...]]:
    usual = submit.defaults.model_dump(exclude_none=True)
    told = {
        SHAPE: takes.aspect_ratios,
        RESOLUTION: takes.resolutions,
        "duration_s": takes.durations,
    }
    found = {name: values or (usual.get(name),) for name, values in told.items()}
    return {name: values for name, values in found.items() if values != (None,)}


def _say(text: str, said: Mapping[str, Any], named: set[str], tables: Tables) -> None:
    """Raise ValueError where a template has no word for what is said; others may be missing."""
    values: dict[str, Any] = dict(said)
    if SIZES & named and said.keys() >= WORDS:
        width, height = pixel_size(said[SHAPE], said[RESOLUTION])
        values |= {"size": (width, height), "width": width, "height": height}
    found = parse_reference(text)
    if found is not None and values.keys() >= named:
        look_up(found, values, tables)
