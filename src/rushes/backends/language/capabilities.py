"""The tables that say what models take: in a profile, and what an operator knows better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    StrictBool,
    StringConstraints,
    Tag,
    model_validator,
)

from rushes.backends.language.sections import Part
from rushes.domain import (
    PROMPT_MAX,
    SETTING_NAME,
    Capabilities,
    PromptUnit,
    Resolution,
    Setting,
    Shape,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Type = Literal["number", "integer", "boolean", "text"]
TYPES: Mapping[str, Type] = {
    "fps": "integer",
    "num_frames": "integer",
    "steps": "integer",
    "guidance": "number",
}
"""The settings of a request that have a name of ours, and a range that differs by model."""


class Bounds(Part):
    """Which values a setting may have; without any word, all of its type."""

    min: float | None = None
    max: float | None = None
    choices: tuple[bool | int | float | str, ...] = ()

    @model_validator(mode="after")
    def _leaves_something(self) -> Bounds:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self

    def as_setting(self, type_: Type) -> Setting:
        """Return the same as the domain's type."""
        return Setting(type_, self.min, self.max, self.choices)


class Passed(Bounds):
    """A setting that only this service knows; its templates name it `extra.NAME`."""

    type: Type

    @model_validator(mode="after")
    def _is_of_its_type(self) -> Passed:
        if self.type in {"boolean", "text"} and (self.min, self.max) != (None, None):
            raise ValueError(f"min and max are for numbers, not for {self.type}")
        _require_type(self, self.type)
        return self


def _require_type(bounds: Bounds, type_: Type) -> None:
    if not all(Setting(type_).takes(choice) for choice in bounds.choices):
        raise ValueError(f"each of choices must be of type {type_}")


def _of(type_: Type) -> AfterValidator:
    def check(said: Ranged) -> Ranged:
        if isinstance(said, Bounds):
            _require_type(said, type_)
        return said

    return AfterValidator(check)


def _form_of(said: object) -> str:
    return "[table]" if isinstance(said, (dict, Bounds)) else "[word]"


Ranged = Annotated[
    Annotated[StrictBool, Tag("[word]")] | Annotated[Bounds, Tag("[table]")],
    Discriminator(_form_of),
]
"""`true`: any value; a table: those that it names."""
Whole = Annotated[Ranged, _of("integer")]
Real = Annotated[Ranged, _of("number")]
Sound = Literal[True, False, "on"]
"""Whether it can be asked for; `on`: it is there unless somebody wants none."""
Name = Annotated[str, StringConstraints(pattern=SETTING_NAME)]
Durations = tuple[Annotated[float, Field(gt=0, le=60)], ...]
Count = Annotated[int, Field(ge=1, le=16)]
PromptMax = Annotated[int, Field(ge=1, le=PROMPT_MAX)]


class Models(Part):
    """What the models take; what is not said here is not offered."""

    durations: Durations = ()
    aspect_ratios: tuple[Shape, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    seed: StrictBool = False
    negative_prompt: StrictBool = False
    first_frame: StrictBool = False
    audio: Sound = False
    fps: Whole = False
    num_frames: Whole = False
    steps: Whole = False
    guidance: Real = False
    passthrough: dict[Name, Passed] = Field(default_factory=dict)
    n_max: Count = 1
    prompt_max: PromptMax = PROMPT_MAX
    prompt_unit: PromptUnit = "code_points"
    progress: StrictBool = False
    cancel: Literal["none", "queued", "any"] = "none"
    idempotency: StrictBool = False

    def as_capabilities(self) -> Capabilities:
        """Return the same as the domain's type."""
        return Capabilities(**_in_domain(dict(self)))


class Takes(Part):
    """What a model takes, where that differs from what is said of all."""

    durations: Durations | None = None
    aspect_ratios: tuple[Shape, ...] | None = None
    resolutions: tuple[Resolution, ...] | None = None
    seed: StrictBool | None = None
    negative_prompt: StrictBool | None = None
    first_frame: StrictBool | None = None
    audio: Sound | None = None
    fps: Whole | None = None
    num_frames: Whole | None = None
    steps: Whole | None = None
    guidance: Real | None = None
    passthrough: dict[Name, Passed] | None = None
    n_max: Count | None = None
    prompt_max: PromptMax | None = None
    prompt_unit: PromptUnit | None = None

    def as_overrides(self) -> dict[str, Any]:
        """Return what is said here, as fields of the domain's type."""
        return _in_domain({name: value for name, value in self if value is not None})


def _in_domain(said: dict[str, Any]) -> dict[str, Any]:
    made = dict(said)
    for name, type_ in TYPES.items():
        if name in said:
            made[name] = _setting(said[name], type_)
    if "audio" in said:
        made |= {"audio": bool(said["audio"]), "has_sound": said["audio"] == "on"}
    if "passthrough" in said:
        passed: dict[str, Passed] = said["passthrough"]
        made["passthrough"] = {name: each.as_setting(each.type) for name, each in passed.items()}
    return made


def _setting(said: Ranged, type_: Type) -> Setting | None:
    if isinstance(said, Bounds):
        return said.as_setting(type_)
    return Setting(type_) if said else None
