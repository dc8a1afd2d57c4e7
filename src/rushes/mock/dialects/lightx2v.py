"""LightX2V's server: lengths in pictures, a full queue that is a 503, ranges that are no ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import whole
from rushes.mock.dialects.hosted import HostedDialect
from rushes.mock.dialects.moderation import NSFW
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, Refusal
from rushes.mock.sending import PacedFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp

STATES = {
    Status.QUEUED: "pending",
    Status.IN_PROGRESS: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}
USUAL_LENGTH = 17
USUAL_FPS = 16


class LightX2V(HostedDialect):
    """The task API. Its status is by its id, the size is what the server was started with."""

    name = "lightx2v"
    speaks_like = "LightX2V, /v1/tasks/video/"
    moderation = NSFW

    def routes(self) -> Sequence[Route]:
        """Return submit, status, result, stop and the queue's state."""
        return [
            Route("/v1/tasks/video/", self.create, methods=["POST"]),
            Route("/v1/tasks/queue/status", self.queue),
            Route("/v1/tasks/{id}/status", self.status),
            Route("/v1/tasks/{id}/result", self.result),
            Route("/v1/tasks/{id}", self.stop, methods=["DELETE"]),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a task."""
        fields = await self.fields(request)
        fps = whole(fields, "target_fps", USUAL_FPS) or USUAL_FPS
        frames = whole(fields, "target_video_length", USUAL_LENGTH) or USUAL_LENGTH
        job = self.take(request, fields, seconds=frames / fps)
        told: Json = {"task_id": job.id, "task_status": "pending", "save_result_path": job.id}
        return self.told(request, job, told)

    async def queue(self, request: Request) -> Response:
        """Tell how full the queue is."""
        self.check_key(request)
        return JSONResponse({"is_processing": False, "pending_count": 0, "queue_size": 10})

    async def status(self, request: Request) -> Response:
        """Tell how it stands."""
        job = self.job_of(request)
        standing = self.rehearsal.standing(job)
        told = {"task_id": job.id, "status": STATES[standing.status], "error": standing.reason}
        return JSONResponse(told | {"start_time": job.created_at, "end_time": standing.ended_at})

    async def result(self, request: Request) -> Response:
        """Send the clip, always whole."""
        job = self.job_of(request)
        if not self.is_done(job):
            raise Refusal(404, "Task not completed")
        return await self.send(job)

    async def send(self, job: MockJob) -> Response:
        """Promise ranges and know none; there is no ETag."""
        path = await self.rehearsal.clip(job)
        self.rehearsal.downloads[job.id] += 1
        rate = self.rehearsal.bytes_per_s(path.stat().st_size)
        return Unranged(path, bytes_per_s=rate, download_name=f"{job.id}.mp4")

    async def stop(self, request: Request) -> Response:
        """Stop a task that has not ended; the answer is 200 in any case."""
        job = self.job_of(request)
        if self.rehearsal.standing(job).ended_at is not None:
            reason = "Task not found or already completed."
            return JSONResponse({"stop_status": "do_nothing", "reason": reason})
        self.rehearsal.forget(job)
        return JSONResponse({"stop_status": "success", "reason": "Task stopped successfully."})

    def refuse(self, refusal: Refusal) -> Response:
        """Return a bare detail; a full queue is a 503 that says nothing of when."""
        if refusal.code == BUSY:
            refusal.headers.clear()
            return JSONResponse({"detail": "Task queue is full (max: 10)"}, 503)
        return JSONResponse({"detail": refusal.message}, refusal.status)


class Unranged(PacedFile):
    """A file that is sent from its first byte, whatever is asked."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as if no range had been asked for."""
        headers = [(n, v) for n, v in scope["headers"] if n not in {b"range", b"if-range"}]
        await super().__call__({**scope, "headers": headers}, receive, send)
