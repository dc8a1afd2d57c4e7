"""Runway's API: a version header, no unknown field, tasks that are throttled before they wait."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text, whole
from rushes.mock.dialects.hosted import HostedDialect, clip_url
from rushes.mock.dialects.pictures import picture_in
from rushes.mock.jobs import Status
from rushes.mock.refusal import REJECTED, Refusal
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.dialects.fields import Fields
    from rushes.mock.jobs import MockJob, Standing
    from rushes.mock.rehearsal import Rehearsal
    from rushes.mock.sending import HangUp

VERSION = "2024-11-06"
FIELDS = {"model", "promptText", "ratio", "duration", "seed", "audio", "negativePrompt"}
STATES = {
    Status.QUEUED: "PENDING",
    Status.IN_PROGRESS: "RUNNING",
    Status.COMPLETED: "SUCCEEDED",
    Status.FAILED: "FAILED",
}


class Runway(HostedDialect):
    """Text to video, with a picture or without, and the tasks."""

    name = "runway"
    speaks_like = "Runway, /v1/text_to_video"

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.throttled: set[str] = set()
        self.tickets: dict[str, str] = {}  # what the last told address of a clip ends in

    def routes(self) -> Sequence[Route]:
        """Return create, task, delete, organization and the clips."""
        return [
            Route("/v1/text_to_video", self.create, methods=["POST"]),
            Route("/v1/image_to_video", self.create_from_picture, methods=["POST"]),
            Route("/v1/tasks/{id}", self.task),
            Route("/v1/tasks/{id}", self.delete, methods=["DELETE"]),
            Route("/v1/organization", self.organization),
            Route("/files/{key}.mp4", self.file),
        ]

    def check_key(self, request: Request) -> None:
        """Ask for the version too."""
        super().check_key(request)
        if request.headers.get("x-runway-version") != VERSION:
            raise Refusal(400, "The X-Runway-Version header is missing or not known.")

    async def create(self, request: Request) -> Response | HangUp:
        """Take a task."""
        return self.created(request, await self.fields(request), FIELDS)

    async def create_from_picture(self, request: Request) -> Response | HangUp:
        """Take a task that begins with a picture: a field of its own, and nowhere else."""
        fields = await self.fields(request)
        if picture_in(fields.get("promptImage")) is None:
            raise Refusal(400, "Validation of body failed: promptImage")
        return self.created(request, fields, FIELDS | {"promptImage"})

    def created(self, request: Request, fields: Fields, known: set[str]) -> Response | HangUp:
        """Take a task of these fields, if they are all known."""
        unknown = sorted(fields.keys() - known)
        if unknown or not isinstance(fields.get("duration"), int):
            raise Refusal(400, f"Validation of body failed: {', '.join(unknown) or 'duration'}")
        seconds = whole(fields, "duration")
        job = self.take(request, fields, prompt="promptText", seconds=seconds, size=_size(fields))
        return self.told(request, job, {"id": job.id, "estimatedCost": {"credits": 25}})

    async def task(self, request: Request) -> Response:
        """Tell how it stands; progress only while it runs."""
        job = self.job_of(request)
        if job.id in self.cancelled:
            return JSONResponse({"id": job.id, "status": "CANCELLED"})
        standing = self.rehearsal.standing(job)
        told: Json = {"id": job.id, "status": self.word(job, standing)}
        if standing.status is Status.IN_PROGRESS:
            told["progress"] = standing.progress / 100
        if self.is_done(job):
            self.tickets[job.id] = secrets.token_hex(8)
            told["output"] = [f"{clip_url(request, job)}?_jwt={self.tickets[job.id]}"]
        if standing.status is Status.FAILED:
            told |= {"failure": standing.reason, "failureCode": self.failure_code(job)}
        return JSONResponse(told)

    def word(self, job: MockJob, standing: Standing) -> str:
        """Return the state; whoever waits is told first that too many run already."""
        if standing.status is Status.QUEUED and job.id not in self.throttled:
            self.throttled.add(job.id)
            return "THROTTLED"
        return STATES[standing.status]

    def failure_code(self, job: MockJob) -> str:
        """Return what a task died of: what was asked for, what was made, or the work."""
        if not self.is_rejected(job):
            return "INTERNAL.BAD_OUTPUT.CODE01"
        is_about_prompt = Word.REFUSE in words_in(job.spec.prompt)
        return "SAFETY.INPUT.TEXT" if is_about_prompt else "SAFETY.OUTPUT.VIDEO"

    def admit(self, prompt: str) -> None:
        """Take a prompt that breaks content rules: its task fails."""
        try:
            super().admit(prompt)
        except Refusal as refusal:
            if refusal.code != REJECTED:
                raise

    async def file(self, request: Request) -> Response:
        """Send a clip to whoever has the address of the last answer; older ones are over."""
        ticket = self.tickets.get(request.path_params["key"])
        if ticket is None or request.query_params.get("_jwt") != ticket:
            raise Refusal(403, "Forbidden")
        return await super().file(request)

    async def delete(self, request: Request) -> Response:
        """Stop a task that has not ended; one that has is deleted, and not found afterwards."""
        self.stop_or_delete(self.job_of(request))
        return Response(status_code=204)

    async def organization(self, request: Request) -> Response:
        """Tell what the account has."""
        self.check_key(request)
        return JSONResponse({"creditBalance": 1000, "tier": {"models": {}}})

    def refuse(self, refusal: Refusal) -> Response:
        """Return a text: only tasks have codes."""
        return JSONResponse({"error": refusal.message}, refusal.status)


def _size(fields: Fields) -> tuple[int, int]:
    across, _, down = (text(fields, "ratio") or "").partition(":")
    if not (across.isdecimal() and down.isdecimal() and len(across + down) <= 8):
        raise Refusal(400, "Validation of body failed: ratio", param="ratio")
    return int(across), int(down)
