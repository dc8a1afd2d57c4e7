"""MiniMax's second video API: capital letters, a shape that texts need, 500 for unknown ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text, whole
from rushes.mock.dialects.hosted import HostedDialect, clip_url, with_prompt
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, NO_CREDIT, REJECTED, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.dialects.fields import Fields
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp

STATES = {
    Status.QUEUED: "queued",
    Status.IN_PROGRESS: "running",
    Status.COMPLETED: "succeeded",
    Status.FAILED: "failed",
}
TYPES = {
    REJECTED: ("unprocessable_entity_error", 1026, 422),
    BUSY: ("rate_limit_error", 1002, 429),
    NO_CREDIT: ("insufficient_balance_error", 1008, 402),
    "unauthorized": ("authorized_error", 1004, 401),
}
LOST = ("server_error", 1000, 500)
BAD = ("bad_request_error", 2013, 400)
RATIOS = {"21:9", "16:9", "4:3", "1:1", "3:4", "9:16"}


class MiniMaxV2(HostedDialect):
    """The API of MiniMax-H3."""

    name = "minimax-v2"
    speaks_like = "MiniMax V2, /v2/video_generation"

    def routes(self) -> Sequence[Route]:
        """Return create, list, query, cancel-or-delete and the clips."""
        return [
            Route("/v2/video_generation", self.create, methods=["POST"]),
            Route("/v2/video_generation/{id}", self.delete, methods=["DELETE"]),
            Route("/v2/query/video_generation", self.jobs),
            Route("/v2/query/video_generation/{id}", self.job),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        fields = await self.fields(request)
        _check(fields)
        job = self.take(request, with_prompt(fields), seconds=whole(fields, "duration"))
        return self.told(request, job, {"task_id": job.id})

    async def job(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse({"task": self.describe(request, self.job_of(request))})

    async def jobs(self, request: Request) -> Response:
        """List the newest."""
        self.check_key(request)
        found = self.rehearsal.of(self.name)
        items = [self.describe(request, job) for job in found[::-1][:10]]
        return JSONResponse({"items": items, "total": len(found)})

    async def delete(self, request: Request) -> Response:
        """Cancel what waits, delete what has ended; what runs is left alone."""
        job = self.job_of(request)
        status = self.rehearsal.standing(job).status
        if status is Status.IN_PROGRESS:
            raise Refusal(400, "invalid params, a running task cannot be cancelled")
        self.rehearsal.forget(job)
        word = "cancelled" if status is Status.QUEUED else "deleted"
        return JSONResponse({"task_id": job.id, "status": word})

    def refuse(self, refusal: Refusal) -> Response:
        """Return a word, and a number at the end of the message; an unknown id is a 500."""
        if refusal.status == 404:
            kind, number, status, message = *LOST, "record not found"
        else:
            kind, number, status = TYPES.get(refusal.code or "", BAD)
            message = refusal.message
        error = {"type": kind, "message": f"{message} ({number})", "http_code": str(status)}
        return JSONResponse({"type": "error", "error": error, "request_id": "rehearsed"}, status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job; what there is none of is null."""
        standing = self.rehearsal.standing(job)
        told: Json = {"id": job.id, "model": job.model, "status": STATES[standing.status]}
        told |= {"created_at": int(job.created_at), "content": None, "error": None}
        if self.is_done(job):
            prompt = f"{job.spec.prompt} In the light of an early morning."
            told["content"] = {"url": clip_url(request, job), "prompt": prompt}
        if standing.status is Status.FAILED:
            code = "1027" if self.is_rejected(job) else "1000"
            told["error"] = {"code": code, "message": standing.reason}
        return told


def _check(fields: Fields) -> None:
    """Raise Refusal for what this API does not take."""
    length = fields.get("duration", 6)
    if not isinstance(length, int) or not 4 <= length <= 15:
        raise Refusal(400, "invalid params, duration")
    if text(fields, "resolution") not in {None, "768P", "2K"}:
        raise Refusal(400, "invalid params, resolution")
    if text(fields, "ratio") not in RATIOS:
        raise Refusal(400, "invalid params, ratio")
