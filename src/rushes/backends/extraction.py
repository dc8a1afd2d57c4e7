"""From answers to our words: pointers, states, progress, and errors told apart. Pure functions."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from rushes.backends.grammar import KINDS
from rushes.domain import PROMPT_MAX, Failure, RemoteJob, RemoteStatus, Stage
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
    RemoteJobNotFound,
    ResultExpired,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from pydantic import JsonValue

    from rushes.backends.profile import (
        Condition,
        Errors,
        JobProfile,
        Poll,
        Profile,
        Progress,
        State,
        StateRule,
    )

    Clean = Callable[[str, int], str]  # makes a backend's text safe, at most so many characters

ID_MAX = 2048
URL_MAX = 4096
MESSAGE_MAX = 500
WORD_MAX = 60

# The state words that servers of this field use (survey of November 2026), for those that a
# profile does not map itself.
WORDS: Mapping[str, RemoteStatus] = {
    word: status
    for status, words in {
        RemoteStatus.QUEUED: "queued pending created submitted accepted waiting scheduled"
        " not_started in_queue starting",
        RemoteStatus.IN_PROGRESS: "in_progress running processing generating executing started"
        " rendering canceling cancelling",
        RemoteStatus.COMPLETED: "completed complete succeeded success successful done finished"
        " ready",
        RemoteStatus.FAILED: "failed failure error errored rejected blocked moderated expired"
        " timeout",
        RemoteStatus.CANCELLED: "cancelled canceled aborted interrupted deleted",
    }.items()
    for word in words.split()
}

# Where errors usually stand, after the places that the profile names: OpenAI's object, FastAPI's
# detail (text or list), a bare text.
CODE_PLACES = ("/error/code", "/error/type", "/code")
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


# --- places -------------------------------------------------------------------------------------


def find(document: JsonValue, pointer: str) -> JsonValue:
    """Return what lies at a JSON Pointer (RFC 6901), or None, as for null."""
    found = document
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and re.fullmatch(r"\d{1,6}", key) and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def find_text(document: JsonValue, pointers: Iterable[str]) -> str | None:
    """Return the first non-empty text or number that the pointers lead to, as text."""
    for pointer in pointers:
        found = find(document, pointer)
        if isinstance(found, str) and found:
            return found
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return json.dumps(found)
    return None


def find_prose(document: JsonValue, pointers: Iterable[str]) -> str | None:
    """Return the first text that the pointers lead to; of a table or list its texts, by line."""
    found = (_prose(find(document, pointer)) for pointer in pointers)
    return next((prose for prose in found if prose), None)


def _prose(found: JsonValue) -> str:
    inner = list(found.values()) if isinstance(found, dict) else found
    parts = inner if isinstance(inner, list) else [inner]
    return "\n".join(part for part in parts if isinstance(part, str) and part)


def _safe_prose(text: str, clean: Clean) -> str:
    """Return a text made safe to show that keeps its lines."""
    return "\n".join(clean(line, PROMPT_MAX) for line in text[:PROMPT_MAX].splitlines())


def select(
    document: JsonValue, array: str, where: Mapping[str, str], *, last: bool = False
) -> JsonValue:
    """Return the entry of a list in which each pointer leads to just that text; None if none is."""
    entries = find(document, array)
    fitting = (
        entry
        for entry in (entries if isinstance(entries, list) else [])
        if all(find_text(entry, [pointer]) == text for pointer, text in where.items())
    )
    return next(iter(list(fitting)[-1:]), None) if last else next(fitting, None)


def holds(condition: Condition, document: JsonValue) -> bool:
    """Whether everything that the condition asks for is so."""
    if condition.exists is not None and find(document, condition.exists) is None:
        return False
    if condition.empty is not None and find(document, condition.empty) not in (None, "", [], {}):
        return False
    return condition.path is None or _same(find(document, condition.path), condition.equals)


def passes(profile: JobProfile, document: JsonValue) -> bool:
    """Whether a 2xx answer is what it seems, and no error in disguise (`[ok]`)."""
    if profile.ok is None:
        return True
    found = find(document, profile.ok.path)
    return profile.ok.missing if found is None else _same(found, profile.ok.equals)


def _same(one: JsonValue, other: JsonValue) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


# --- jobs ---------------------------------------------------------------------------------------


def read_id(profile: JobProfile, document: JsonValue) -> str | None:
    """Return the backend's id of the job; None where there is none that can be used."""
    found = find_text(document, profile.extract.id)
    return found if found and len(found) <= ID_MAX and found.isprintable() else None


def read_job(
    profile: JobProfile, document: JsonValue, *, remote_id: str, stage: Stage, clean: Clean
) -> RemoteJob:
    """Return the job that an answer tells of, under the id that is in use for it.

    A state word that nobody knows counts as `state.unknown`, and is kept in `context`.
    """
    rule = next((rule for rule in profile.state.rules if holds(rule, document)), None)
    word = None if rule else _word(document, profile.state.path)
    status = rule.state if rule else _status(profile.state, word)
    failed = status is RemoteStatus.FAILED
    prompt = find_prose(document, profile.extract.effective_prompt)
    return RemoteJob(
        id=remote_id,
        status=status,
        progress=read_progress(profile.progress, document),
        queue_position=_queue_position(profile.progress, document),
        failure=_failure(profile, document, rule, stage, clean) if failed else None,
        effective_prompt=_safe_prose(prompt, clean) if prompt else None,
        urls=_urls(profile, document),
        context=_unknown_word(profile.state, word, clean),
    )


