"""What a Gradio app tells of itself, and how a request becomes the arguments of its function.

Apps have no common signature. Their parameters have names and labels, though, and people name
them much alike: a table of such names finds most, the operator's own table the rest.
A picture is known by its component: a text called "image" may be an address or anything else.
Read in Gradio 4.44, 5.50 and 6.31: `GET /config` and `GET {prefix}/info`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rushes.backends.language.pointers import find
from rushes.errors import NotConfigured, RefusedByBackend

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import JsonValue

# By field of a request, the names that apps give to the parameter; lower case, words joined by _.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "prompt": (
        *("prompt", "text_prompt", "prompt_text", "input_prompt", "positive_prompt"),
        *("user_prompt", "video_prompt", "text", "input_text", "description"),
    ),
    "negative_prompt": ("negative_prompt", "neg_prompt", "n_prompt", "negative"),
    "model": ("model", "model_name", "model_id", "model_choice", "checkpoint"),
    "duration_s": (
        *("duration", "duration_s", "duration_seconds", "seconds", "num_seconds"),
        *("video_duration", "length_seconds", "video_length_seconds", "length_in_seconds"),
        *("duration_in_seconds", "video_duration_seconds", "video_length_in_seconds"),
    ),
    "aspect_ratio": ("aspect_ratio", "ratio", "aspect"),
    "size": ("size", "video_size", "resolution", "output_resolution", "dimensions", "frame_size"),
    "width": ("width", "video_width", "w"),
    "height": ("height", "video_height", "h"),
    "fps": ("fps", "frame_rate", "frames_per_second", "target_fps"),
    "num_frames": (
        *("num_frames", "number_of_frames", "frames", "n_frames", "frame_num", "video_length"),
    ),
    "seed": ("seed", "random_seed", "base_seed", "noise_seed"),
    "audio": ("audio", "generate_audio", "with_audio", "enable_audio", "sound"),
    "guidance": ("guidance_scale", "guidance", "cfg_scale", "cfg", "true_guidance_scale"),
    "steps": (
        *("num_inference_steps", "inference_steps", "steps", "sampling_steps", "num_steps"),
        "infer_steps",
    ),
    "first_frame": (
        *("first_frame", "start_frame", "first_image", "start_image", "init_image"),
        *("input_image", "image_input", "image", "img", "picture", "first_frame_image"),
    ),
}
RANDOMIZE = ("randomize_seed", "random_seed_enabled", "use_random_seed", "randomize")
_ENDINGS = re.compile(r"(_(ui|slider|input|value|val|box|dropdown|radio))+$")
_BOUNDS = re.compile(r"numeric value between (-?[\d.]+) and (-?[\d.]+)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of the app's function; bounds and choices where the app tells them."""

    name: str
    label: str
    type: str = "string"
    component: str = ""
    default: JsonValue = None
    choices: tuple[JsonValue, ...] = ()
    least: float | None = None
    most: float | None = None

    def is_called(self, names: Iterable[str], *, by_label: bool = False) -> bool:
        """Whether its name (or its label) is one of these."""
        return _plain(self.label if by_label else self.name) in names


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The function that makes videos: where its routes are, and what it takes, in its order."""

    prefix: str
    name: str
    number: int
    parameters: tuple[Parameter, ...]
    inputs: tuple[bool, ...]
    """Every input of the function; False for one that callers leave empty, such as a State."""

    def parameter(self, field: str) -> Parameter | None:
        """Return the parameter that stands for a field of a request, if one does."""
        names = SYNONYMS[field]
        found = self._first(names, by_label=False) or self._first(names, by_label=True)
        is_meant = found is None or field != "first_frame" or found.component == "Image"
        return found if is_meant else None

    def named(self, names: Iterable[str]) -> Parameter | None:
        """Return the first parameter with one of these names."""
        return self._first(names, by_label=False)

    def arguments(self, given: Mapping[str, JsonValue]) -> list[JsonValue]:
        """Return the positional arguments; what is not given gets the app's own default.

        The server fills no defaults in itself.
        """
        told = (
            cast(parameter, given[parameter.name]) if parameter.name in given else _blank(parameter)
            for parameter in self.parameters
        )
        return [next(told, None) if is_asked else None for is_asked in self.inputs]

    def _first(self, names: Iterable[str], *, by_label: bool) -> Parameter | None:
        return next((p for p in self.parameters if p.is_called(names, by_label=by_label)), None)


def read_prefix(config: JsonValue) -> str:
    """Return where the app's API is: `/gradio_api` since 5.0, "" before."""
    told = find(config, "/api_prefix")
    return told.rstrip("/") if isinstance(told, str) and told.startswith("/") else ""


