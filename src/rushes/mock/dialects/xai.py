"""xAI's videos: a small 202 while pending, no word at the end, a success that may be a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import whole
from rushes.mock.dialects.hosted import HostedDialect, clip_url
from rushes.mock.dialects.moderation import PLAIN
from rushes.mock.jobs import Status
from rushes.mock.refusal import REJECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.refusal import Refusal
    from rushes.mock.sending import HangUp


class XAI(HostedDialect):
    """Grok Imagine."""

    name = "xai"
    speaks_like = "xAI Grok Imagine, /videos/generations"
    moderation = PLAIN

    def routes(self) -> Sequence[Route]:
        """Return create, get, models and the clips."""
        return [
            Route("/videos/generations", self.create, methods=["POST"]),
            Route("/videos/{id}", self.video),
            Route("/models", self.models),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        fields = await self.fields(request)
        job = self.take(request, fields, seconds=whole(fields, "duration"))
        return self.told(request, job, {"request_id": job.id})

    async def video(self, request: Request) -> Response:
        """Tell how it stands: what is done has no status, what was withheld no address."""
        job = self.job_of(request)
        standing = self.rehearsal.standing(job)
        if self.is_done(job):
            video: Json = {"url": clip_url(request, job), "duration": job.spec.duration_s}
            return JSONResponse({"progress": 100, "video": video | {"respect_moderation": True}})
        if self.is_rejected(job):
            video = {"url": "", "respect_moderation": False}
            return JSONResponse({"status": "done", "progress": 100, "video": video})
        if standing.status is Status.FAILED:
            error = {"code": "internal_error", "message": standing.reason}
            return JSONResponse({"status": "failed", "error": error})
        return JSONResponse({"status": "pending", "progress": standing.progress}, 202)

    async def models(self, request: Request) -> Response:
        """List the models."""
        self.check_key(request)
        return JSONResponse({"object": "list", "data": [{"id": "grok-imagine-video"}]})

    def refuse(self, refusal: Refusal) -> Response:
        """Return one of three shapes: a bare text, a text with a code, or an object."""
        if refusal.param is not None and refusal.code is None:
            error = {"message": refusal.message, "type": "invalid_request_error"}
            return JSONResponse({"error": error | {"param": refusal.param}}, refusal.status)
        if refusal.code in {None, REJECTED}:
            return JSONResponse({"error": refusal.message}, refusal.status)
        told = {"code": refusal.code, "error": refusal.message}
        return JSONResponse(told, refusal.status)
