"""Kling's API: everything in an envelope with a code, lengths as text, a list with our own ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text
from rushes.mock.dialects.hosted import HostedDialect, clip_url
from rushes.mock.dialects.pictures import picture_in
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, CROWDED, FORBIDDEN, NO_CREDIT, OVERLOADED, REJECTED, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.dialects.fields import Fields
    from rushes.mock.jobs import MockJob
    from rushes.mock.rehearsal import Rehearsal
    from rushes.mock.sending import HangUp

STATES = {
    Status.QUEUED: "submitted",
    Status.IN_PROGRESS: "processing",
    Status.COMPLETED: "succeed",
    Status.FAILED: "failed",
}
CODES = {
    REJECTED: 1301,
    BUSY: 1302,
    CROWDED: 1303,
    NO_CREDIT: 1102,
    FORBIDDEN: 1304,
    OVERLOADED: 5001,
    "unauthorized": 1000,
}
ALL_429 = {1302, 1303, 1102, 1304}
"""Rate, concurrency, an empty resource pack, an address that is not on the list."""
BY_STATUS = {404: 1202}
PATH = "/v1/videos/text2video"
FROM_PICTURE = "/v1/videos/image2video"


class Kling(HostedDialect):
    """Text or a picture to video, with the plain key of July 2026."""

    name = "kling"
    speaks_like = "Kling, /v1/videos/text2video"

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.own_ids: dict[str, str] = {}  # what callers named their jobs, by our ids

    def routes(self) -> Sequence[Route]:
        """Return create, list, query and the clips."""
        return [
            Route(PATH, self.create, methods=["POST"]),
            Route(PATH, self.jobs),
            Route(f"{PATH}/{{id}}", self.job),
            Route(FROM_PICTURE, self.create_from_picture, methods=["POST"]),
            Route(FROM_PICTURE, self.jobs),
            Route(f"{FROM_PICTURE}/{{id}}", self.job),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job; a length that is no text is refused."""
        return self.created(request, await self.fields(request))

    async def create_from_picture(self, request: Request) -> Response | HangUp:
        """Take a job that begins with a picture: bare base64, for a data URI is refused."""
        fields = await self.fields(request)
        picture = text(fields, "image") or ""
        if picture.startswith("data:") or picture_in(picture) is None:
            raise Refusal(400, "image is not a valid base64", param="image")
        return self.created(request, fields)

    def created(self, request: Request, fields: Fields) -> Response | HangUp:
        """Take a job of these fields."""
        length = fields.get("duration", "5")
        if length not in {"5", "10"}:
            raise Refusal(400, "duration value is invalid", param="duration")
        own = text(fields, "external_task_id")
        seconds = int(length) if "duration" in fields else None
        job = self.take(request, fields, seconds=seconds)
        if own is not None:
            self.own_ids[job.id] = own
        told = self.describe(request, job)
        return self.told(request, job, _envelope(told))

    async def job(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(_envelope(self.describe(request, self.job_of(request))))

    async def jobs(self, request: Request) -> Response:
        """List the newest."""
        self.check_key(request)
        found = self.rehearsal.of(self.name)[::-1][:500]
        return JSONResponse(_envelope([self.describe(request, job) for job in found]))

    def refuse(self, refusal: Refusal) -> Response:
        """Return the envelope with a code."""
        code = CODES.get(refusal.code or "") or BY_STATUS.get(refusal.status, 1201)
        told = {"code": code, "message": refusal.message, "request_id": "rehearsed"}
        return JSONResponse(told, 429 if code in ALL_429 else refusal.status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job."""
        standing = self.rehearsal.standing(job)
        told: Json = {
            "task_id": job.id,
            "task_status": STATES[standing.status],
            "task_info": {"external_task_id": self.own_ids.get(job.id)},
            "created_at": int(job.created_at * 1000),
        }
        if self.is_done(job):
            video = {"id": job.key, "url": clip_url(request, job), "duration": "5.1"}
            told["task_result"] = {"videos": [video]}
        if standing.status is Status.FAILED:
            reason = "Failure to pass the risk control system"
            told["task_status_msg"] = reason if self.is_rejected(job) else standing.reason
        return told


def _envelope(data: object) -> Json:
    return {"code": 0, "message": "SUCCEED", "request_id": "rehearsed", "data": data}
