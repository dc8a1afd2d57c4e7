"""Gradio apps, Hugging Face Spaces among them: Gradio 4.44, 5.50 and 6.31.

A job goes in by `POST {prefix}/call/<function>` under a session of our choice, and is followed
on `GET {prefix}/queue/data?session_hash=`, which tells place, progress and end. The session is
the job's id: a submit whose answer was lost can be found again by listening there.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from rushes.backends.answering import error_of, read_options, refusal_of
from rushes.backends.checking import judge_error
from rushes.backends.gradio.app import read_endpoint, read_prefix
from rushes.backends.gradio.door import GradioDoor
from rushes.backends.gradio.messages import CLIP, Reader, event_of, with_event
from rushes.backends.gradio.request import catalogue, named_arguments
from rushes.backends.gradio.stream import Streams
from rushes.backends.language.grammar import Body
from rushes.backends.language.pointers import find_text
from rushes.backends.language.templating import picture_file
from rushes.backends.speaking import as_kind, in_doubt, is_text
from rushes.domain import CancelOutcome, Custody, RemoteJob, RemoteStatus, Stage
from rushes.errors import (
    BackendError,
    BadBackendResponse,
    ConcurrencyLimited,
    Forbidden,
    NotConfigured,
    RemoteJobNotFound,
    ResultExpired,
    Unauthorized,
)
from rushes.ports import Finding, Severity, Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from pydantic import JsonValue

    from rushes.backends import BackendConfig
    from rushes.backends.gradio.app import Endpoint
    from rushes.domain import Catalogue, VideoRequest
    from rushes.net import Answer, Incoming
    from rushes.ports import ClipSource

PAUSE = timedelta(seconds=1)
"""A poll costs the app nothing: it reads what the stream has told."""


class GradioOptions(BaseModel):
    """What an operator may say of an app; the rest is read from the app itself.

    `api` names the function (default: the first that makes a video from a prompt). `parameters`
    are templates by parameter name or label, as in a profile:
    `num_frames = "=duration_s|frames:16"`. A login is given as the extras `username` and
    `password`, a token as the key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api: str | None = None
    parameters: Body = {}


