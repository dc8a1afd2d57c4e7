"""What an answer to `rushes check` means, and which setting to look at."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rushes.backends.classifying import read_error
from rushes.backends.extraction import passes
from rushes.backends.language.pointers import find, find_text
from rushes.backends.language.profile import JobProfile
from rushes.domain import Stage
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    Forbidden,
    ModelUnavailable,
    NotConfigured,
    NotSent,
    Unauthorized,
    WrongScheme,
)
from rushes.ports import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Generator

    from pydantic import JsonValue

    from rushes.backends import SettingNames
    from rushes.backends.language.profile import Profile
    from rushes.net import Answer, GuardedClient

STARTING = 503
ASKS_FOR_HTTPS = "https"
"""What nginx, Apache and servers in Go answer to plain HTTP names it, with status 400."""
UNPROVEN = (
    "something answers there; whether it is the backend and the key is good only a clip tells"
)


def name_the_setting(error: BackendError, profile: Profile, settings: SettingNames) -> None:
    """Let an error's detail say which setting to look at, and what command tells more."""
    setting = {
        BackendUnavailable: settings.url,
        NotConfigured: settings.url,
        NotSent: settings.url,
        Unauthorized: _key_setting(profile, settings),
        Forbidden: _key_setting(profile, settings),
        ModelUnavailable: settings.profile,
    }.get(type(error))
    if setting is not None:
        error.detail = f"{setting}: {error.detail or error.message} · run `rushes check`"


@contextmanager
def naming_the_setting(profile: Profile, settings: SettingNames) -> Generator[None]:
    """Do so for whatever goes wrong inside."""
    try:
        yield
    except BackendError as error:
        name_the_setting(error, profile, settings)
        raise


def judge_error(error: BackendError, settings: SettingNames) -> Finding:
    """Tell what it means that no answer came."""
    url = settings.url
    if isinstance(error, NotConfigured):
        remedy = f"set {url} to the address that the backend points to, if you trust it"
    elif isinstance(error, WrongScheme):
        remedy = f"let {url} begin with http://, or have the backend speak https"
    elif isinstance(error, NotSent) and error.retryable:
        remedy = f"start the backend, or correct host and port in {url}"
    elif isinstance(error, NotSent):
        remedy = f"use the name in {url} that the certificate bears, and trust who signed it"
    elif isinstance(error, BackendUnavailable):
        advice = "look into the backend's log; is another program on that port of"
        remedy = f"{advice} {url}, or one that wants https:// there?"
    else:
        remedy = f"is {url} the address of a video backend?"
    seen = f"{error.message} ({error.detail or 'nothing more is known'})"
    return Finding(Severity.ERROR, url, seen, remedy, error.kind)


def judge_answer(
    profile: Profile, answer: Answer, client: GuardedClient, settings: SettingNames
) -> Finding:
    """Tell wrong key, wrong path, wrong profile, a start under way and a working backend apart."""
    told = _disguised(profile, answer)
    if answer.status in {401, 403} or told in {Unauthorized.kind, Forbidden.kind}:
        key = _key_setting(profile, settings)
        advice = "correct it" if client.has_credentials else "set it: the backend asks for a key"
        kind = told or (Unauthorized.kind if answer.status == 401 else Forbidden.kind)
        return Finding(Severity.ERROR, key, answer.detail, f"{key}: {advice}", kind)
    complaint = _complaint(profile, answer, client.base, settings)
    if complaint is None:
        return _well(profile, answer, client.base, settings)
    setting, remedy, error = complaint
    return Finding(Severity.ERROR, setting, answer.detail, remedy, error.kind)


def _well(profile: Profile, answer: Answer, address: str, settings: SettingNames) -> Finding:
    """Return what fits the profile; a bare "not found" might come from any server, to any key."""
    if answer.is_success or find_text(_json_or_none(answer), profile.error.code) is not None:
        return Finding(Severity.OK, settings.url, answer.detail)
    ends = profile.check.url_ends or ""
    where = "" if address.rstrip("/").endswith(ends) else f"; {settings.url} usually ends in {ends}"
    remedy = f"make one clip with `rushes check --generate`{where}"
    return Finding(Severity.WARNING, settings.url, f"{UNPROVEN} ({answer.detail})", remedy)


def _disguised(profile: Profile, answer: Answer) -> str | None:
    """Return the kind of an error that came with a 2xx status (`[ok]`)."""
    document = _json_or_none(answer)
    if not answer.is_success or not isinstance(profile, JobProfile) or passes(profile, document):
        return None
    return read_error(
        profile, answer.status, document, stage=Stage.POLL, clean=lambda text, most: text[:most]
    ).kind


def _key_setting(profile: Profile, settings: SettingNames) -> str:
    return settings.key if profile.takes_key else settings.headers


def _complaint(
    profile: Profile, answer: Answer, address: str, settings: SettingNames
) -> tuple[str, str, type[BackendError]] | None:
    """Return the setting to look at, the next step and what it is; None where all is well."""
    url, document = settings.url, _json_or_none(answer)
    is_missing = answer.status in {404, 405} and answer.status not in profile.check.http
    if answer.status == STARTING or (document is None and answer.status >= 500):
        advice = "the backend is there, but still starting or in trouble: look into its log"
        return url, advice, BackendUnavailable
    ends = profile.check.url_ends or ""
    if (document is None or is_missing) and not address.rstrip("/").endswith(ends):
        return url, _to_the_right_place(answer, f"let {url} end in {ends}", url), NotConfigured
    if document is None:
        elsewhere = f"{url} leads to something that is no video API"
        return url, _to_the_right_place(answer, elsewhere, url), NotConfigured
    if is_missing or not _fits(profile, answer, document):
        advice = f"not a backend for {profile.profile.name}: set {settings.profile} to its own"
        return settings.profile, advice, NotConfigured
    return None


def _to_the_right_place(answer: Answer, otherwise: str, url: str) -> str:
    wants_https = answer.status == 400 and ASKS_FOR_HTTPS in answer.text.lower()
    return f"let {url} begin with https://" if wants_https else otherwise


def _fits(profile: Profile, answer: Answer, document: JsonValue) -> bool:
    expected = profile.check.expect
    is_told = answer.is_success or answer.status in profile.check.http
    if not is_told or not expected:
        return True
    return any(find(document, place) is not None for place in expected)


def _json_or_none(answer: Answer) -> JsonValue:
    try:
        return answer.json()
    except BadBackendResponse:
        return None
