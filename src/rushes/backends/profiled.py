"""The VideoBackend that any profile gets: the profile says what to send, this says when and why."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rushes.backends.checking import judge_answer, judge_error, name_the_setting, naming_the_setting
from rushes.backends.credentials import credentials
from rushes.backends.extraction import (
    find,
    find_text,
    holds,
    next_poll,
    passes,
    read_error,
    read_id,
    read_job,
    read_retry_after,
    unknown_word,
)
from rushes.backends.profile import KINDS
from rushes.backends.profile_files import load_profile
from rushes.backends.templating import TemplateError, fill_address, form_fields, names_in, render
from rushes.domain import CancelOutcome, Catalogue, RemoteJob, RemoteStatus, Stage, utc_now
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    GenerationFailed,
    OutcomeUnknown,
    RefusedByBackend,
    RemoteJobNotFound,
    ResultExpired,
)
from rushes.net import GuardedClient
from rushes.ports import Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pydantic import JsonValue

    from rushes.backends import BackendConfig
    from rushes.backends.profile import Call, Find, Profile
    from rushes.domain import VideoRequest
    from rushes.net import Answer, Incoming
    from rushes.ports import ClipSource, Finding

log = logging.getLogger(__name__)

ENDED = frozenset({RemoteStatus.COMPLETED, RemoteStatus.FAILED, RemoteStatus.CANCELLED})
GONE = frozenset({404, 410})
MAYBE_EXECUTED = frozenset({408, 409})
"""Answers below 500 after which a submit may nevertheless run."""


class ProfiledBackend:
    """See ports.VideoBackend."""

    def __init__(
        self, name: str, profile: Profile, client: GuardedClient, *, models: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self._profile = profile
        self._client = client
        self._clean = client.redactor.clean
        takes = profile.capabilities.as_capabilities()
        self._catalogue = Catalogue(
            models=dict.fromkeys(models or ("",), takes), default=models[0] if models else ""
        )
        self._needs_size = not {"size", "width", "height"}.isdisjoint(names_in(profile.submit.body))
        self._strange_words: set[str] = set()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def describe(self) -> Catalogue:
        """See ports.VideoBackend."""
        return self._catalogue

    async def check(self) -> list[Finding]:
        """See ports.VideoBackend."""
        try:
            answer = await self._call(self._profile.check, {})
        except BackendError as error:
            return [judge_error(error)]
        return [judge_answer(self._profile, answer, self._client)]

    # --- submit ---------------------------------------------------------------------------------

    async def submit(self, request: VideoRequest, *, idempotency_key: str) -> Submission:
        """See ports.VideoBackend."""
        try:
            answer = await self._send_submit(self._values(request, idempotency_key))
        except TemplateError as error:
            raise RefusedByBackend(f"{self.name} cannot be asked for this: {error}") from error
        except (BackendUnavailable, BadBackendResponse) as error:
            raise _as(OutcomeUnknown, error) from error
        if not answer.is_success:
            raise self._submit_error(answer)
        try:
            return Submission(self._accepted(answer))
        except (BackendUnavailable, BadBackendResponse) as error:
            raise _as(OutcomeUnknown, error) from error

    async def find(self, idempotency_key: str) -> RemoteJob | None:
        """See ports.VideoBackend."""
        search = self._profile.find
        if search is None:
            return None
        answer = await self._call(search, {"job_id": idempotency_key})
        if not answer.is_success:
            raise self._error(answer, _document(answer), Stage.POLL)
        for entry in _list(find(answer.json(), search.array)):
            remote_id = read_id(self._profile, entry)
            if remote_id and find_text(entry, (search.key,)) == idempotency_key:
                return self._job(answer, entry, remote_id, Stage.POLL)
        return None

    def _values(self, request: VideoRequest, key: str) -> dict[str, Any]:
        """Return what the templates of a submit may name."""
        values = request.model_dump(exclude_none=True, exclude={"extra"})
        values |= {f"extra.{name}": value for name, value in request.extra.items()}
        values |= {"job_id": key, "model": request.model or self._catalogue.default or None}
        if self._needs_size:
            try:
                values["size"] = request.size
            except ValueError as error:
                raise TemplateError(str(error)) from error
            if request.size is not None:
                values["width"], values["height"] = request.size
        return values

    async def _send_submit(self, values: Mapping[str, Any]) -> Answer:
        submit = self._profile.submit
        body = render(submit.body, values, self._profile.tables)
        with naming_the_setting():
            return await self._client.call(
                submit.method,
                fill_address(submit.path, values),
                query=_filled(submit.query, values),
                headers=_filled(submit.headers, values),
                json=body if submit.encoding == "json" else None,
                form=form_fields(body) if submit.encoding == "multipart" else None,
                within=timedelta(seconds=submit.timeout_s),
            )

    def _accepted(self, answer: Answer) -> RemoteJob:
        """Read the answer to a submit; it may be the end already."""
        document = answer.json()
        if not passes(self._profile, document):
            raise self._error(answer, document, Stage.SUBMIT)
        remote_id = read_id(self._profile, document)
        if remote_id is None or self._client.redactor.holds_secret(remote_id):
            raise BadBackendResponse("the answer names no job", detail=answer.detail)
        return self._job(answer, document, remote_id, Stage.SUBMIT)

    def _submit_error(self, answer: Answer) -> BackendError:
        """Say what a refusal of a submit means: not executed, or nobody can tell."""
        error = self._error(answer, _document(answer), Stage.SUBMIT)
        if answer.status == 503 and error.retry_after is not None:
            return _as(BackendUnavailable, error)
        if answer.status >= 500 or answer.status in MAYBE_EXECUTED:
            return _as(OutcomeUnknown, error)
        return error

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
        answer = await self._call(self._profile.poll, _remote_values(remote))
        if not answer.is_success:
            return self._ended(answer, remote)
        document = answer.json()
        if not isinstance(document, dict):
            raise BadBackendResponse("the answer is no job", detail=answer.detail)
        if not passes(self._profile, document):
            raise self._error(answer, document, Stage.POLL)
        return self._polled(answer, document, remote)

    def _ended(self, answer: Answer, remote: RemoteJob) -> RemoteJob:
        """Return the ended job that an error status brings (vLLM-Omni 0.30 does so), or raise."""
        document = _document(answer)
        if read_id(self._profile, document) is not None:
            job = self._polled(answer, document, remote)
            if job.status in ENDED:
                return job
        error = self._error(answer, document, Stage.POLL)
        raise _as(RemoteJobNotFound, error) if answer.status in GONE else error

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
        address = told or _address(result.path or "{urls.clip}", _remote_values(remote))
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
            if incoming.has_clip and not _is_text(incoming.media_type):
                yield incoming
            else:
                yield self._address_in(await incoming.answer())

    def _address_in(self, answer: Answer) -> str:
        """Return where the clip is, as a JSON answer says; raises what else the answer means."""
        document = _document(answer)
        if answer.is_success:
            elsewhere = find_text(document, self._profile.result.json_url)
            if elsewhere is not None:
                return elsewhere
        error = self._error(answer, document, Stage.RESULT)
        raise _as(ResultExpired, error) if answer.status in GONE | {403} else error

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
        answer = await self._call(cancel, _remote_values(remote))
        if answer.status >= 500 or answer.status == 429:
            raise self._error(answer, _document(answer), Stage.CANCEL)
        sign = cancel.confirmed
        if answer.is_success and sign is not None and holds(sign, _document(answer)):
            return CancelOutcome.CONFIRMED
        return CancelOutcome.STOPPED_WAITING

    async def forget(self, remote: RemoteJob) -> bool:
        """See ports.VideoBackend."""
        if self._profile.forget is None:
            return False
        answer = await self._call(self._profile.forget, _remote_values(remote))
        return answer.is_success or answer.status in GONE

    # --- every call -----------------------------------------------------------------------------

    async def _call(self, call: Call | Find, values: Mapping[str, Any]) -> Answer:
        with naming_the_setting():
            return await self._client.call(
                call.method, _address(call.path, values), query=_filled(call.query, values)
            )

    def _error(self, answer: Answer, document: JsonValue, stage: Stage) -> BackendError:
        error = read_error(self._profile, answer.status, document, stage=stage, clean=self._clean)
        error.detail = answer.detail
        error.retry_after = read_retry_after(answer.headers, utc_now())
        name_the_setting(error)
        return error


def _remote_values(remote: RemoteJob) -> dict[str, str]:
    return {"id": remote.id} | {f"urls.{name}": url for name, url in remote.urls.items()}


def _address(template: str, values: Mapping[str, Any]) -> str:
    try:
        return fill_address(template, values)
    except TemplateError as error:
        raise BadBackendResponse(f"the backend's answers did not tell: {error}") from error


def _filled(templates: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    return form_fields(render(dict(templates), values, {}))


def _document(answer: Answer) -> JsonValue:
    """Return the body as JSON, else its plain text, else None (a web page says nothing)."""
    try:
        return answer.json()
    except BadBackendResponse:
        return answer.text if answer.media_type == "text/plain" else None


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type.endswith("json")


def _list(document: JsonValue) -> list[JsonValue]:
    return document if isinstance(document, list) else []


def _as(kind: type[BackendError], error: BackendError) -> BackendError:
    """Return the same news as an error of another kind."""
    return kind(
        error.message,
        retry_after=error.retry_after,
        remote_code=error.remote_code,
        detail=error.detail,
    )


def from_config(config: BackendConfig) -> ProfiledBackend:
    """Return the backend of a configuration; raises NotConfigured."""
    profile = load_profile(config.profile, config.profiles_dir)
    client = GuardedClient(
        config.url,
        credentials=credentials(profile.auth, config),
        patience=config.patience,
        max_clip_bytes=config.max_clip_bytes,
    )
    return ProfiledBackend(config.name, profile, client, models=config.models)
