"""OpenRouter's videos: a polling address without a host, two ways to the clip, errors as texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text
from rushes.mock.dialects.hosted import HostedDialect, address, clip_url
from rushes.mock.jobs import Status
from rushes.mock.refusal import REJECTED, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp

STATES = {
    Status.QUEUED: "pending",
    Status.IN_PROGRESS: "in_progress",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}


class OpenRouter(HostedDialect):
    """A gateway to the video models of many makers."""

    name = "openrouter"
    speaks_like = "OpenRouter, /videos"
    prefix = "gen-vid-"

    def routes(self) -> Sequence[Route]:
        """Return create, get, content and the clips."""
        return [
            Route("/videos", self.create, methods=["POST"]),
            Route("/videos/{id}", self.video),
            Route("/videos/{id}/content", self.content),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        fields = await self.fields(request)
        length = fields.get("duration", 1)
        if text(fields, "model") is None or not isinstance(length, int):
            raise Refusal(400, "model is required, and duration must be a whole number")
        job = self.take(request, fields, seconds=length)
        return self.told(request, job, self.describe(request, job), 202)

    async def video(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(self.describe(request, self.job_of(request)))

    async def content(self, request: Request) -> Response:
        """Send the clip to whoever has the key."""
        job = self.job_of(request)
        if not self.is_done(job):
            raise Refusal(409, "The video is not ready.")
        return await self.send(job)

    def refuse(self, refusal: Refusal) -> Response:
        """Return the status as the code; for content rules 403 with the reasons."""
        error: Json = {"code": refusal.status, "message": refusal.message, "metadata": {}}
        if refusal.code == REJECTED:
            error |= {"code": 403, "metadata": {"reasons": ["violence"]}}
            return JSONResponse({"error": error}, 403)
        return JSONResponse({"error": error}, refusal.status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job."""
        standing = self.rehearsal.standing(job)
        here = f"{request.scope['root_path']}/videos/{job.id}"
        told: Json = {"id": job.id, "polling_url": here, "status": STATES[standing.status]}
        if self.is_done(job):
            told["urls"] = [f"{clip_url(request, job)}?signature=rehearsed"]
            told["unsigned_urls"] = [address(request, f"/videos/{job.id}/content")]
        if standing.status is Status.FAILED:
            is_withheld = self.is_rejected(job)
            told["error"] = "The output was flagged by moderation." if is_withheld else "It broke."
        return told
