"""A real exchange with a backend, kept as files that `rushes profile test` replays."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from rushes.backends.profile_tools import HEADERS, first_request, standing
from rushes.backends.profiled import ENDED, ProfiledBackend
from rushes.domain import RemoteStatus, new_id
from rushes.errors import BackendError, BackendTimeout, NotConfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pydantic import JsonValue

    from rushes.domain import RemoteJob
    from rushes.net import Exchange, Redactor
    from rushes.ports import VideoBackend

TEXT_MAX = 4_000
"""A longer text in an answer, such as a picture in base64, is cut to its first characters."""
BODY_MAX = 200_000
PAUSE = timedelta(seconds=2)
SAFE_HEADERS = frozenset({"accept", "content-type", "retry-after"})


class Recorder:
    """Writes each exchange to a folder: the answer as a replay reads it, and both beside it."""

    def __init__(self, folder: Path, redactor: Redactor) -> None:
        self._folder = folder
        self._redactor = redactor
        self._place = 0
        self._names: list[str] = []

    def expect(self, *names: str) -> None:
        """Name the calls to come; all after the last are called as that one."""
        self._names = list(names)

    def hear(self, exchange: Exchange) -> None:
        """Write down one exchange."""
        self._place += 1
        name = self._names.pop(0) if len(self._names) > 1 else self._names[0]
        stem, answer = f"{self._place:02}-{name}", exchange.answer
        told = self._safe(answer.body)
        ending = "json" if answer.media_type.endswith("json") else "txt"
        self._write(f"{stem}-{answer.status}.{ending}", told)
        if "location" in answer.headers:
            place = self._redactor.mask(unquote(answer.headers["location"]))
            self._write(f"{stem}-{answer.status}{HEADERS}", f"location: {place}\n")
        where = urlsplit(exchange.url)
        address = self._redactor.mask(unquote(where.path + ("?" + where.query).rstrip("?")))
        asked = f"{exchange.method} {address}\n{self._headers(exchange.headers)}"
        heads = f"{answer.status}\n{self._headers(answer.headers)}"
        self._write(f"{stem}-exchange.txt", f"{asked}\n{self._safe(exchange.body)}\n\n{heads}")

    def _headers(self, headers: Mapping[str, str]) -> str:
        kept = sorted((name.lower(), value) for name, value in headers.items())
        lines = (f"{name}: {value}\n" for name, value in kept if name in SAFE_HEADERS)
        return self._redactor.mask("".join(lines))

    def _safe(self, body: bytes) -> str:
        text = body.decode("utf-8", "replace")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return self._redactor.mask(text)[:BODY_MAX]
        told = json.dumps(self._masked(document), ensure_ascii=False, indent=1)
        return self._redactor.mask(told)[:BODY_MAX]

    def _masked(self, found: JsonValue) -> JsonValue:
        """Mask text by text: in JSON as it came a secret may be written in escapes."""
        if isinstance(found, dict):
            return {self._redactor.mask(key): self._masked(value) for key, value in found.items()}
        if isinstance(found, list):
            return [self._masked(value) for value in found]
        return self._redactor.mask(found)[:TEXT_MAX] if isinstance(found, str) else found

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, "utf-8", errors="replace")


async def record(
    backend: VideoBackend,
    prompt: str,
    folder: Path,
    *,
    within: timedelta,
    say: Callable[[str], object],
) -> None:
    """Make one clip, which may cost money, and keep all that was said until the job has ended.

    Tells `say` line by line what is understood. The clip is opened, for the requests on the way to
    it, and not read. Raises NotConfigured where there is nothing to replay, else BackendError;
    what was said by then is kept.
    """
    if not isinstance(backend, ProfiledBackend):
        raise NotConfigured("only what a profile speaks to, poll by poll, can be recorded")
    _prepare(folder)
    recorder = Recorder(folder, backend.client.redactor)
    backend.client.observer = recorder.hear
    model = (await backend.describe()).default or None
    request = first_request(backend.profile, prompt, model)
    recorder.expect(*(["before"] if backend.profile.submit.before else []), "submit")
    remote = (await backend.submit(request, idempotency_key=new_id())).remote
    say(f"job {remote.id}, {standing(remote)}")
    recorder.expect("poll")
    try:
        async with asyncio.timeout(within.total_seconds()):
            remote = await _followed(backend, remote, say)
    except TimeoutError as error:
        raise BackendTimeout(f"the job did not end within {within}") from error
    recorder.expect("step")
    if remote.status is RemoteStatus.COMPLETED:
        async with backend.open_clip(remote) as clip:
            say(f"clip: {clip.size or 'unknown'} bytes, left where they are")


async def _followed(
    backend: ProfiledBackend, remote: RemoteJob, say: Callable[[str], object]
) -> RemoteJob:
    """Poll to the end; what may be tried again is, for as long as it takes."""
    while remote.status not in ENDED:
        await asyncio.sleep((remote.next_poll or PAUSE).total_seconds())
        try:
            remote = await backend.poll(remote)
        except BackendError as error:
            if not error.retryable:
                raise
            say(f"{error.kind}: {error.message}")
        else:
            say(standing(remote))
    return remote


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise NotConfigured(f"{folder} is not empty: a recording wants a folder of its own")
