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
    Variant,
)
from rushes.backends.language.templating import names_in

if TYPE_CHECKING:
    from pydantic import JsonValue

    from rushes.backends.language.templating import Place
    from rushes.domain import Capabilities


Switch = dict[str, dict[str, Any]]


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
    def _submits_only_what_was_told_before(self) -> Profile:
        before = self.submit.before
        known = {f"values.{name}" for name in before.values} if before else set()
        for name in names_in(_templates_of_submit(self.submit)):
            if name.startswith(("urls.", "values.")) and name not in known:
                raise ValueError(f"no answer is asked for {name!r}{meant(name, known)}")
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
        tellers: tuple[Extract | Step, ...] = (self.extract, *self.result.steps)
        known = {f"urls.{name}" for teller in tellers for name in teller.urls}
        known |= {f"values.{name}" for teller in tellers for name in teller.values}
        for call in (self.poll, *self.result.steps, self.cancel, self.forget):
            for name in names_in(_templates_of(call)):
                if "." in name and name not in known:
                    raise ValueError(f"no answer is asked for {name!r}{meant(name, known)}")
        return self

    @model_validator(mode="after")
    def _has_a_clip(self) -> JobProfile:
        told = [self.extract.urls, *(step.urls for step in self.result.steps)]
        if self.result.path is None and not any("clip" in urls for urls in told):
            raise ValueError("the clip lies nowhere: result.path or extract.urls.clip is needed")
        return self


def _templates_of_submit(submit: Submit) -> list[JsonValue]:
    """Return all that a submit fills in, in whatever variant."""
    parts: list[Submit | Variant] = [submit, *submit.variants]
    tables = [table for part in parts for table in (part.query, part.headers, part.body)]
    return [*(part.path for part in parts), *(dict(table) for table in tables if table)]


def _templates_of(call: Call | None) -> list[JsonValue]:
    """Return all that a call fills in."""
    if call is None:
        return []
    return [call.path, call.body, *call.query.values(), *call.headers.values()]


class ClipProfile(Profile):
    """A profile whose submit is answered with the clip: there is nothing to follow or ask for.

    The answer is the clip's bytes, or JSON that holds them or their address (`result`).
    """

    result: Reply = Reply()
