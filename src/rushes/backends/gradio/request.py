"""From a request to the named arguments of a Gradio function, and what a function can be asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rushes.backends.dealing import deal_seed
from rushes.backends.gradio.app import RANDOMIZE, SYNONYMS, Parameter, choice_with, number_in
from rushes.backends.language.capabilities import TYPES
from rushes.backends.language.templating import TemplateError, names_in, render
from rushes.domain import Capabilities, Catalogue, Setting
from rushes.errors import NotConfigured, RefusedByBackend
from rushes.sizes import SHORT_SIDE, pixel_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue

    from rushes.backends.gradio.app import Endpoint
    from rushes.backends.language.capabilities import Type
    from rushes.domain import VideoRequest

    Given = dict[str, JsonValue]

SHAPES = ("16:9", "9:16", "1:1")
DURATIONS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)
LONGEST_S = 60.0
MOST_PIXELS_ACROSS = 1280
"""The longest side that is offered where the app tells no bound."""
_SIZED = frozenset({"size", "width", "height", "seed"})


def named_arguments(
    endpoint: Endpoint,
    request: VideoRequest,
    *,
    job_id: str,
    overrides: Mapping[str, JsonValue],
    picture: JsonValue = None,
) -> Given:
    """Return the arguments by parameter name; what is absent is left to the app's default.

    `overrides` are templates by parameter name or label, and win; `picture` is the first frame as
    the app names it. Raises RefusedByBackend for what the function cannot be asked, NotConfigured
    for an override of nothing.
    """
    asked = _asked(request, picture)
    given: Given = {}
    for field in SYNONYMS.keys() - _SIZED:
        parameter = endpoint.parameter(field)
        if parameter is not None and field in asked:
            given[parameter.name] = asked[field]
    given |= _seed(endpoint, request, job_id) | _sides(endpoint, request)
    return given | _overridden(endpoint, request, asked | {"job_id": job_id}, overrides)


def catalogue(
    endpoint: Endpoint, models: tuple[str, ...], overrides: Mapping[str, JsonValue]
) -> Catalogue:
    """Return what can be asked, by the parameters there are; models where the app has a choice."""
    takes = _capabilities(endpoint, overrides)
    chooser = endpoint.parameter("model")
    if not models and chooser is not None:
        told = [choice for choice in chooser.choices if isinstance(choice, str)]
        default = chooser.default if chooser.default in told else None
        models = tuple(sorted(told, key=lambda choice: choice != default))
    names = models or ("",)
    return Catalogue(models=dict.fromkeys(names, takes), default=names[0])


def takes_picture(endpoint: Endpoint, overrides: Mapping[str, JsonValue]) -> bool:
    """Whether a first frame has a place: a parameter that is an image, or an override."""
    return _has_place("first_frame", endpoint, overrides)


# --- the request ----------------------------------------------------------------------------------


def _asked(request: VideoRequest, picture: JsonValue) -> Given:
    asked = request.model_dump(exclude_none=True, exclude={"first_frame"})
    return asked | ({"first_frame": picture} if picture is not None else {})


def _seed(endpoint: Endpoint, request: VideoRequest, job_id: str) -> Given:
    """Return the seed asked for, else one of our own where the app would repeat itself."""
    parameter, dice = endpoint.parameter("seed"), endpoint.named(RANDOMIZE)
    if parameter is None:
        return {}
    if request.seed is not None:
        fixed: Given = {dice.name: False} if dice else {}
        return fixed | {parameter.name: request.seed}
    is_fixed = isinstance(parameter.default, int | float) and parameter.default >= 0
    is_rolled = dice is not None and dice.default is not False
    if is_rolled or not is_fixed:
        return {}
    most = int(parameter.most) if parameter.most else None
    seed = deal_seed(job_id)
    return {parameter.name: seed if most is None else seed % (most + 1)}


def _sides(endpoint: Endpoint, request: VideoRequest) -> Given:
    width, height = endpoint.parameter("width"), endpoint.parameter("height")
    wanted = _size(request)
    if width is not None and height is not None:
        return {width.name: wanted[0], height.name: wanted[1]} if wanted else {}
    chooser = endpoint.parameter("size")
    words = [*_size_words(wanted), *([request.resolution] if request.resolution else [])]
    if chooser is None or not words:
        return {}
    if not chooser.choices:
        return {chooser.name: words[0]}
    choice = choice_with(chooser, words)
    if choice is None:
        raise RefusedByBackend(f"{chooser.label or chooser.name} has no choice for {words[0]}")
    return {chooser.name: choice}


def _size(request: VideoRequest) -> tuple[int, int] | None:
    try:
        return request.size
    except ValueError as error:
        raise RefusedByBackend(str(error)) from error


def _size_words(size: tuple[int, int] | None) -> list[str]:
    if size is None:
        return []
    times = "\N{MULTIPLICATION SIGN}"
    return [f"{size[0]}{sign}{size[1]}" for sign in ("x", "*", times, " x ", f" {times} ")]


def _overridden(
    endpoint: Endpoint,
    request: VideoRequest,
    asked: Given,
    overrides: Mapping[str, JsonValue],
) -> Given:
    values: dict[str, Any] = {name: value for name, value in asked.items() if name != "extra"}
    values |= {f"extra.{name}": value for name, value in request.extra.items()}
    size = _size(request)
    if size is not None:
        values |= {"size": size, "width": size[0], "height": size[1]}
    try:
        made = render(dict(overrides), values, {})
    except TemplateError as error:
        raise RefusedByBackend(f"the app cannot be asked for this: {error}") from error
    found = made if isinstance(made, dict) else {}
    return {_meant(endpoint, name): value for name, value in found.items()}


def _meant(endpoint: Endpoint, name: str) -> str:
    for parameter in endpoint.parameters:
        if name in {parameter.name, parameter.label}:
            return parameter.name
    there = ", ".join(parameter.name for parameter in endpoint.parameters)
    raise NotConfigured(f"the app has no parameter {name!r}; it has {there[:300]}")


# --- what can be asked ----------------------------------------------------------------------------


def _capabilities(endpoint: Endpoint, overrides: Mapping[str, JsonValue]) -> Capabilities:
    has_prompt = endpoint.parameter("prompt") is not None or bool(overrides)
    if not has_prompt:
        raise NotConfigured(f"no parameter of {endpoint.name} is a prompt: name it in `parameters`")
    shapes, resolutions = _offered_sizes(endpoint)
    settings: Any = {
        name: _setting(endpoint.parameter(name), type_)
        for name, type_ in TYPES.items()
        if _has_place(name, endpoint, overrides)
    }
    return Capabilities(
        durations=_durations(endpoint.parameter("duration_s")),
        aspect_ratios=shapes,
        resolutions=resolutions,
        seed=endpoint.parameter("seed") is not None,
        negative_prompt=endpoint.parameter("negative_prompt") is not None,
        first_frame=takes_picture(endpoint, overrides),
        audio=_has_switch("audio", endpoint, overrides),
        pixels=any(_has_place(name, endpoint, overrides) for name in ("width", "size")),
        n_max=4,
        progress=True,
        cancel="any",
        **settings,
    )


def _has_switch(name: str, endpoint: Endpoint, overrides: Mapping[str, JsonValue]) -> bool:
    """Whether yes or no can be said; a parameter of that name may as well be a file."""
    parameter = endpoint.parameter(name)
    is_switch = parameter is not None and parameter.component == "Checkbox"
    return is_switch or name in names_in(dict(overrides))


def _has_place(name: str, endpoint: Endpoint, overrides: Mapping[str, JsonValue]) -> bool:
    return endpoint.parameter(name) is not None or name in names_in(dict(overrides))


def _setting(parameter: Parameter | None, type_: Type) -> Setting | None:
    """Return which numbers may be given; None where the app has words for them."""
    if parameter is None:
        return Setting(type_)
    choices = tuple(choice for choice in parameter.choices if isinstance(choice, int | float))
    is_numeric = len(choices) == len(parameter.choices)
    return Setting(type_, parameter.least, parameter.most, choices) if is_numeric else None


def _durations(parameter: Parameter | None) -> tuple[float, ...]:
    if parameter is None:
        return ()
    if parameter.choices:
        found = {number_in(choice) for choice in parameter.choices}
    elif parameter.most is not None:
        least = parameter.least or 0.0
        found = {length for length in DURATIONS if least <= length <= parameter.most}
    else:
        found = {number_in(parameter.default)}
    return tuple(sorted(length for length in found if length and length <= LONGEST_S))


def _offered_sizes(endpoint: Endpoint) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return shapes and resolutions that go together, each with each."""
    pairs = set(_pairs(endpoint))
    first = next((shape for shape in SHAPES if any(pair[0] == shape for pair in pairs)), None)
    resolutions = tuple(word for word in SHORT_SIDE if (first, word) in pairs)
    shapes = tuple(s for s in SHAPES if resolutions and {(s, r) for r in resolutions} <= pairs)
    chooser = endpoint.parameter("aspect_ratio")
    if chooser is not None:
        told = (str(choice) for choice in chooser.choices)
        shapes = tuple(word for word in told if re.fullmatch(r"[1-9]\d?:[1-9]\d?", word))
    return shapes, resolutions


def _pairs(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    width, height = endpoint.parameter("width"), endpoint.parameter("height")
    chooser = endpoint.parameter("size")
    for shape in SHAPES:
        for resolution in SHORT_SIDE:
            size = pixel_size(shape, resolution)
            if width is not None and height is not None:
                if _fits(width, size[0]) and _fits(height, size[1]):
                    yield shape, resolution
            elif chooser and choice_with(chooser, [*_size_words(size), resolution]) is not None:
                yield shape, resolution


def _fits(parameter: Parameter, side: int) -> bool:
    return (parameter.least or 0) <= side <= (parameter.most or MOST_PIXELS_ACROSS)
