"""What a person typed into the composer, read strictly and kept word for word."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from starlette.datastructures import ImmutableMultiDict

from rushes.domain import PROMPT_MAX, VideoRequest
from rushes.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rushes.domain import Capabilities, Job
    from rushes.jobs.directory import ConfiguredBackend, Directory
    from rushes.web.dependencies import Translate

# Form fields by the name that the domain has for them.
FIELDS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "model": "model",
    "aspect_ratio": "aspect_ratio",
    "resolution": "resolution",
    "duration_s": "duration",
    "seed": "seed",
    "audio": "audio",
    "first_frame": "first_frame",
}
ASIDE = "aside_"
SET_ASIDE = tuple(f"{ASIDE}{name}" for name in ("negative_prompt", "seed", "audio", "first_frame"))
"""What was typed for another backend or model and has no field now; it comes back with one."""
KEPT = (*FIELDS.values(), "count", "backend", "also", "origin")
DRAWN = ("drawn_for", "drawn_model")
"""For which backend and model the form stood that was sent."""
ALSO_MAX = 15
TOKENS = ("submit_token", "token")
TOKEN_MAX = 100
COUNT_MAX = 16
SEED_MAX = 2_147_483_647
DURATION_MAX = 60


class FormProblem(InvalidRequest):
    """Some fields cannot be used; `errors` has a sentence for each, `values` what was typed."""

    def __init__(self, errors: Mapping[str, str], values: Mapping[str, str]) -> None:
        first = next(iter(errors))
        super().__init__(errors[first], field=first)
        self.errors = dict(errors)
        self.values = dict(values)


@dataclass(frozen=True, slots=True)
class ComposerState:
    """What the composer shows again: typed values, a message at each bad field, its token.

    `origin` is the job whose recipe it was filled with, `usual` what each field says by itself.
    """

    token: str
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    origin: Job | None = None
    usual: Mapping[str, str] = field(default_factory=dict)

    @property
    def standing(self) -> dict[str, str]:
        """What each field says now: what was typed, else what it says by itself."""
        return {**self.usual, **{name: value for name, value in self.values.items() if value}}

    def standing_at(self, backend: ConfiguredBackend) -> ComposerState:
        """Return the same for one backend: with its defaults, and what its model really offers."""
        values, model = dict(self.values), self.values.get("model")
        if backend.catalogue is not None and backend.takes(model) is None:
            values.pop("model", None)  # it is another backend's
            model = None
        takes = backend.takes(model)
        offered = _first_offered(takes) if takes else {}
        usual = as_typed(backend.usual(model) | {"model": backend.default_model})
        return replace(self, values=values, usual=offered | usual)


def chosen_by_hand(values: Mapping[str, str], backends: Directory) -> dict[str, str]:
    """Return typed values without those that the form said by itself for what it was drawn for."""
    before = backends.find(values.get("drawn_for", "")) or backends.default
    drawn = ComposerState("", {"model": values.get("drawn_model", "")}).standing_at(before)
    aside = {name.removeprefix(ASIDE): values[name] for name in SET_ASIDE if name in values}
    mine = {name: value for name, value in values.items() if drawn.usual.get(name) != value}
    return aside | mine


def _first_offered(takes: Capabilities) -> dict[str, str]:
    """Return what a form says by itself: of every choice the first one."""
    offered = {
        "aspect_ratio": takes.aspect_ratios[:1],
        "duration_s": takes.durations[:1],
        "resolution": takes.resolutions[:1],
    }
    sound = {"audio": True} if takes.has_sound else {}
    return as_typed({name: first[0] for name, first in offered.items() if first} | sound)


@dataclass(frozen=True, slots=True)
class Wish:
    """A form that can be used."""

    request: VideoRequest
    count: int
    backend: str | None
    token: str | None
    origin: str | None = None
    also: tuple[str, ...] = ()
    """Other backends that get the same, as near as they can."""


def typed_values(form: Mapping[str, Any]) -> dict[str, str]:
    """Return the text fields that we know; browsers send line ends as CRLF, we keep LF.

    Ticked boxes of one name come as one text, parted by commas.
    """
    fields = [(name, form.get(name)) for name in (*KEPT, *TOKENS, *DRAWN, *SET_ASIDE)]
    if isinstance(form, ImmutableMultiDict):
        ticked = [value for value in form.getlist("also") if isinstance(value, str)]
        fields.append(("also", ",".join(ticked) if ticked else None))
    return {
        name: value.replace("\r\n", "\n").replace("\r", "\n")
        for name, value in fields
        if isinstance(value, str)
    }


def typed_number(typed: str, most: int) -> float | None:
    """Return a number above zero; None for what is none, or more than can be."""
    try:
        number = float(typed)
    except ValueError:
        return None
    return number if 0 < number <= most else None


def values_of(job: Job, *, expanded: bool = False) -> dict[str, str]:
    """Return a job's recipe as the composer would have it typed.

    `expanded` takes the prompt as the backend changed it, where it told.
    """
    asked = job.request.model_dump(exclude_none=True)
    if expanded and job.remote is not None and job.remote.effective_prompt:
        asked["prompt"] = job.remote.effective_prompt
    return as_typed(asked) | {"backend": job.backend, "origin": job.id}


def as_typed(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return fields of a request as the form has them typed."""
    given = {form: fields[name] for name, form in FIELDS.items() if name in fields}
    return {name: _as_word(value) for name, value in given.items()}


