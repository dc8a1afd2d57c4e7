"""FastVideo 0.2: queued until it is completed, a file that is served while it is written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from rushes.mock.dialects.sglang import SGLang
from rushes.mock.jobs import MockJob, Standing, Status
from rushes.mock.refusal import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.dialects.fields import Fields
    from rushes.mock.spec import ClipSpec

USUAL_SEED = 1024


class FastVideo(SGLang):
    """SGLang's sibling: the same routes and errors, and less is told."""

    name = "fastvideo"
    speaks_like = "FastVideo 0.2, /v1/videos"

    def describe(self, job: MockJob, standing: Standing) -> Json:
        """Return the job: nothing between queued and its end, and progress only then."""
        spec, done = job.spec, standing.status is Status.COMPLETED
        is_over = standing.ended_at is not None
        return {
            "id": job.id,
            "object": "video",
            "model": job.model,
            "status": standing.status if is_over else Status.QUEUED,
            "progress": 100 if done else 0,
            "created_at": int(job.created_at),
            "size": f"{spec.width}x{spec.height}",
            "seconds": str(round(spec.duration_s)),
            "quality": "standard",
            "url": None,
            "remixed_from_video_id": None,
            "completed_at": int(standing.ended_at or 0) if done else None,
            "expires_at": None,
            "error": None if standing.reason is None else {"message": standing.reason},
            "file_path": f"/srv/rehearsal/outputs/videos/{job.id}.mp4",
            "peak_memory_mb": None,
            "inference_time_s": job.work_s if done else None,
        }

    async def content(self, request: Request) -> Response:
        """Send the file, whole or not: it is there as soon as its first half is written."""
        job = self.wanted(request)
        standing = self.rehearsal.standing(job)
        if standing.status is not Status.IN_PROGRESS or standing.progress < 50:
            return await super().content(request)
        clip = await asyncio.to_thread((await self.rehearsal.clip(job)).read_bytes)
        return Response(clip[: len(clip) // 2], media_type="video/mp4")

    def not_ready(self, standing: Standing) -> Refusal:
        """404 before there is a file, 500 where none comes."""
        if standing.status is Status.FAILED:
            return Refusal(500, "Video generation failed")
        return Refusal(404, "Video still being generated")

    async def jobs(self, request: Request) -> Response:
        """List the jobs, with nothing about pages."""
        self.check_key(request)
        found = self.rehearsal.of(self.name)[::-1][: self.page_length(dict(request.query_params))]
        told = [self.describe(job, self.rehearsal.standing(job)) for job in found]
        return JSONResponse({"data": told, "object": "list"})

    def spec(self, prompt: str, fields: Fields) -> ClipSpec:
        """Use the same seed for all who name none."""
        return super().spec(prompt, {"seed": USUAL_SEED} | fields)
