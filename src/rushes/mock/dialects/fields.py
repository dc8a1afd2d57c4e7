"""The fields of a submission, however they were encoded."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rushes.errors import InvalidRequest

if TYPE_CHECKING:
    from starlette.requests import Request

Fields = dict[str, object]
JSON = "application/json"
MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"


async def read_fields(request: Request, encodings: frozenset[str]) -> Fields:
    """Return what was sent, a file as its bytes; nothing for an encoding that is not understood.

    Raises InvalidRequest for JSON that is no object.
    """
    encoding = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if encoding not in encodings:
        return {}
    if encoding == JSON:
        return _json_object(await request.body())
    async with request.form() as form:
        return {
            name: value if isinstance(value, str) else await value.read()
            for name, value in form.items()
        }


def _json_object(body: bytes) -> Fields:
    try:
        sent = json.loads(body)
    except ValueError as error:
        raise InvalidRequest("the body is not JSON") from error
    if not isinstance(sent, dict):
        raise InvalidRequest("the body is not a JSON object")
    return sent


def text(fields: Fields, name: str) -> str | None:
    """Return a field as text; None when it is absent or empty."""
    value = fields.get(name)
    return None if value is None or value == "" else str(value)


def whole(fields: Fields, name: str, default: int | None = None) -> int | None:
    """Return a field as a whole number, or `default`; raises InvalidRequest for anything else."""
    value = text(fields, name)
    if value is None:
        return default
    if not re.fullmatch(r"-?\d{1,18}", value):
        raise InvalidRequest(f"{name} must be a whole number", field=name)
    return int(value)


def size(fields: Fields) -> tuple[int, int] | None:
    """Return width and height from `size` or from the two fields; None when neither is there."""
    told = text(fields, "size")
    if told is not None:
        if not re.fullmatch(r"\d{1,5}x\d{1,5}", told):
            raise InvalidRequest("size must look like 1280x720", field="size")
        width, height = map(int, told.split("x"))
        return width, height
    across, down = whole(fields, "width"), whole(fields, "height")
    return None if across is None or down is None else (across, down)
