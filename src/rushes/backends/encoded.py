"""A clip in base64 inside JSON, decoded as it comes: never more than a piece of it in memory."""

from __future__ import annotations

import binascii
import json
import re
from typing import TYPE_CHECKING

from rushes.errors import BadBackendResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from pydantic import JsonValue

    from rushes.ports import ClipSource

AROUND_MAX = 1024 * 1024
"""How much JSON there may be before the clip."""
HEAD_MAX = 200

_TOKEN = re.compile(
    rb'\s*(?:(?P<mark>[{}\[\],:])|(?P<text>"(?:[^"\\]|\\.)*")|[-+.\w]+(?=[\s,\]}]))', re.DOTALL
)
_OPENING = re.compile(rb'\s*"')


class EncodedClip:
    """See ports.ClipSource: the text at one of `pointers` in the JSON that `source` brings.

    It cannot be resumed, and its size is not known before its end.
    """

    size: int | None = None
    start = 0
    validator: str | None = None

    def __init__(self, source: ClipSource, pointers: Iterable[str]) -> None:
        self._pieces = source.chunks()
        self._wanted = [_steps(pointer) for pointer in pointers]
        self._json = bytearray()
        self._at = 0
        self._path: list[str | int | None] = []

    async def is_there(self) -> bool:
        """Read on until the clip begins; False where the document ends without one."""
        async for piece in self._pieces:
            self._json += piece
            is_there = self._reaches_clip()
            if (self._at if is_there else len(self._json)) > AROUND_MAX:
                raise BadBackendResponse("the answer is longer than 1 MiB and holds no clip")
            if is_there:
                return True
        return False

    def document(self) -> JsonValue:
        """Return the answer that held no clip; raises BadBackendResponse if it is no JSON."""
        try:
            found: JsonValue = json.loads(self._json)
        except (ValueError, RecursionError) as error:
            raise BadBackendResponse("the answer is not JSON") from error
        return found

    async def chunks(self) -> AsyncIterator[bytes]:
        """See ports.ClipSource: raises BadBackendResponse where the text is no base64."""
        decoder = Decoder()
        yield decoder.feed(bytes(self._json[self._at :]))
        async for piece in self._pieces:
            if decoder.is_done:
                return
            yield decoder.feed(piece)
        if not decoder.is_done:
            raise BadBackendResponse("the clip's text breaks off")

    def _reaches_clip(self) -> bool:
        """Walk over what is whole; stop behind the quote that opens the clip's text."""
        while True:
            if [str(step) for step in self._path] in self._wanted:
                opening = _OPENING.match(self._json, self._at)
                if opening is not None:
                    self._at = opening.end()
                    return True
            token = _TOKEN.match(self._json, self._at)
            if token is None:
                return False
            self._at = token.end()
            self._step(token["mark"], token["text"])

    def _step(self, mark: bytes | None, text: bytes | None) -> None:
        here = self._path[-1] if self._path else ""
        if mark in {b"{", b"["}:
            self._path.append(None if mark == b"{" else 0)
        elif mark in {b"}", b"]"}:
            del self._path[-1:]
        elif mark == b"," and self._path:
            self._path[-1] = here + 1 if isinstance(here, int) else None
        elif text is not None and here is None:
            self._path[-1] = json.loads(text)


class Decoder:
    """Base64 in pieces, up to the quote that ends it; a data URI's head is dropped."""

    def __init__(self) -> None:
        self.is_done = False
        self._rest = b""
        self._has_begun = False

    def feed(self, piece: bytes) -> bytes:
        """Return the bytes that are whole now; raises BadBackendResponse."""
        text, quote, _ = (self._rest + piece).partition(b'"')
        self.is_done = bool(quote)
        text = self._without_head(text)
        if not self._has_begun:
            self._rest = text
            return b""
        held = text[-1:] if text.endswith(b"\\") else b""
        text = text.removesuffix(b"\\").replace(b"\\/", b"/").replace(b"\\n", b"")
        whole = len(text) if self.is_done else len(text) // 4 * 4
        self._rest = text[whole:] + held
        return _decoded(text[:whole])

    def _without_head(self, text: bytes) -> bytes:
        if self._has_begun or not (self.is_done or len(text) >= HEAD_MAX):
            return text
        self._has_begun = True
        return text.partition(b",")[2] if text.startswith(b"data:") else text


def _decoded(text: bytes) -> bytes:
    padding = b"=" * (-len(text) % 4)
    try:
        return binascii.a2b_base64(text + padding, strict_mode=True)
    except binascii.Error as error:
        raise BadBackendResponse("the clip's text is no base64") from error


def _steps(pointer: str) -> list[str]:
    parts = pointer.split("/")[1:]
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]
