"""A VideoBackend that answers by script."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rushes.domain import (
    CancelOutcome,
    Capabilities,
    Catalogue,
    Custody,
    RemoteJob,
    RemoteStatus,
)
from rushes.errors import BackendUnavailable
from rushes.ports import Finding, Submission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from rushes.domain import VideoRequest


@dataclass(frozen=True)
class ScriptedClip:
    """A ClipSource: yields `parts`; one that is an error is raised in its place."""

    parts: Sequence[bytes | Exception]
    size: int | None = None
    start: int = 0
    validator: str | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part


@dataclass(frozen=True)
class Call:
    """One call that a ScriptedBackend got."""

    method: str
    arguments: tuple[object, ...]


class ScriptedBackend:
    """A VideoBackend that answers by script and records every call.

    The script holds a list of answers for each method, given out in order; the last one is given
    again and again. An answer that is an error is raised; a function is awaited with the call's
    arguments. A method without a script gives a harmless answer.
    """

    finds = True

    def __init__(self, name: str = "scripted", **script: Iterable[Any]) -> None:
        self.name = name
        self.custody = Custody()
        self.calls: list[Call] = []
        self.script = {method: deque(answers) for method, answers in script.items()}

    def count(self, method: str) -> int:
        """Return how often a method was called."""
        return sum(call.method == method for call in self.calls)

    async def describe(self) -> Catalogue:
        answer: Catalogue = await self._answer("describe", Catalogue({"": Capabilities()}))
        return answer

    async def submit(self, request: VideoRequest, *, idempotency_key: str) -> Submission:
        remote = RemoteJob(f"remote-{idempotency_key}")
        answer = await self._answer("submit", remote, request, idempotency_key)
        return answer if isinstance(answer, Submission) else Submission(answer)

    async def poll(self, remote: RemoteJob) -> RemoteJob:
        done = replace(remote, status=RemoteStatus.COMPLETED, progress=100)
        answer: RemoteJob = await self._answer("poll", done, remote)
        return answer

    async def find(self, idempotency_key: str) -> RemoteJob | None:
        answer: RemoteJob | None = await self._answer("find", None, idempotency_key)
        return answer

    @asynccontextmanager
    async def open_clip(
        self, remote: RemoteJob, *, start: int = 0, validator: str | None = None
    ) -> AsyncIterator[ScriptedClip]:
        lost = BackendUnavailable("no clip is scripted")
        yield await self._answer("open_clip", lost, remote, start, validator)

    async def thumbnail(self, remote: RemoteJob, *, max_bytes: int) -> bytes | None:
        answer: bytes | None = await self._answer("thumbnail", None, remote, max_bytes)
        return answer

    async def cancel(self, remote: RemoteJob) -> CancelOutcome:
        answer: CancelOutcome = await self._answer("cancel", CancelOutcome.CONFIRMED, remote)
        return answer

    async def forget(self, remote: RemoteJob) -> bool:
        answer: bool = await self._answer("forget", True, remote)
        return answer

    async def check(self) -> list[Finding]:
        answer: list[Finding] = await self._answer("check", [])
        return answer

    async def aclose(self) -> None:
        await self._answer("aclose", None)

    async def _answer(self, method: str, otherwise: Any, *arguments: object) -> Any:  # noqa: ANN401 - as scripted
        self.calls.append(Call(method, arguments))
        answers = self.script.get(method)
        answer = otherwise
        if answers:
            answer = answers.popleft() if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return await answer(*arguments) if callable(answer) else answer
