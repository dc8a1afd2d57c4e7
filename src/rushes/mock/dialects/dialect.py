"""What a dialect is: routes under a base path, and one way to say no."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from rushes.errors import InvalidRequest
from rushes.mock.refusal import REJECTED, Refusal
from rushes.mock.sending import PacedFile
from rushes.mock.trouble import Troubled
from rushes.mock.words import Word, rehearsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from rushes.mock.jobs import MockJob
    from rushes.mock.rehearsal import Rehearsal

Json = dict[str, object]


class Dialect(ABC):
    """One server, imitated."""

    name: ClassVar[str]
    speaks_like: ClassVar[str]
    state_keys: ClassVar[frozenset[str]] = frozenset({"status", "state", "task_status"})
    """What a job's state is called in this server's JSON."""
    moderation: ClassVar[str] = ""
    """What this server says where content rules are broken, if no code says it."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.config = rehearsal.config

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes, as seen from the base path."""

    @abstractmethod
    def refuse(self, refusal: Refusal) -> Response:
        """Return an error as this server writes it."""

    def app(self) -> ASGIApp:
        """Return the application to be mounted at the base path."""
        errors = (Refusal, InvalidRequest, HTTPException)
        server = Starlette(
            routes=self.routes(), exception_handlers=dict.fromkeys(errors, self._on_error)
        )
        return Troubled(server, self.rehearsal, self.state_keys)

    async def send(self, job: MockJob) -> Response:
        """Send a finished clip at the set rate, with ETag and Range."""
        path = await self.rehearsal.clip(job)
        self.rehearsal.downloads[job.id] += 1
        rate = self.rehearsal.bytes_per_s(path.stat().st_size)
        return PacedFile(path, bytes_per_s=rate, download_name=f"{job.id}.mp4")

    def _on_error(self, _: Request, error: Exception) -> Response:
        refusal = _as_refusal(error)
        if refusal.code == REJECTED and self.moderation:
            refusal.message = rehearsed(self.moderation, Word.REFUSE)
        response = self.refuse(refusal)
        response.headers.update(refusal.headers)
        return response


def _as_refusal(error: Exception) -> Refusal:
    match error:
        case Refusal():
            return error
        case InvalidRequest():
            return Refusal(400, error.message, param=error.field)
        case HTTPException():
            return Refusal(error.status_code, error.detail)
    raise error
