"""The backends that are configured: one by the environment, or several in `backends.toml`.

Each table of the file is a backend, and its name is the backend's id, which every job keeps. So a
backend may be called something else at any time, but its table keeps its name. Keys stay out of
the file: it says which variable or which file holds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    StringConstraints,
    ValidationError,
    model_validator,
)

from rushes.backends import BackendConfig, SettingNames
from rushes.backends.language.capabilities import Takes
from rushes.backends.language.files import explained, located, parsed
from rushes.backends.language.grammar import blame, close_to
from rushes.backends.language.offers import flaws_of
from rushes.domain import Catalogue, Price, Resolution, Shape
from rushes.errors import Misconfigured, NotConfigured
from rushes.net import Secret
from rushes.settings import PREFIX, BadSetting, Settings, plain_address, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rushes.backends.language.profile import Profile
    from rushes.backends.language.templating import Place
    from rushes.domain import Capabilities

    Flaw = tuple[Place, str]

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
CURRENCY = re.compile(r"[A-Z]{3}")
MEGABYTE = 1_000_000


class Table(BaseModel):
    """A table of the file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretPlace(Table):
    """Where a secret is: in a variable of the environment, or in a file that holds nothing else."""

    env: Annotated[str, StringConstraints(min_length=1)] | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_place(cls, given: object) -> object:
        if not isinstance(given, dict) or not given or given.keys() >= {"env", "file"}:
            raise ValueError('say where it is: { env = "NAME" } or { file = "path" }')
        return given

    @model_validator(mode="after")
    def _no_setting(self) -> SecretPlace:
        if self.env is not None and self.env.startswith(PREFIX):
            raise ValueError(f"give the variable another name: with {PREFIX} settings begin")
        return self

    def read(self, settings: Settings, folder: Path) -> Secret:
        """Return what is there; raises BadSetting. A relative path begins at `folder`."""
        if self.env is not None:
            value = settings.variable(self.env)
            empty = f"{self.env} is not set: put it into the environment or into .env"
        else:
            path = folder / (self.file or "")
            value, empty = read_text("the secret", path), f"{path} is empty"
        if not value.strip():
            raise BadSetting(empty)
        return Secret(value.strip())


def _text_or_place(given: object) -> str | SecretPlace:
    return given if isinstance(given, str) else SecretPlace.model_validate(given)


Texts = dict[str, Annotated[str | SecretPlace, PlainValidator(_text_or_place)]]
"""Texts by name; those that are secret are elsewhere."""


def _a_currency(text: str) -> str:
    if not CURRENCY.fullmatch(text):
        raise ValueError("three capital letters, such as EUR")
    return text


class PriceTable(Table):
    """See domain.Price."""

    currency: Annotated[str, AfterValidator(_a_currency)]
    as_of: date
    per_clip: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    per_second: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    per_second_at: dict[Resolution, Annotated[Decimal, Field(ge=0)]] = {}

    @model_validator(mode="after")
    def _some_price(self) -> PriceTable:
        if not self.model_fields_set & {"per_clip", "per_second", "per_second_at"}:
            raise ValueError("say per_clip, per_second or per_second_at")
        return self

    def as_price(self) -> Price:
        """Return the same as the domain's type."""
        return Price(**dict(self))


