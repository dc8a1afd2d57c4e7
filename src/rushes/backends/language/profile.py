"""The profile document: its whole grammar.

A profile is a TOML file that tells how one kind of backend speaks HTTP. Its tables are in
`sections`; `files` reads it, `templating` and `extraction` give it its meaning.
docs/adding-a-backend.md tells it to people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from rushes.backends.language.capabilities import Models, Takes
from rushes.backends.language.grammar import SwitchName, VarName, VarValue, blame, meant
from rushes.backends.language.offers import flaws, takes_of
from rushes.backends.language.sections import (
    Auth,
    Call,
    Cancel,
    Check,
    Errors,
    Extract,
    Find,
    Head,
    Ok,
    Part,
    Poll,
    Progress,
    Reply,
    Result,
    State,
    Step,
    Submit,
)
from rushes.backends.language.templating import names_in, strings_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import JsonValue

    from rushes.backends.language.templating import Place
    from rushes.domain import Capabilities


Switch = dict[str, dict[str, Any]]
FILLED_IN = ("path", "query", "headers", "body")


class Profile(Part):
    """What every profile has; one of the two kinds below is what a file holds."""

    profile: Head
    vars: dict[VarName, VarValue] = Field(default_factory=dict)
    """What each instance has of its own, and where nobody says otherwise; "" must be said."""
    auth: Auth = Auth()
    submit: Submit
    ok: Ok | None = None
    error: Errors = Errors()
    capabilities: Models = Models()
    models: dict[str, Takes] = Field(default_factory=dict)
    """What single models take otherwise, by name."""
    tables: dict[str, dict[str, str]] = Field(default_factory=dict)
    check: Check
    switch: dict[SwitchName, Switch] = Field(default_factory=dict)
    """By name, what a server of this family does otherwise: each key of a switch's tables takes
    the place of the profile's own. `name+switch` chooses one."""

    @property
    def takes_key(self) -> bool:
        """Whether the credentials are made of `{key}`, and not only of headers and cookies."""
        tables = (self.auth.headers, self.auth.cookies, self.auth.query)
        return "key" in names_in([text for table in tables for text in table.values()])

    def takes(self, model: str = "") -> Capabilities:
        """Return what a model takes; those without a table of their own are all alike."""
        return takes_of(self.submit, self.tables, self.capabilities, self.models.get(model))

    @model_validator(mode="after")
    def _says_what_it_offers(self) -> Profile:
        of_models: dict[Place, Capabilities] = {("capabilities",): self.takes()}
        of_models |= {("models", model): self.takes(model) for model in self.models}
        blame(flaws(self.submit, self.tables, of_models))
        return self

    @model_validator(mode="after")
    def _can_cancel_as_it_says(self) -> Profile:
        if self.capabilities.cancel != "none" and getattr(self, "cancel", None) is None:
            blame([(("capabilities", "cancel"), "without [cancel] nobody is asked to stop")])
        return self

    @model_validator(mode="after")
    def _submits_only_what_was_told_before(self) -> Profile:
        before = self.submit.before
        known = {f"values.{name}" for name in before.values} if before else set[str]()
        texts = _texts_of(self.submit, ("submit",))
        for number, variant in enumerate(self.submit.variants):
            texts += _texts_of(variant, ("submit", "variants", number))
        known |= {n for _, text in texts for n in names_in(text) if n.startswith("extra.")}
        blame([*_untold(texts, known)])
        return self


class JobProfile(Profile):
    """A profile whose submit is answered with a job."""

    extract: Extract
    poll: Poll
    state: State
    progress: Progress = Progress()
    result: Result
    cancel: Cancel | None = None
    forget: Call | None = None
    find: Find | None = None

    @model_validator(mode="after")
    def _names_only_what_answers_tell(self) -> JobProfile:
        known = _told_by(self.extract)
        texts = [*strings_in(self.result.thumbnail, ("result", "thumbnail"))]
        for name, call in (("poll", self.poll), ("cancel", self.cancel), ("forget", self.forget)):
            texts += _texts_of(call, (name,))
        if self.poll.select is not None:
            texts += strings_in(dict(self.poll.select.where), ("poll", "select", "where"))
        flaws = [*_untold(texts, known), *_untold(_texts_of(self.find, ("find",)), set())]
        for number, step in enumerate(self.result.steps):
            flaws += _untold(_texts_of(step, ("result", "steps", number)), known)
            known |= _told_by(step)
        blame([*flaws, *_untold(_texts_of(self.result, ("result",)), known)])
        return self

    @model_validator(mode="after")
    def _has_a_clip(self) -> JobProfile:
        told = _told_by(self.extract).union(*map(_told_by, self.result.steps))
        if self.result.path is None and "urls.clip" not in told:
            reason = "the clip lies nowhere: result.path or extract.urls.clip is needed"
            blame([(("result",), reason)])
        return self


def _told_by(teller: Extract | Step) -> set[str]:
    """Return the names under which later calls know what an answer told."""
    urls = set(teller.urls) | (set(teller.headers.urls) if isinstance(teller, Extract) else set())
    return {f"urls.{name}" for name in urls} | {f"values.{name}" for name in teller.values}


def _texts_of(part: Part | None, place: Place) -> list[tuple[Place, str]]:
    """Return all that a request fills in, and where it stands in the document."""
    said: Mapping[str, JsonValue] = dict(part or ())
    return list(strings_in({n: said[n] for n in FILLED_IN if n in said}, place))


def _untold(texts: Iterable[tuple[Place, str]], known: set[str]) -> Iterator[tuple[Place, str]]:
    """Yield the texts that name what no answer is asked for."""
    for place, text in texts:
        for name in names_in(text):
            if "." in name and name not in known:
                yield place, f"no answer is asked for {name!r}{meant(name, known)}"


class ClipProfile(Profile):
    """A profile whose submit is answered with the clip: there is nothing to follow or ask for.

    The answer is the clip's bytes, or JSON that holds them or their address (`result`).
    """

    result: Reply = Reply()
