"""The VideoBackend that any profile gets: the profile says what to send, this says when and why."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from rushes.backends.checking import naming_the_setting
from rushes.backends.credentials import credentials
from rushes.backends.extraction import (
    find,
    find_text,
    holds,
    next_poll,
    passes,
    read_id,
    read_job,
    select,
    unknown_word,
)
from rushes.backends.grammar import KINDS
from rushes.backends.profile import ClipProfile, JobProfile
from rushes.backends.profile_files import load_profile
from rushes.backends.speaking import (
    Speaker,
    address_of,
    as_kind,
    filled,
    in_doubt,
    is_text,
    readable,
    values_of,
)
from rushes.backends.synchronous import SynchronousBackend
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, Stage
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    GenerationFailed,
    RemoteJobNotFound,
    ResultExpired,
)
from rushes.net import GuardedClient
from rushes.ports import Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta

    from pydantic import JsonValue

    from rushes.backends import BackendConfig
    from rushes.domain import VideoRequest
    from rushes.net import Answer, Incoming
    from rushes.ports import ClipSource

log = logging.getLogger(__name__)

ENDED = frozenset({RemoteStatus.COMPLETED, RemoteStatus.FAILED, RemoteStatus.CANCELLED})
GONE = frozenset({404, 410})


class ProfiledBackend(Speaker[JobProfile]):
    """See ports.VideoBackend."""

    def __init__(
        self, name: str, profile: JobProfile, client: GuardedClient, *, models: tuple[str, ...] = ()
    ) -> None:
        super().__init__(name, profile, client, models=models)
        self._strange_words: set[str] = set()

    # --- submit ---------------------------------------------------------------------------------

    async def submit(self, request: VideoRequest, *, idempotency_key: str) -> Submission:
        """See ports.VideoBackend."""
        sending = self._sending(request, idempotency_key)
        with in_doubt(), naming_the_setting(self._profile):
            answer = await self._client.call(**sending)
        if not answer.is_success:
            raise self._refusal(answer)
        with in_doubt():
            return Submission(self._accepted(answer))

    async def find(self, idempotency_key: str) -> RemoteJob | None:
        """See ports.VideoBackend."""
        search = self._profile.find
        if search is None:
            return None
        answer = await self._call(search, {"job_id": idempotency_key})
        if not answer.is_success:
            raise self._error(answer, readable(answer), Stage.POLL)
        entry = select(answer.json(), search.array, {search.key: idempotency_key})
        remote_id = read_id(self._profile, entry)
        return self._job(answer, entry, remote_id, Stage.POLL) if remote_id else None

    def _accepted(self, answer: Answer) -> RemoteJob:
        """Read the answer to a submit; it may be the end already."""
        document = answer.json()
        if not passes(self._profile, document):
            raise self._error(answer, document, Stage.SUBMIT)
        remote_id = read_id(self._profile, document)
        if remote_id is None or self._client.redactor.holds_secret(remote_id):
            raise BadBackendResponse("the answer names no job", detail=answer.detail)
        return self._job(answer, document, remote_id, Stage.SUBMIT)

    # --- poll -----------------------------------------------------------------------------------

    async def poll(self, remote: RemoteJob) -> RemoteJob:
        """See ports.VideoBackend. Whatever fails but "no such job" may be tried again."""
        try:
            return await self._poll(remote)
        except RemoteJobNotFound:
            raise
        except BackendError as error:
            error.retryable = True
            raise

    async def _poll(self, remote: RemoteJob) -> RemoteJob:
        answer = await self._call(self._profile.poll, values_of(remote))
        if not answer.is_success:
            return self._ended(answer, remote)
        document = answer.json()
        if not passes(self._profile, document):
            raise self._error(answer, document, Stage.POLL)
        entry = self._entry(answer, document, remote)
        if not isinstance(entry, dict):
            raise BadBackendResponse("the answer is no job", detail=answer.detail)
        return self._polled(answer, entry, remote)

    def _entry(self, answer: Answer, document: JsonValue, remote: RemoteJob) -> JsonValue:
        """Return the part of an answer that is the job; raises RemoteJobNotFound."""
        rule = self._profile.poll.select
        if rule is None:
            return document
        if not isinstance(find(document, rule.array), list):
            raise BadBackendResponse("the answer is no list of jobs", detail=answer.detail)
        where = filled(rule.where, values_of(remote))
        entry = select(document, rule.array, where, last=rule.take == "last")
        if entry is None:
            raise RemoteJobNotFound(
                "the job is not in the backend's list",
                retryable=rule.missing == "out_of_sight",
                detail=answer.detail,
            )
        return entry

    def _ended(self, answer: Answer, remote: RemoteJob) -> RemoteJob:
        """Return the ended job that an error status brings (vLLM-Omni 0.30 does so), or raise."""
        document = readable(answer)
        if read_id(self._profile, document) is not None:
            job = self._polled(answer, document, remote)
            if job.status in ENDED:
                return job
        error = self._error(answer, document, Stage.POLL)
        raise as_kind(RemoteJobNotFound, error) if answer.status in GONE else error

    def _polled(self, answer: Answer, document: JsonValue, remote: RemoteJob) -> RemoteJob:
        job = self._job(answer, document, remote.id, Stage.POLL, remote.next_poll)
        return replace(
            job,
            urls=remote.urls | job.urls,
            effective_prompt=job.effective_prompt or remote.effective_prompt,
        )

    def _job(
        self,
        answer: Answer,
        document: JsonValue,
        remote_id: str,
        stage: Stage,
        waited: timedelta | None = None,
    ) -> RemoteJob:
        job = read_job(self._profile, document, remote_id=remote_id, stage=stage, clean=self._clean)
        self._note(unknown_word(job))
        holds_secret = self._client.redactor.holds_secret
        return replace(
            job,
            urls={name: url for name, url in job.urls.items() if not holds_secret(url)},
            next_poll=next_poll(self._profile.poll, waited, answer.headers),
        )

    def _note(self, word: str | None) -> None:
        if word is not None and word not in self._strange_words and len(self._strange_words) < 100:
            self._strange_words.add(word)
            log.warning("backend %s: unknown state %r counts as running", self.name, word)

    # --- the clip -------------------------------------------------------------------------------

    @asynccontextmanager
    async def open_clip(
        self, remote: RemoteJob, *, start: int = 0, validator: str | None = None
    ) -> AsyncIterator[ClipSource]:
        """See ports.VideoBackend. Where the clip is gone, the job is asked once where it is now."""
        async with AsyncExitStack() as stack:
            try:
                opened = self._clip_of(remote, start, validator)
                source = await stack.enter_async_context(opened)
            except ResultExpired:
                opened = self._clip_of(await self._completed(remote), start, validator)
                source = await stack.enter_async_context(opened)
            yield source

    @asynccontextmanager
    async def _clip_of(
        self, remote: RemoteJob, start: int, validator: str | None
    ) -> AsyncIterator[Incoming]:
        result = self._profile.result
        told = remote.urls.get("clip")
        address = told or address_of(result.path or "{urls.clip}", values_of(remote))
        is_ours = (result.url_auth if told else result.auth) == "same_origin"
        async with self._clip_at(address, start, validator, is_ours=is_ours) as found:
            if not isinstance(found, str):
                yield found
                return
        is_ours = result.url_auth == "same_origin"
        async with self._clip_at(found, start, validator, is_ours=is_ours) as found:
            if isinstance(found, str):
                raise BadBackendResponse("the clip's address leads to another address")
            yield found

    @asynccontextmanager
    async def _clip_at(
        self, address: str, start: int, validator: str | None, *, is_ours: bool
    ) -> AsyncIterator[Incoming | str]:
        """Open an address: the clip itself, or another address where JSON came in its place."""
        async with self._client.download(
            address,
            start=start,
            validator=validator,
            headers={"Accept": self._profile.result.accept},
            is_ours=is_ours,
        ) as incoming:
            if incoming.has_clip and not is_text(incoming.media_type):
                yield incoming
            else:
                yield self._address_in(await incoming.answer())

    def _address_in(self, answer: Answer) -> str:
        """Return where the clip is, as a JSON answer says; raises what else the answer means."""
        document = readable(answer)
        if answer.is_success:
            elsewhere = find_text(document, self._profile.result.json_url)
            if elsewhere is not None:
                return elsewhere
        error = self._error(answer, document, Stage.RESULT)
        raise as_kind(ResultExpired, error) if answer.status in GONE | {403} else error

    async def _completed(self, remote: RemoteJob) -> RemoteJob:
        """Ask again how the job stands, whose clip was not where it should be."""
        fresh = await self._poll(remote)
        if fresh.failure is not None:
            kind = KINDS.get(fresh.failure.kind, GenerationFailed)
            raise kind(
                fresh.failure.message, retryable=False, remote_code=fresh.failure.remote_code
            )
        if fresh.status is not RemoteStatus.COMPLETED:
            raise BackendUnavailable("the clip is not ready yet")
        return fresh

    # --- the end --------------------------------------------------------------------------------

    async def cancel(self, remote: RemoteJob) -> CancelOutcome:
        """See ports.VideoBackend. Confirmed is only what the profile names as the sign of it."""
        cancel = self._profile.cancel
        if cancel is None:
            return CancelOutcome.STOPPED_WAITING
        answer = await self._call(cancel, values_of(remote))
        if answer.status >= 500 or answer.status == 429:
            raise self._error(answer, readable(answer), Stage.CANCEL)
        sign = cancel.confirmed
        if answer.is_success and sign is not None and holds(sign, readable(answer)):
            return CancelOutcome.CONFIRMED
        return CancelOutcome.STOPPED_WAITING

    async def forget(self, remote: RemoteJob) -> bool:
        """See ports.VideoBackend."""
        if self._profile.forget is None:
            return False
        answer = await self._call(self._profile.forget, values_of(remote))
        return answer.is_success or answer.status in GONE


def from_config(config: BackendConfig) -> ProfiledBackend | SynchronousBackend:
    """Return the backend of a configuration; raises NotConfigured."""
    profile = load_profile(config.profile, config.profiles_dir)
    client = GuardedClient(
        config.url,
        credentials=credentials(profile.auth, config),
        patience=config.patience,
        max_clip_bytes=config.max_clip_bytes,
        result_hosts=config.result_hosts,
    )
    if isinstance(profile, ClipProfile):
        return SynchronousBackend(config.name, profile, client, models=config.models)
    return ProfiledBackend(config.name, profile, client, models=config.models)
