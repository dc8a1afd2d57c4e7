"""Runway's API: a version header, no unknown field, tasks that are throttled before they wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text, whole
from rushes.mock.dialects.hosted import REJECTED, HostedDialect, clip_url
from rushes.mock.dialects.pictures import picture_in
from rushes.mock.jobs import Status
from rushes.mock.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.dialects.fields import Fields
    from rushes.mock.sending import HangUp

VERSION = "2024-11-06"
FIELDS = {"model", "promptText", "ratio", "duration", "seed", "audio", "negativePrompt"}
STATES = {
    Status.QUEUED: "THROTTLED",
    Status.IN_PROGRESS: "RUNNING",
    Status.COMPLETED: "SUCCEEDED",
    Status.FAILED: "FAILED",
}


class Runway(HostedDialect):
    """Text to video, with a picture or without, and the tasks."""

    name = "runway"
    speaks_like = "Runway, /v1/text_to_video"

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
        standing = self.rehearsal.standing(job)
        told: Json = {"id": job.id, "status": STATES[standing.status]}
        if standing.status is Status.IN_PROGRESS:
            told["progress"] = standing.progress / 100
        if self.is_done(job):
            told["output"] = [f"{clip_url(request, job)}?_jwt=rehearsed"]
        if standing.status is Status.FAILED:
            is_safety = self.is_rejected(job)
            code = "SAFETY.OUTPUT.VIDEO" if is_safety else "INTERNAL.BAD_OUTPUT.CODE01"
            told |= {"failure": standing.reason, "failureCode": code}
        return JSONResponse(told)

    async def delete(self, request: Request) -> Response:
        """Stop a task or delete it: afterwards it is not found."""
        self.rehearsal.forget(self.job_of(request))
        return Response(status_code=204)

    async def organization(self, request: Request) -> Response:
        """Tell what the account has."""
        self.check_key(request)
        return JSONResponse({"creditBalance": 1000, "tier": {"models": {}}})

    def refuse(self, refusal: Refusal) -> Response:
        """Return a text, and for content rules a code."""
        code = {"failureCode": "SAFETY.INPUT.TEXT"} if refusal.code == REJECTED else {}
        return JSONResponse({"error": refusal.message} | code, refusal.status)


def _size(fields: Fields) -> tuple[int, int]:
    across, _, down = (text(fields, "ratio") or "").partition(":")
    if not (across.isdecimal() and down.isdecimal() and len(across + down) <= 8):
        raise Refusal(400, "Validation of body failed: ratio", param="ratio")
    return int(across), int(down)
