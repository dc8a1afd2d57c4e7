"""TensorRT-LLM's VisualGen: accepted with 202, lengths as fractions, errors as bare text."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.errors import InvalidRequest
from rushes.mock.dialects.fields import Fields, text, whole
from rushes.mock.dialects.moderation import GUARDRAIL
from rushes.mock.dialects.openai_videos import OpenAIVideos
from rushes.mock.dialects.waiting import ended
from rushes.mock.jobs import MockJob, Standing, Status
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.spec import ClipSpec

FORMATS = {None, "auto", "mp4", "avi"}
TYPES = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}


class TensorRTLLM(OpenAIVideos):
    """`trtllm-serve` with a visual model; it knows no keys, so a proxy asks for them."""

    name = "tensorrt-llm"
    speaks_like = "TensorRT-LLM VisualGen 1.3, /v1/videos"
    moderation = GUARDRAIL

    def routes(self) -> Sequence[Route]:
        """Add the one that waits for the clip."""
        waiting = Route("/videos/generations", self.create_and_wait, methods=["POST"])
        return [waiting, *super().routes()]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job, with 202."""
        self.check_key(request)
        job = await self.take(request)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        return JSONResponse(self.describe(job, self.rehearsal.standing(job)), 202)

    async def create_and_wait(self, request: Request) -> Response:
        """Answer with the file when it is done."""
        self.check_key(request)
        job = await self.take(request, dialect=f"{self.name} sync")
        standing = await ended(self, job)
        if standing.reason is not None:
            raise Refusal(500, standing.reason)
        return await self.send(job)

    def public_id(self, key: str) -> str:
        """Return `video_` and hex."""
        return f"video_{key}"

    def describe(self, job: MockJob, standing: Standing) -> Json:
        """Return the job: no progress, never in progress, its error a text."""
        spec, done = job.spec, standing.status is Status.COMPLETED
        path = f"/srv/rehearsal/media/{job.id}_0.mp4" if done else None
        is_over = standing.ended_at is not None
        return {
            "completed_at": None if standing.ended_at is None else int(standing.ended_at),
            "created_at": int(job.created_at),
            "error": standing.reason,
            "expires_at": None,
            "id": job.id,
            "model": job.model,
            "object": "video",
            "progress": None,
            "prompt": spec.prompt,
            "status": standing.status if is_over else Status.QUEUED,
            "duration": spec.duration_s,
            "fps": spec.fps,
            "size": f"{spec.width}x{spec.height}",
            "output_path": path,
            "output_paths": path and [path],
        }

    def refuse(self, refusal: Refusal) -> Response:
        """Return the error without an object around it, its code the status."""
        kind = TYPES.get(refusal.status, HTTPStatus(refusal.status).phrase)
        told = {"object": "error", "message": refusal.message, "type": kind, "param": None}
        return JSONResponse(told | {"code": refusal.status}, refusal.status)

    def no_prompt(self) -> Refusal:
        """400, for other encodings too."""
        return Refusal(400, "'prompt' is required")

    def not_ready(self, standing: Standing) -> Refusal:
        """400, whether it works on or has failed."""
        return Refusal(400, f"Video is not ready (status: {standing.status})")

    async def jobs(self, request: Request) -> Response:
        """List all jobs."""
        self.check_key(request)
        found = self.rehearsal.of(self.name)
        told = [self.describe(job, self.rehearsal.standing(job)) for job in found]
        return JSONResponse({"data": told, "object": "list"})

    async def delete(self, request: Request) -> Response:
        """Stop and forget a job."""
        self.rehearsal.forget(self.wanted(request))
        return JSONResponse({"deleted": True})

    def check_key(self, request: Request) -> None:
        """401 from whatever stands in front."""
        if not self.has_key(request):
            raise Refusal(401, "Unauthorized")

    def check_model(self, model: str | None) -> str:
        """Take any: it is not looked at."""
        return model or self.config.model

    def spec(self, prompt: str, fields: Fields) -> ClipSpec:
        """Take `seconds` with a fraction; no file format but three."""
        if text(fields, "output_format") not in FORMATS:
            raise InvalidRequest("output_format must be mp4, avi or auto", field="output_format")
        try:
            seconds = float(text(fields, "seconds") or 4)
        except ValueError as error:
            raise InvalidRequest(str(error), field="seconds") from error
        frames = round(seconds * (whole(fields, "fps", 24) or 0))
        return super().spec(prompt, fields | {"seconds": None, "num_frames": frames})
