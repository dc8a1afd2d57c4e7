"""WaveSpeed: everything in an envelope, and a code of its own for what a prediction died of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import whole
from rushes.mock.dialects.hosted import HostedDialect, address, clip_url
from rushes.mock.jobs import Status
from rushes.mock.refusal import REJECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.refusal import Refusal
    from rushes.mock.sending import HangUp

STATES = {
    Status.QUEUED: "created",
    Status.IN_PROGRESS: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}


class WaveSpeed(HostedDialect):
    """Any path below the version that is posted to is a model."""

    name = "wavespeed"
    speaks_like = "WaveSpeed, /api/v3"

    def routes(self) -> Sequence[Route]:
        """Return get, balance, the clips and create."""
        return [
            Route("/files/{key}.mp4", self.file),
            Route("/api/v3/balance", self.balance),
            Route("/api/v3/predictions/{id}/result", self.prediction),
            Route("/api/v3/{model:path}", self.create, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        fields = await self.fields(request)
        job = self.take(request, fields, seconds=whole(fields, "duration"))
        return self.told(request, job, _envelope(self.describe(request, job)))

    async def prediction(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(_envelope(self.describe(request, self.job_of(request))))

    async def balance(self, request: Request) -> Response:
        """Tell what the account has."""
        self.check_key(request)
        return JSONResponse(_envelope({"balance": 100.0}))

    def refuse(self, refusal: Refusal) -> Response:
        """Return the envelope with a code: the status, or that of content rules."""
        code = 1200 if refusal.code == REJECTED else refusal.status
        return JSONResponse({"code": code, "message": refusal.message}, refusal.status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job; a code of 0 means that nothing is wrong."""
        standing = self.rehearsal.standing(job)
        here = address(request, f"/api/v3/predictions/{job.id}/result")
        told: Json = {"id": job.id, "model": job.model, "status": STATES[standing.status]}
        told |= {"outputs": [], "urls": {"get": here}, "code": 0, "error": ""}
        if self.is_done(job):
            told["outputs"] = [clip_url(request, job)]
        if standing.status is Status.FAILED:
            code = 1200 if self.is_rejected(job) else 1405
            told |= {"code": code, "error": standing.reason}
        return told


def _envelope(data: Json) -> Json:
    return {"code": 200, "message": "success", "data": data}