class Model(Table):
    """A model by the name that requests carry."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    takes: Takes = Takes()
    price: PriceTable | None = None


def _named(given: object) -> object:
    return {"name": given} if isinstance(given, str) else given


def _each_once(models: tuple[Model, ...]) -> tuple[Model, ...]:
    names = [model.name for model in models]
    again = [(n, name) for n, name in enumerate(names) if name in names[:n]]
    blame([((number,), f"{name!r} is listed already") for number, name in again])
    return models


class Defaults(Table):
    """What is asked for where a person says nothing of it."""

    model: str | None = None
    duration_s: Annotated[float, Field(gt=0, le=60)] | None = None
    aspect_ratio: Shape | None = None
    resolution: Resolution | None = None
    negative_prompt: str | None = None
    audio: bool | None = None
    fps: Annotated[int, Field(ge=1, le=120)] | None = None
    num_frames: Annotated[int, Field(ge=1, le=2000)] | None = None
    steps: Annotated[int, Field(ge=1, le=500)] | None = None
    guidance: Annotated[float, Field(ge=0, le=100)] | None = None
    extra: dict[str, bool | int | float | str] | None = None


class BackendTable(Table):
    """One backend of the file."""

    url: Annotated[str, AfterValidator(plain_address)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None
    """What people read; without it the host."""
    profile: str = "openai-videos"
    key: SecretPlace | None = None
    headers: Texts = {}
    cookies: Texts = {}
    extras: Texts = {}
    """What a profile names beside `{key}`."""
    vars: dict[str, str] = {}
    """What a profile has to be told of this very instance."""
    models: Annotated[
        tuple[Annotated[Model, BeforeValidator(_named)], ...], AfterValidator(_each_once)
    ] = ()
    takes: Takes = Takes()
    defaults: Defaults = Defaults()
    price: PriceTable | None = None
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 2
    rate: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Submits a minute, at most."""
    deadline: Annotated[int, Field(ge=1, le=10_080)] = 30
    """Minutes."""
    hold: bool = False
    """Whether new jobs wait here for the time being."""
    result_hosts: tuple[str, ...] = ()
    max_clip_mb: Annotated[int, Field(ge=1)] | None = None
    options: dict[str, JsonValue] = {}
    """What only this kind of backend knows."""

    @model_validator(mode="after")
    def _default_is_there(self) -> BackendTable:
        model = self.defaults.model
        if model is not None and model not in {each.name for each in self.models}:
            blame([(("defaults", "model"), f"the default model {model!r} is not in `models`")])
        return self

    @property
    def host(self) -> str:
        """Host and port, as people are shown them."""
        return urlsplit(self.url).netloc

    @property
    def label(self) -> str:
        """What people read."""
        return self.name or self.host

    def config(self, settings: Settings, file: Path, id_: str) -> BackendConfig:
        """Return what the code that speaks to it needs; raises Misconfigured.

        Relative paths begin at the file's folder.
        """
        folder = file.parent
        secrets = self._secrets(settings, folder)

        def table(key: str) -> dict[str, Secret]:
            return {place[-1]: secret for place, secret in secrets.items() if place[0] == key}

        return BackendConfig(
            name=self.label,
            url=self.url,
            key=secrets.get(("key",)),
            profile=str(folder / self.profile) if ".toml" in self.profile else self.profile,
            profiles_dir=settings.profiles_dir,
            models=tuple(model.name for model in self.models),
            headers=table("headers"),
            cookies=table("cookies"),
            extras=table("extras"),
            vars=self.vars,
            result_hosts=self.result_hosts,
            options=self.options,
            folder=folder,
            max_clip_bytes=(self.max_clip_mb or settings.max_clip_mb) * MEGABYTE,
            settings=SettingNames.in_table(f"{file.name} [{id_}]"),
        )

    def variables(self) -> list[str]:
        """Return the variables of the environment that hold its secrets."""
        return [place.env for place in self._kept().values() if place.env]

    def secret_files(self, folder: Path) -> list[Path]:
        """Return the files that hold its secrets; relative paths begin at `folder`."""
        return [folder / place.file for place in self._kept().values() if place.file]

    def _secrets(self, settings: Settings, folder: Path) -> dict[tuple[str, ...], Secret]:
        """Return all that may be secret by its place in the table; raises Misconfigured."""
        secrets, flaws = {}, []
        for place, value in self._texts().items():
            try:
                secrets[place] = (
                    Secret(value) if isinstance(value, str) else value.read(settings, folder)
                )
            except BadSetting as error:
                flaws.append((place, str(error)))
        if flaws:
            raise Misconfigured(*flaws)
        return secrets

    def _texts(self) -> dict[tuple[str, ...], str | SecretPlace]:
        found: dict[tuple[str, ...], str | SecretPlace] = {("key",): self.key} if self.key else {}
        for key in ("headers", "cookies", "extras"):
            found |= {(key, name): text for name, text in getattr(self, key).items()}
        return found

    def _kept(self) -> dict[tuple[str, ...], SecretPlace]:
        return {at: text for at, text in self._texts().items() if isinstance(text, SecretPlace)}

    def overrides(self) -> dict[str, dict[str, Any]]:
        """Return what each model takes otherwise than its profile says; "" is every model."""
        told = {"": self.takes} | {model.name: model.takes for model in self.models}
        return {name: takes.as_overrides() for name, takes in told.items()}

    def place_of_takes(self, model: str) -> Place:
        """Return where in the table it is said what a model takes."""
        named = enumerate(self.models)
        own = (number for number, each in named if each.name == model and each.takes != Takes())
        return next((("models", number, "takes") for number in own), ("takes",))

    def prices(self) -> dict[str, Price]:
        """Return the price of each model that has one; "" is every other model's."""
        told = {"": self.price} | {model.name: model.price for model in self.models}
        return {name: price.as_price() for name, price in told.items() if price}

    @property
    def deadline_span(self) -> timedelta:
        """How long one job may take there before we stop counting on it."""
        return timedelta(minutes=self.deadline)


