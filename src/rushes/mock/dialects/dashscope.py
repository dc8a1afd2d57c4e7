"""DashScope's Wan: a header that must be there, sizes with an asterisk, lost jobs told with 200."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text, whole
from rushes.mock.dialects.hosted import HostedDialect, clip_url
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, FORBIDDEN, NO_CREDIT, REJECTED, Refusal
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.dialects.fields import Fields
    from rushes.mock.jobs import MockJob
    from rushes.mock.rehearsal import Rehearsal
    from rushes.mock.sending import HangUp

CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
STATES = {
    Status.QUEUED: "PENDING",
    Status.IN_PROGRESS: "RUNNING",
    Status.COMPLETED: "SUCCEEDED",
    Status.FAILED: "FAILED",
}
CODES = {
    REJECTED: "DataInspectionFailed",
    BUSY: "Throttling",
    NO_CREDIT: "Arrearage",
    FORBIDDEN: "AccessDenied",
    "unauthorized": "InvalidApiKey",
}
PAUSE = ("RUNNING", "SUSPENDED")
"""What the first looks at a job with `#paused` find, once it has begun."""


class DashScope(HostedDialect):
    """The models up to wan2.6."""

    name = "dashscope"
    speaks_like = "Alibaba DashScope, video-synthesis of Wan"

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.looks: Counter[str] = Counter()

    def routes(self) -> Sequence[Route]:
        """Return create, query, cancel, list and the clips."""
        return [
            Route(CREATE, self.create, methods=["POST"]),
            Route("/api/v1/tasks", self.jobs),
            Route("/api/v1/tasks/{id}", self.job),
            Route("/api/v1/tasks/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        fields = await self.fields(request)
        if request.headers.get("x-dashscope-async") != "enable":
            raise Refusal(403, "current user api does not support synchronous calls")
        asked, settings = fields.get("input"), fields.get("parameters", {})
        if not isinstance(asked, dict) or not isinstance(settings, dict):
            raise Refusal(400, "input and parameters must be objects")
        told = {**asked, "seed": settings.get("seed"), "model": fields.get("model")}
        size = _size(settings)
        job = self.take(request, told, seconds=whole(settings, "duration"), size=size)
        output = {"task_id": job.id, "task_status": "PENDING"}
        return self.told(request, job, {"output": output, "request_id": "rehearsed"})

    async def job(self, request: Request) -> Response:
        """Tell how it stands; a job that nobody knows is UNKNOWN, with status 200."""
        self.check_key(request)
        job_id = request.path_params["id"]
        job = self.rehearsal.jobs.get(job_id)
        output: Json = {"task_id": job_id, "task_status": "UNKNOWN"}
        if job_id in self.cancelled:
            output["task_status"] = "CANCELED"
        elif job is not None and not job.is_deleted and job.dialect == self.name:
            output = self.describe(request, job)
        return JSONResponse({"request_id": "rehearsed", "output": output})

    def is_paused(self, job: MockJob) -> bool:
        """Whether this look finds the job at work, and the next one put aside."""
        is_begun = self.rehearsal.standing(job).status is not Status.QUEUED
        if not is_begun or Word.PAUSED not in words_in(job.spec.prompt):
            return False
        self.looks[job.id] += 1
        return self.looks[job.id] <= len(PAUSE)

    async def jobs(self, request: Request) -> Response:
        """List them."""
        self.check_key(request)
        found = [self.describe(request, job) for job in self.rehearsal.of(self.name)[-10:]]
        return JSONResponse({"request_id": "rehearsed", "data": found, "total": len(found)})

    async def cancel(self, request: Request) -> Response:
        """Stop a job that has not begun."""
        job = self.job_of(request)
        if self.rehearsal.standing(job).status is not Status.QUEUED:
            raise Refusal(400, "only PENDING tasks can be canceled", code="UnsupportedOperation")
        self.cancelled.add(job.id)
        self.rehearsal.forget(job)
        return JSONResponse({"request_id": "rehearsed"})

    def refuse(self, refusal: Refusal) -> Response:
        """Return a code and a text."""
        code = CODES.get(refusal.code or "", refusal.code or "InvalidParameter")
        told = {"code": code, "message": refusal.message, "request_id": "rehearsed"}
        return JSONResponse(told, refusal.status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job; its times have no zone."""
        standing = self.rehearsal.standing(job)
        told: Json = {"task_id": job.id, "task_status": STATES[standing.status]}
        if self.is_paused(job):
            return told | {"task_status": PAUSE[self.looks[job.id] - 1]}
        told |= {"submit_time": "2026-11-22 20:00:00.000", "orig_prompt": job.spec.prompt}
        if self.is_done(job):
            told["video_url"] = clip_url(request, job)
            told["actual_prompt"] = f"{job.spec.prompt} Soft light, a slow pan."
        if standing.status is Status.FAILED:
            code = "DataInspectionFailed" if self.is_rejected(job) else "InternalError"
            told |= {"code": code, "message": standing.reason}
        return told


def _size(settings: Fields) -> tuple[int, int] | None:
    size = text(settings, "size")
    if size is None:
        return None
    if not re.fullmatch(r"\d{2,4}\*\d{2,4}", size):
        raise Refusal(400, f"size {size} is not supported", param="size")
    across, _, down = size.partition("*")
    return int(across), int(down)
