"""The private `video_gen` service of 2024: any headers and cookies as key, followed by listing."""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.dialect import Dialect, Json
from rushes.mock.dialects.fields import JSON, Fields, read_fields, text, whole
from rushes.mock.jobs import Ending, MockJob, Status
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.spec import ClipSpec
from rushes.mock.stills import still
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

FPS = 30
LIST_LENGTH = 10
STATES = {
    Status.QUEUED: "queued",
    Status.IN_PROGRESS: "running",
    Status.COMPLETED: "succeeded",
    Status.FAILED: "failed",
}


class SoraVideoGen(Dialect):
    """The service behind the Space of November 2024; no address tells of one job alone."""

    name = "sora-video-gen"
    speaks_like = "the private video_gen service of 2024, /backend/video_gen"
    encodings: ClassVar[frozenset[str]] = frozenset({JSON})

    def routes(self) -> Sequence[Route]:
        """Return create, list and the clips themselves, which need no key."""
        return [
            Route("/backend/video_gen", self.create, methods=["POST"]),
            Route("/backend/video_gen", self.jobs),
            Route("/files/{key}.mp4", self.file),
            Route("/files/{key}.jpg", self.thumbnail),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        self.check_credentials(request)
        fields = await read_fields(request, self.encodings)
        spec = self.spec(fields)
        self.rehearsal.admit(spec.prompt)
        job = self.rehearsal.submit(
            dialect=self.name,
            model=text(fields, "model") or "turbo",
            name="task_{}".format,
            spec=spec,
            idempotency_key=request.headers.get("idempotency-key"),
        )
        if Word.LOST_ANSWER in words_in(spec.prompt):
            return HangUp(request)
        return JSONResponse(self.describe(job, request))

    async def jobs(self, request: Request) -> Response:
        """List the newest jobs, ten at most: an older one can no longer be seen."""
        self.check_credentials(request)
        limit = whole(dict(request.query_params), "limit", LIST_LENGTH) or LIST_LENGTH
        found = self.rehearsal.of(self.name)[::-1]
        page = [self.describe(job, request) for job in found[: max(1, min(limit, LIST_LENGTH))]]
        last = page[-1]["id"] if page else None
        more = {"last_id": last, "has_more": len(found) > len(page)}
        return JSONResponse({"task_responses": page} | more)

    async def file(self, request: Request) -> Response:
        """Send a clip to whoever knows its address."""
        return await self.send(self.finished(request))

    async def thumbnail(self, request: Request) -> Response:
        """Send a clip's picture to whoever knows its address."""
        path = await self.rehearsal.clip(self.finished(request))
        return Response(await asyncio.to_thread(still, path), media_type="image/jpeg")

    def finished(self, request: Request) -> MockJob:
        """Return the job whose file the path names; raises Refusal 404."""
        job = self.rehearsal.find(f"task_{request.path_params['key']}", dialect=self.name)
        if self.rehearsal.standing(job).status is not Status.COMPLETED:
            raise Refusal(404, "Not found")
        return job

    def refuse(self, refusal: Refusal) -> Response:
        """Return the error object."""
        kind = "invalid_request_error"
        error = {"message": refusal.message, "type": kind, "param": refusal.param}
        return JSONResponse({"error": error | {"code": refusal.code}}, refusal.status)

    def check_credentials(self, request: Request) -> None:
        """Raise Refusal 401 unless every configured header and cookie came."""
        key = self.config.key
        headers = {"authorization": f"Bearer {key}"} if key else {}
        wanted = (
            (headers | dict(self.config.headers), request.headers),
            (self.config.cookies, request.cookies),
        )
        if not all(_carries(given, told) for told, given in wanted):
            raise Refusal(401, "Your session has ended.", code="token_expired")

    def spec(self, fields: Fields) -> ClipSpec:
        """Return the clip that the fields ask for; the length comes as frames."""
        prompt = text(fields, "prompt")
        if prompt is None:
            raise Refusal(400, "prompt is required", param="prompt")
        return ClipSpec(
            prompt=prompt,
            width=whole(fields, "width", 640) or 0,
            height=whole(fields, "height", 360) or 0,
            fps=FPS,
            frames=whole(fields, "n_frames", 5 * FPS) or 0,
            seed=self.rehearsal.deal_seed(prompt),
            weight=self.config.big_bytes if Word.BIG in words_in(prompt) else 0,
        )

    def describe(self, job: MockJob, request: Request) -> Json:
        """Return the job as the list shows it; `progress_pct` is 0 to 1, null while queued."""
        standing, spec = self.rehearsal.standing(job), job.spec
        is_failed = standing.status is Status.FAILED
        is_rejected = is_failed and job.ending is Ending.REJECTED
        is_done = standing.status is Status.COMPLETED
        is_queued = standing.status is Status.QUEUED
        return {
            "id": job.id,
            "created_at": job.created_at,
            "status": STATES[standing.status],
            "progress_pct": None if is_queued else standing.progress / 100,
            "progress_pos_in_queue": 1 if is_queued else None,
            "estimated_queue_wait_time": job.queue_s if is_queued else None,
            "type": "video_gen",
            "prompt": spec.prompt,
            "n_variants": 1,
            "n_frames": spec.frames,
            "height": spec.height,
            "width": spec.width,
            "model": job.model,
            "operation": "simple_compose",
            "inpaint_items": [],
            "actions": None if is_queued else {"0": expanded(spec.prompt)},
            "generations": [_generation(job, request)] if is_done else [],
            "moderation_result": {"is_output_rejection": is_rejected, "task_id": job.id},
            "failure_reason": None if is_rejected else standing.reason,
        }


def _generation(job: MockJob, request: Request) -> Json:
    files = f"{request.scope['root_path']}/files/{job.key}"
    clip, picture = (
        str(request.url.replace(path=files + end, query="")) for end in (".mp4", ".jpg")
    )
    return {
        "id": f"gen_{job.key}",
        "task_id": job.id,
        "url": clip,
        "encodings": {"source": {"path": clip}, "thumbnail": {"path": picture}},
        "seed": job.spec.seed,
        "width": job.spec.width,
        "height": job.spec.height,
        "n_frames": job.spec.frames,
    }


def expanded(prompt: str) -> str:
    """Return the prompt as such a service rewrites it before it works."""
    return f"A wide, steady shot. {prompt.strip()} Layers of hills in mist, a low sun, slow light."


def _carries(given: Mapping[str, str], told: Mapping[str, str]) -> bool:
    return all(
        hmac.compare_digest(given.get(name, "").encode(), value.encode())
        for name, value in told.items()
    )
