"""SiliconFlow's videos: three sizes, no length, and a state that is asked for with a POST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text
from rushes.mock.dialects.hosted import HostedDialect, clip_url
from rushes.mock.dialects.moderation import PLAIN
from rushes.mock.jobs import Status
from rushes.mock.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.sending import HangUp

STATES = {
    Status.QUEUED: "InQueue",
    Status.IN_PROGRESS: "InProgress",
    Status.COMPLETED: "Succeed",
    Status.FAILED: "Failed",
}
SIZES = {"1280x720": (1280, 720), "720x1280": (720, 1280), "960x960": (960, 960)}
INVALID = 20012


class SiliconFlow(HostedDialect):
    """Wan 2.2."""

    name = "siliconflow"
    speaks_like = "SiliconFlow, /v1/video/submit"
    moderation = PLAIN

    def routes(self) -> Sequence[Route]:
        """Return submit, status, models and the clips."""
        return [
            Route("/v1/video/submit", self.create, methods=["POST"]),
            Route("/v1/video/status", self.status, methods=["POST"]),
            Route("/v1/models", self.models),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job; the answer says nothing but its id."""
        fields = await self.fields(request)
        size = SIZES.get(text(fields, "image_size") or "")
        if size is None or text(fields, "model") is None:
            raise Refusal(400, "model and a known image_size are required")
        job = self.take(request, fields, size=size)
        return self.told(request, job, {"requestId": job.id})

    async def status(self, request: Request) -> Response:
        """Tell how the job of `requestId` stands."""
        fields = await self.fields(request)
        job = self.rehearsal.find(text(fields, "requestId") or "", dialect=self.name)
        standing = self.rehearsal.standing(job)
        told: Json = {"status": STATES[standing.status], "reason": "", "results": None}
        if self.is_done(job):
            video = {"url": clip_url(request, job)}
            told["results"] = {"videos": [video], "seed": job.spec.seed}
        if standing.status is Status.FAILED:
            told["reason"] = standing.reason
        return JSONResponse(told)

    async def models(self, request: Request) -> Response:
        """List the models."""
        self.check_key(request)
        return JSONResponse({"object": "list", "data": [{"id": "Wan-AI/Wan2.2-T2V-A14B"}]})

    def refuse(self, refusal: Refusal) -> Response:
        """Return a bare text for a wrong key, else a code and a message."""
        if refusal.status == 401:
            return JSONResponse("Invalid token", 401)
        told = {"code": INVALID, "message": refusal.message, "data": None}
        return JSONResponse(told, refusal.status)
