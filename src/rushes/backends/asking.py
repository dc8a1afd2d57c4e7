"""What a submit says: the request's values, the variant that fits them, all of it filled in."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rushes.backends.language.grammar import tests_in
from rushes.backends.language.offers import SIZES, WORDS, named_by, nowhere_said
from rushes.backends.language.templating import TemplateError, fill, fill_address, render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from rushes.backends.language.profile import Profile
    from rushes.backends.language.sections import Submit, Variant
    from rushes.domain import VideoRequest


@dataclass(frozen=True, slots=True)
class Letter:
    """A submit, written out; `query` and `headers` may still hold numbers."""

    address: str
    query: JsonValue
    headers: JsonValue
    body: JsonValue


def write_submit(
    profile: Profile,
    request: VideoRequest,
    *,
    key: str,
    model: str | None,
    told: Mapping[str, str] | None = None,
) -> Letter:
    """Return what is to be sent for `request`; raises TemplateError where it cannot be said.

    `told` is what `[submit.before]` brought.
    """
    submit = profile.submit
    model = request.model or model or profile.submit.defaults.model
    values = _values(profile, request) | {"job_id": key, "model": model}
    values.setdefault("any_seed", values.get("seed", zlib.crc32(key.encode())))
    values |= {f"values.{name}": text for name, text in (told or {}).items()}
    values["prompt"] = decorated(submit, values)
    chosen = variant_for(submit, values)

    def given(name: str) -> Any:  # noqa: ANN401 - any part of a submit
        special = getattr(chosen, name, None)
        return getattr(submit, name) if special is None else special

    return Letter(
        address=fill_address(given("path"), values),
        query=render(dict(given("query")), values, profile.tables),
        headers=render(dict(given("headers")), values, profile.tables),
        body=render(given("body"), values, profile.tables),
    )


def variant_for(submit: Submit, values: Mapping[str, Any]) -> Variant | None:
    """Return the first variant whose condition holds."""
    for variant in submit.variants:
        tests = tests_in(variant.when)
        if all((values.get(name) is not None) is wanted for name, wanted in tests):
            return variant
    return None


def decorated(submit: Submit, values: Mapping[str, Any]) -> str:
    """Return the prompt with the profile's texts behind it. It is no template itself."""
    texts = (fill(text, values) for text in submit.append)
    return "".join([values["prompt"], *(text for text in texts if text is not None)])


def _values(profile: Profile, request: VideoRequest) -> dict[str, Any]:
    """Return what the templates of a submit may name."""
    request = _in_words(profile, request)
    defaults = profile.submit.defaults.model_dump(exclude_none=True)
    if request.pixels is not None:  # another size than these
        defaults = {name: value for name, value in defaults.items() if name not in WORDS}
    asked = request.model_dump(exclude_none=True, exclude={"extra"})
    whole = request.model_copy(update=defaults | asked)
    values = defaults | asked
    values |= {f"extra.{name}": value for name, value in request.extra.items()}
    if not SIZES.isdisjoint(named_by(profile.submit)):
        try:
            size = values["size"] = whole.size
        except ValueError as error:
            raise TemplateError(str(error)) from error
        if size is not None:
            values["width"], values["height"] = size
    return values


def _in_words(profile: Profile, request: VideoRequest) -> VideoRequest:
    """Return a request that says in all ways what it wants; raises TemplateError where none is."""
    if nowhere := nowhere_said(profile.submit, request.extra):
        raise TemplateError(f"it takes no {', '.join(nowhere)}")
    sized = profile.takes(request.model or "").sized(request)
    if sized is not None:
        return sized
    # Whoever runs the service may know more shapes and resolutions of it than its profile.
    if (request.aspect_ratio is None and request.resolution is None) or request.odd_word:
        raise TemplateError(f"it takes no clip of {request.width} x {request.height}")
    return request
