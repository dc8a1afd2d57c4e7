"""What the messages of a Gradio event stream mean, in our words. Pure functions.

Read in Gradio 4.44, 5.50 and 6.31 (`queue/data`): `estimation`, `process_starts`, `progress`,
`process_generating`, `process_completed`, `unexpected_error`, `heartbeat`, `close_stream`.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from rushes.backends.classifying import MESSAGE_MAX
from rushes.backends.extraction import eta_of
from rushes.backends.language.pointers import find, find_text
from rushes.domain import Failure, RemoteStatus, Stage
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    GenerationFailed,
    QuotaExhausted,
    RejectedByModeration,
    RemoteJobNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from pydantic import JsonValue

    from rushes.domain import RemoteJob

    Clean = Callable[[str, int], str]

CLIP = "clip"
VIDEO_NAME = re.compile(r"\.(mp4|m4v|mov|webm|mkv|avi|gif)$", re.IGNORECASE)
QUOTA = re.compile(r"exceeded your .{0,40}quota|zerogpu quota", re.IGNORECASE)
MODERATION = re.compile(
    r"\bnsfw\b|content polic|refused (this|your) prompt|safety (check|filter)|moderation",
    re.IGNORECASE,
)
NOT_FOUND = re.compile(r"404\b")
DEPTH_MAX = 20
EVENT_ID_MAX = 100


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one app's messages: `prefix` leads to its files, `clean` makes its words safe."""

    prefix: str
    clean: Clean

    def read(self, message: JsonValue, job: RemoteJob) -> RemoteJob:
        """Return the job as the message leaves it; raises BackendError when it ends the stream."""
        word = find(message, "/msg")
        if job.context is None:
            job = with_event(job, find(message, "/event_id"))
        if word == "estimation":
            rank = find(message, "/rank")
            ahead = rank if isinstance(rank, int) else None
            eta = _eta(message, "/rank_eta")
            return replace(job, status=RemoteStatus.QUEUED, queue_position=ahead, eta=eta)
        if word == "process_completed":
            return self._ended(message, job)
        if word == "unexpected_error":
            raise self._broken(message)
        if word not in {"process_starts", "progress", "process_generating"}:
            return job
        running = replace(job, status=RemoteStatus.IN_PROGRESS, queue_position=None)
        if word == "process_starts":
            running = replace(running, eta=_eta(message, "/eta"))
        share = progress_in(find(message, "/progress_data"))
        return running if share is None else replace(running, progress=share)

    def _ended(self, message: JsonValue, job: RemoteJob) -> RemoteJob:
        output = find(message, "/output")
        if find(message, "/success") is not True:
            return self._failed(job, _words(output))
        path = clip_path(find(output, "/data"))
        if path is None:
            return self._failed(job, None, detail="the app ended its work without a video")
        address = f"{self.prefix}/file={quote(path, safe='/:')}"
        return replace(
            job,
            status=RemoteStatus.COMPLETED,
            progress=100,
            queue_position=None,
            eta=None,
            urls=job.urls | {CLIP: address},
        )

    def _failed(self, job: RemoteJob, said: str | None, *, detail: str | None = None) -> RemoteJob:
        """An app that shows no errors says null; then nobody knows why."""
        message = self.clean(said or "", MESSAGE_MAX)
        failure = Failure(_kind(message).kind, Stage.POLL, message, detail=detail)
        ended = replace(job, status=RemoteStatus.FAILED, queue_position=None, eta=None)
        return replace(ended, failure=failure)

    def _broken(self, message: JsonValue) -> BackendError:
        said = find_text(message, ("/message",)) or ""
        is_gone = find(message, "/session_not_found") is True or NOT_FOUND.match(said)
        if is_gone:
            return RemoteJobNotFound(
                "the app drops a job when its event stream breaks; it may have been made"
            )
        return BackendUnavailable("the app broke off", said=self.clean(said, MESSAGE_MAX))


def with_event(job: RemoteJob, event_id: JsonValue) -> RemoteJob:
    """Return the job with the app's own id of it, which a cancel must name."""
    is_id = isinstance(event_id, str) and len(event_id) <= EVENT_ID_MAX
    return replace(job, context=json.dumps({"event": event_id})) if is_id else job


def event_of(job: RemoteJob) -> str | None:
    """Return the app's own id of the job, if it was ever told."""
    return json.loads(job.context)["event"] if job.context else None


def clip_path(data: JsonValue) -> str | None:
    """Return the path of the first video file, at whatever depth; None where there is none.

    6.x gives the file itself, 4.x and 5.x `{"video": file, "subtitles": null}`. A stream of
    segments (`is_stream`) is no file.
    """
    return next((path for path in _paths(data, DEPTH_MAX) if VIDEO_NAME.search(path)), None)


def progress_in(units: JsonValue) -> int | None:
    """Return 0 to 99 from the app's bars, the outer one first; None where none has a length."""
    share: float | None = None
    for unit in reversed(units if isinstance(units, list) else []):
        index, length = _number(find(unit, "/index")), _number(find(unit, "/length"))
        told = _number(find(unit, "/progress"))
        if index is not None and length:
            share = (index + (share or 0.0)) / length
        elif told is not None:
            share = told
    return None if share is None else int(min(max(share, 0.0), 0.99) * 100)


def _paths(data: JsonValue, depth: int) -> Iterator[str]:
    if depth == 0:
        return
    if isinstance(data, dict):
        path = data.get("path")
        if isinstance(path, str) and len(path) <= 2000 and data.get("is_stream") is not True:
            yield path
    inner = list(data.values()) if isinstance(data, dict) else data
    for part in inner if isinstance(inner, list) else []:
        yield from _paths(part, depth - 1)


def _words(output: JsonValue) -> str | None:
    """Return what a function raised, null where the app hides it; 4.x puts it in quotes."""
    said = find_text(output, ("/error",))
    is_quoted = said is not None and re.fullmatch(r"'.+'|\".+\"", said, re.DOTALL)
    return said[1:-1] if said and is_quoted else said


def _kind(message: str) -> type[BackendError]:
    if QUOTA.search(message):
        return QuotaExhausted
    return RejectedByModeration if MODERATION.search(message) else GenerationFailed


def _eta(message: JsonValue, place: str) -> timedelta | None:
    return eta_of(_number(find(message, place)) or 0)


def _number(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
