"""BentoML 1.4: a function that answers with the clip, and the same one as a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import Fields, size, whole
from rushes.mock.dialects.hosted import HostedDialect
from rushes.mock.dialects.moderation import GUARDRAIL
from rushes.mock.dialects.waiting import ended
from rushes.mock.jobs import Status
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.jobs import MockJob

STATES = {
    Status.QUEUED: "pending",
    Status.IN_PROGRESS: "in_progress",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}
FPS = 16


class BentoML(HostedDialect):
    """A service with one function, `generate`."""

    name = "bentoml"
    speaks_like = "BentoML 1.4, /generate (the clip itself) and /generate/submit (a task)"
    moderation = GUARDRAIL

    def routes(self) -> Sequence[Route]:
        """Return the function, the task's four routes and the schema."""
        return [
            Route("/generate", self.generate, methods=["POST"]),
            Route("/generate/submit", self.submit, methods=["POST"]),
            Route("/generate/status", self.status),
            Route("/generate/get", self.get),
            Route("/generate/cancel", self.cancel, methods=["PUT"]),
            Route("/schema.json", self.schema),
        ]

    async def schema(self, request: Request) -> Response:
        """Tell the service's functions."""
        self.check_key(request)
        route = {"name": "generate", "route": "/generate", "batchable": False}
        return JSONResponse({"name": "rehearsal", "type": "service", "routes": [route]})

    async def generate(self, request: Request) -> Response | HangUp:
        """Answer with the clip when it is done."""
        job = await self.taken(request)
        standing = await ended(self, job)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        if standing.reason is not None:
            raise Refusal(500, standing.reason)
        return await self.send(job)

    async def submit(self, request: Request) -> Response | HangUp:
        """Take a task."""
        job = await self.taken(request)
        return self.told(request, job, {"task_id": job.id, "status": "in_progress"})

    async def status(self, request: Request) -> Response:
        """Tell how it stands, and never why."""
        job = self.asked(request)
        status = STATES[self.rehearsal.standing(job).status]
        told = {"task_id": job.id, "status": status, "created_at": job.created_at}
        return JSONResponse(told)

    async def get(self, request: Request) -> Response:
        """Send the clip; what failed says why only here."""
        job = self.asked(request)
        standing = self.rehearsal.standing(job)
        if standing.reason is not None:
            raise Refusal(500, standing.reason)
        if not self.is_done(job):
            raise Refusal(400, "Task is not completed")
        return await self.send(job)

    async def cancel(self, request: Request) -> Response:
        """Say no, as the local server does."""
        self.asked(request)
        raise Refusal(400, "Canceling a task is not supported")

    async def taken(self, request: Request) -> MockJob:
        """Take a job of the function's arguments."""
        fields: Fields = await self.fields(request)
        frames = whole(fields, "num_frames", FPS) or FPS
        return self.take(request, fields, seconds=frames / FPS, size=size(fields))

    def asked(self, request: Request) -> MockJob:
        """Return the job of the query; raises Refusal 404."""
        self.check_key(request)
        return self.rehearsal.find(request.query_params.get("task_id", ""), dialect=self.name)

    def refuse(self, refusal: Refusal) -> Response:
        """Return a bare text."""
        return JSONResponse({"error": refusal.message}, refusal.status)
