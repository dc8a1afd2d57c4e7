"""The VideoBackend that any profile gets: the profile says what to send, this says when and why."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from rushes.backends import ENVIRONMENT
from rushes.backends.checking import naming_the_setting
from rushes.backends.credentials import credentials, query_credentials
from rushes.backends.extraction import (
    context_of,
    holds,
    kept_values,
    passes,
    read_header_urls,
    read_id,
    read_job,
    unknown_word,
)
from rushes.backends.language.files import load_profile
from rushes.backends.language.grammar import TROUBLES
from rushes.backends.language.pointers import find, select
from rushes.backends.language.profile import ClipProfile, JobProfile
from rushes.backends.language.templating import TemplateError, fill_address
from rushes.backends.pauses import next_poll
from rushes.backends.results import ClipReader
from rushes.backends.speaking import GONE, as_kind, filled, in_doubt, readable
from rushes.backends.synchronous import SynchronousBackend
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, Stage
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    GenerationFailed,
    Misconfigured,
    RemoteJobNotFound,
    ResultExpired,
)
from rushes.net import GuardedClient
from rushes.ports import Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import timedelta

    from pydantic import JsonValue

    from rushes.backends import BackendConfig, SettingNames
    from rushes.backends.language.sections import Cancel
    from rushes.domain import VideoRequest
    from rushes.net import Answer, Secret
    from rushes.ports import ClipSource

log = logging.getLogger(__name__)

ENDED = frozenset({RemoteStatus.COMPLETED, RemoteStatus.FAILED, RemoteStatus.CANCELLED})


class ProfiledBackend(ClipReader):
    """See ports.VideoBackend."""

    def __init__(
        self,
        name: str,
        profile: JobProfile,
        client: GuardedClient,
        *,
        models: tuple[str, ...] = (),
        query: Mapping[str, Secret] | None = None,
        settings: SettingNames = ENVIRONMENT,
    ) -> None:
        super().__init__(name, profile, client, models=models, query=query, settings=settings)
        self.custody = replace(self.custody, forgets=profile.forget is not None)
        self.finds = profile.find is not None
        self._strange_words: set[str] = set()

    # --- submit ---------------------------------------------------------------------------------

    async def submit(self, request: VideoRequest, *, idempotency_key: str) -> Submission:
        """See ports.VideoBackend."""
        sending = await self._sending(request, idempotency_key)
        with in_doubt(), naming_the_setting(self._profile, self._settings):
            answer = await self._client.call(**sending)
        if not answer.is_success:
            raise self._refusal(answer)
        with in_doubt():
            return Submission(self._accepted(await self._without_clip(answer)))

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
        is_told_by_header = self._profile.extract.headers.id is not None
        document = readable(answer) if is_told_by_header else answer.json()
        if not passes(self._profile, document):
            raise self._error(answer, document, Stage.SUBMIT)
        remote_id = read_id(self._profile, document, answer.headers)
        if remote_id is None or self._client.redactor.holds_secret(remote_id):
            raise BadBackendResponse("the answer names no job", detail=answer.detail)
        job = self._job(answer, document, remote_id, Stage.SUBMIT)
        urls = read_header_urls(self._profile, answer.headers)
        return replace(job, urls=self._without_secrets(urls) | job.urls)

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
        states = self._profile.state.http
        answer = await self._call(self._profile.poll, self._known(remote), redirects=states)
        answer = await self._without_clip(answer)
        if answer.status in states:
            found = readable(answer)  # the body may be the clip itself, and is not needed then
            return self._polled(answer, found if isinstance(found, dict) else {}, remote)
        if not answer.is_success:
            return self._ended(answer, remote)
        document = answer.json()
        is_told = any(holds(rule, document) for rule in self._profile.state.rules)
        if not is_told and not passes(self._profile, document):
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
        where = filled(rule.where, self._known(remote))
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
            context=context_of(kept_values(remote) | kept_values(job), unknown_word(job)),
            thumbnail=job.thumbnail or remote.thumbnail,
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
        job = read_job(
            self._profile,
            document,
            remote_id=remote_id,
            stage=stage,
            clean=self._clean,
            http=answer.status,
        )
        self._note(unknown_word(job))
        return replace(
            job,
            urls=self._without_secrets(job.urls),
            context=context_of(self._without_secrets(kept_values(job)), unknown_word(job)),
            thumbnail=self._thumbnail(job),
            next_poll=next_poll(self._profile.poll, waited, answer.headers),
        )

    def _without_secrets(self, texts: Mapping[str, str]) -> dict[str, str]:
        holds_secret = self._client.redactor.holds_secret
        return {name: text for name, text in texts.items() if not holds_secret(text)}

    def _thumbnail(self, job: RemoteJob) -> str | None:
        template = self._profile.result.thumbnail
        told = job.thumbnail
        if told is None and template and job.status is RemoteStatus.COMPLETED:
            with suppress(TemplateError):  # a picture is no reason to lose a clip
                told = fill_address(template, self._known(job))
        return self._without_secrets({"it": told or ""}).get("it") or None

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

    async def _completed(self, remote: RemoteJob) -> RemoteJob:
        """Ask again how the job stands, whose clip was not where it should be."""
        fresh = await self._poll(remote)
        if fresh.failure is not None:
            kind = TROUBLES.get(fresh.failure.kind, GenerationFailed)
            raise kind(
                said=fresh.failure.message, retryable=False, remote_code=fresh.failure.remote_code
            )
        if fresh.status is not RemoteStatus.COMPLETED:
            raise BackendUnavailable("the clip is not ready yet")
        return fresh

    # --- the end --------------------------------------------------------------------------------

    async def cancel(self, remote: RemoteJob) -> CancelOutcome:
        """See ports.VideoBackend. Confirmed is only what the profile names as the proof of it.

        Where the request may delete a whole clip it is not sent before it is known that there is
        none; raises why that cannot be told.
        """
        cancel = self._profile.cancel
        if cancel is None:
            return CancelOutcome.STOPPED_WAITING
        before = await self._before(remote) if cancel.may_delete else None
        if before in ENDED:
            return _told_by(before)
        is_signed = await self._asked_to_stop(cancel, remote)
        if cancel.confirmed_by_state:
            return _told_by(await self._look(remote))
        if cancel.also_deletes and before is None:
            return CancelOutcome.STOPPED_WAITING  # it may have been a whole clip that was deleted
        return CancelOutcome.CONFIRMED if is_signed else CancelOutcome.STOPPED_WAITING

    async def _asked_to_stop(self, cancel: Cancel, remote: RemoteJob) -> bool:
        """Ask for a stop; whether the answer bears the sign of one."""
        answer = await self._call(cancel, self._known(remote))
        document = readable(answer)
        is_granted = answer.is_success and passes(self._profile, document)
        error = self._error(answer, document, Stage.CANCEL)
        is_disguised = answer.is_success and not is_granted and error.retryable
        if answer.status >= 500 or answer.status == 429 or is_disguised:
            raise error
        return is_granted and cancel.confirmed is not None and holds(cancel.confirmed, document)

    async def _before(self, remote: RemoteJob) -> RemoteStatus | None:
        """Return how the job stands, None where the backend has no such; raises the rest."""
        try:
            return (await self.poll(remote)).status
        except RemoteJobNotFound:
            return None

    async def _look(self, remote: RemoteJob) -> RemoteStatus | None:
        """Return how the job stands, None where it cannot be told."""
        try:
            return (await self._poll(remote)).status
        except BackendError:
            return None

    async def forget(self, remote: RemoteJob) -> bool:
        """See ports.VideoBackend."""
        if self._profile.forget is None:
            return False
        answer = await self._call(self._profile.forget, self._known(remote))
        return answer.is_success or answer.status in GONE


def _told_by(status: RemoteStatus | None) -> CancelOutcome:
    is_proof = status is RemoteStatus.CANCELLED
    return CancelOutcome.CONFIRMED if is_proof else CancelOutcome.STOPPED_WAITING


def from_config(config: BackendConfig) -> ProfiledBackend | SynchronousBackend:
    """Return the backend of a configuration; raises NotConfigured."""
    if config.options:
        reason = f"a profile has no options: {config.profile!r} is one"
        raise Misconfigured(*((("options", name), reason) for name in config.options))
    profile = load_profile(config.profile, config.profiles_dir, config.vars)
    client = GuardedClient(
        config.url,
        credentials=credentials(profile.auth, config),
        patience=config.patience,
        max_clip_bytes=config.max_clip_bytes,
        result_hosts=config.result_hosts,
    )
    query = query_credentials(profile.auth, config)
    if isinstance(profile, ClipProfile):
        return SynchronousBackend(
            config.name,
            profile,
            client,
            models=config.models,
            query=query,
            settings=config.settings,
        )
    return ProfiledBackend(
        config.name, profile, client, models=config.models, query=query, settings=config.settings
    )
