"""What is asked: one clip in our own words, and what a backend takes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - read at run time, as all annotations here
from dataclasses import dataclass, replace
from math import log
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from rushes.sizes import pixel_size

PROMPT_MAX = 32_000

Prompt = Annotated[str, StringConstraints(min_length=1, max_length=PROMPT_MAX)]
Shape = Annotated[str, StringConstraints(pattern=r"^[1-9]\d?:[1-9]\d?$")]
Resolution = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{2,3}p$")]


class VideoRequest(BaseModel):
    """One clip, as asked. A field that is None is absent: it is not sent to the backend."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt
    negative_prompt: Annotated[str, StringConstraints(max_length=2_500)] | None = None
    model: Annotated[str, StringConstraints(max_length=200)] | None = None
    duration_s: Annotated[float, Field(gt=0, le=60)] | None = None
    aspect_ratio: Shape | None = None
    resolution: Resolution | None = None
    width: Annotated[int, Field(ge=64, le=4096)] | None = None
    height: Annotated[int, Field(ge=64, le=4096)] | None = None
    fps: Annotated[int, Field(ge=1, le=120)] | None = None
    num_frames: Annotated[int, Field(ge=1, le=2000)] | None = None
    seed: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None
    audio: bool | None = None
    first_frame: str | None = None
    """A key of the clip store; as handed to a backend the picture itself, as a data URI."""
    guidance: Annotated[float, Field(ge=0, le=100)] | None = None
    steps: Annotated[int, Field(ge=1, le=500)] | None = None
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, prompt: str) -> str:
        if not prompt.strip() or "\0" in prompt:
            raise ValueError("a prompt needs words, and no NUL character")
        return prompt

    @model_validator(mode="after")
    def _both_sides_or_none(self) -> VideoRequest:
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height go together")
        return self

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels: as asked, else from shape and resolution, else None."""
        if self.width is not None and self.height is not None:
            return self.width, self.height
        if self.aspect_ratio is None or self.resolution is None:
            return None
        return pixel_size(self.aspect_ratio, self.resolution)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one model of a backend takes. The form is drawn from it; what is not here is not shown.

    An empty tuple means that the backend takes no such field.
    """

    durations: tuple[float, ...] = ()
    aspect_ratios: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    seed: bool = False
    negative_prompt: bool = False
    first_frame: bool = False
    n_max: int = 1
    prompt_max: int = PROMPT_MAX
    progress: bool = True
    cancel: Literal["none", "queued", "any"] = "none"
    idempotency: bool = False
    """The same submit with the same key is executed once, so it may be sent again."""

    def offers(self, name: str, value: object) -> bool:
        """Whether a field of a request may have this value."""
        match name:
            case "duration_s":
                return value in self.durations
            case "aspect_ratio":
                return value in self.aspect_ratios
            case "resolution":
                return value in self.resolutions
            case "seed" | "negative_prompt" | "first_frame":
                return bool(getattr(self, name))
        return True

    def nearest(self, request: VideoRequest) -> VideoRequest:
        """Return what comes nearest to a request that was meant for another model."""
        given = request.model_copy(update={"model": None, "width": None, "height": None})
        asked = given.model_dump(exclude_none=True, exclude={"prompt", "extra"})
        choices = {
            "duration_s": self.durations,
            "aspect_ratio": self.aspect_ratios,
            "resolution": self.resolutions,
        }
        near = {
            name: _nearest(value, choices.get(name, ()))
            for name, value in asked.items()
            if not self.offers(name, value)
        }
        return given.model_copy(update=near)


def _nearest(wanted: object, choices: Sequence[object]) -> object:
    """Return the choice that is the least apart from what is wanted; None where there is none."""
    return min(choices, key=lambda choice: abs(_measure(choice) - _measure(wanted)), default=None)


def _measure(choice: object) -> float:
    """Return seconds, lines, or the slant of a shape: landscape and portrait differ in its sign."""
    text = str(choice)
    if ":" in text:
        across, down = text.split(":")
        return log(int(across) / int(down))
    return float(text.removesuffix("p"))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The models of a backend. The key "" stands for "no model is named in the request"."""

    models: Mapping[str, Capabilities]
    default: str = ""

    def capabilities(self, model: str | None) -> Capabilities | None:
        """Return what `model` takes (None: the default model), or None for an unknown one."""
        return self.models.get(self.default if model is None else model)

    def changed(self, overrides: Mapping[str, Mapping[str, Any]]) -> Catalogue:
        """Return the same models, each taking what its overrides say; those of "" hold for all."""
        everywhere = dict(overrides.get("", {}))
        models = {
            name: replace(takes, **everywhere | dict(overrides.get(name, {}) if name else {}))
            for name, takes in self.models.items()
        }
        return Catalogue(models, self.default)
