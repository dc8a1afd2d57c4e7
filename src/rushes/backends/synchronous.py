"""The VideoBackend of a profile whose submit is answered with the clip, or JSON that holds it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from rushes.backends.checking import naming_the_setting
from rushes.backends.encoded import EncodedClip
from rushes.backends.extraction import passes, read_urls
from rushes.backends.language.profile import ClipProfile
from rushes.backends.speaking import Speaker, in_doubt, is_text, readable, resolved
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, Stage
from rushes.errors import (
    BackendError,
    GenerationFailed,
    OutcomeUnknown,
    RejectedByModeration,
    RemoteJobNotFound,
    ResultLost,
)
from rushes.net import Answer
from rushes.ports import Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rushes.domain import VideoRequest
    from rushes.net import Incoming
    from rushes.ports import ClipSource


SEEN_MAX = 200


class SynchronousBackend(Speaker[ClipProfile]):
    """See ports.VideoBackend. The connection of the submit is the only thread to the job."""

    finds = False

    async def submit(self, request: VideoRequest, *, idempotency_key: str) -> Submission:
        """See ports.VideoBackend. Returns when the clip begins, or its address is known."""
        sending = await self._sending(request, idempotency_key)
        async with AsyncExitStack() as stack:
            with in_doubt(), naming_the_setting(self._profile, self._settings):
                incoming = await stack.enter_async_context(self._client.stream(**sending))
            with in_doubt():
                found = await self._clip_or_answer(incoming)
            remote = RemoteJob(idempotency_key, RemoteStatus.COMPLETED)
            if isinstance(found, Answer):
                return Submission(replace(remote, urls={"clip": self._address_in(found)}))
            return Submission(remote, clip=OpenAnswer(found, stack.pop_all()))

    async def _clip_or_answer(self, incoming: Incoming) -> ClipSource | Answer:
        """Return the clip that an answer is, or holds; else the answer, read to its end."""
        if incoming.has_clip and not is_text(incoming.media_type):
            return incoming
        if not incoming.has_clip or not self._profile.result.base64:
            return await incoming.answer()
        clip = EncodedClip(incoming, self._profile.result.base64)
        return clip if await clip.is_there() else self._as_answer(incoming, clip.text)

    def _as_answer(self, incoming: Incoming, body: bytes) -> Answer:
        seen = self._clean(body[:2000].decode("utf-8", "replace"), SEEN_MAX)
        detail = f"{self._client.where} answered {incoming.status}: {seen or 'no body'}"
        return Answer(incoming.status, {"content-type": incoming.media_type}, body, detail)

    def _address_in(self, answer: Answer) -> str:
        """Return the clip's address that an answer tells; raises what it means instead."""
        if not answer.is_success:
            raise self._refusal(answer)
        document = readable(answer)
        if not passes(self._profile, document):
            raise self._error(answer, document, Stage.SUBMIT)
        address = read_urls({"clip": self._profile.result.json_url}, document).get("clip")
        if address is None or self._client.redactor.holds_secret(address):
            raise OutcomeUnknown("the answer is no clip", detail=answer.detail)
        return address

    def _refusal(self, answer: Answer) -> BackendError:
        """As for every submit; but this answer comes after the work and may tell how it ended."""
        told = self._error(answer, readable(answer), Stage.SUBMIT)
        is_the_end = isinstance(told, GenerationFailed | RejectedByModeration)
        return told if is_the_end else super()._refusal(answer)

    async def poll(self, remote: RemoteJob) -> RemoteJob:
        """See ports.VideoBackend. Nobody is asked: a clip with an address was finished by then."""
        if "clip" in remote.urls:
            return remote
        raise RemoteJobNotFound("this backend keeps no jobs: its answer is the clip")

    async def find(self, idempotency_key: str) -> RemoteJob | None:  # noqa: ARG002 - the port's
        """See ports.VideoBackend."""
        return None

    @asynccontextmanager
    async def open_clip(
        self, remote: RemoteJob, *, start: int = 0, validator: str | None = None
    ) -> AsyncIterator[ClipSource]:
        """See ports.VideoBackend. Only a clip with an address can be asked for again."""
        told = remote.urls.get("clip")
        if told is None:
            raise ResultLost("the clip came as the answer itself and broke off on its way")
        reply, address = self._profile.result, resolved(self._client.base, told)
        is_ours = reply.url_auth == "same_origin"
        opened = self._download(address, start, validator, accept=reply.accept, is_ours=is_ours)
        async with opened as incoming:
            if not incoming.has_clip or is_text(incoming.media_type):
                answer = await incoming.answer()
                is_withheld = self._is_own(address) and not is_ours
                raise self._no_clip(answer, readable(answer), "url_auth" if is_withheld else "")
            yield incoming

    async def thumbnail(self, remote: RemoteJob, *, max_bytes: int) -> bytes | None:  # noqa: ARG002 - the port's
        """See ports.VideoBackend."""
        return None

    async def cancel(self, remote: RemoteJob) -> CancelOutcome:  # noqa: ARG002 - the port's
        """See ports.VideoBackend."""
        return CancelOutcome.STOPPED_WAITING

    async def forget(self, remote: RemoteJob) -> bool:  # noqa: ARG002 - the port's
        """See ports.VideoBackend."""
        return False


class OpenAnswer(AbstractAsyncContextManager["ClipSource"]):
    """An answer that has come as far as its clip: entered it is the clip, left it is closed."""

    def __init__(self, clip: ClipSource, connection: AsyncExitStack) -> None:
        self._clip = clip
        self._connection = connection

    async def __aenter__(self) -> ClipSource:
        return self._clip

    async def __aexit__(self, *_: object) -> None:
        await self._connection.aclose()
