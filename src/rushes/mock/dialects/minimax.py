"""MiniMax's first video API: every error inside a 200, the clip behind a file's id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import whole
from rushes.mock.dialects.hosted import HostedDialect, clip_url
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, NO_CREDIT, REJECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.refusal import Refusal
    from rushes.mock.sending import HangUp

WELL = {"status_code": 0, "status_msg": "success"}
STATES = {
    Status.QUEUED: "Queueing",
    Status.IN_PROGRESS: "Processing",
    Status.COMPLETED: "Success",
    Status.FAILED: "Fail",
}
CODES = {REJECTED: 1026, BUSY: 1002, NO_CREDIT: 1008, "unauthorized": 1004}


class MiniMaxV1(HostedDialect):
    """The API of Hailuo 02 and 2.3."""

    name = "minimax-v1"
    speaks_like = "MiniMax V1, /v1/video_generation"

    def routes(self) -> Sequence[Route]:
        """Return create, query, the file's address and the clips."""
        return [
            Route("/v1/video_generation", self.create, methods=["POST"]),
            Route("/v1/query/video_generation", self.query),
            Route("/v1/files/retrieve", self.retrieve),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        fields = await self.fields(request)
        job = self.take(request, fields, seconds=whole(fields, "duration"))
        return self.told(request, job, {"task_id": job.id, "base_resp": WELL})

    async def query(self, request: Request) -> Response:
        """Tell how it stands; a finished one has a file's id and no address."""
        self.check_key(request)
        job = self.rehearsal.find(request.query_params.get("task_id", ""), dialect=self.name)
        standing = self.rehearsal.standing(job)
        told: Json = {"task_id": job.id, "status": STATES[standing.status], "file_id": ""}
        if self.is_done(job):
            told |= {"file_id": f"file/{job.key}", "video_width": job.spec.width}
        if self.is_rejected(job):
            return JSONResponse(told | _trouble(1027, "output new_sensitive"))
        if standing.reason:
            return JSONResponse(told | {"base_resp": WELL | {"status_msg": standing.reason}})
        return JSONResponse(told | {"base_resp": WELL})

    async def retrieve(self, request: Request) -> Response:
        """Tell where a file lies."""
        self.check_key(request)
        key = request.query_params.get("file_id", "").removeprefix("file/")
        job = self.rehearsal.find(key, dialect=self.name)
        file = {"file_id": f"file/{key}", "download_url": clip_url(request, job)}
        return JSONResponse({"file": file, "base_resp": WELL})

    def refuse(self, refusal: Refusal) -> Response:
        """Return every error with status 200."""
        code = CODES.get(refusal.code or "", 2013)
        return JSONResponse(_trouble(code, refusal.message))


def _trouble(code: int, message: str) -> Json:
    return {"base_resp": {"status_code": code, "status_msg": message}}
