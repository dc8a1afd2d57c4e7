"""Together's videos: lengths as text, sides as numbers, an object that holds its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import size
from rushes.mock.dialects.hosted import HostedDialect, clip_url
from rushes.mock.dialects.moderation import PLAIN
from rushes.mock.jobs import Status
from rushes.mock.refusal import REJECTED, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp


class Together(HostedDialect):
    """The second version of the API; a waiting job has no status at all."""

    name = "together"
    speaks_like = "Together, /v2/videos"
    moderation = PLAIN

    def routes(self) -> Sequence[Route]:
        """Return create, get and the clips."""
        return [
            Route("/v2/videos", self.create, methods=["POST"]),
            Route("/v2/videos/{id}", self.video),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job; a length that is no text is refused."""
        fields = await self.fields(request)
        seconds = fields.get("seconds", "1")
        if not isinstance(seconds, str) or not seconds.isdecimal():
            raise Refusal(400, "seconds must be a string", param="seconds")
        job = self.take(request, fields, seconds=int(seconds), size=size(fields))
        return self.told(request, job, self.describe(request, job))

    async def video(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(self.describe(request, self.job_of(request)))

    def refuse(self, refusal: Refusal) -> Response:
        """Return the error object; what broke content rules is a 422 without a code."""
        is_moderated = refusal.code == REJECTED
        told = {"message": refusal.message, "type": "invalid_request_error"}
        told |= {"param": refusal.param or "", "code": "" if is_moderated else refusal.code or ""}
        return JSONResponse({"error": told}, 422 if is_moderated else refusal.status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job."""
        standing = self.rehearsal.standing(job)
        told: Json = {"id": job.id, "object": "video", "model": job.model}
        told |= {"created_at": job.created_at, "seconds": str(round(job.spec.duration_s))}
        if standing.status is not Status.QUEUED:
            told["status"] = standing.status.value
        if self.is_done(job):
            told["outputs"] = {"cost": 0.1, "video_url": clip_url(request, job)}
        if standing.status is Status.FAILED:
            told["error"] = {"code": "server_error", "message": standing.reason}
        return told
