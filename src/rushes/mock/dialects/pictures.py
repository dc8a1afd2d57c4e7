"""Pictures that come with a submission, in whichever of its fields and dress they come."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ENCODED = ("iVBORw0KGgo", "/9j/", "UklGR")
"""How PNG, JPEG and WebP begin in base64."""


def picture_in(fields: object) -> str | None:
    """Return the SHA-256, in hex, of the first picture among fields; None without any.

    A picture is a file, a data URI, or base64 without a head.
    """
    return next((hashlib.sha256(found).hexdigest() for found in _pictures(fields)), None)


def _pictures(value: object) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, str):
        yield from _decoded(value)
    elif isinstance(value, dict):
        yield from _pictures(list(value.values()))
    elif isinstance(value, list):
        for part in value:
            yield from _pictures(part)


def _decoded(text: str) -> Iterator[bytes]:
    head, mark, data = text.partition(";base64,")
    is_uri = bool(mark) and head.startswith("data:image/")
    if is_uri or text.startswith(ENCODED):
        try:
            yield base64.b64decode(data if is_uri else text, validate=True)
        except binascii.Error:
            return
