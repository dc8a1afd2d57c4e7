"""vLLM-Omni 0.30: forms only, progress 0 or 100, a failed job is an HTTP error with the job."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.errors import InvalidRequest
from rushes.mock.dialects.fields import MULTIPART, URLENCODED, Fields, text, whole
from rushes.mock.dialects.moderation import GUARDRAIL
from rushes.mock.dialects.openai_videos import OpenAIVideos
from rushes.mock.jobs import Ending, MockJob, Standing, Status
from rushes.mock.refusal import REJECTED, Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in
from rushes.sizes import pixel_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.spec import ClipSpec

JOB_ERROR, BLOCKED = 500, 400


class VLLMOmni(OpenAIVideos):
    """The default dialect."""

    name = "vllm-omni"
    speaks_like = "vLLM-Omni 0.30, /v1/videos"
    moderation = GUARDRAIL
    encodings: ClassVar[frozenset[str]] = frozenset({MULTIPART, URLENCODED})

    def routes(self) -> Sequence[Route]:
        """Add the one that waits for the clip and answers with it."""
        waiting = Route("/videos/sync", self.create_and_wait, methods=["POST"])
        return [waiting, *super().routes()]

    async def create_and_wait(self, request: Request) -> Response | HangUp:
        """Answer with the clip when it is done, 504 when that is late; the job is in no list."""
        self.check_key(request)
        job = await self.take(request, dialect=f"{self.name} sync")
        try:
            async with asyncio.timeout(self.config.sync_timeout_s):
                standing = await self.rehearsal.ended(job)
        except TimeoutError as error:
            raise Refusal(504, "Video generation timed out") from error
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        if standing.reason is not None:
            raise Refusal(_error_code(job), standing.reason)
        answer = await self.send(job)
        answer.headers.update(_measurements(job))
        return answer

    def public_id(self, key: str) -> str:
        """Return `video_gen_` and hex."""
        return f"video_gen_{key}"

    async def poll(self, request: Request) -> Response:
        """Answer a failed job with the status of its error, the job as the body."""
        job = self.wanted(request)
        standing = self.rehearsal.standing(job)
        status = _error_code(job) if standing.status is Status.FAILED else 200
        return JSONResponse(self.describe(job, standing), status)

    def describe(self, job: MockJob, standing: Standing) -> Json:
        """Return the job; `error.code` is a number here."""
        spec, done = job.spec, standing.status is Status.COMPLETED
        error = (
            None
            if standing.reason is None
            else {"code": _error_code(job), "message": standing.reason}
        )
        return {
            "model": job.model,
            "prompt": spec.prompt,
            "id": job.id,
            "object": "video",
            "status": standing.status,
            "size": f"{spec.width}x{spec.height}",
            "progress": 100 if done else 0,
            "seconds": f"{spec.duration_s:g}",
            "quality": "default",
            "completed_at": None if standing.ended_at is None else int(standing.ended_at),
            "created_at": int(job.created_at),
            "remixed_from_video_id": None,
            "error": error,
            "media_type": "video/mp4",
            "file_name": f"{job.id}.mp4" if done else None,
            "inference_time_s": job.work_s if done else None,
            "fps": float(spec.fps),
            "num_frames": spec.frames,
            "duration_s": spec.duration_s,
            "metrics": None,
            "stage_durations": {},
            "peak_memory_mb": 0.0,
            "action": None,
        }

    def refuse(self, refusal: Refusal) -> Response:
        """Return vLLM's error object, its code a number; only turning away has a name."""
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            return JSONResponse({"error": "Unauthorized"}, 401)
        error = {
            "message": refusal.message,
            "type": HTTPStatus(refusal.status).phrase,
            "param": refusal.param,
            "code": refusal.status if refusal.code in {None, REJECTED} else refusal.code,
        }
        return JSONResponse({"error": error}, refusal.status)

    def no_prompt(self) -> Refusal:
        """Return the validation error; a JSON body ends here too."""
        lack = {"type": "missing", "loc": ("body", "prompt"), "msg": "Field required"}
        return Refusal(400, f"1 validation errors: [{lack}]")

    def not_ready(self, standing: Standing) -> Refusal:
        """422 for a failed job, else 404."""
        if standing.status is Status.FAILED:
            return Refusal(422, f"Video generation failed: {standing.reason}")
        return Refusal(404, "Generation is still in-progress")

    def check_key(self, request: Request) -> None:
        """401 without the key."""
        if not self.has_key(request):
            raise Refusal(401, "Unauthorized")

    def check_model(self, model: str | None) -> str:
        """400 unless it is absent or exactly the served name."""
        if model not in {None, self.config.model}:
            raise Refusal(400, f"The model `{model}` does not exist.", param="model")
        return self.config.model

    def spec(self, prompt: str, fields: Fields) -> ClipSpec:
        """Take `seconds` only as digits without a leading zero."""
        seconds = text(fields, "seconds")
        if seconds is not None and not re.fullmatch(r"[1-9]\d*", seconds):
            raise InvalidRequest("seconds: string should match '^[1-9]\\d*$'", field="seconds")
        return super().spec(prompt, fields)

    def size(self, fields: Fields) -> tuple[int, int]:
        """Take `aspect_ratio` with `short_edge` too."""
        shape, short = text(fields, "aspect_ratio"), whole(fields, "short_edge", 480)
        if shape is None or text(fields, "size") or text(fields, "width"):
            return super().size(fields)
        try:
            return pixel_size(shape, f"{short}p")
        except ValueError as error:
            raise InvalidRequest(str(error), field="aspect_ratio") from error


def _error_code(job: MockJob) -> int:
    return BLOCKED if job.ending is Ending.REJECTED else JOB_ERROR


def _measurements(job: MockJob) -> dict[str, str]:
    return {
        "X-Request-Id": job.id,
        "X-Model": job.model,
        "X-Inference-Time-S": f"{job.work_s:.3f}",
        "X-Stage-Durations": "{}",
        "X-Peak-Memory-MB": "0.0",
    }