def read_backends(path: Path) -> dict[str, BackendTable]:
    """Read the file: backends by id, the default one first. Raises BadSetting.

    There is one line of message for each thing that is wrong, with file, line, key and reason.
    """
    text = read_text("RUSHES_BACKENDS_FILE", path)
    try:
        document = parsed(text, str(path))
    except NotConfigured as error:
        raise BadSetting(str(error)) from error
    if not document:
        raise BadSetting(f"{path} names no backend: begin with a table such as [main]")
    refuse([line for name in document for line in _wrong(name, document[name], text, path)])
    backends = {name: BackendTable.model_validate(table) for name, table in document.items()}
    refuse(_alike(backends, text, path))
    return backends


def told(error: NotConfigured, name: str, path: Path) -> list[str]:
    """Return what is wrong with a table of the file, with file, line, key and reason of each."""
    text = read_text("RUSHES_BACKENDS_FILE", path)
    return [located((name, *at), reason, text, str(path)) for at, reason in _flaws(error)]


def told_by_settings(error: NotConfigured) -> list[str]:
    """Return what is wrong with the one backend of the environment, by the settings that say it."""
    return [_by_setting(place, reason) for place, reason in _flaws(error)]


def _by_setting(place: Place, reason: str) -> str:
    key, *rest = map(str, place)
    if f"backend_{key}" in Settings.model_fields:
        return f"{PREFIX}BACKEND_{key.upper()}: {reason}"
    said = ": ".join((*rest, reason))
    only = f"`{key}` has its place in {PREFIX}BACKENDS_FILE alone"
    return f"{PREFIX}BACKEND_PROFILE: {said}; {only}"


def _flaws(error: NotConfigured) -> Sequence[Flaw]:
    if isinstance(error, Misconfigured):
        return error.flaws
    return [(("profile",), line) for line in str(error).splitlines()]


def require_fitting(table: BackendTable, profile: Profile) -> None:
    """Raise Misconfigured where a table says what no template of the profile can say."""
    models = [model.name for model in table.models] or [""]
    offered = Catalogue({model: profile.takes(model) for model in models})
    takes = offered.changed(table.overrides()).models
    flaws = list(_untaken(table, takes.values()))
    if any(table.overrides().values()):
        flaws += flaws_of(profile, [(table.place_of_takes(m), takes[m]) for m in models])
    if flaws:
        raise Misconfigured(*flaws)


def _untaken(table: BackendTable, takes: Iterable[Capabilities]) -> Iterator[Flaw]:
    taken = {name for each in takes for name in each.passthrough}
    for name in sorted((table.defaults.extra or {}).keys() - taken):
        yield ("defaults", "extra", name), f"no model takes it{close_to(name, taken)}"


def refuse(wrong: Sequence[str]) -> None:
    """Raise BadSetting with a line for each thing that is wrong, if anything is."""
    if wrong:
        raise BadSetting("\n".join(wrong))


def _wrong(name: str, table: object, text: str, path: Path) -> list[str]:
    if not isinstance(table, dict):
        reason = "belongs to a backend: write it below a table such as [main]"
        return [located((name,), reason, text, str(path))]
    if not ID.fullmatch(name):
        reason = "an id has at most 40 of a-z, 0-9, - and _, and does not begin with - or _"
        return [located((name,), reason, text, str(path))]
    try:
        BackendTable.model_validate(table)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False)
        for error in errors:
            error["loc"] = (name, *error["loc"])
        return [explained(error, text, str(path), BackendTable) for error in errors]
    return []


def _alike(backends: Mapping[str, BackendTable], text: str, path: Path) -> list[str]:
    """Return what is wrong with names: people could not tell two equal ones apart."""
    first: dict[str, str] = {}
    wrong = []
    for id_, backend in backends.items():
        other = first.setdefault(backend.label, id_)
        if other != id_:
            reason = f"[{other}] is called {backend.label!r} too: give each a name of its own"
            wrong.append(located((id_, "name"), reason, text, str(path)))
    return wrong