def read_endpoint(config: JsonValue, info: JsonValue, api: str | None) -> Endpoint:
    """Return the function called `api`, else the first that makes a video, best from a prompt.

    Raises NotConfigured with the names there are.
    """
    told = find(info, "/named_endpoints")
    endpoints = told if isinstance(told, dict) else {}
    named = {name.lstrip("/"): about for name, about in endpoints.items()}
    if api is None:
        wanted = [name for name, about in named.items() if _returns_video(about)]
    else:
        wanted = [name for name in named if name == api.lstrip("/")]
    if not wanted:
        meant = "makes a video" if api is None else f"is called {api!r}"
        there = ", ".join(sorted(named)) or "none at all"
        raise NotConfigured(f"no function of the app {meant}; it has {there[:300]}")
    found = [_endpoint(name, named[name], config) for name in wanted]
    return next((endpoint for endpoint in found if endpoint.parameter("prompt")), found[0])


def cast(parameter: Parameter, value: JsonValue) -> JsonValue:
    """Return a value as the parameter wants it; raises RefusedByBackend for what it cannot be."""
    if isinstance(value, dict):  # a file, as the app itself named it
        return value
    if parameter.choices:
        return _choice(parameter, value)
    if parameter.type in {"integer", "number"}:
        return _number(parameter, value)
    if parameter.type == "boolean":
        return bool(value)
    return value if isinstance(value, str | None) else _text(value)


def choice_with(parameter: Parameter, words: Iterable[str]) -> JsonValue:
    """Return the first choice in which one of the words stands; None where none does."""
    for word in words:
        pattern = re.compile(rf"(?<![\d.:]){re.escape(word)}(?![\d.:])", re.IGNORECASE)
        for choice in parameter.choices:
            if pattern.search(_text(choice)):
                return choice
    return None


def number_in(value: JsonValue) -> float | None:
    """Return a number, or the first in a text such as `5 s`."""
    if isinstance(value, bool) or value is None:
        return None
    found = re.search(r"\d+(\.\d+)?", _text(value))
    return float(found[0]) if found else None


def _endpoint(name: str, told: JsonValue, config: JsonValue) -> Endpoint:
    parameters = find(told, "/parameters")
    known = tuple(map(_parameter, parameters if isinstance(parameters, list) else []))
    number, inputs = _inputs(config, name)
    if sum(inputs) != len(known):
        inputs = (True,) * len(known)
    return Endpoint(read_prefix(config), name, number, known, inputs)


def _inputs(config: JsonValue, name: str) -> tuple[int, tuple[bool, ...]]:
    """Return the function's number, and which of its inputs are for callers."""
    components = find(config, "/components")
    hidden = {
        find(part, "/id")
        for part in (components if isinstance(components, list) else [])
        if find(part, "/skip_api") is True
    }
    dependencies = find(config, "/dependencies")
    for place, told in enumerate(dependencies if isinstance(dependencies, list) else []):
        if find(told, "/api_name") == name:
            ids, number = find(told, "/inputs"), find(told, "/id")
            asked = tuple(part not in hidden for part in (ids if isinstance(ids, list) else []))
            return (number if isinstance(number, int) else place), asked
    return 0, ()


def _parameter(told: JsonValue) -> Parameter:
    choices, about = find(told, "/type/enum"), find(told, "/type/description")
    bounds = _BOUNDS.search(about) if isinstance(about, str) else None
    return Parameter(
        name=_text(find(told, "/parameter_name") or ""),
        label=_text(find(told, "/label") or ""),
        type=_text(find(told, "/type/type") or "any"),
        component=_text(find(told, "/component") or ""),
        default=find(told, "/parameter_default"),
        choices=tuple(choices) if isinstance(choices, list) else (),
        least=float(bounds[1]) if bounds else None,
        most=float(bounds[2]) if bounds else None,
    )


def _returns_video(told: JsonValue) -> bool:
    returns = find(told, "/returns")
    kinds = [find(part, "/component") for part in (returns if isinstance(returns, list) else [])]
    return "Video" in kinds


def _blank(parameter: Parameter) -> JsonValue:
    """Return the default; an empty text box holds "" in a browser, everything else null."""
    if parameter.default is None and parameter.type == "string" and not parameter.choices:
        return ""
    return parameter.default


def _choice(parameter: Parameter, value: JsonValue) -> JsonValue:
    for choice in parameter.choices:
        if _text(choice).lower() == _text(value).lower():
            return choice
    if isinstance(value, int | float):
        for choice in parameter.choices:
            if number_in(choice) == value:
                return choice
    raise _untaken(parameter, value, ", ".join(map(_text, parameter.choices[:20])))


def _number(parameter: Parameter, value: Any) -> JsonValue:  # noqa: ANN401 - any JSON
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _untaken(parameter, value, "a number") from None
    least, most = parameter.least, parameter.most
    if (least is not None and number < least) or (most is not None and number > most):
        raise _untaken(parameter, value, f"{_text(least)} to {_text(most)}")
    return int(number) if parameter.type == "integer" or number.is_integer() else number


def _untaken(parameter: Parameter, value: JsonValue, takes: str) -> RefusedByBackend:
    called = parameter.label or parameter.name
    return RefusedByBackend(f"{called[:60]} cannot be {_text(value)[:60]}: it takes {takes[:200]}")


def _plain(name: str) -> str:
    joined = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return _ENDINGS.sub("", joined)


def _text(value: JsonValue) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
