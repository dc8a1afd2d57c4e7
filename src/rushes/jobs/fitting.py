"""What a model does not take is refused before a job is kept, by the name of the field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushes.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rushes.domain import Capabilities, VideoRequest

SIMPLE = ("seed", "negative_prompt", "first_frame", "audio")
RANGED = ("fps", "num_frames", "steps", "guidance")


def fitted(
    request: VideoRequest, count: int, takes: Capabilities | None, backend: str
) -> VideoRequest:
    """Return the request in the words that the model has for it.

    That is with the shape and resolution of a width and height where it knows such only.
    Raises InvalidRequest for what it does not take.
    """
    if takes is None:
        raise InvalidRequest("{backend} has no model of that name.", field="model", backend=backend)
    _check_prompt(request, takes, backend)
    if not 1 <= count <= takes.n_max:
        raise InvalidRequest("Choose 1 to {limit} variations.", field="count", limit=takes.n_max)
    request = _sized(request, takes, backend)
    _check_choices(request, takes, backend)
    _check_settings(request, takes, backend)
    return request


def _check_prompt(request: VideoRequest, takes: Capabilities, backend: str) -> None:
    if takes.prompt_length(request.prompt) <= takes.prompt_max:
        return
    limit = takes.prompt_max
    if takes.prompt_unit == "utf16":
        raise InvalidRequest(
            "{backend} takes prompts of up to {limit} characters; an emoji counts as two or more.",
            field="prompt",
            backend=backend,
            limit=limit,
        )
    raise InvalidRequest(
        "{backend} takes prompts of up to {limit} characters.",
        field="prompt",
        backend=backend,
        limit=limit,
    )


def _sized(request: VideoRequest, takes: Capabilities, backend: str) -> VideoRequest:
    sized = takes.sized(request)
    if sized is None:
        sizes = (f"{width} x {height}" for width, height in takes.sized_pairs().values())
        raise _refusal("width", dict.fromkeys(sizes), backend)
    if sized is request and request.odd_word is not None:
        raise InvalidRequest("This does not go with the width and height.", field=request.odd_word)
    return sized


def _check_choices(request: VideoRequest, takes: Capabilities, backend: str) -> None:
    for name, value, allowed in (
        ("aspect_ratio", request.aspect_ratio, takes.aspect_ratios),
        ("resolution", request.resolution, takes.resolutions),
        ("duration", request.duration_s, takes.durations),
    ):
        if value is not None and value not in allowed:
            choices = (c if isinstance(c, str) else f"{c:g}" for c in allowed)
            raise _refusal(name, choices, backend)


def _check_settings(request: VideoRequest, takes: Capabilities, backend: str) -> None:
    for name in SIMPLE:
        if getattr(request, name) is not None and not getattr(takes, name):
            raise _refusal(name, (), backend)
    asked = {name: getattr(request, name) for name in RANGED}
    settings = {name: getattr(takes, name) for name in RANGED}
    asked |= {f"extra.{name}": value for name, value in request.extra.items()}
    settings |= {f"extra.{name}": setting for name, setting in takes.passthrough.items()}
    for name, value in asked.items():
        setting = settings.get(name)
        if value is not None and (setting is None or not setting.takes(value)):
            raise _refusal(name, setting.values if setting else (), backend)


def _refusal(name: str, allowed: Iterable[str], backend: str) -> InvalidRequest:
    choices = ", ".join(allowed)
    if not choices:
        return InvalidRequest("{backend} takes no such setting.", field=name, backend=backend)
    return InvalidRequest(
        "{backend} takes only: {choices}.", field=name, backend=backend, choices=choices
    )
