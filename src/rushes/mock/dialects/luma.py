"""Luma's Agents API: one object from create to end, lengths such as 5s, codes for every failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text
from rushes.mock.dialects.hosted import HostedDialect, clip_url
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, NO_CREDIT, REJECTED, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp

LENGTHS = {"5s": 5, "10s": 10}
STATES = {
    Status.QUEUED: "queued",
    Status.IN_PROGRESS: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}
CODES = {REJECTED: "content_moderated", BUSY: "rate_limited", NO_CREDIT: "budget_exhausted"}


class Luma(HostedDialect):
    """The API of ray-3.2."""

    name = "luma"
    speaks_like = "Luma Agents, /generations"

    def routes(self) -> Sequence[Route]:
        """Return create, get and the clips."""
        return [
            Route("/generations", self.create, methods=["POST"]),
            Route("/generations/{id}", self.generation),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        fields = await self.fields(request)
        video = fields.get("video")
        length = text(video, "duration") if isinstance(video, dict) else None
        if fields.get("type") != "video" or (length and length not in LENGTHS):
            raise Refusal(400, "type must be video, duration 5s or 10s", code="invalid_request")
        job = self.take(request, fields, seconds=LENGTHS.get(length or ""))
        return self.told(request, job, self.describe(request, job), 201)

    async def generation(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(self.describe(request, self.job_of(request)))

    def refuse(self, refusal: Refusal) -> Response:
        """Return a text, and a code unless there is nothing at that address."""
        if refusal.status == 404:
            return JSONResponse({"detail": refusal.message}, 404)
        code = CODES.get(refusal.code or "", refusal.code or "invalid_request")
        told = {"detail": refusal.message, "failure_code": code}
        return JSONResponse(told, refusal.status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job; keys without a value are left out."""
        standing = self.rehearsal.standing(job)
        told: Json = {"id": job.id, "type": "video", "model": job.model}
        told |= {"state": STATES[standing.status], "created_at": job.created_at}
        if self.is_done(job):
            told["output"] = [{"type": "video", "url": clip_url(request, job)}]
        if standing.status is Status.FAILED:
            code = "content_moderated" if self.is_rejected(job) else "generation_failed"
            told |= {"failure_reason": standing.reason, "failure_code": code}
        return told