class GradioBackend:
    """See ports.VideoBackend."""

    finds = True

    def __init__(
        self, name: str, door: GradioDoor, options: GradioOptions, *, models: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.custody = Custody()
        self._door = door
        self._options = options
        self._models = models
        self._known: Endpoint | None = None
        self._streams = Streams(self._listen)

    async def aclose(self) -> None:
        """Stop listening and close the connections."""
        await self._streams.aclose()
        await self._door.aclose()

    # --- what the app is --------------------------------------------------------------------------

    async def describe(self) -> Catalogue:
        """See ports.VideoBackend. The app is asked anew each time."""
        endpoint = await self._read_endpoint()
        found = catalogue(endpoint, self._models, self._options.parameters)
        self._known = endpoint
        return found

    async def check(self) -> list[Finding]:
        """See ports.VideoBackend. An app that has just described itself is not asked again."""
        settings = self._door.settings
        try:
            endpoint = self._known or await self._described()
        except (Unauthorized, Forbidden) as error:
            remedy = f"correct {settings.key}, or the username and password of the backend"
            return [_finding(settings.key, error, remedy)]
        except BackendError as error:
            if isinstance(error, NotConfigured) and error.detail is None:  # the app is there
                remedy = "name the app's function in `api` and its prompt in `parameters`"
                return [_finding(settings.options, error, remedy)]
            return [judge_error(error, settings)]
        return [Finding(Severity.OK, settings.url, f"a Gradio app: /{endpoint.name}")]

    async def _described(self) -> Endpoint:
        await self.describe()
        return await self._endpoint()

    async def _endpoint(self) -> Endpoint:
        if self._known is None:
            self._known = await self._read_endpoint()
        return self._known

    async def _read_endpoint(self) -> Endpoint:
        config = await self._door.document("/config")
        info = await self._door.document(f"{read_prefix(config)}/info")
        return read_endpoint(config, info, self._options.api)

    # --- submit -----------------------------------------------------------------------------------

    async def submit(self, request: VideoRequest, *, idempotency_key: str) -> Submission:
        """See ports.VideoBackend. The stream is opened at once: the app tells a result once."""
        endpoint = await self._endpoint()
        given = named_arguments(
            endpoint,
            request,
            job_id=idempotency_key,
            overrides=self._options.parameters,
            picture=await self._uploaded(endpoint, request.first_frame),
        )
        path = f"{endpoint.prefix}/call/{quote(endpoint.name)}"
        data = endpoint.arguments(given)
        await self._door.enter()
        with in_doubt():
            answer = await self._door.call(
                "POST", path, json={"data": data, "session_hash": idempotency_key}
            )
        if not answer.is_success:
            raise self._refusal(answer)
        with in_doubt():
            remote = _accepted(answer, idempotency_key)
        await self._streams.follow(remote, self._reader(endpoint))
        return Submission(remote)

    async def _uploaded(self, endpoint: Endpoint, picture: str | None) -> JsonValue:
        """Bring a picture there ahead of the call; whatever fails, nothing was asked for yet."""
        if picture is None:
            return None
        file = picture_file(picture)
        answer = await self._door.call("POST", f"{endpoint.prefix}/upload", form={"files": file})
        if not answer.is_success:
            raise error_of(answer, Stage.SUBMIT, self._door.client.redactor, self._door.settings)
        path = find_text(answer.json(), ("/0",))
        if path is None:
            raise BadBackendResponse("the answer tells no path", detail=answer.detail)
        told = {"path": path, "orig_name": file.name, "mime_type": file.media_type}
        return {**told, "meta": {"_type": "gradio.FileData"}}

    def _refusal(self, answer: Answer) -> BackendError:
        error = refusal_of(answer, self._door.client.redactor, self._door.settings)
        is_full = answer.status == 503 and "queue is full" in error.message.lower()
        return as_kind(ConcurrencyLimited, error) if is_full else error

    # --- poll -------------------------------------------------------------------------------------

    async def poll(self, remote: RemoteJob) -> RemoteJob:
        """See ports.VideoBackend. Whatever fails but "no such job" may be tried again."""
        if CLIP in remote.urls:
            return replace(remote, status=RemoteStatus.COMPLETED, progress=100)
        try:
            reader = self._reader(await self._endpoint())
            return await (await self._streams.follow(remote, reader)).report()
        except RemoteJobNotFound:
            raise
        except BackendError as error:
            error.retryable = True
            raise

    async def find(self, idempotency_key: str) -> RemoteJob | None:
        """See ports.VideoBackend. What the session of a lost answer says is the evidence."""
        try:
            return await self.poll(RemoteJob(idempotency_key, next_poll=PAUSE))
        except (RemoteJobNotFound, BadBackendResponse):
            await self._streams.leave(idempotency_key)
            return None

    def _reader(self, endpoint: Endpoint) -> Reader:
        return Reader(endpoint.prefix, self._door.client.redactor.clean)

    def _listen(self, session: str) -> AbstractAsyncContextManager[ClipSource]:
        prefix = self._known.prefix if self._known else ""
        return self._door.listen(f"{prefix}/queue/data", {"session_hash": session})

    # --- the clip ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def open_clip(
        self, remote: RemoteJob, *, start: int = 0, validator: str | None = None
    ) -> AsyncIterator[ClipSource]:
        """See ports.VideoBackend.

        No header of the answer goes any further: Gradio's 206 repeats those of the request,
        credentials included.
        """
        address = remote.urls.get(CLIP)
        if address is None:
            raise BadBackendResponse("the app never told where the clip is")
        await self._door.enter()
        opened = self._door.client.download(address, start=start, validator=validator, is_ours=True)
        async with opened as incoming:
            if not incoming.has_clip or is_text(incoming.media_type):
                raise await self._instead_of_a_clip(incoming)
            yield incoming

    async def _instead_of_a_clip(self, incoming: Incoming) -> BackendError:
        answer = await incoming.answer()
        if answer.is_success:
            return BadBackendResponse("the answer is no clip", detail=answer.detail)
        error = error_of(answer, Stage.RESULT, self._door.client.redactor, self._door.settings)
        if answer.status == 401:
            error.retryable = self._door.expire()
        return as_kind(ResultExpired, error) if answer.status == 403 else error

    # --- the end ----------------------------------------------------------------------------------

    async def thumbnail(self, remote: RemoteJob, *, max_bytes: int) -> bytes | None:  # noqa: ARG002 - the port's
        """See ports.VideoBackend."""
        return None

    async def cancel(self, remote: RemoteJob) -> CancelOutcome:
        """See ports.VideoBackend.

        An app drops a waiting job when its listener leaves, and stops a running one where its
        function lets it. It says neither: nothing is ever confirmed.
        """
        endpoint, event = await self._endpoint(), event_of(remote)
        with suppress(BackendError):
            await self.poll(remote)  # whoever is to be missed must have been there
        await self._streams.leave(remote.id)
        if event is not None:
            named = {"session_hash": remote.id, "event_id": event}
            answer = await self._door.call(
                "POST", f"{endpoint.prefix}/cancel", json=named | {"fn_index": endpoint.number}
            )
            if answer.status >= 500 or answer.status == 429:
                raise error_of(
                    answer, Stage.CANCEL, self._door.client.redactor, self._door.settings
                )
        return CancelOutcome.STOPPED_WAITING

    async def forget(self, remote: RemoteJob) -> bool:
        """See ports.VideoBackend. An app keeps its files as long as it likes."""
        await self._streams.leave(remote.id)
        return False


def from_config(config: BackendConfig) -> GradioBackend:
    """Return the backend of a configuration; raises NotConfigured."""
    options = read_options(GradioOptions, config.options)
    return GradioBackend(config.name, GradioDoor(config), options, models=config.models)


def _accepted(answer: Answer, session: str) -> RemoteJob:
    event = find_text(answer.json(), ("/event_id",))
    if event is None:
        raise BadBackendResponse("the answer names no event", detail=answer.detail)
    return with_event(RemoteJob(session, RemoteStatus.QUEUED, next_poll=PAUSE), event)


def _finding(subject: str, error: BackendError, remedy: str) -> Finding:
    seen = f"{error.message} ({error.detail or 'nothing more is known'})"
    return Finding(Severity.ERROR, subject, seen, remedy, error.kind)
