"""What ComfyUI's answers mean, in our words. Pure functions.

Read of 0.3.64 (`/history`, `/queue`) and 0.33.0 (`/api/jobs` as well).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from rushes.backends.classifying import MESSAGE_MAX
from rushes.backends.comfyui.workflow import title_of
from rushes.backends.language.pointers import find, find_text
from rushes.domain import Failure, RemoteStatus, Stage
from rushes.errors import BadBackendResponse, GenerationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic import JsonValue

    from rushes.domain import RemoteJob

    Clean = Callable[[str, int], str]

CLIP = "clip"
VIDEO_TYPES = ("mp4", "webm", "mov", "m4v", "mkv", "avi", "gif", "webp")
"""Endings of video files, the most welcome first."""
STATES: Mapping[str, RemoteStatus] = {
    "pending": RemoteStatus.QUEUED,
    "in_progress": RemoteStatus.IN_PROGRESS,
    "completed": RemoteStatus.COMPLETED,
    "failed": RemoteStatus.FAILED,
    "cancelled": RemoteStatus.CANCELLED,
}
_SERVER_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.+~-]+){2,}[\\/]?")
DETAILS_MAX = 5


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the answers about one graph's jobs; `clean` makes the server's words safe."""

    graph: Mapping[str, object]
    clean: Clean

    def api_job(self, document: JsonValue, job: RemoteJob) -> RemoteJob:
        """Return the job as `/api/jobs/<id>` tells it; an unknown word counts as running."""
        word = find_text(document, ("/status",))
        if word is None:
            raise BadBackendResponse("the answer is no job")
        status = STATES.get(word, RemoteStatus.IN_PROGRESS)
        return self._job(status, job, document, find(document, "/execution_error"))

    def history(self, entry: JsonValue, job: RemoteJob) -> RemoteJob:
        """Return the job as its entry of `/history` tells it; there it has ended."""
        messages = find(entry, "/status/messages")
        told = {
            find_text(message, ("/0",)): find(message, "/1")
            for message in (messages if isinstance(messages, list) else [])
        }
        status = RemoteStatus.COMPLETED
        if find(entry, "/status/status_str") == "error":
            was_stopped = "execution_interrupted" in told
            status = RemoteStatus.CANCELLED if was_stopped else RemoteStatus.FAILED
        return self._job(status, job, entry, told.get("execution_error"))

    def refusal(self, document: JsonValue) -> str:
        """Return what a 400 complains of, by the titles of the nodes."""
        title = find_text(document, ("/error/extra_info/node_title",))
        said = [find_text(document, ("/error/message", "/error")) or ""]
        said += [f"({title})"] if title else []
        said += list(self._node_errors(document))[:DETAILS_MAX]
        return self.clean(without_paths(" · ".join(filter(None, said))), MESSAGE_MAX)

    def _job(
        self, status: RemoteStatus, job: RemoteJob, document: JsonValue, error: JsonValue
    ) -> RemoteJob:
        seen = replace(job, status=status, queue_position=None)
        if status is RemoteStatus.FAILED:
            return replace(seen, failure=self._failure(error))
        if status is not RemoteStatus.COMPLETED:
            return seen
        address = clip_address(find(document, "/outputs"))
        if address is None:
            why = "the workflow made no video file"
            nothing = Failure(GenerationFailed.kind, Stage.POLL, detail=why)
            return replace(seen, status=RemoteStatus.FAILED, failure=nothing)
        return replace(seen, progress=100, urls=job.urls | {CLIP: address})

    def _failure(self, error: JsonValue) -> Failure:
        said = find_text(error, ("/exception_message", "/exception_type")) or ""
        node_id = find_text(error, ("/node_id",))
        where = f"{title_of(self.graph, node_id)}: " if node_id and said else ""
        code = find_text(error, ("/exception_type",))
        return Failure(
            GenerationFailed.kind,
            Stage.POLL,
            self.clean(where + without_paths(said), MESSAGE_MAX),
            remote_code=self.clean(code, 60) if code else None,
        )

    def _node_errors(self, document: JsonValue) -> Iterator[str]:
        told = find(document, "/node_errors")
        for node_id, about in (told if isinstance(told, dict) else {}).items():
            errors = find(about, "/errors")
            for error in errors if isinstance(errors, list) else []:
                details = find_text(error, ("/details", "/message")) or "refused"
                yield f"{title_of(self.graph, node_id)}: {details}"


def place_in_queue(queue: JsonValue, prompt_id: str) -> int | None:
    """Return how many jobs are ahead (0: it runs, or is next); None where it is not queued.

    `/queue` holds other people's prompts: nothing else of it is read.
    """
    running, pending = _numbered(queue, "/queue_running"), _numbered(queue, "/queue_pending")
    if prompt_id in running:
        return 0
    if prompt_id not in pending:
        return None
    return len(running) + sum(number < pending[prompt_id] for number in pending.values())


def is_running(queue: JsonValue, prompt_id: str) -> bool:
    """Whether the job is at work."""
    return prompt_id in _numbered(queue, "/queue_running")


def clip_address(outputs: JsonValue) -> str | None:
    """Return where the video is: any node, any list, told by its ending; saved before preview."""
    files = [file for node in _values(outputs) for part in _values(node) for file in _values(part)]
    videos = [file for file in files if _ending(file) in VIDEO_TYPES]
    if not videos:
        return None
    best = min(
        videos, key=lambda file: (_of(file, "type") != "output", VIDEO_TYPES.index(_ending(file)))
    )
    named = {name: _of(best, name) for name in ("filename", "subfolder", "type")}
    return f"/view?{urlencode(named)}"


def without_paths(text: str) -> str:
    """Return the text without the server's own paths."""
    return _SERVER_PATH.sub("…", text)


def _numbered(queue: JsonValue, place: str) -> dict[str, float]:
    """Return the queue's numbers by job id."""
    entries = find(queue, place)
    found: dict[str, float] = {}
    for entry in entries if isinstance(entries, list) else []:
        number, prompt_id = find(entry, "/0"), find(entry, "/1")
        if isinstance(number, int | float) and isinstance(prompt_id, str):
            found[prompt_id] = number
    return found


def _values(part: JsonValue) -> list[JsonValue]:
    return list(part.values()) if isinstance(part, dict) else part if isinstance(part, list) else []


def _ending(file: JsonValue) -> str:
    return _of(file, "filename").rpartition(".")[2].lower()


def _of(file: JsonValue, name: str) -> str:
    value = find(file, f"/{name}")
    return value if isinstance(value, str) and len(value) <= 1000 else ""