def read_progress(progress: Progress, document: JsonValue) -> int | None:
    """Return 0 to 100, or None where the backend says nothing that is a number."""
    try:
        value = float(find_text(document, progress.path) or "nan")
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(min(max(value / progress.scale, 0.0), 1.0) * 100)


def unknown_word(job: RemoteJob) -> str | None:
    """Return the state word that `read_job` did not know, if there was one."""
    return json.loads(job.context)["word"] if job.context else None


def next_poll(poll: Poll, before: timedelta | None, headers: Mapping[str, str]) -> timedelta:
    """Return the pause before the next poll: the backend's proposal, else a growing one."""
    proposed = headers.get((poll.interval_header_ms or "").lower(), "")
    if re.fullmatch(r"\d{1,9}", proposed):
        wished = timedelta(milliseconds=int(proposed))
        return min(max(wished, timedelta(seconds=0.25)), timedelta(seconds=60))
    if before is None:
        return timedelta(seconds=poll.first_s)
    return min(before * poll.factor, timedelta(seconds=poll.max_s))


def _word(document: JsonValue, pointers: Iterable[str]) -> str | None:
    for pointer in pointers:
        found = find(document, pointer)
        if isinstance(found, bool):
            return "true" if found else "false"
    return find_text(document, pointers)


def _status(state: State, word: str | None) -> RemoteStatus:
    if word is None:
        return state.missing
    return _known(state, word) or state.unknown


def _known(state: State, word: str) -> RemoteStatus | None:
    mapped = {known.lower(): status for known, status in state.map.items()}
    return mapped.get(word.lower()) or WORDS.get(word.lower())


def _unknown_word(state: State, word: str | None, clean: Clean) -> str | None:
    if word is None or _known(state, word):
        return None
    return json.dumps({"word": clean(word, WORD_MAX)})


def _queue_position(progress: Progress, document: JsonValue) -> int | None:
    text = find_text(document, progress.queue_position) or ""
    return int(text) if re.fullmatch(r"\d{1,9}", text) else None


def _urls(profile: JobProfile, document: JsonValue) -> dict[str, str]:
    found = {
        name: find_text(document, places) or "" for name, places in profile.extract.urls.items()
    }
    return {name: url for name, url in found.items() if url and len(url) <= URL_MAX}


# --- errors -------------------------------------------------------------------------------------


def _failure(
    profile: Profile, document: JsonValue, rule: StateRule | None, stage: Stage, clean: Clean
) -> Failure:
    """Say why the backend's job failed, in the words of our kinds."""
    code, message = _code_and_message(profile.error, document)
    if rule is not None:
        message = find_text(document, rule.message) or message
    kind = (rule.kind if rule else None) or _classified(profile.error, None, code, message)
    return Failure(
        kind=kind or GenerationFailed.kind,
        stage=stage,
        message=clean(message or "", MESSAGE_MAX),
        remote_code=clean(code, WORD_MAX) if code else None,
    )


def read_error(
    profile: Profile, status: int, document: JsonValue, *, stage: Stage, clean: Clean
) -> BackendError:
    """Return the error that an answer tells of: by its code or words, else by its HTTP status.

    `document` is the JSON body, or its text where it is none, or None where it says nothing.
    """
    code, message = _code_and_message(profile.error, document)
    kind = _classified(profile.error, status, code, message)
    error = KINDS[kind] if kind else _by_status(status, stage)
    return error(
        clean(message or f"the backend answered {status}", MESSAGE_MAX),
        remote_code=clean(code, WORD_MAX) if code else None,
    )


def read_retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long the backend asks us to wait, within 1 s and 10 min; None if it is unclear.

    Seconds or an HTTP date in Retry-After, or OpenAI's retry-after-ms.
    """
    wait = _number(headers.get("retry-after-ms"), 1000)
    if wait is None:
        wait = _number(headers.get("retry-after"), 1)
    if wait is None:
        wait = _seconds_until(headers.get("retry-after"), now)
    return None if wait is None else timedelta(seconds=min(max(wait, 1.0), 600.0))


def _number(text: str | None, divisor: int) -> float | None:
    is_number = re.fullmatch(r"\d{1,15}(\.\d{1,9})?", (text or "").strip())
    return float(is_number[0]) / divisor if is_number else None


def _seconds_until(text: str | None, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds()


def _code_and_message(errors: Errors, document: JsonValue) -> tuple[str | None, str | None]:
    if isinstance(document, str):
        return None, document
    code = find_text(document, (*errors.code, *CODE_PLACES))
    return code, find_text(document, (*errors.message, *MESSAGE_PLACES))


def _classified(
    errors: Errors, status: int | None, code: str | None, message: str | None
) -> str | None:
    said = (message or "")[:MESSAGE_MAX]
    for rule in errors.classify:
        if rule.http and status not in rule.http:
            continue
        if rule.code and code not in rule.code:
            continue
        if rule.message is None or re.search(rule.message, said):
            return rule.kind
    return None


def _by_status(status: int, stage: Stage) -> type[BackendError]:
    if status in {404, 410}:
        return _GONE[stage]
    if status >= 500:
        return BackendUnavailable
    if status < 400 and stage is not Stage.SUBMIT:
        return BadBackendResponse  # an error in disguise that nobody can name
    return _BY_STATUS.get(status, RefusedByBackend)
