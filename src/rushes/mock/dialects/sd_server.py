"""stable-diffusion.cpp's server: the clip is base64 inside the job, keys come in their order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import size, text, whole
from rushes.mock.dialects.hosted import HostedDialect
from rushes.mock.dialects.moderation import NSFW
from rushes.mock.dialects.waiting import in_base64
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp

STATES = {
    Status.QUEUED: "queued",
    Status.IN_PROGRESS: "generating",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}
FORMATS = {"webm": "video/webm", "webp": "image/webp", "avi": "video/x-msvideo"}


class SdServer(HostedDialect):
    """The native API. Whatever format is asked for, the clip is the MP4 that this stage makes."""

    name = "sd-server"
    speaks_like = "stable-diffusion.cpp sd-server, /sdcpp/v1/vid_gen"
    moderation = NSFW
    prefix = "job_"

    def routes(self) -> Sequence[Route]:
        """Return submit, get, cancel and what the server can."""
        return [
            Route("/sdcpp/v1/capabilities", self.capabilities),
            Route("/sdcpp/v1/vid_gen", self.create, methods=["POST"]),
            Route("/sdcpp/v1/jobs/{id}", self.job),
            Route("/sdcpp/v1/jobs/{id}/cancel", self.cancel, methods=["POST"]),
        ]

    async def capabilities(self, request: Request) -> Response:
        """Tell what the loaded model is for."""
        self.check_key(request)
        model = {"name": "rehearsal.gguf", "stem": "rehearsal", "path": "rehearsal.gguf"}
        return _sorted({"model": model, "supported_modes": ["vid_gen"]})

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job; of the pictures asked for, the next lower 4n+1 are made."""
        fields = await self.fields(request)
        if text(fields, "output_format") not in {None, *FORMATS}:
            raise Refusal(400, "unsupported output format")
        frames, fps = whole(fields, "video_frames", 1) or 1, whole(fields, "fps", 16) or 16
        made = (max(1, frames) - 1) // 4 * 4 + 1
        seed = whole(fields, "seed", -1)
        known = {**fields, "seed": seed if seed is not None and seed >= 0 else None}
        job = self.take(request, known, seconds=made / fps, size=size(fields))
        where = f"/sdcpp/v1/jobs/{job.id}"
        told: Json = {"id": job.id, "kind": "vid_gen", "status": "queued", "poll_url": where}
        return self.told(request, job, told | {"created": int(job.created_at)}, 202)

    async def job(self, request: Request) -> Response:
        """Tell how it stands, with the clip when it is there."""
        return _sorted(await self.describe(self.job_of(request)))

    async def cancel(self, request: Request) -> Response:
        """Stop what still waits; what runs cannot be stopped."""
        job = self.job_of(request)
        status = self.rehearsal.standing(job).status
        if status is Status.IN_PROGRESS:
            raise Refusal(409, "job is currently generating and cannot be interrupted yet")
        told = await self.describe(job)
        if status is Status.QUEUED:
            self.rehearsal.forget(job)
            error = {"code": "cancelled", "message": "job cancelled by client"}
            told |= {"status": "cancelled", "error": error}
        return _sorted(told)

    def refuse(self, refusal: Refusal) -> Response:
        """Return a bare text; a full queue says nothing of when."""
        if refusal.code == BUSY:
            refusal.headers.clear()
        message = "job queue is full" if refusal.code == BUSY else refusal.message
        return JSONResponse({"error": message}, refusal.status)

    async def describe(self, job: MockJob) -> Json:
        """Return the job."""
        standing = self.rehearsal.standing(job)
        result: Json | None = None
        if self.is_done(job):
            result = {"output_format": "webm", "mime_type": FORMATS["webm"], "fps": job.spec.fps}
            result |= {"frame_count": job.spec.frames, "b64_json": await in_base64(self, job)}
        is_failed = standing.status is Status.FAILED
        return {
            "id": job.id,
            "kind": "vid_gen",
            "status": STATES[standing.status],
            "created": int(job.created_at),
            "queue_position": 1 if standing.status is Status.QUEUED else 0,
            "result": result,
            "error": {"code": "generation_failed", "message": standing.reason}
            if is_failed
            else None,
        }


def _sorted(told: Json) -> Response:
    """Write JSON as this server does: the clip then stands before the word that it is done."""
    return Response(json.dumps(told, sort_keys=True), media_type="application/json")
