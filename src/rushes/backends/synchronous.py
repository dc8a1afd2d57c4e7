"""The VideoBackend of a profile whose submit is answered with the clip itself."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING

from rushes.backends.checking import naming_the_setting
from rushes.backends.profile import ClipProfile
from rushes.backends.speaking import Speaker, in_doubt, is_text, readable
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, Stage
from rushes.errors import (
    BackendError,
    GenerationFailed,
    OutcomeUnknown,
    RejectedByModeration,
    RemoteJobNotFound,
    ResultLost,
)
from rushes.ports import Submission

if TYPE_CHECKING:
    from rushes.domain import VideoRequest
    from rushes.net import Answer, Incoming
    from rushes.ports import ClipSource


class SynchronousBackend(Speaker[ClipProfile]):
    """See ports.VideoBackend. The connection of the submit is the only thread to the job."""

    async def submit(self, request: VideoRequest, *, idempotency_key: str) -> Submission:
        """See ports.VideoBackend. Returns when the answer's head is here; its body is the clip."""
        sending = self._sending(request, idempotency_key)
        async with AsyncExitStack() as stack:
            with in_doubt(), naming_the_setting(self._profile):
                incoming = await stack.enter_async_context(self._client.stream(**sending))
            if not incoming.has_clip or is_text(incoming.media_type):
                raise await self._instead_of_a_clip(incoming)
            remote = RemoteJob(idempotency_key, RemoteStatus.COMPLETED)
            return Submission(remote, clip=OpenAnswer(incoming, stack.pop_all()))

    async def _instead_of_a_clip(self, incoming: Incoming) -> BackendError:
        with in_doubt():
            answer = await incoming.answer()
        if not answer.is_success:
            return self._refusal(answer)
        return OutcomeUnknown("the answer is no clip", detail=answer.detail)

    def _refusal(self, answer: Answer) -> BackendError:
        """As for every submit; but this answer comes after the work and may tell how it ended."""
        told = self._error(answer, readable(answer), Stage.SUBMIT)
        is_the_end = isinstance(told, GenerationFailed | RejectedByModeration)
        return told if is_the_end else super()._refusal(answer)

    async def poll(self, remote: RemoteJob) -> RemoteJob:  # noqa: ARG002 - the port's
        """See ports.VideoBackend."""
        raise RemoteJobNotFound("this backend keeps no jobs: its answer is the clip")

    async def find(self, idempotency_key: str) -> RemoteJob | None:  # noqa: ARG002 - the port's
        """See ports.VideoBackend."""
        return None

    def open_clip(
        self,
        remote: RemoteJob,  # noqa: ARG002 - the port's
        *,
        start: int = 0,  # noqa: ARG002 - the port's
        validator: str | None = None,  # noqa: ARG002 - the port's
    ) -> AbstractAsyncContextManager[ClipSource]:
        """See ports.VideoBackend. What broke off on its way cannot be asked for again."""
        raise ResultLost("the clip came as the answer itself and broke off on its way")

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
    """An answer whose head is here: entered it is the clip, left it is closed."""

    def __init__(self, incoming: Incoming, connection: AsyncExitStack) -> None:
        self._incoming = incoming
        self._connection = connection

    async def __aenter__(self) -> ClipSource:
        return self._incoming

    async def __aexit__(self, *_: object) -> None:
        await self._connection.aclose()
