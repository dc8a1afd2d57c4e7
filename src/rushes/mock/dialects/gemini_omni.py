"""Google's Gemini Omni: interactions of steps, and among their contents somewhere the clip."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import Fields, text
from rushes.mock.dialects.hosted import HostedDialect, address, elsewhere
from rushes.mock.dialects.waiting import ended, in_base64
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, Refusal
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.rehearsal import Rehearsal
    from rushes.mock.sending import HangUp

STATES = {
    Status.QUEUED: "queued",
    Status.IN_PROGRESS: "in_progress",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}
WORDS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
NO_KEY = "API key not valid. Please pass a valid API key."
WITHHELD = "I cannot make that video."
SENSITIVE = "The prompt contains sensitive words that violate the safety policies."
BASE = "/v1beta"
KEY_HEADER = "x-goog-api-key"
MOVED = "moved"


class GeminiOmni(HostedDialect):
    """The Interactions API. A wrong key is a 400; what is withheld is completed, with a text."""

    name = "gemini-omni"
    moderation = SENSITIVE
    speaks_like = "Google Gemini Omni, /v1beta/interactions"

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.inline: set[str] = set()  # jobs whose clip is to come as base64

    def routes(self) -> Sequence[Route]:
        """Return create, get, cancel, delete, models and the files."""
        one = f"{BASE}/interactions/{{id}}"
        return [
            Route(f"{BASE}/models", self.models),
            Route(f"{BASE}/interactions", self.create, methods=["POST"]),
            Route(one, self.interaction),
            Route(f"{one}/cancel", self.cancel, methods=["POST"]),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{BASE}/files/{{key}}:download", self.download),
        ]

    def check_key(self, request: Request) -> None:
        """Raise Refusal 400 unless the key came as this service wants it."""
        key, given = self.config.key, request.headers.get(KEY_HEADER, "")
        if key and not hmac.compare_digest(given.encode(), key.encode()):
            raise Refusal(400, NO_KEY)

    async def models(self, request: Request) -> Response:
        """List the one model."""
        self.check_key(request)
        return JSONResponse({"models": [{"name": "models/gemini-omni-1.1-flash"}]})

    async def create(self, request: Request) -> Response | HangUp:
        """Take an interaction; without `background` the answer comes after the work."""
        fields = await self.fields(request)
        wanted = fields.get("response_format")
        wanted = wanted if isinstance(wanted, dict) else {}
        told = fields | _seed(fields) | {"prompt": _prompt(fields)}
        job = self.take(request, told, seconds=_seconds(wanted))
        if wanted.get("delivery") != "uri":
            self.inline.add(job.id)
        if fields.get("background") is not True:
            await ended(self, job)
            job = self.rehearsal.find(job.id, dialect=self.name)
        return self.told(request, job, await self.describe(request, job))

    async def interaction(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(await self.describe(request, self.job_of(request)))

    async def cancel(self, request: Request) -> Response:
        """Stop it for good: what is asked for afterwards is not found."""
        job = self.job_of(request)
        told = await self.describe(request, job)
        if self.rehearsal.standing(job).ended_at is None:
            self.rehearsal.forget(job)
            told["status"] = "cancelled"
        return JSONResponse(told)

    async def delete(self, request: Request) -> Response:
        """Forget it."""
        self.rehearsal.forget(self.job_of(request))
        return JSONResponse({})

    async def download(self, request: Request) -> Response:
        """Send a file, to whoever has the key; elsewhere to whoever keeps it to themselves."""
        if MOVED in request.query_params:
            if KEY_HEADER in request.headers:
                raise Refusal(400, "A key came to a place that asks for none")
            return await self.file(request)
        self.check_key(request)
        job = self.rehearsal.find(request.path_params["key"], dialect=self.name)
        if Word.FOREIGN in words_in(job.spec.prompt):
            there = request.url.include_query_params(**{MOVED: "1"})
            return RedirectResponse(elsewhere(str(there)), 302)
        return await self.file(request)

    def refuse(self, refusal: Refusal) -> Response:
        """Return Google's error object; codes are those of HTTP."""
        message = "Resource has been exhausted" if refusal.code == BUSY else refusal.message
        error = {"code": refusal.status, "message": message}
        told = error | {"status": WORDS.get(refusal.status, "INTERNAL")}
        return JSONResponse({"error": told}, refusal.status)

    async def describe(self, request: Request, job: MockJob) -> Json:
        """Return the interaction; a thought goes before the clip."""
        standing = self.rehearsal.standing(job)
        status, content = STATES[standing.status], []
        if self.is_done(job):
            content = [{"type": "text", "text": "Here it is."}, await self._video(request, job)]
        elif self.is_rejected(job):
            status, content = "completed", [{"type": "text", "text": WITHHELD}]
        told: Json = {"id": job.id, "status": status, "steps": [{"type": "thought"}]}
        if content:
            told["steps"] = [{"type": "thought"}, {"type": "model_output", "content": content}]
        if status == "failed":
            told["errors"] = [{"code": 13, "message": standing.reason}]
        return told

    async def _video(self, request: Request, job: MockJob) -> Json:
        video: Json = {"type": "video", "mime_type": "video/mp4"}
        if job.id in self.inline:
            return video | {"data": await in_base64(self, job)}
        where = address(request, f"{BASE}/files/{job.key}:download")
        return video | {"uri": f"{where}?alt=media"}


def _seconds(wanted: Fields) -> int:
    told = text(wanted, "duration") or "1s"
    if not re.fullmatch(r"\d{1,2}s", told):
        raise Refusal(400, "Invalid value at 'response_format.duration'")
    return int(told.removesuffix("s"))


def _prompt(fields: Fields) -> object:
    """Return the input, or its text among other parts."""
    told = fields.get("input")
    parts = told if isinstance(told, list) else [{"type": "text", "text": told}]
    return next((part.get("text") for part in parts if part.get("type") == "text"), None)


def _seed(fields: Fields) -> Fields:
    told = fields.get("generation_config")
    return {"seed": told.get("seed")} if isinstance(told, dict) else {}
