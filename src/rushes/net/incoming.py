"""A clip on its way in: opened, not yet read; its bytes are counted and its pace is watched."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from rushes.errors import BackendUnavailable, ClipTooLarge
from rushes.net.answers import media_type

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rushes.net.answers import Answer

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_NOTHING_LEFT = re.compile(r"bytes \*/(\d{1,18})")
_LENGTH = re.compile(r"\d{1,18}")


@dataclass(frozen=True, slots=True)
class Resume:
    """Bytes from `start` on are asked for, of the very file that `validator` names."""

    start: int = 0
    validator: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The request headers that say so."""
        if self.start == 0 or self.validator is None:
            return {}
        return {"Range": f"bytes={self.start}-", "If-Range": self.validator}


@dataclass(frozen=True, slots=True)
class Pace:
    """What a clip's way in may cost: bytes in all, and at least so many per second of a window."""

    max_bytes: int
    min_rate: int
    window_s: float


class Incoming:
    """See ports.ClipSource. An answer whose head is here and whose body is still to come."""

    def __init__(
        self,
        response: httpx.Response,
        resume: Resume,
        *,
        pace: Pace,
        where: str,
        read_answer: Callable[[httpx.Response], Awaitable[Answer]],
    ) -> None:
        extent = _extent(response, resume)
        self._response = response
        self._pace = pace
        self._where = where
        self._read_answer = read_answer
        self.status = response.status_code
        self.media_type = media_type(response.headers)
        self.has_clip = extent is not None
        """Whether the body may be taken as what was asked for."""
        self.start, self.size = extent or (0, None)
        self.validator = _strong(response.headers.get("etag"))

    async def answer(self) -> Answer:
        """Read the body as an API answer instead, within the caps of one."""
        return await self._read_answer(self._response)

    async def chunks(self) -> AsyncIterator[bytes]:
        """See ports.ClipSource: raises ClipTooLarge, and BackendUnavailable when it breaks off."""
        position = self.start
        if (self.size or 0) > self._pace.max_bytes:
            raise self._too_large()
        if self.status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing was left to send
        async for chunk in self._watched():
            position += len(chunk)
            if position > self._pace.max_bytes:
                raise self._too_large()
            yield chunk
        if self.size not in (None, position):
            raise self._broken_off(f"the clip ended at byte {position} of {self.size}")

    async def _watched(self) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        chunks = self._response.aiter_raw()
        waited, got = 0.0, 0
        while True:
            began = clock()
            chunk = await self._next(chunks)
            waited, got = waited + clock() - began, got + len(chunk)
            if not chunk:
                return
            yield chunk
            if waited >= self._pace.window_s:
                if got < self._pace.min_rate * waited:
                    raise self._broken_off(f"only {got} bytes in {waited:.0f} s")
                waited, got = 0.0, 0

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes:
        """Return the next bytes, b"" at the end. Only waiting for the peer counts as time."""
        try:
            async with asyncio.timeout(self._pace.window_s):
                return await anext(chunks, b"")
        except TimeoutError:
            raise self._broken_off(f"no byte for {self._pace.window_s:.0f} s") from None
        except httpx.HTTPError as error:
            raise self._broken_off(f"{type(error).__name__}: {error}") from error

    def _broken_off(self, why: str) -> BackendUnavailable:
        return BackendUnavailable(
            "the clip broke off on its way", detail=f"{self._where}: {why[:200]}"
        )

    def _too_large(self) -> ClipTooLarge:
        return ClipTooLarge(
            f"the clip is larger than {self._pace.max_bytes} bytes",
            detail=f"{self._where}: {self.size or 'no'} bytes announced",
        )


def _extent(response: httpx.Response, resume: Resume) -> tuple[int, int | None] | None:
    """Return first byte and whole size, or None where the body is not what was asked for."""
    headers = response.headers
    told = headers.get("content-range", "")
    if response.status_code == httpx.codes.OK:
        return 0, _length(headers)
    if not resume.headers or headers.get("etag", resume.validator) != resume.validator:
        return None
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        return _rest(told, resume.start, _length(headers))
    if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        whole = _NOTHING_LEFT.fullmatch(told)
        return (resume.start, resume.start) if whole and int(whole[1]) == resume.start else None
    return None


def _rest(told: str, start: int, length: int | None) -> tuple[int, int] | None:
    match = _CONTENT_RANGE.fullmatch(told)
    if match is None:
        return None
    first, last, size = (int(part) for part in match.groups())
    is_the_rest = first == start and last == size - 1 and length in (None, size - start)
    return (start, size) if is_the_rest else None


def _length(headers: httpx.Headers) -> int | None:
    told = headers.get("content-length", "")
    is_framing = "transfer-encoding" not in headers and _LENGTH.fullmatch(told)
    return int(told) if is_framing else None


def _strong(etag: str | None) -> str | None:
    """Only a strong ETag promises the same bytes (RFC 9110, 8.8.1)."""
    return etag if etag and etag.startswith('"') and len(etag) <= 200 else None
