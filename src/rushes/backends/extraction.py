"""From answers to our words: ids, states, progress, addresses. Pure functions."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.backends.classifying import PROSE_MAX, read_failure
from rushes.backends.language.pointers import find, find_prose, find_text, same
from rushes.domain import PROMPT_MAX, RemoteJob, RemoteStatus, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import JsonValue

    from rushes.backends.classifying import Clean
    from rushes.backends.language.profile import JobProfile, Profile
    from rushes.backends.language.sections import Condition, Progress, State

ID_MAX = 2048
URL_MAX = 4096
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
        RemoteStatus.FAILED: "failed failure error errored rejected blocked moderated nsfw expired"
        " timeout",
        RemoteStatus.CANCELLED: "cancelled canceled aborted interrupted deleted",
    }.items()
    for word in words.split()
}

VALUE_MAX = 400
ETA_MAX = timedelta(days=7)


def holds(condition: Condition, document: JsonValue) -> bool:
    """Whether everything that the condition asks for is so."""
    if condition.exists is not None and find(document, condition.exists) is None:
        return False
    if condition.empty is not None and find(document, condition.empty) not in (None, "", [], {}):
        return False
    return condition.path is None or same(find(document, condition.path), condition.equals)


def passes(profile: Profile, document: JsonValue) -> bool:
    """Whether a 2xx answer is what it seems, and no error in disguise (`[ok]`)."""
    if profile.ok is None:
        return True
    found = find(document, profile.ok.path)
    return profile.ok.missing if found is None else same(found, profile.ok.equals)


def _safe_prose(text: str, clean: Clean) -> str:
    """Return a text made safe to show that keeps its lines."""
    return "\n".join(clean(line, PROMPT_MAX) for line in text[:PROMPT_MAX].splitlines())


# --- jobs ---------------------------------------------------------------------------------------


def read_id(
    profile: JobProfile, document: JsonValue, headers: Mapping[str, str] | None = None
) -> str | None:
    """Return the backend's id of the job; None where there is none that can be used.

    `headers` are those of an answer to a submit, their names in lower case.
    """
    found = find_text(document, profile.extract.id)
    place = profile.extract.headers.id
    if found is None and place is not None:
        found = _matched(place.pattern, (headers or {}).get(place.name.lower()))
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
        eta=_eta(profile.progress, document),
        failure=read_failure(profile, document, rule=rule, word=word, stage=stage, clean=clean)
        if failed
        else None,
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
    return _matched(pattern, find_text(document, places))


def _matched(pattern: str | None, text: str | None) -> str | None:
    """Return the last match in a text, or the first group of that."""
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


def _eta(progress: Progress, document: JsonValue) -> timedelta | None:
    try:
        return eta_of(float(find_text(document, progress.eta_s) or "nan"))
    except ValueError:
        return None


def eta_of(seconds: float) -> timedelta | None:
    """Return how long the backend expects to need; None for what nobody can wait."""
    return timedelta(seconds=seconds) if 0 < seconds <= ETA_MAX.total_seconds() else None


def read_urls(places: Mapping[str, Iterable[str]], document: JsonValue) -> dict[str, str]:
    """Return the addresses that an answer gives, by name."""
    return _short_texts(places, document, URL_MAX)


def read_header_urls(profile: JobProfile, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses that the headers of an answer to a submit give, by name."""
    told = profile.extract.headers.urls.items()
    found = {name: headers.get(header.lower(), "") for name, header in told}
    return _usable(found, URL_MAX)


def read_values(places: Mapping[str, Iterable[str]], document: JsonValue) -> dict[str, str]:
    """Return the other texts that an answer gives for later calls, by name."""
    return _short_texts(places, document, VALUE_MAX)


def _short_texts(
    places: Mapping[str, Iterable[str]], document: JsonValue, longest: int
) -> dict[str, str]:
    return _usable({n: find_text(document, where) or "" for n, where in places.items()}, longest)


def _usable(found: Mapping[str, str], longest: int) -> dict[str, str]:
    return {n: text for n, text in found.items() if 0 < len(text) <= longest and text.isprintable()}
