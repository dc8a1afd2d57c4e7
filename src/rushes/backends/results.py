"""Where a finished job's clip is, and how its bytes come: steps on the way, addresses, base64."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from rushes.backends.encoded import EncodedClip, ended_at_clip
from rushes.backends.extraction import context_of, kept_values, passes, read_urls, read_values
from rushes.backends.language.pointers import find_text
from rushes.backends.language.profile import JobProfile
from rushes.backends.language.templating import render
from rushes.backends.speaking import (
    Speaker,
    address_of,
    is_text,
    readable,
    resolved,
    with_query,
)
from rushes.errors import BadBackendResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import JsonValue

    from rushes.backends.language.sections import Step
    from rushes.domain import RemoteJob
    from rushes.net import Answer, Incoming
    from rushes.ports import ClipSource


class ClipReader(Speaker[JobProfile]):
    """The half of a profiled backend that brings the clip."""

    @asynccontextmanager
    async def _clip_of(
        self, remote: RemoteJob, start: int, validator: str | None
    ) -> AsyncIterator[ClipSource]:
        for step in self._profile.result.steps:
            remote = await self._after(step, remote)
        async with self._first(remote, start, validator) as found:
            if not isinstance(found, str):
                yield found
                return
        async with self._clip_at(found, start, validator, by="url_auth") as found:
            if isinstance(found, str):
                raise BadBackendResponse("the clip's address leads to another address")
            yield found

    @asynccontextmanager
    async def _first(
        self, remote: RemoteJob, start: int, validator: str | None
    ) -> AsyncIterator[ClipSource | str]:
        """Open the address that an answer told, else `path`: the clip, or where else it is."""
        result, known = self._profile.result, self._known(remote)
        told = known.get("urls.clip")
        address = told or address_of(result.path or "{urls.clip}", known)
        if told is None and result.method != "GET":
            body = render(result.body, known, {})
            headers = {"Accept": result.accept}
            address = with_query(address, self._secret_query)
            asked = self._client.stream(result.method, address, headers=headers, json=body)
            async with asked as incoming:
                yield await self._found_in(incoming)
            return
        by = "url_auth" if told else "auth"
        async with self._clip_at(address, start, validator, by=by) as found:
            yield found

    async def thumbnail(self, remote: RemoteJob, *, max_bytes: int) -> bytes | None:
        """See ports.VideoBackend."""
        if remote.thumbnail is None:
            return None
        address, picture = resolved(self._client.base, remote.thumbnail), bytearray()
        is_ours = self._profile.result.url_auth == "same_origin"
        async with self._client.download(address, is_ours=is_ours) as incoming:
            if not incoming.has_clip or (incoming.size or 0) > max_bytes:
                return None
            async for chunk in incoming.chunks():
                picture += chunk
                if len(picture) > max_bytes:
                    return None
        return bytes(picture)

    async def _after(self, step: Step, remote: RemoteJob) -> RemoteJob:
        """Return the job with what a step's answer adds to it."""
        answer = await self._call(step, self._known(remote))
        document = readable(answer)
        if not answer.is_success or not passes(self._profile, document):
            raise self._no_clip(answer, document)
        urls = read_urls(step.urls, document)
        values = kept_values(remote) | read_values(step.values, document)
        return replace(remote, urls=remote.urls | urls, context=context_of(values, None))

    @asynccontextmanager
    async def _clip_at(
        self, address: str, start: int, validator: str | None, *, by: str
    ) -> AsyncIterator[ClipSource | str]:
        """Open an address: the clip itself, or another address where JSON came in its place.

        `by` is the key of [result] that says whether credentials go along.
        """
        accept, is_ours = self._profile.result.accept, getattr(self._profile.result, by) != "never"
        opened = self._download(address, start, validator, accept=accept, is_ours=is_ours)
        async with opened as incoming:
            is_withheld = self._is_own(address) and not is_ours
            yield await self._found_in(incoming, by if is_withheld else "")

    async def _found_in(self, incoming: Incoming, withheld_by: str = "") -> ClipSource | str:
        """Return the clip that an answer is or holds, or the address in it."""
        if incoming.has_clip and not is_text(incoming.media_type):
            return incoming
        if incoming.has_clip and self._profile.result.base64:
            return await self._decoded(incoming)
        return self._address_in(await incoming.answer(), withheld_by)

    async def _without_clip(self, answer: Answer) -> Answer:
        """Return an answer that a clip made too long as if it ended where the clip begins."""
        places = self._profile.result.base64
        if answer.flaw is None or not places:
            return answer
        # A peer that means ill can make a walk of seconds of it.
        cut = await asyncio.to_thread(ended_at_clip, answer.body, places)
        return answer if cut is None else replace(answer, body=cut, flaw=None)

    async def _decoded(self, incoming: Incoming) -> ClipSource | str:
        """Return the clip that a JSON answer holds, or the address in it."""
        clip = EncodedClip(incoming, self._profile.result.base64)
        if await clip.is_there():
            return clip
        elsewhere = self._elsewhere(clip.document())
        if elsewhere is None:
            raise BadBackendResponse("the answer holds neither a clip nor its address")
        return elsewhere

    def _address_in(self, answer: Answer, withheld_by: str) -> str:
        """Return where the clip is, as a JSON answer says; raises what else the answer means."""
        document = readable(answer)
        elsewhere = self._elsewhere(document) if answer.is_success else None
        if elsewhere is None:
            raise self._no_clip(answer, document, withheld_by)
        return elsewhere

    def _elsewhere(self, document: JsonValue) -> str | None:
        return find_text(document, self._profile.result.json_url)
