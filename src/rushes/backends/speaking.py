"""What every backend with a profile does alike: its values, its calls, and what errors mean."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

from rushes.backends import ENVIRONMENT
from rushes.backends.asking import write_submit
from rushes.backends.checking import (
    judge_answer,
    judge_error,
    judge_models,
    name_the_setting,
    naming_the_setting,
)
from rushes.backends.classifying import read_error, turns_away
from rushes.backends.extraction import kept_values, passes, read_values
from rushes.backends.language.profile import Profile
from rushes.backends.language.templating import (
    TemplateError,
    fill_address,
    form_fields,
    form_parts,
    render,
)
from rushes.backends.pauses import read_retry_after, told_wait
from rushes.domain import Catalogue, Custody, Stage, utc_now
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    ConcurrencyLimited,
    OutcomeUnknown,
    RateLimited,
    RefusedByBackend,
    ResultExpired,
)

if TYPE_CHECKING:
    from collections.abc import Container, Generator, Mapping
    from contextlib import AbstractAsyncContextManager

    from pydantic import JsonValue

    from rushes.backends import SettingNames
    from rushes.backends.language.sections import Call, Find
    from rushes.domain import RemoteJob, VideoRequest
    from rushes.net import Answer, GuardedClient, Incoming, Secret
    from rushes.ports import Finding

MAYBE_EXECUTED = frozenset({408, 409})
"""Answers below 500 after which a submit may nevertheless run."""
GONE = frozenset({404, 410})
P = TypeVar("P", bound=Profile)


class Speaker(Generic[P]):
    """The half of a VideoBackend that does not depend on what a submit is answered with."""

    def __init__(
        self,
        name: str,
        profile: P,
        client: GuardedClient,
        *,
        models: tuple[str, ...] = (),
        query: Mapping[str, Secret] | None = None,
        settings: SettingNames = ENVIRONMENT,
    ) -> None:
        self.name = name
        self._profile = profile
        self._client = client
        self._settings = settings
        self._clean = client.redactor.clean
        self._catalogue = Catalogue(
            models={model: profile.takes(model) for model in models or ("",)},
            default=models[0] if models else "",
        )
        self.custody = Custody(profile.profile.keeps, profile.profile.date)
        self._secret_query = {name: value.reveal() for name, value in (query or {}).items()}

    @property
    def profile(self) -> P:
        """How this backend is spoken to."""
        return self._profile

    @property
    def client(self) -> GuardedClient:
        """The way to the backend, for whoever listens in."""
        return self._client

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def describe(self) -> Catalogue:
        """See ports.VideoBackend."""
        return self._catalogue

    async def check(self) -> list[Finding]:
        """See ports.VideoBackend."""
        check = self._profile.check
        try:
            query = check.query | self._secret_query
            answer = await self._client.call(check.method, check.path, query=query, json=check.body)
        except BackendError as error:
            return [judge_error(error, self._settings)]
        has_key = self._client.has_credentials or bool(self._secret_query)
        profile, base, settings = self._profile, self._client.base, self._settings
        told = judge_answer(profile, answer, base, settings, has_key=has_key)
        return [told, *judge_models(profile, self._catalogue.default, settings)]

    # --- the submit ------------------------------------------------------------------------------

    async def _sending(self, request: VideoRequest, key: str) -> dict[str, Any]:
        """Return the submit as arguments of a client's call; raises RefusedByBackend."""
        submit = self._profile.submit
        told = await self._told_before()
        try:
            letter = write_submit(
                self._profile, request, key=key, model=self._catalogue.default or None, told=told
            )
            return {
                "method": submit.method,
                "address": letter.address,
                "query": form_fields(letter.query) | self._secret_query,
                "headers": form_fields(letter.headers),
                "json": letter.body if submit.encoding == "json" else None,
                "form": form_parts(letter.body) if submit.encoding == "multipart" else None,
                "within": timedelta(seconds=submit.timeout_s),
            }
        except TemplateError as error:
            raise RefusedByBackend(f"{self.name} cannot be asked for this: {error}") from error

    async def _told_before(self) -> dict[str, str]:
        """Make the request ahead of a submit, if there is one: whatever fails, nothing was sent."""
        before = self._profile.submit.before
        if before is None:
            return {}
        query = before.query | self._secret_query
        with naming_the_setting(self._profile, self._settings):
            answer = await self._client.call(
                before.method, before.path, query=query, headers=before.headers, json=before.body
            )
        document = readable(answer)
        if not answer.is_success or not passes(self._profile, document):
            raise self._error(answer, document, Stage.SUBMIT)
        told = read_values(before.values, document)
        if missing := before.values.keys() - told.keys():
            names = ", ".join(sorted(missing))
            raise BadBackendResponse(f"the answer ahead of the submit tells no {names}")
        return told

    def _refusal(self, answer: Answer) -> BackendError:
        """Say what a refusal of a submit means: not executed, or nobody can tell."""
        document = readable(answer)
        error = self._error(answer, document, Stage.SUBMIT)
        if turns_away(self._profile, answer.status, document):
            return error
        if answer.status == 503 and error.retry_after is not None:
            return as_kind(BackendUnavailable, error)
        if isinstance(error, ConcurrencyLimited | RateLimited):
            return error  # no status of 5xx is called so but by a rule of the profile
        if answer.status >= 500 or answer.status in MAYBE_EXECUTED:
            return as_kind(OutcomeUnknown, error)
        return error

    # --- every call ------------------------------------------------------------------------------

    async def _call(
        self, call: Call | Find, values: Mapping[str, Any], *, redirects: Container[int] = ()
    ) -> Answer:
        query = filled(call.query, values) | self._secret_query
        with naming_the_setting(self._profile, self._settings):
            return await self._client.call(
                call.method,
                with_query(address_of(call.path, values), query),
                headers=filled(call.headers, values),
                json=render(call.body, values, {}) if call.body else None,
                redirects=redirects,
            )

    def _known(self, remote: RemoteJob) -> dict[str, str]:
        """Return what the templates of a call about a job may name.

        An address without a host is meant as seen from the backend's own (RFC 3986).
        """
        told = {f"urls.{n}": resolved(self._client.base, u) for n, u in remote.urls.items()}
        return {"id": remote.id} | told | {f"values.{n}": v for n, v in kept_values(remote).items()}

    def _is_own(self, address: str) -> bool:
        base = self._client.base
        try:
            return urlsplit(resolved(base, address))[:2] == urlsplit(base)[:2]
        except ValueError:
            return False

    def _download(
        self, address: str, start: int, validator: str | None, *, accept: str, is_ours: bool
    ) -> AbstractAsyncContextManager[Incoming]:
        """Open a clip's address; `is_ours`: with our credentials, if it is of our origin."""
        if is_ours and self._is_own(address):
            address = with_query(address, self._secret_query)
        return self._client.download(
            address, start=start, validator=validator, headers={"Accept": accept}, is_ours=is_ours
        )

    def _no_clip(self, answer: Answer, document: JsonValue, withheld_by: str = "") -> BackendError:
        """Say what it means that this came where the clip should be.

        `withheld_by` is the key of [result] that kept our credentials from our own backend.
        """
        error = self._error(answer, document, Stage.RESULT)
        if withheld_by and answer.status in {401, 403}:
            advice = f"let the profile {self._profile.profile.name} say [result] {withheld_by}"
            error.detail = f'{self._settings.profile}: {advice} = "same_origin" · {answer.detail}'
        return as_kind(ResultExpired, error) if answer.status in GONE | {403} else error

    def _error(self, answer: Answer, document: JsonValue, stage: Stage) -> BackendError:
        error = read_error(self._profile, answer.status, document, stage=stage, clean=self._clean)
        error.detail = answer.detail
        error.retry_after = read_retry_after(answer.headers, utc_now())
        if error.retry_after is None:
            error.retry_after = told_wait(document, self._profile.error.wait)
        name_the_setting(error, self._profile, self._settings)
        return error


