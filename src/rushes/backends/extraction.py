"""From answers to our words: pointers, states, progress, and errors told apart. Pure functions."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

from rushes.backends.grammar import EACH, TROUBLES
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

    from pydantic import JsonValue

    from rushes.backends.profile import JobProfile, Profile
    from rushes.backends.sections import Condition, Errors, Progress, State, StateRule

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

PROSE_MAX = 20_000
VALUE_MAX = 400

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
    """Return what lies at a JSON Pointer (RFC 6901), or None, as for null.

    In a list, `*` is the first entry under which the rest of the pointer finds something;
    `*[kind=video]` is the first such entry whose `kind` is just that text.
    """
    return _follow(document, pointer.split("/")[1:])


def _follow(found: JsonValue, steps: list[str]) -> JsonValue:
    for place, step in enumerate(steps, start=1):
        if isinstance(found, list) and step.startswith("*"):
            hits = (_follow(entry, steps[place:]) for entry in _entries(found, step))
            return next((hit for hit in hits if hit is not None), None)
        key = plain(step)
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and re.fullmatch(r"\d{1,6}", key) and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def _entries(found: list[JsonValue], step: str) -> list[JsonValue]:
    wanted = EACH.fullmatch(step)
    if wanted is None or wanted[1] is None:
        return found
    text = plain(wanted[2])
    return [entry for entry in found if find_text(entry, [f"/{wanted[1]}"]) == text]


def plain(step: str) -> str:
    """Return a step of a pointer without its escapes."""
    return step.replace("~1", "/").replace("~0", "~")


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


def passes(profile: Profile, document: JsonValue) -> bool:
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
    profile: JobProfile,
    document: JsonValue,
    *,
    remote_id: str,
    stage: Stage,
    clean: Clean,
    http: int = 200,
) -> RemoteJob:
    """Return the job that an answer tells of, under the id that is in use for it.

    A state word that nobody knows counts as `state.unknown`, and is kept in `context`.
    """
    rule = next((rule for rule in profile.state.rules if holds(rule, document)), None)
    told = profile.state.http.get(http) if stage is Stage.POLL else None
    word = None if rule or told else _word(document, profile.state.path)
    status = rule.state if rule else told or _status(profile.state, word)
    failed = status is RemoteStatus.FAILED
    prompt = find_prose(document, profile.extract.effective_prompt)
    return RemoteJob(
        id=remote_id,
        status=status,
        progress=read_progress(profile.progress, document),
        queue_position=_queue_position(profile.progress, document),
        failure=_failure(profile, document, rule, stage, clean) if failed else None,
        effective_prompt=_safe_prose(prompt, clean) if prompt else None,
        urls=read_urls(profile.extract.urls, document),
        context=context_of(
            read_values(profile.extract.values, document), _unknown_word(profile.state, word, clean)
        ),
        thumbnail=read_urls({"it": profile.extract.thumbnail}, document).get("it"),
    )


def read_progress(progress: Progress, document: JsonValue) -> int | None:
    """Return 0 to 100, or None where the backend says nothing that is a number."""
    try:
        value = float(_number_in(document, progress.path, progress.pattern) or "nan")
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(min(max(value / progress.scale, 0.0), 1.0) * 100)


def _number_in(document: JsonValue, places: Iterable[str], pattern: str | None) -> str | None:
    text = find_text(document, places)
    if pattern is None or text is None:
        return text
    found = list(re.finditer(pattern, text[-PROSE_MAX:]))
    return (found[-1][1] if found[-1].re.groups else found[-1][0]) if found else None


def unknown_word(job: RemoteJob) -> str | None:
    """Return the state word that `read_job` did not know, if there was one."""
    word: str | None = json.loads(job.context or "{}").get("word")
    return word


def kept_values(job: RemoteJob) -> dict[str, str]:
    """Return what `[extract.values]` found so far."""
    values: dict[str, str] = json.loads(job.context or "{}").get("values", {})
    return values


def context_of(values: Mapping[str, str], word: str | None) -> str | None:
    """Return what is kept with a job between two calls: far below 8 KiB."""
    kept = {"word": word, "values": dict(values)}
    told = {name: part for name, part in kept.items() if part}
    return json.dumps(told, ensure_ascii=False) if told else None


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
    return None if word is None or _known(state, word) else clean(word, WORD_MAX)


def _queue_position(progress: Progress, document: JsonValue) -> int | None:
    text = _number_in(document, progress.queue_position, progress.queue_pattern) or ""
    return int(text) if re.fullmatch(r"\d{1,9}", text) else None


def read_urls(places: Mapping[str, Iterable[str]], document: JsonValue) -> dict[str, str]:
    """Return the addresses that an answer gives, by name."""
    return _short_texts(places, document, URL_MAX)


def read_values(places: Mapping[str, Iterable[str]], document: JsonValue) -> dict[str, str]:
    """Return the other texts that an answer gives for later calls, by name."""
    return _short_texts(places, document, VALUE_MAX)


def _short_texts(
    places: Mapping[str, Iterable[str]], document: JsonValue, longest: int
) -> dict[str, str]:
    found = {name: find_text(document, where) or "" for name, where in places.items()}
    return {n: text for n, text in found.items() if 0 < len(text) <= longest and text.isprintable()}


# --- errors -------------------------------------------------------------------------------------


def _failure(
    profile: Profile, document: JsonValue, rule: StateRule | None, stage: Stage, clean: Clean
) -> Failure:
    """Say why the backend's job failed, in the words of our kinds."""
    code, message = _code_and_message(profile.error, document)
    if rule is not None:
        message = _told(profile.error, find_text(document, rule.message)) or message
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
    error = TROUBLES[kind] if kind else kind_of_status(status, stage)
    return error(
        clean(message or f"the backend answered {status}", MESSAGE_MAX),
        remote_code=clean(code, WORD_MAX) if code else None,
    )


def _code_and_message(errors: Errors, document: JsonValue) -> tuple[str | None, str | None]:
    if isinstance(document, str):
        return None, _told(errors, document)
    code = find_text(document, (*errors.code, *CODE_PLACES))
    return code, _told(errors, find_text(document, (*errors.message, *MESSAGE_PLACES)))


def _told(errors: Errors, message: str | None) -> str | None:
    """Return a message without what the profile leaves out of it."""
    if message is None or errors.omit is None:
        return message
    return re.sub(errors.omit, "", message[:PROSE_MAX]).strip()


def _classified(
    errors: Errors, status: int | None, code: str | None, message: str | None
) -> str | None:
    said = (message or "")[:MESSAGE_MAX]
    for rule in errors.classify:
        if rule.http and status not in rule.http:
            continue
        if rule.code and code not in rule.code:
            continue
        if rule.code_pattern and not re.search(rule.code_pattern, (code or "")[:MESSAGE_MAX]):
            continue
        if rule.message is None or re.search(rule.message, said):
            return rule.kind
    return None


def kind_of_status(status: int, stage: Stage) -> type[BackendError]:
    """Return what an HTTP status alone says, where no code and no words say more."""
    if status in {404, 410}:
        return _GONE[stage]
    if status >= 500:
        return BackendUnavailable
    if status < 400 and stage is not Stage.SUBMIT:
        return BadBackendResponse  # an error in disguise that nobody can name
    return _BY_STATUS.get(status, RefusedByBackend)
