"""OpenAI's own `/v1/videos`, shut down in 2026, and what its resellers make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import text
from rushes.mock.dialects.hosted import clip_url
from rushes.mock.dialects.openai_videos import OpenAIVideos
from rushes.mock.jobs import Ending, Status
from rushes.mock.refusal import REJECTED, Refusal
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.dialects.fields import Fields
    from rushes.mock.jobs import MockJob, Standing
    from rushes.mock.spec import ClipSpec

POLL_AFTER_MS = 1000
LIFETIME_S = 3600
CODES = {REJECTED: "moderation_blocked"}


class OpenAI(OpenAIVideos):
    """Lengths are texts, polls say when to come again, codes tell both sides of content rules."""

    name = "openai"
    speaks_like = "OpenAI as of openai-python 3.54 (shut down), and its resellers, /v1/videos"

    def routes(self) -> Sequence[Route]:
        """Add the clips of resellers, which need no key."""
        return [Route("/files/{key}.mp4", self.file), *super().routes()]

    async def poll(self, request: Request) -> Response:
        """Say how a job stands, and when to ask again."""
        answer = await super().poll(request)
        answer.headers["openai-poll-after-ms"] = str(POLL_AFTER_MS)
        return answer

    async def content(self, request: Request) -> Response:
        """Send the clip, or as resellers do its address."""
        job = self.wanted(request)
        is_done = self.rehearsal.standing(job).status is Status.COMPLETED
        if is_done and Word.ADDRESS in words_in(job.spec.prompt):
            return JSONResponse({"id": job.id, "video_url": clip_url(request, job)})
        return await super().content(request)

    async def delete(self, request: Request) -> Response:
        """Delete a job that has ended; what runs cannot be stopped."""
        if self.rehearsal.standing(self.wanted(request)).ended_at is None:
            raise Refusal(400, "Only a completed or failed video can be deleted.")
        return await super().delete(request)

    async def file(self, request: Request) -> Response:
        """Send a reseller's clip."""
        job_id = self.public_id(request.path_params["key"])
        return await self.send(self.rehearsal.find(job_id, dialect=self.name))

    def public_id(self, key: str) -> str:
        """Return `video_` and hex."""
        return f"video_{key}"

    def describe(self, job: MockJob, standing: Standing) -> Json:
        """Return the job."""
        spec, ended_at = job.spec, standing.ended_at
        told: Json = {"id": job.id, "object": "video", "model": job.model}
        told |= {"status": standing.status, "progress": standing.progress, "prompt": spec.prompt}
        told |= {"created_at": int(job.created_at), "completed_at": ended_at and int(ended_at)}
        told |= {"expires_at": ended_at and int(ended_at) + LIFETIME_S, "error": None}
        told |= {"size": f"{spec.width}x{spec.height}", "seconds": f"{spec.duration_s:g}"}
        if standing.reason is not None:
            code = "content_filter" if job.ending is Ending.REJECTED else "server_error"
            told["error"] = {"code": code, "message": standing.reason}
        return told | {"remixed_from_video_id": None}

    def refuse(self, refusal: Refusal) -> Response:
        """Return the error object."""
        code = CODES.get(refusal.code or "", refusal.code)
        error = {"message": refusal.message, "type": "invalid_request_error"}
        told = error | {"param": refusal.param, "code": code}
        return JSONResponse({"error": told}, refusal.status)

    def not_ready(self, standing: Standing) -> Refusal:
        """404 until it is done, and for good where it failed."""
        return Refusal(404, f"Video is not ready, status is {standing.status}")

    def check_key(self, request: Request) -> None:
        """401 without the key."""
        if not self.has_key(request):
            raise Refusal(401, "Incorrect API key provided", code="invalid_api_key")

    def check_model(self, model: str | None) -> str:
        """Take any: resellers have names of their own."""
        return model or "sora-2"

    def spec(self, prompt: str, fields: Fields) -> ClipSpec:
        """Take a length as text alone."""
        if not isinstance(fields.get("seconds", ""), str):
            message = "Invalid type for 'seconds': expected a string, but got an integer instead."
            raise Refusal(400, message, param="seconds", code="invalid_type")
        return super().spec(prompt, fields | {"seconds": text(fields, "seconds") or "4"})
