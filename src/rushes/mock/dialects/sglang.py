"""SGLang-Diffusion 0.5.23: real progress, leaked server paths, a delete that only forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from rushes.mock.dialects.fields import Fields, whole
from rushes.mock.dialects.moderation import GUARDRAIL
from rushes.mock.dialects.openai_videos import OpenAIVideos
from rushes.mock.jobs import MockJob, Standing, Status
from rushes.mock.refusal import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json


class SGLang(OpenAIVideos):
    """Takes JSON or multipart, echoes any model."""

    name = "sglang"
    speaks_like = "SGLang-Diffusion 0.5, /v1/videos"
    moderation = GUARDRAIL

    def public_id(self, key: str) -> str:
        """Return bare hex."""
        return key

    def describe(self, job: MockJob, standing: Standing) -> Json:
        """Return the job; `seconds` is a number, the prompt is missing, a server path is not."""
        spec, done = job.spec, standing.status is Status.COMPLETED
        return {
            "id": job.id,
            "object": "video",
            "model": job.model,
            "status": standing.status,
            "progress": standing.progress,
            "created_at": int(job.created_at),
            "size": f"{spec.width}x{spec.height}",
            "seconds": f"{spec.duration_s:g}",
            "quality": "standard",
            "url": None,
            "urls": None,
            "remixed_from_video_id": None,
            "completed_at": None if standing.ended_at is None else int(standing.ended_at),
            "expires_at": None,
            "error": None if standing.reason is None else {"message": standing.reason},
            "file_path": f"/srv/rehearsal/outputs/{job.id}.mp4",
            "file_paths": None,
            "num_outputs": None,
            "peak_memory_mb": 0.0 if done else None,
            "inference_time_s": job.work_s if done else None,
            "revised_prompt": None,
        }

    def refuse(self, refusal: Refusal) -> Response:
        """Return `detail`, whatever it is about."""
        return JSONResponse({"detail": refusal.message}, refusal.status)

    def no_prompt(self) -> Refusal:
        """400, for an urlencoded form too."""
        return Refusal(400, "prompt is required")

    def not_ready(self, standing: Standing) -> Refusal:
        """404 in both cases."""
        if standing.status is Status.FAILED:
            return Refusal(404, "Video variant None not found")
        return Refusal(404, "Generation is still in-progress")

    async def delete(self, request: Request) -> Response:
        """Answer with the job, its status `deleted`; the work itself goes on."""
        job = self.wanted(request)
        told = self.describe(job, self.rehearsal.standing(job))
        self.rehearsal.forget(job)
        return JSONResponse(told | {"status": "deleted"})

    def page_length(self, query: Fields) -> int:
        """422 outside 1 to 100."""
        limit = whole(query, "limit", 20) or 0
        if not 1 <= limit <= 100:
            raise Refusal(422, "limit must be 1 to 100")
        return limit

    def check_key(self, request: Request) -> None:
        """401; the server itself has no keys, so this is a proxy in front of it."""
        if not self.has_key(request):
            raise Refusal(401, "Unauthorized")

    def check_model(self, model: str | None) -> str:
        """Take any."""
        return model or self.config.model
