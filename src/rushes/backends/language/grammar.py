"""The words of the profile language: pointers, patterns, kinds, and templates that can be read."""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from rushes.backends.language.templating import TemplateError, leaves_in, names_in, strings_in
from rushes.domain import VideoRequest
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    ConcurrencyLimited,
    Forbidden,
    GenerationFailed,
    Misconfigured,
    ModelUnavailable,
    QuotaExhausted,
    RateLimited,
    RefusedByBackend,
    RejectedByModeration,
    RemoteJobNotFound,
    ResultExpired,
    Unauthorized,
)
from rushes.net import Credentials, Secret

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
_TEST = re.compile(r"(has|lacks)\((extra\.[A-Za-z0-9_-]+|[a-z][a-z0-9_]*)\)")
_NAMED = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[A-Za-z0-9_-]+)?)(?::path)?\}")


def meant(word: str, known: Collection[str]) -> str:
    """Return the end of a sentence that proposes what was probably meant, or all there is."""
    return close_to(word, known) or f"; there are {', '.join(sorted(known)) or 'none'}"


def close_to(word: str, known: Collection[str]) -> str:
    """Return the end of a sentence that proposes what was probably meant, if anything was."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


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
        if name not in REQUEST_NAMES and not name.startswith("extra."):
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
    return next((_unknown(name, allowed) for name in strange), None)


def _unknown(name: str, allowed: frozenset[str]) -> str:
    of_vars = name.removeprefix("vars.")
    if of_vars != name:
        return f"[vars] has no {of_vars!r}"
    return f"nothing is called {name!r} here{meant(name, allowed)}"


def _in_json(template: dict[str, Any]) -> dict[str, Any]:
    """Refuse what TOML can say and JSON cannot."""
    strange = (place for place, leaf in leaves_in(template) if not _is_json(leaf))
    blame([(place, "JSON has no such value") for place in strange])
    return template


def _is_json(leaf: object) -> bool:
    return math.isfinite(leaf) if isinstance(leaf, float) else isinstance(leaf, (str, int))


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


def _a_path(path: str) -> str:
    if "://" in path:
        raise ValueError("leave the host out: the address of the backend goes before a path")
    if path and (not path.startswith(("/", "{")) or path.startswith("//")):
        raise ValueError('a path begins with "/", or with an address such as {urls.NAME}')
    return _a_place(path)


def _a_place(address: str) -> str:
    """Refuse what is a reference elsewhere, and would be sent as it stands in an address."""
    for step in address.split("/"):
        if step.startswith("="):
            raise ValueError(f"an address takes no references: write {_as_hole(step)}, not {step}")
    return address


def _a_text(template: str) -> str:
    if template.startswith("="):
        raise ValueError(f"no reference is read here: write {_as_hole(template)}")
    list(names_in(template))
    return template


def _as_hole(reference: str) -> str:
    return "{" + re.split(r"[!|+]", reference.removeprefix("="))[0] + "}"


def _sendable_as(kind: Literal["headers", "cookies"]) -> AfterValidator:
    """Check that a request can carry what stands around the secrets."""

    def check(texts: dict[str, str]) -> dict[str, str]:
        sent = {name: Secret(text) for name, text in texts.items()}
        is_header = kind == "headers"
        try:
            (Credentials(headers=sent) if is_header else Credentials(cookies=sent)).as_headers()
        except Misconfigured as error:
            blame([(place[1:], reason) for place, reason in error.flaws])
        return texts

    return AfterValidator(check)


def _as_it_stands(template: JsonValue) -> JsonValue:
    """Refuse what looks as if it were to be filled in."""
    found = ((place, _hope(text)) for place, text in strings_in(template))
    blame([(place, hope) for place, hope in found if hope])
    return template


def _hope(text: str) -> str | None:
    named = _NAMED.search(text)
    if named and named[1].startswith("vars."):
        return _unknown(named[1], frozenset())
    if named or text.startswith("="):
        return "this is sent as it stands: nothing but {vars.NAME} is filled in here"
    return None


def _as(**schema: JsonValue) -> WithJsonSchema:
    """Say to editors what a validator of ours holds a text to."""
    return WithJsonSchema({"type": "string", **schema})


Pointer = Annotated[str, AfterValidator(_a_pointer), _as(pattern="^(/.*)?$")]
Pointers = tuple[Pointer, ...]
ClipPointers = tuple[Annotated[Pointer, AfterValidator(_readable_in_passing)], ...]
Pattern = Annotated[str, AfterValidator(_a_pattern), _as(format="regex")]
Kind = Annotated[str, AfterValidator(_a_kind), _as(enum=sorted(TROUBLES))]
When = Annotated[str, AfterValidator(_a_test), _as(pattern=r"^(has|lacks)\(")]
HttpStates = Field(json_schema_extra={"propertyNames": {"pattern": "^[1-5][0-9]{2}$"}})
SwitchName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
VarName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
VarValue = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_~][A-Za-z0-9_.~-]{0,199})?$")]
"""Stands for itself in addresses, headers and texts alike, and is no step upwards; or nothing."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Seconds = Annotated[float, Field(gt=0, le=3600)]
_Table = Annotated[dict[str, Any], AfterValidator(_in_json)]
Body = Annotated[_Table, _of(REQUEST_NAMES)]
Asked = Annotated[str, _of(REQUEST_NAMES)]
AskedText = Annotated[Asked, AfterValidator(_a_text)]
AskedPath = Annotated[Asked, AfterValidator(_a_path)]
Known = Annotated[str, _of(REMOTE_NAMES)]
KnownPath = Annotated[Known, AfterValidator(_a_path)]
KnownPlace = Annotated[Known, AfterValidator(_a_place)]
"""Of a clip or picture, which may lie at another host."""
KnownBody = Annotated[_Table, _of(REMOTE_NAMES)]
Fixed = Annotated[str, AfterValidator(_as_it_stands)]
FixedPath = Annotated[Fixed, AfterValidator(_a_path)]
FixedBody = Annotated[_Table, AfterValidator(_as_it_stands)]
CredentialText = Annotated[str, AfterValidator(_a_text)]
CredentialHeaders = Annotated[dict[str, CredentialText], _sendable_as("headers")]
CredentialCookies = Annotated[dict[str, CredentialText], _sendable_as("cookies")]
