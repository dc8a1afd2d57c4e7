"""Luma's older API: it dreams, takes lengths such as 5s, and says in free text what went wrong."""

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
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp

MODELS = {"ray-2", "ray-flash-2"}
LENGTHS = {"5s": 5, "9s": 9}
RESOLUTIONS = {None, "540p", "720p", "1080p", "4k"}
STATES = {
    Status.QUEUED: "queued",
    Status.IN_PROGRESS: "dreaming",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}


class LumaDreamMachine(HostedDialect):
    """The API of ray-2."""

    name = "luma-dream-machine"
    speaks_like = "Luma Dream Machine, /generations/video"
    moderation = PLAIN

    def routes(self) -> Sequence[Route]:
        """Return create, get, delete, credits and the clips."""
        return [
            Route("/generations/video", self.create, methods=["POST"]),
            Route("/generations/{id}", self.generation),
            Route("/generations/{id}", self.delete, methods=["DELETE"]),
            Route("/credits", self.credits),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        fields = await self.fields(request)
        length = text(fields, "duration")
        if length is not None and length not in LENGTHS:
            raise Refusal(400, "duration must be 5s or 9s")
        if text(fields, "model") not in MODELS or text(fields, "resolution") not in RESOLUTIONS:
            raise Refusal(400, "no such model or resolution")
        job = self.take(request, fields, seconds=LENGTHS.get(length or ""))
        return self.told(request, job, self.describe(request, job), 201)

    async def generation(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(self.describe(request, self.job_of(request)))

    async def delete(self, request: Request) -> Response:
        """Delete a job."""
        self.rehearsal.forget(self.job_of(request))
        return Response(status_code=204)

    async def credits(self, request: Request) -> Response:
        """Tell what the account has."""
        self.check_key(request)
        return JSONResponse({"credit_balance": 100000.0})

    def refuse(self, refusal: Refusal) -> Response:
        """Return a text and nothing else."""
        return JSONResponse({"detail": refusal.message}, refusal.status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job; what there is none of is null."""
        standing = self.rehearsal.standing(job)
        told: Json = {"id": job.id, "state": STATES[standing.status], "model": job.model}
        told |= {"failure_reason": None, "assets": None}
        if self.is_done(job):
            told["assets"] = {"video": clip_url(request, job), "image": None}
        if standing.status is Status.FAILED:
            told["failure_reason"] = standing.reason
        return told
