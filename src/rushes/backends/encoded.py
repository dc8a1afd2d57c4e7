"""A clip in base64 inside JSON, decoded as it comes: never more than a piece of it in memory."""

from __future__ import annotations

import binascii
import json
import re
from typing import TYPE_CHECKING

from rushes.backends.language.pointers import plain
from rushes.errors import BadBackendResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from pydantic import JsonValue

    from rushes.ports import ClipSource

AROUND_MAX = 1024 * 1024
"""How much JSON there may be before the clip."""
HEAD_MAX = 200

_TOKEN = re.compile(
    rb'\s*(?:(?P<mark>[{}\[\],:])|(?P<text>"[^"\\]*(?:\\.[^"\\]*)*")|[-+.\w]+(?=[\s,\]}]))',
    re.DOTALL,
)
_OPENING = re.compile(rb'\s*"(?=[^"]{4}|[^"]{1,3}")(?!http)')
"""The quote before a text that is not empty and no address: no video's base64 begins so."""


class EncodedClip:
    """See ports.ClipSource: the text at one of `pointers` in the JSON that `source` brings.

    It cannot be resumed, and its size is not known before its end.
    """

    size: int | None = None
    start = 0
    validator: str | None = None

    def __init__(self, source: ClipSource, pointers: Iterable[str]) -> None:
        self._pieces = source.chunks()
        self._walk = Walk(pointers)

    async def is_there(self) -> bool:
        """Read on until the clip begins; False where the document ends without one."""
        async for piece in self._pieces:
            is_there = self._walk.reaches_clip(piece)
            if self._walk.length > AROUND_MAX:
                raise BadBackendResponse("the answer is longer than 1 MiB and holds no clip")
            if is_there:
                return True
        return False

    @property
    def text(self) -> bytes:
        """What was read: all of the answer, where it holds no clip."""
        return bytes(self._walk.seen)

    def document(self) -> JsonValue:
        """Return the answer that held no clip; raises BadBackendResponse if it is no JSON."""
        try:
            found: JsonValue = json.loads(self._walk.seen)
        except (ValueError, RecursionError) as error:
            raise BadBackendResponse("the answer is not JSON") from error
        return found

    async def chunks(self) -> AsyncIterator[bytes]:
        """See ports.ClipSource: raises BadBackendResponse where the text is no base64."""
        decoder = Decoder()
        yield decoder.feed(self._walk.rest)
        async for piece in self._pieces:
            if decoder.is_done:
                return
            yield decoder.feed(piece)
        if not decoder.is_done:
            raise BadBackendResponse("the clip's text breaks off")


def ended_at_clip(body: bytes, pointers: Iterable[str]) -> bytes | None:
    """Return JSON as if it ended where the clip's text begins, which is empty then.

    None where no clip begins in `body`, which may break off.
    """
    walk = Walk(pointers)
    return walk.ended if walk.reaches_clip(body) else None


class Walk:
    """A walk over JSON that comes in pieces, up to the text at one of `pointers`."""

    def __init__(self, pointers: Iterable[str]) -> None:
        self.seen = bytearray()
        self._wanted = [[plain(step) for step in pointer.split("/")[1:]] for pointer in pointers]
        self._at = 0
        self._path: list[str | int | None] = []
        self._is_there = False

    @property
    def length(self) -> int:
        """How much JSON there was so far, without the clip."""
        return self._at if self._is_there else len(self.seen)

    @property
    def rest(self) -> bytes:
        """What is here of the clip's text."""
        return bytes(self.seen[self._at :])

    @property
    def ended(self) -> bytes:
        """What came before the clip's text, with everything closed that is open."""
        closing = (b"]" if isinstance(step, int) else b"}" for step in reversed(self._path))
        return bytes(self.seen[: self._at]) + b'"' + b"".join(closing)

    def reaches_clip(self, piece: bytes) -> bool:
        """Walk over what is whole; stop behind the quote that opens the clip's text."""
        self.seen += piece
        while True:
            opening = _OPENING.match(self.seen, self._at) if self._is_wanted() else None
            if opening is not None:
                self._at = opening.end()
                self._is_there = True
                return True
            token = _TOKEN.match(self.seen, self._at)
            if token is None:
                return False
            self._at = token.end()
            self._step(token["mark"], token["text"])

    def _is_wanted(self) -> bool:
        return any(
            len(steps) == len(self._path) and all(map(_fits, self._path, steps))
            for steps in self._wanted
        )

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


def _fits(here: str | int | None, step: str) -> bool:
    return step in {"*", str(here)} if isinstance(here, int) else here == step
