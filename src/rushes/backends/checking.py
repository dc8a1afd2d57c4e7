"""What an answer to `rushes check` means, and which setting to look at."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rushes.backends.classifying import kind_of_status, named_kind
from rushes.backends.extraction import passes
from rushes.backends.language.offers import needs
from rushes.backends.language.pointers import find, find_text
from rushes.domain import Stage
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    ConcurrencyLimited,
    Forbidden,
    ModelUnavailable,
    NotConfigured,
    NotSent,
    QuotaExhausted,
    RateLimited,
    Unauthorized,
    WrongScheme,
)
from rushes.ports import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Generator

    from pydantic import JsonValue

    from rushes.backends import SettingNames
    from rushes.backends.language.profile import Profile
    from rushes.net import Answer

STARTING = 503
ASKS_FOR_HTTPS = "https"
"""What nginx, Apache and servers in Go answer to plain HTTP names it, with status 400."""
ABOUT_US = frozenset({Unauthorized, Forbidden, QuotaExhausted})
TELLING = ABOUT_US | {BackendUnavailable, ConcurrencyLimited, RateLimited}
"""Kinds that are never what a sound backend says of a harmless question, whatever the status."""
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


def judge_models(profile: Profile, model: str, settings: SettingNames) -> list[Finding]:
    """Tell where no job can be sent because nobody says which model is meant."""
    name = profile.profile.name
    if model or profile.submit.defaults.model or not needs(profile.submit, "model"):
        return []
    seen = f"no job can be sent: the profile {name} wants the name of a model, and there is none"
    remedy = f"set {settings.models} to the names of those that you use"
    return [Finding(Severity.ERROR, settings.models, seen, remedy, NotConfigured.kind)]


def judge_answer(
    profile: Profile, answer: Answer, address: str, settings: SettingNames, *, has_key: bool
) -> Finding:
    """Tell wrong key, wrong path, wrong profile, a start under way and a working backend apart."""
    complaint = _complaint(profile, answer, address, settings, has_key=has_key)
    if complaint is None:
        return _well(profile, answer, address, settings)
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


def _key_setting(profile: Profile, settings: SettingNames) -> str:
    return settings.key if profile.takes_key else settings.headers


Complaint = tuple[str, str, type[BackendError]]
"""The setting to look at, the next step and what it is."""


def _complaint(
    profile: Profile, answer: Answer, address: str, settings: SettingNames, *, has_key: bool
) -> Complaint | None:
    """Return what an answer complains of, or what is wrong with it; None where all is well."""
    document = _json_or_none(answer)
    trouble = _trouble(profile, answer, document)
    if trouble in ABOUT_US:
        return _about_us(trouble, _key_setting(profile, settings), has_key=has_key)
    if trouble is BackendUnavailable:
        advice = "the backend is there, but still starting or in trouble: look into its log"
        return settings.url, advice, trouble
    if trouble is not None:
        return settings.url, "wait a while, then check again: it asks for patience", trouble
    return _out_of_place(profile, answer, document, address, settings)


def _trouble(profile: Profile, answer: Answer, document: JsonValue) -> type[BackendError] | None:
    """Return the trouble with us or the backend that an answer tells of, if it does."""
    named = named_kind(profile, answer.status, document)
    if answer.is_success and passes(profile, document) and _fits(profile, document):
        return None
    kind = named if named in TELLING else kind_of_status(answer.status, Stage.POLL)
    is_foreseen = answer.is_success or answer.status in profile.check.http
    is_believed = named is kind or not is_foreseen or answer.status in {401, 403, STARTING}
    return kind if kind in TELLING and is_believed else None


def _about_us(kind: type[BackendError], key: str, *, has_key: bool) -> Complaint:
    if kind is QuotaExhausted:
        return key, f"fill up the account that {key} belongs to, or use another", kind
    advice = "correct it" if has_key else "set it: the backend asks for a key"
    return key, f"{key}: {advice}", kind


def _out_of_place(
    profile: Profile, answer: Answer, document: JsonValue, address: str, settings: SettingNames
) -> Complaint | None:
    """Return why an answer is none that a backend of this profile gives to the check."""
    url, profile_setting = settings.url, settings.profile
    is_foreseen = answer.is_success or answer.status in profile.check.http
    is_missing = answer.status in {404, 405} and not is_foreseen
    ends = profile.check.url_ends or ""
    if (document is None or is_missing) and not address.rstrip("/").endswith(ends):
        return url, _to_the_right_place(answer, f"let {url} end in {ends}", url), NotConfigured
    if document is None:
        elsewhere = f"{url} leads to something that is no video API"
        return url, _to_the_right_place(answer, elsewhere, url), NotConfigured
    is_stranger = is_missing or (is_foreseen and not _fits(profile, document))
    if is_stranger:
        advice = f"not a backend for {profile.profile.name}: set {profile_setting} to its own"
        return profile_setting, advice, NotConfigured
    is_disguised = answer.is_success and not profile.check.expect and not passes(profile, document)
    if is_disguised or not is_foreseen:
        kind = named_kind(profile, answer.status, document)
        advice = f"its answer says why; if another backend speaks there, set {profile_setting}"
        return profile_setting, advice, kind or kind_of_status(answer.status, Stage.POLL)
    return None


def _to_the_right_place(answer: Answer, otherwise: str, url: str) -> str:
    wants_https = answer.status == 400 and ASKS_FOR_HTTPS in answer.text.lower()
    return f"let {url} begin with https://" if wants_https else otherwise


def _fits(profile: Profile, document: JsonValue) -> bool:
    expected = profile.check.expect
    return not expected or any(find(document, place) is not None for place in expected)


def _json_or_none(answer: Answer) -> JsonValue:
    try:
        return answer.json()
    except BadBackendResponse:
        return None