@contextmanager
def in_doubt() -> Generator[None]:
    """An answer to a submit that is lost or cannot be read leaves its outcome unknown."""
    try:
        yield
    except (BackendUnavailable, BadBackendResponse) as error:
        raise as_kind(OutcomeUnknown, error) from error


def resolved(base: str, address: str) -> str:
    """Return an address that an answer gave as a whole one; what is none stays as it is."""
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def with_query(address: str, query: Mapping[str, str]) -> str:
    """Return an address with more in its query; what it has already stays."""
    if not query:
        return address
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}{urlencode(query, quote_via=quote)}"


def address_of(template: str, values: Mapping[str, Any]) -> str:
    """Fill an address; raises BadBackendResponse where the backend never told a part of it."""
    try:
        return fill_address(template, values)
    except TemplateError as error:
        raise BadBackendResponse(f"the backend's answers did not tell: {error}") from error


def filled(templates: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """Fill a table of texts; what has an absent value is left out."""
    return form_fields(render(dict(templates), values, {}))


def readable(answer: Answer) -> JsonValue:
    """Return the body as JSON, else its plain text, else None (a web page says nothing)."""
    try:
        return answer.json()
    except BadBackendResponse:
        return answer.text if answer.media_type == "text/plain" else None


def is_text(media_type: str) -> bool:
    """Whether a body of this type can be no clip."""
    return media_type.startswith("text/") or media_type.endswith("json")


def as_kind(kind: type[BackendError], error: BackendError) -> BackendError:
    """Return the same news as an error of another kind."""
    return kind(
        error.message,
        said=error.said,
        retry_after=error.retry_after,
        remote_code=error.remote_code,
        detail=error.detail,
    )
