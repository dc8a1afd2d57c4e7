"""What is asked: one clip in our own words, and what a backend takes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence  # noqa: TC003 - read at run time, as all annotations here
from dataclasses import dataclass, field, replace
from itertools import product
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

from rushes.domain.setting import SETTING_NAME, Setting
from rushes.sizes import pixel_size

PROMPT_MAX = 32_000
WORD_TOLERANCE = 0.05
"""How far the sides may be from a shape and a resolution that are asked for beside them."""

Prompt = Annotated[str, StringConstraints(min_length=1, max_length=PROMPT_MAX)]
Shape = Annotated[str, StringConstraints(pattern=r"^[1-9]\d?:[1-9]\d?$")]
Resolution = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{2,3}p$")]
Words = tuple[str | None, str | None]
"""A shape and a resolution; None where a backend has no such choice."""
PromptUnit = Literal["code_points", "utf16"]
"""What a backend counts where it limits a prompt."""


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

    @field_validator("extra")
    @classmethod
    def _can_be_told(cls, extra: dict[str, Any]) -> dict[str, Any]:
        if not all(re.fullmatch(SETTING_NAME, name) for name in extra):
            raise ValueError("a setting's name has at most 40 of A-Z, a-z, 0-9, _ and -")
        try:
            json.dumps(extra, ensure_ascii=False).encode()
        except UnicodeEncodeError as broken:
            raise ValueError("a setting's text must be Unicode") from broken
        return extra

    @model_validator(mode="after")
    def _both_sides_or_none(self) -> VideoRequest:
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height go together")
        return self

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height, where they were asked for."""
        if self.width is None or self.height is None:
            return None
        return self.width, self.height

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels: as asked, else from shape and resolution, else None."""
        if self.pixels is not None:
            return self.pixels
        if self.aspect_ratio is None or self.resolution is None:
            return None
        return pixel_size(self.aspect_ratio, self.resolution)

    @property
    def odd_word(self) -> str | None:
        """The field beside width and height that says something else than they do, if one does."""
        if self.pixels is None:
            return None
        if self.aspect_ratio is not None:
            slant = _measure(f"{self.width}:{self.height}")
            if abs(_measure(self.aspect_ratio) - slant) > WORD_TOLERANCE:
                return "aspect_ratio"
        if self.resolution is not None:
            lines = min(self.pixels)
            if abs(_measure(self.resolution) - lines) > WORD_TOLERANCE * lines:
                return "resolution"
        return None


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
    prompt_unit: PromptUnit = "code_points"
    audio: bool = False
    """Whether sound can be asked for, or none of it."""
    has_sound: bool = False
    """Whether a clip has sound where nobody says."""
    fps: Setting | None = None
    num_frames: Setting | None = None
    steps: Setting | None = None
    guidance: Setting | None = None
    passthrough: Mapping[str, Setting] = field(default_factory=dict)
    """Settings that only this backend knows, by the name that `extra` of a request has for them."""
    pixels: bool = False
    """Whether any width and height can be asked for; else only those of shape and resolution."""
    sizes: Mapping[Words, tuple[int, int]] = field(default_factory=dict)
    """Width and height that a shape and a resolution mean here, where that is not the usual."""
    progress: bool = True
    cancel: Literal["none", "queued", "any"] = "none"
    idempotency: bool = False
    """The same submit with the same key is executed once, so it may be sent again."""

    def offers(self, name: str, value: object) -> bool:
        """Whether a field of a request may have this value."""
        match name:
            case "duration_s" | "aspect_ratio" | "resolution":
                return value in self._choices()[name]
            case "seed" | "negative_prompt" | "first_frame" | "audio":
                return bool(getattr(self, name))
            case "fps" | "num_frames" | "steps" | "guidance":
                setting: Setting | None = getattr(self, name)
                return setting is not None and setting.takes(value)
        return True

    def _choices(self) -> dict[str, Sequence[object]]:
        return {
            "duration_s": self.durations,
            "aspect_ratio": self.aspect_ratios,
            "resolution": self.resolutions,
        }

    def passed(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of a request's extras that can be passed on."""
        known = self.passthrough
        return {name: v for name, v in extra.items() if name in known and known[name].takes(v)}

    def prompt_length(self, prompt: str) -> int:
        """Return how long a prompt is, as this backend counts."""
        if self.prompt_unit == "code_points":
            return len(prompt)
        return len(prompt.encode("utf-16-le", "surrogatepass")) // 2

    def sized_pairs(self) -> dict[Words, tuple[int, int]]:
        """Return the width and height of each shape and resolution on offer, where it is known."""
        pairs = product(self.aspect_ratios or (None,), self.resolutions or (None,))
        told = {pair: self.sizes.get(pair) or _usual_size(*pair) for pair in pairs}
        return {pair: size for pair, size in told.items() if size is not None}

    def sized(self, request: VideoRequest) -> VideoRequest | None:
        """Return a request for width and height with the shape and resolution that mean just these.

        None where they cannot be asked for here. Any other request stays as it is.
        """
        if request.pixels is None:
            return request
        for (shape, resolution), size in self.sized_pairs().items():
            is_meant = request.aspect_ratio in (None, shape)
            if size == request.pixels and is_meant and request.resolution in (None, resolution):
                said = {"aspect_ratio": shape, "resolution": resolution}
                return request.model_copy(update=said)
        return request if self.pixels else None

    def nearest(self, request: VideoRequest) -> VideoRequest:
        """Return what comes nearest to a request that was meant for another model."""
        given = self._nearly_sized(request.model_copy(update={"model": None}))
        given = given.model_copy(update={"extra": self.passed(request.extra)})
        asked = given.model_dump(exclude_none=True, exclude={"prompt", "extra"})
        choices = self._choices()
        near = {
            name: _nearest(value, choices.get(name, ()))
            for name, value in asked.items()
            if not self.offers(name, value)
        }
        return given.model_copy(update=near)

    def _nearly_sized(self, request: VideoRequest) -> VideoRequest:
        """Return a request with width and height, or the shape and resolution nearest to them."""
        if request.pixels is None:
            return request
        bare = request.model_copy(update={"aspect_ratio": None, "resolution": None})
        sized = self.sized(bare)
        if sized is not None:
            return sized
        shape, lines = f"{request.width}:{request.height}", f"{min(request.pixels)}p"
        near = {
            "width": None,
            "height": None,
            "aspect_ratio": _nearest(shape, self.aspect_ratios),
            "resolution": _nearest(lines, self.resolutions),
        }
        return bare.model_copy(update=near)


def _nearest(wanted: object, choices: Sequence[object]) -> object:
    """Return the choice that is the least apart from what is wanted; None where there is none."""
    return min(choices, key=lambda choice: abs(_measure(choice) - _measure(wanted)), default=None)


def _usual_size(shape: str | None, resolution: str | None) -> tuple[int, int] | None:
    if shape is None or resolution is None:
        return None
    try:
        return pixel_size(shape, resolution)
    except ValueError:
        return None


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
