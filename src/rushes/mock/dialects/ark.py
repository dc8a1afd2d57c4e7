"""Ark's tasks: content in parts, codes for everything, messages with the number of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text
from rushes.mock.dialects.hosted import HostedDialect, clip_url, with_prompt
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, FORBIDDEN, NO_CREDIT, OVERLOADED, REJECTED, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp

TASKS = "/contents/generations/tasks"
STATES = {
    Status.QUEUED: "queued",
    Status.IN_PROGRESS: "running",
    Status.COMPLETED: "succeeded",
    Status.FAILED: "failed",
}
CODES = {
    REJECTED: "InputTextSensitiveContentDetected",
    BUSY: "ModelAccountRpmRateLimitExceeded",
    OVERLOADED: "ServerOverloaded",
    NO_CREDIT: "AccountOverdueError",
    FORBIDDEN: "AccessDenied",
    "unauthorized": "AuthenticationError",
}
STATUSES = {OVERLOADED: 429, NO_CREDIT: 403}
REQUEST = "Request id: 0217rehearsed"


class Ark(HostedDialect):
    """Seedance, from 1.5 on."""

    name = "ark"
    speaks_like = "BytePlus and Volcengine Ark, /contents/generations/tasks"
    prefix = "cgt-"

    def routes(self) -> Sequence[Route]:
        """Return create, list, get, cancel-or-delete and the clips."""
        return [
            Route(TASKS, self.create, methods=["POST"]),
            Route(TASKS, self.jobs),
            Route(f"{TASKS}/{{id}}", self.job),
            Route(f"{TASKS}/{{id}}", self.delete, methods=["DELETE"]),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job; -1 seconds leave the length to the model."""
        fields = await self.fields(request)
        if text(fields, "model") is None:
            raise Refusal(400, "The request misses the parameter model.", code="MissingParameter")
        length = fields.get("duration", -1)
        if not isinstance(length, int) or length < -1 or length == 0:
            raise Refusal(400, "The parameter duration is not valid.", code="InvalidParameter")
        seconds = length if length > 0 else None
        job = self.take(request, with_prompt(fields), seconds=seconds)
        return self.told(request, job, {"id": job.id})

    async def job(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(self.describe(request, self.job_of(request)))

    async def jobs(self, request: Request) -> Response:
        """List the newest."""
        self.check_key(request)
        found = self.rehearsal.of(self.name)
        items = [self.describe(request, job) for job in found[::-1][:10]]
        return JSONResponse({"total": len(found), "items": items})

    async def delete(self, request: Request) -> Response:
        """Cancel what waits, delete what has ended; what runs is left alone."""
        job = self.job_of(request)
        runs = self.rehearsal.standing(job).status is Status.IN_PROGRESS
        if runs and job.id not in self.cancelled:
            raise Refusal(409, "The task is running.", code="InvalidParameter")
        self.stop_or_delete(job)
        return JSONResponse({})

    def refuse(self, refusal: Refusal) -> Response:
        """Return the error object; the number of the request stands in the message."""
        code = CODES.get(refusal.code or "", refusal.code or "InvalidParameter")
        error = {"code": code, "message": f"{refusal.message} {REQUEST}"}
        told = error | {"param": refusal.param or "", "type": "BadRequest"}
        status = STATUSES.get(refusal.code or "", refusal.status)
        return JSONResponse({"error": told}, status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job."""
        standing = self.rehearsal.standing(job)
        if job.id in self.cancelled:
            return {"id": job.id, "model": job.model, "status": "cancelled"}
        told: Json = {"id": job.id, "model": job.model, "status": STATES[standing.status]}
        told |= {"created_at": int(job.created_at), "seed": job.spec.seed, "framespersecond": 24}
        if self.is_done(job):
            told["content"] = {"video_url": clip_url(request, job)}
            told["revised_prompt"] = f"{job.spec.prompt} Filmed on a quiet day."
        if standing.status is Status.FAILED:
            is_withheld = self.is_rejected(job)
            code = "OutputVideoSensitiveContentDetected" if is_withheld else "InternalServiceError"
            told["error"] = {"code": code, "message": f"{standing.reason} {REQUEST}"}
        return told