def _as_word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_wish(values: Mapping[str, str], _: Translate) -> Wish:
    """Make a wish of typed values; raises FormProblem. A blank field is one that is absent."""
    given = {name: value.strip() for name, value in values.items() if value.strip()}
    reader = _Reader(given, {}, _)
    fields = {
        "prompt": reader.prompt(),
        "duration_s": reader.number("duration", DURATION_MAX),
        "seed": reader.whole("seed", 0, SEED_MAX),
        **{name: given.get(form) for name, form in FIELDS.items() if form not in _NUMBERS},
    }
    count = reader.whole("count", 1, COUNT_MAX)
    request = reader.request(fields)
    if request is None:
        raise FormProblem(reader.errors, values)
    token = next((given[name][:TOKEN_MAX] for name in TOKENS if name in given), None)
    also = tuple(part for part in given.get("also", "").split(",")[:ALSO_MAX] if part)
    return Wish(request, count or 1, given.get("backend"), token, given.get("origin"), also)


_NUMBERS = frozenset({"prompt", "duration", "seed"})


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one field after the other and remembers what it could not use."""

    given: Mapping[str, str]
    errors: dict[str, str]
    translate: Translate

    def prompt(self) -> str | None:
        _ = self.translate
        prompt = self.given.get("prompt")
        if prompt is None:
            self.errors["prompt"] = _("Please describe your video.")
        elif len(prompt) > PROMPT_MAX:
            self.errors["prompt"] = _("This is longer than {limit} characters.").format(
                limit=PROMPT_MAX
            )
        return prompt

    def whole(self, name: str, least: int, most: int) -> int | None:
        _ = self.translate
        text = self.given.get(name)
        if text is None:
            return None
        is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
        if is_number and least <= int(text) <= most:
            return int(text)
        self.errors[name] = _("Please give a whole number from {least} to {most}.").format(
            least=least, most=most
        )
        return None

    def number(self, name: str, most: int) -> float | None:
        _ = self.translate
        text = self.given.get(name, "").replace(",", ".")
        if not text:
            return None
        digits = text.replace(".", "", 1)
        if digits.isascii() and digits.isdecimal() and len(text) < 10 and 0 < float(text) <= most:
            return float(text)
        self.errors[name] = _("Please give a number of seconds up to {most}.").format(most=most)
        return None

    def request(self, fields: Mapping[str, Any]) -> VideoRequest | None:
        """Return the request if every field could be used; the domain has the last word."""
        _ = self.translate
        try:
            request = VideoRequest(**{k: v for k, v in fields.items() if v is not None})
        except ValidationError as problem:
            for error in problem.errors():
                name = FIELDS.get(str(error["loc"][0]) if error["loc"] else "", "prompt")
                self.errors.setdefault(name, _("This value cannot be used."))
            return None
        return None if self.errors else request
