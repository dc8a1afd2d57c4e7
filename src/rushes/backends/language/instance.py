"""What a profile has to be told of one instance: `{vars.NAME}`, filled in before it is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from rushes.backends.language.grammar import VarValue, meant
from rushes.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = re.compile(r"\{vars\.([a-z][a-z0-9_]*)\}")
_VALUE: TypeAdapter[str] = TypeAdapter(VarValue)


def told(document: dict[str, Any], given: Mapping[str, str] | None) -> dict[str, Any]:
    """Return a profile's document with its `{vars.NAME}` filled in; raises Misconfigured.

    Where nothing was `given` because it is about no instance, a name stands for its value.
    """
    declared = document.get("vars")
    if not isinstance(declared, dict):
        declared = {}
    if given is None:
        given = {name: name for name, value in declared.items() if not value}
    if flaws := [
        (("vars", name), flaw) for name in given if (flaw := _flaw(name, given, declared))
    ]:
        raise Misconfigured(*flaws)
    values = {name: str(value) for name, value in (declared | dict(given)).items() if value}
    missing = ", ".join(sorted(declared.keys() - values.keys()))
    if missing:
        raise Misconfigured((("vars",), f"the profile needs {missing}"))
    return {name: _filled(part, values) for name, part in document.items()}


def _flaw(name: str, given: Mapping[str, str], declared: dict[str, Any]) -> str | None:
    if name not in declared:
        return f"the profile asks for no {name!r}{meant(name, declared)}"
    try:
        _VALUE.validate_python(given[name])
    except ValidationError:
        return "letters, digits and . _ ~ - only"
    return None


def _filled(part: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - any part of a document
    if isinstance(part, dict):
        return {name: _filled(value, values) for name, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, values) for value in part]
    if isinstance(part, str):
        return _NAMED.sub(lambda named: values.get(named[1], named[0]), part)
    return part
