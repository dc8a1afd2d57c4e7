"""LTX's two APIs: one answers with the clip itself, one with a job that has no state at first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text
from rushes.mock.dialects.hosted import HostedDialect, clip_url
from rushes.mock.dialects.waiting import ended
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, CROWDED, NO_CREDIT, OVERLOADED, REJECTED, Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob

STATES = {
    Status.QUEUED: "pending",
    Status.IN_PROGRESS: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}
TYPES = {
    REJECTED: "content_filtered_error",
    BUSY: "rate_limit_error",
    CROWDED: "concurrency_limit_error",
    OVERLOADED: "overloaded_error",
    NO_CREDIT: "insufficient_funds_error",
}
STATUSES = {REJECTED: 422, OVERLOADED: 529}
BY_STATUS = {
    401: "authentication_error",
    404: "not_found_error",
    422: "content_filtered_error",
    500: "api_error",
    504: "api_error",
}


class LTX(HostedDialect):
    """Both versions: they take the same and err in the same words."""

    name = "ltx"
    speaks_like = "LTX, /v1/text-to-video (the clip itself) and /v2/text-to-video"

    def routes(self) -> Sequence[Route]:
        """Return both creates, get and the clips."""
        return [
            Route("/v1/text-to-video", self.create_and_wait, methods=["POST"]),
            Route("/v1/image-to-video", self.create_and_wait, methods=["POST"]),
            Route("/v2/text-to-video", self.create, methods=["POST"]),
            Route("/v2/text-to-video/{id}", self.job),
            Route("/v2/image-to-video", self.create, methods=["POST"]),
            Route("/v2/image-to-video/{id}", self.job),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create_and_wait(self, request: Request) -> Response | HangUp:
        """Answer with the clip when it is done; its type says only that it is bytes."""
        job = await self.taken(request)
        standing = await ended(self, job)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        if standing.reason is not None:
            raise Refusal(422 if self.is_rejected(job) else 500, standing.reason)
        answer = await self.send(job)
        answer.headers.update({"content-type": "application/octet-stream", "x-request-id": job.key})
        return answer

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job; the answer does not say how it stands."""
        job = await self.taken(request)
        return self.told(request, job, {"id": job.id, "created_at": job.created_at}, 202)

    async def job(self, request: Request) -> Response:
        """Tell how it stands."""
        job = self.job_of(request)
        standing = self.rehearsal.standing(job)
        told: Json = {"id": job.id, "status": STATES[standing.status]}
        if self.is_done(job):
            told["result"] = {"video_url": clip_url(request, job)}
        if standing.status is Status.FAILED:
            kind = "content_filtered_error" if self.is_rejected(job) else "api_error"
            told["error"] = {"type": kind, "message": standing.reason}
        return JSONResponse(told | {"created_at": job.created_at})

    async def taken(self, request: Request) -> MockJob:
        """Check what was sent and take a job; length and size must be there."""
        fields = await self.fields(request)
        length, size = fields.get("duration"), text(fields, "resolution") or ""
        if not isinstance(length, int) or text(fields, "model") is None:
            raise Refusal(400, "model and a whole duration are required")
        if not re.fullmatch(r"\d{2,4}x\d{2,4}", size):
            raise Refusal(400, "resolution must look like 1920x1080", param="resolution")
        across, _, down = size.partition("x")
        return self.take(request, fields, seconds=length, size=(int(across), int(down)))

    def refuse(self, refusal: Refusal) -> Response:
        """Return a type for each kind of error; content rules are a 422, an overload a 529."""
        kind = TYPES.get(refusal.code or "") or BY_STATUS.get(refusal.status)
        status = STATUSES.get(refusal.code or "", refusal.status)
        error = {"type": kind or "invalid_request_error", "message": refusal.message}
        return JSONResponse({"type": "error", "error": error}, status)
