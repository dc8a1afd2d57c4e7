"""The words of the profile language: pointers, patterns, kinds, and templates that can be read."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from rushes.backends.language.templating import TemplateError, names_in, strings_in
from rushes.domain import VideoRequest
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    ConcurrencyLimited,
    Forbidden,
    GenerationFailed,
    ModelUnavailable,
    QuotaExhausted,
    RateLimited,
    RefusedByBackend,
    RejectedByModeration,
    RemoteJobNotFound,
    ResultExpired,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rushes.backends.language.templating import Place

REQUEST_NAMES = frozenset(VideoRequest.model_fields) | {"size", "job_id", "any_seed"}
REMOTE_NAMES = frozenset({"id"})
TROUBLES: dict[str, type[BackendError]] = {
    error.kind: error
    for error in (
        BackendUnavailable,
        ConcurrencyLimited,
        Forbidden,
        GenerationFailed,
        ModelUnavailable,
        QuotaExhausted,
        RateLimited,
        RefusedByBackend,
        RejectedByModeration,
        RemoteJobNotFound,
        ResultExpired,
        Unauthorized,
    )
}
"""The kinds of trouble that an answer can tell of, by their names."""
_PREFIXED = re.compile(r"(extra|urls|values)\..+")
EACH = re.compile(r"-?\*(?:\[([^=\]]+)=([^\]]*)\])?")
"""A step of a pointer that stands for the entries of a list, perhaps for some of them only.

With `-` the last one goes first.
"""
_TEST = re.compile(r"(has|lacks)\(([a-z][a-z0-9_]*)\)")


def meant(word: str, known: Collection[str]) -> str:
    """Return the end of a sentence that proposes what was probably meant."""
    close = difflib.get_close_matches(word, known, n=1)
    return (
        f"; did you mean {close[0]!r}?"
        if close
        else f"; there are {', '.join(sorted(known)) or 'none'}"
    )


def _a_pointer(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError('a JSON Pointer is empty or begins with "/"')
    if any(step.startswith(("*", "-*")) and not EACH.fullmatch(step) for step in text.split("/")):
        raise ValueError("the entries of a list are * or *[key=text], from the end -*")
    return text


def _readable_in_passing(pointer: str) -> str:
    if "/*[" in pointer or "/-*" in pointer:
        raise ValueError("a clip is read as it comes: which entry it is in cannot depend on more")
    return pointer


def _a_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return text


def tests_in(when: str) -> list[tuple[str, bool]]:
    """Return what `has(a) and lacks(b)` asks for: names, and whether they must be there."""
    found = [_TEST.fullmatch(part.strip()) for part in when.split(" and ")]
    return [(match[2], match[1] == "has") for match in found if match]


def _a_test(text: str) -> str:
    tests = tests_in(text)
    if len(tests) != len(text.split(" and ")):
        raise ValueError("a condition is has(name) or lacks(name), joined by and")
    for name, _ in tests:
        if name not in REQUEST_NAMES:
            raise ValueError(f"nothing is called {name!r} here{meant(name, REQUEST_NAMES)}")
    return text


def _a_kind(text: str) -> str:
    if text not in TROUBLES:
        raise ValueError(f"no kind of error{meant(text, TROUBLES)}")
    return text


def _of(allowed: frozenset[str]) -> AfterValidator:
    """Check that a template can be read and names only what there will be."""

    def check(template: JsonValue) -> JsonValue:
        found = ((place, _flaw(text, allowed)) for place, text in strings_in(template))
        blame([(place, flaw) for place, flaw in found if flaw])
        return template

    return AfterValidator(check)


def _flaw(text: str, allowed: frozenset[str]) -> str | None:
    try:
        names = list(names_in(text))
    except TemplateError as error:
        return str(error)
    strange = (n for n in names if n not in allowed and not _PREFIXED.fullmatch(n))
    return next((f"nothing is called {n!r} here{meant(n, allowed)}" for n in strange), None)


def blame(flaws: Sequence[tuple[Place, str]]) -> None:
    """Raise an error for each place below the one that is being checked, if there are any."""
    if flaws:
        raise ValidationError.from_exception_data(
            "template",
            [
                InitErrorDetails(
                    type=PydanticCustomError("value_error", "{reason}", {"reason": reason}),
                    loc=place,
                    input=None,
                )
                for place, reason in flaws
            ],
        )


def _readable(template: str) -> str:
    list(names_in(template))
    return template


Pointer = Annotated[str, AfterValidator(_a_pointer)]
Pointers = tuple[Pointer, ...]
ClipPointers = tuple[Annotated[Pointer, AfterValidator(_readable_in_passing)], ...]
Pattern = Annotated[str, AfterValidator(_a_pattern)]
Kind = Annotated[str, AfterValidator(_a_kind)]
When = Annotated[str, AfterValidator(_a_test)]
SwitchName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
VarName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
VarValue = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_~][A-Za-z0-9_.~-]{0,199})?$")]
"""Stands for itself in addresses, headers and texts alike, and is no step upwards; or nothing."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Body = Annotated[dict[str, JsonValue], _of(REQUEST_NAMES)]
Asked = Annotated[str, _of(REQUEST_NAMES)]
Known = Annotated[str, _of(REMOTE_NAMES)]
KnownBody = Annotated[dict[str, JsonValue], _of(REMOTE_NAMES)]
CredentialText = Annotated[str, AfterValidator(_readable)]
