"""Hugging Face's router: one key, and behind it services that each answer in their own way.

What they answer passes as it is: addresses in it lead past the router, and only their paths count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fal import flagged
from rushes.mock.dialects.fields import text, whole
from rushes.mock.dialects.hosted import HostedDialect, clip_url
from rushes.mock.dialects.moderation import PLAIN
from rushes.mock.dialects.waiting import ended
from rushes.mock.jobs import Status
from rushes.mock.refusal import REJECTED, Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob

QUEUE = "https://queue.fal.run"
WAVESPEED = "https://api.wavespeed.ai"
STATES = {
    Status.QUEUED: "created",
    Status.IN_PROGRESS: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}


class Shaped(Refusal):
    """A refusal in the shape of the service behind the router."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status, "")
        self.body = body


class HuggingFace(HostedDialect):
    """The router, in front of fal, WaveSpeed, Together, Novita and Replicate."""

    name = "huggingface"
    speaks_like = "Hugging Face's router, in front of fal, Novita, Replicate, Together, WaveSpeed"
    moderation = PLAIN

    def routes(self) -> Sequence[Route]:
        """Return the services' paths, each below its service's name."""
        fal, wavespeed = "/fal-ai/{owner}/{alias}", "/wavespeed/api/v3"
        return [
            Route("/files/{key}.mp4", self.file),
            Route(f"{fal}/requests/{{id}}/status", self.fal_status),
            Route(f"{fal}/requests/{{id}}", self.fal_result),
            Route(f"{fal}", self.fal_create, methods=["POST"]),
            Route(f"{fal}/{{path:path}}", self.fal_create, methods=["POST"]),
            Route(f"{wavespeed}/predictions/{{id}}/result", self.wavespeed_poll),
            Route(f"{wavespeed}/{{model:path}}", self.wavespeed_create, methods=["POST"]),
            Route("/together/v2/videos/{id}", self.together_poll),
            Route("/together/v2/videos", self.together_create, methods=["POST"]),
            Route("/novita/v3/hf/{model:path}", self.novita, methods=["POST"]),
            Route(
                "/replicate/v1/models/{model:path}/predictions", self.replicate, methods=["POST"]
            ),
        ]

    def refuse(self, refusal: Refusal) -> Response:
        """Return a bare text, as the router does, or what a service behind it says in its way."""
        if isinstance(refusal, Shaped):
            return JSONResponse(refusal.body, refusal.status)
        return JSONResponse({"error": refusal.message}, refusal.status)

    # --- fal: its queue, by a word in the query --------------------------------------------------

    async def fal_create(self, request: Request) -> Response | HangUp:
        """Queue a request; the address of its answer drops the end of a model's name."""
        self._check_queue(request)
        job = await self._taken(request, "duration", Shaped(422, flagged()))
        model = f"{request.path_params['owner']}/{request.path_params['alias']}"
        there = f"{QUEUE}/{model}/requests/{job.id}"
        told: Json = {"request_id": job.id, "status": "IN_QUEUE", "queue_position": 0}
        return self.told(request, job, told | {"response_url": there})

    async def fal_status(self, request: Request) -> Response:
        """Tell how it stands: in the end COMPLETED, come what may."""
        self._check_queue(request)
        job = self.job_of(request)
        standing = self.rehearsal.standing(job)
        if standing.ended_at is None:
            return JSONResponse({"request_id": job.id, "status": "IN_PROGRESS"}, 202)
        is_broken = standing.reason is not None and not self.is_rejected(job)
        error = {"error": standing.reason} if is_broken else {}
        return JSONResponse({"request_id": job.id, "status": "COMPLETED"} | error)

    async def fal_result(self, request: Request) -> Response:
        """Tell where the clip is."""
        self._check_queue(request)
        job = self.job_of(request)
        if self.is_rejected(job):
            raise Shaped(422, flagged())
        if not self.is_done(job):
            raise Refusal(400, "Request is still in progress")
        return JSONResponse({"video": {"url": clip_url(request, job)}, "seed": job.spec.seed})

    def _check_queue(self, request: Request) -> None:
        if request.query_params.get("_subdomain") != "queue":
            raise Refusal(404, "Not Found")

    # --- WaveSpeed and Together: jobs ------------------------------------------------------------

    async def wavespeed_create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        refused = Shaped(400, {"code": 1200, "message": "The prompt is not taken."})
        job = await self._taken(request, "duration", refused)
        return self.told(request, job, self._enveloped(request, job))

    async def wavespeed_poll(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(self._enveloped(request, self.job_of(request)))

    def _enveloped(self, request: Request, job: MockJob) -> Json:
        standing = self.rehearsal.standing(job)
        get = f"{WAVESPEED}/api/v3/predictions/{job.id}/result"
        told: Json = {"id": job.id, "status": STATES[standing.status], "urls": {"get": get}}
        told |= {"outputs": [clip_url(request, job)] if self.is_done(job) else []}
        if standing.status is Status.FAILED:
            told["code"] = 1200 if self.is_rejected(job) else 1405
        return {"code": 200, "message": "success", "data": told | {"error": standing.reason or ""}}

    async def together_create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        error = {"message": PLAIN, "type": "invalid_request_error", "code": ""}
        job = await self._taken(request, "seconds", Shaped(422, {"error": error}))
        return self.told(request, job, self._bare(request, job))

    async def together_poll(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(self._bare(request, self.job_of(request)))

    def _bare(self, request: Request, job: MockJob) -> Json:
        standing = self.rehearsal.standing(job)
        told: Json = {"id": job.id, "object": "video", "status": standing.status}
        if self.is_done(job):
            told["outputs"] = {"video_url": clip_url(request, job)}
        if standing.reason is not None:
            told["error"] = {"code": "server_error", "message": standing.reason}
        return told

    # --- Novita and Replicate: an answer after the work ------------------------------------------

    async def novita(self, request: Request) -> Response | HangUp:
        """Make a clip and tell where it is."""
        job = await self._taken(request, "duration")
        standing = await ended(self, job)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        if standing.reason is not None:
            raise Refusal(500, standing.reason)
        return JSONResponse({"video": {"video_url": clip_url(request, job)}})

    async def replicate(self, request: Request) -> Response | HangUp:
        """The same; without `Prefer: wait` there is no output yet, and no way to ask for it."""
        fields = (await self.fields(request)).get("input")
        if not isinstance(fields, dict):
            raise Refusal(422, "- input is required")
        job = self.take(request, fields, seconds=whole(fields, "duration"))
        if request.headers.get("prefer") != "wait":
            told: Json = {"id": job.id, "status": "starting", "output": None, "error": None}
            return JSONResponse(told, 201)
        standing = await ended(self, job)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        if standing.reason is not None:
            told = {"id": job.id, "status": "failed", "error": standing.reason, "output": None}
        else:
            told = {"id": job.id, "status": "succeeded", "error": None}
            told["output"] = clip_url(request, job)
        return JSONResponse(told, 201)

    async def _taken(self, request: Request, length: str, refused: Shaped | None = None) -> MockJob:
        fields = await self.fields(request)
        try:
            return self.take(request, fields, seconds=float(text(fields, length) or 1))
        except Refusal as refusal:
            if refused is None or refusal.code != REJECTED:
                raise
            raise refused from refusal
