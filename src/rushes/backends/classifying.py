"""Errors told apart: by the code or the words of an answer, else by its status. Pure functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rushes.backends.language.grammar import TROUBLES
from rushes.backends.language.pointers import find, find_text, same
from rushes.domain import Failure, Stage
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    Forbidden,
    GenerationFailed,
    ModelUnavailable,
    QuotaExhausted,
    RateLimited,
    RefusedByBackend,
    RejectedByModeration,
    RemoteJobNotFound,
    ResultExpired,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from pydantic import JsonValue

    from rushes.backends.language.profile import Profile
    from rushes.backends.language.sections import Classify, Errors, Ok, StateRule

    Clean = Callable[[str, int], str]  # makes a backend's text safe, at most so many characters

MESSAGE_MAX = 500
CODE_MAX = 60
PROSE_MAX = 20_000

MODERATED = frozenset({"blocked", "moderated", "nsfw"})
"""State words that say by themselves what a job died of."""

# Where errors usually stand, after the places that the profile names: OpenAI's object, FastAPI's
# detail (text or list), a bare text.
CODE_PLACES = ("/error/code", "/error/type", "/code")
ENVELOPE_WORDS = frozenset({"message", "msg", "status_message", "status_msg"})
PRAISE = frozenset({"ok", "success", "succeed", "succeeded", "successful", "no error", "none"})
"""Texts beside a code of success that speak of the call, whatever their place is called."""
MESSAGE_PLACES = ("/error/message", "/error", "/detail/0/msg", "/detail", "/message")

_BY_STATUS: Mapping[int, type[BackendError]] = {
    401: Unauthorized,
    402: QuotaExhausted,
    403: Forbidden,
    408: BackendUnavailable,
    429: RateLimited,
}
_GONE: Mapping[Stage, type[BackendError]] = {
    Stage.SUBMIT: ModelUnavailable,
    Stage.POLL: RemoteJobNotFound,
    Stage.RESULT: ResultExpired,
    Stage.CANCEL: RemoteJobNotFound,
}


def read_failure(
    profile: Profile,
    document: JsonValue,
    *,
    rule: StateRule | None,
    word: str | None,
    stage: Stage,
    clean: Clean,
) -> Failure:
    """Say why a job failed; `rule` and `word` are what its state was told by.

    An envelope that says that the call went well says nothing of the job.
    """
    errors = profile.error
    code, message = _code_and_message(errors, document, besides=_envelope(profile.ok, document))
    if rule is not None:
        message = _told(errors, find_text(document, rule.message)) or message
    known = _classified(errors, None, code, message)
    kind = (rule.kind if rule else None) or (known.kind if known else None)
    return Failure(
        kind=kind or _unexplained(word),
        stage=stage,
        message=clean(message or "", MESSAGE_MAX),
        remote_code=clean(code, CODE_MAX) if code else None,
    )


def read_error(
    profile: Profile, status: int, document: JsonValue, *, stage: Stage, clean: Clean
) -> BackendError:
    """Return the error that an answer tells of: by its code or words, else by its HTTP status.

    `document` is the JSON body, or its text where it is none, or None where it says nothing.
    """
    code, message = _code_and_message(profile.error, document)
    rule = _classified(profile.error, status, code, message)
    error = TROUBLES[rule.kind] if rule else kind_of_status(status, stage)
    return error(
        f"the backend answered {status}",
        said=clean(message or "", MESSAGE_MAX),
        remote_code=clean(code, CODE_MAX) if code else None,
    )


def turns_away(profile: Profile, status: int, document: JsonValue) -> bool:
    """Whether the profile knows that a submit with this answer was not executed."""
    rule = _rule_for(profile, status, document)
    return rule is not None and rule.executed is False


def named_kind(profile: Profile, status: int, document: JsonValue) -> type[BackendError] | None:
    """Return what the profile's own rules call an answer; None where they do not know it."""
    rule = _rule_for(profile, status, document)
    return TROUBLES[rule.kind] if rule else None


def _rule_for(profile: Profile, status: int, document: JsonValue) -> Classify | None:
    return _classified(profile.error, status, *_code_and_message(profile.error, document))


def kind_of_status(status: int, stage: Stage) -> type[BackendError]:
    """Return what an HTTP status alone says, where no code and no words say more."""
    if status in {404, 410}:
        return _GONE[stage]
    if status >= 500:
        return BackendUnavailable
    if status < 400 and stage is not Stage.SUBMIT:
        return BadBackendResponse  # an error in disguise that nobody can name
    return _BY_STATUS.get(status, RefusedByBackend)


def _unexplained(word: str | None) -> str:
    """Return what a job died of that says no more than its state."""
    is_moderated = (word or "").lower() in MODERATED
    return (RejectedByModeration if is_moderated else GenerationFailed).kind


def _code_and_message(
    errors: Errors, document: JsonValue, *, besides: Container[str] = ()
) -> tuple[str | None, str | None]:
    if isinstance(document, str):
        return None, _told(errors, document)
    codes = [place for place in (*errors.code, *CODE_PLACES) if place not in besides]
    messages = [place for place in (*errors.message, *MESSAGE_PLACES) if place not in besides]
    return find_text(document, codes), _told(errors, find_text(document, messages))


def _envelope(ok: Ok | None, document: JsonValue) -> frozenset[str]:
    """Return where an answer says of itself that all is well, and in which words."""
    if ok is None or find(document, ok.path) is None:
        return frozenset()
    if not same(find(document, ok.path), ok.equals):
        return frozenset()
    beside = find(document, ok.path.rpartition("/")[0])
    names = beside if isinstance(beside, dict) else ()
    said = (name for name in names if name.lower() in ENVELOPE_WORDS or _praises(beside, name))
    return frozenset({ok.path, *(f"{ok.path.rpartition('/')[0]}/{name}" for name in said)})


def _praises(table: JsonValue, name: str) -> bool:
    text = find_text(table, [f"/{name}"]) or ""
    return text.strip(" .!").lower() in PRAISE


def _told(errors: Errors, message: str | None) -> str | None:
    """Return a message without what the profile leaves out of it."""
    if message is None or errors.omit is None:
        return message
    return re.sub(errors.omit, "", message[:PROSE_MAX]).strip()


def _classified(
    errors: Errors, status: int | None, code: str | None, message: str | None
) -> Classify | None:
    said = (message or "")[:MESSAGE_MAX]
    for rule in errors.classify:
        if rule.http and status not in rule.http:
            continue
        if rule.code and code not in rule.code:
            continue
        if rule.code_pattern and not re.search(rule.code_pattern, (code or "")[:MESSAGE_MAX]):
            continue
        if rule.message is None or re.search(rule.message, said):
            return rule
    return None
