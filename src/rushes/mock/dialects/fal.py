"""fal's queue: addresses in answers, a completion that may be none, the clip by a last GET."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import whole
from rushes.mock.dialects.hosted import HostedDialect, address, clip_url, elsewhere
from rushes.mock.jobs import Status
from rushes.mock.refusal import BUSY, REJECTED, Refusal
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp


FLAGGED = (
    "The content could not be processed because it contained material flagged by a content checker."
)


class Fal(HostedDialect):
    """Addresses of a request hold only the first two parts of the model that was posted to."""

    name = "fal"
    speaks_like = "the queue of fal, as fal-client 1.0 speaks to it"
    scheme = "Key"
    moderation = FLAGGED

    def routes(self) -> Sequence[Route]:
        """Return status, result, cancel and submit: any other path is a model."""
        below = "/{owner}/{alias}/requests/{id}"
        return [
            Route("/files/{key}.mp4", self.file),
            Route(f"{below}/status", self.status),
            Route(f"{below}/cancel", self.cancel, methods=["PUT"]),
            Route(below, self.result),
            Route("/{owner}/{alias}", self.create, methods=["POST"]),
            Route("/{owner}/{alias}/{path:path}", self.create, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Queue a request."""
        fields = await self.fields(request)
        job = self.take(request, fields, seconds=whole(fields, "duration"))
        model = f"/{request.path_params['owner']}/{request.path_params['alias']}"
        here = address(request, f"{model}/requests/{job.id}")
        told: Json = {"request_id": job.id, "status": "IN_QUEUE", "queue_position": 0}
        leads_away = Word.FOREIGN in words_in(job.spec.prompt)
        asked_at = elsewhere(here) if leads_away else here
        told |= {"response_url": here, "status_url": f"{asked_at}/status"}
        return self.told(request, job, told | {"cancel_url": f"{here}/cancel"})

    async def status(self, request: Request) -> Response:
        """Tell how it stands: 202 until it has ended, and then COMPLETED, come what may."""
        job = self.job_of(request)
        standing = self.rehearsal.standing(job)
        told: Json = {"request_id": job.id}
        if standing.status is Status.QUEUED:
            return JSONResponse(told | {"status": "IN_QUEUE", "queue_position": 1}, 202)
        if standing.status is Status.IN_PROGRESS:
            return JSONResponse(told | {"status": "IN_PROGRESS", "logs": []}, 202)
        told |= {"status": "COMPLETED", "logs": [], "metrics": {"inference_time": job.work_s}}
        if standing.status is Status.FAILED and not self.is_rejected(job):
            told |= {"error": standing.reason, "error_type": "internal_error"}
        return JSONResponse(told)

    async def result(self, request: Request) -> Response:
        """Tell where the clip is, or why there is none."""
        job = self.job_of(request)
        if self.is_rejected(job):
            raise Refusal(422, FLAGGED, code=REJECTED)
        if not self.is_done(job):
            raise Refusal(400, "Request is still in progress")
        return JSONResponse({"video": _file(request, job), "seed": job.spec.seed})

    async def cancel(self, request: Request) -> Response:
        """Take a wish to stop."""
        job = self.job_of(request)
        if self.rehearsal.standing(job).ended_at is not None:
            return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)

    def refuse(self, refusal: Refusal) -> Response:
        """Return FastAPI's detail: a list for what the model says, else a text."""
        if refusal.code == REJECTED:
            return JSONResponse(flagged(), 422, {"X-Fal-Retryable": "false"})
        kind = {"error_type": "rate_limited"} if refusal.code == BUSY else {}
        return JSONResponse({"detail": refusal.message} | kind, refusal.status)


def flagged() -> Json:
    """Return what a model of fal says of content rules, as its documents show it."""
    item: Json = {"loc": ["body", "prompt"], "msg": FLAGGED, "type": REJECTED, "ctx": {}}
    url = "https://docs.fal.ai/errors/#content_policy_violation"
    return {"detail": [item | {"url": url, "input": ""}]}


def _file(request: Request, job: MockJob) -> Json:
    url = clip_url(request, job)
    return {"url": url, "content_type": "video/mp4", "file_name": f"{job.key}.mp4"}
