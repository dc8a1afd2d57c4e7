"""A whole answer of a peer, read under a cap, and JSON read strictly."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushes.errors import BadBackendResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case) and body of a finished exchange.

    `detail` says for an operator who answered what: host, port, status, type, first characters.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    detail: str
    flaw: str | None = None
    """Why the body is not to be read, although the status may be believed."""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """The type without its parameters, in lower case; "" where none is told."""
        return media_type(self.headers)

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> JsonValue:
        """Return the body as JSON; raises BadBackendResponse for anything but sound JSON."""
        if self.flaw is not None:
            raise BadBackendResponse(self.flaw, detail=self.detail)
        try:
            return _strict(self.body)
        except (ValueError, RecursionError) as error:
            raise BadBackendResponse("the answer is not JSON", detail=self.detail) from error


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as it went out, credentials and all, and the whole answer to it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    answer: Answer


def media_type(headers: Mapping[str, str]) -> str:
    """Return the Content-Type without parameters, in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _strict(body: bytes) -> JsonValue:
    found: JsonValue = json.loads(body, parse_constant=_refused, parse_float=_finite)
    if rb"\u" in body.lower():  # half a surrogate pair is text that nothing after us can store
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _refused(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number beyond all bounds")
    return value
