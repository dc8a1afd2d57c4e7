"""Comfy's API v2: a graph goes in, and a job comes out whose clip is called an image."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.errors import InvalidRequest
from rushes.mock.dialects.comfyui_graph import Refused, check_graph, prompt_in, spec_in
from rushes.mock.dialects.hosted import HostedDialect, address
from rushes.mock.dialects.moderation import NSFW
from rushes.mock.jobs import Status
from rushes.mock.refusal import REJECTED, Refusal
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.rehearsal import Rehearsal
    from rushes.mock.sending import HangUp

STATES = {
    Status.QUEUED: "queued",
    Status.IN_PROGRESS: "running",
    Status.COMPLETED: "succeeded",
    Status.FAILED: "failed",
}
CODES = {401: "unauthorized", 404: "not_found", 422: "invalid_workflow", 429: "rate_limited"}


class ComfyApiV2(HostedDialect):
    """comfy-api-proxy 0.1.6; outputs want the key as everything else does."""

    name = "comfy-api-v2"
    speaks_like = "Comfy API v2, /api/v2/jobs"
    moderation = NSFW

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.keys: set[str] = set()

    def routes(self) -> Sequence[Route]:
        """Return create, get, cancel, health and the outputs."""
        return [
            Route("/api/v2/health", self.health),
            Route("/api/v2/jobs", self.create, methods=["POST"]),
            Route("/api/v2/jobs/{id}", self.job),
            Route("/api/v2/jobs/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/api/v2/assets/{key}/content", self.asset),
        ]

    async def health(self, request: Request) -> Response:
        """Say that all is well."""
        self.check_key(request)
        return JSONResponse({"status": "ok"})

    async def create(self, request: Request) -> Response | HangUp:
        """Take a graph; an Idempotency-Key is good for one job."""
        graph = (await self.fields(request)).get("workflow")
        if not isinstance(graph, dict) or "nodes" in graph:
            raise Refusal(422, "the workflow is not in the API format", code="workflow_format_ui")
        key = request.headers.get("idempotency-key")
        if key in self.keys:
            raise Refusal(422, "this key was used before", code="idempotency_key_reuse")
        job = self.submitted(graph, key)
        self.keys.update([key] if key else [])
        return self.told(request, job, self.describe(request, job), 201)

    def submitted(self, graph: dict[str, Any], key: str | None) -> MockJob:
        """Take a job of a graph; raises Refusal."""
        check_graph(graph, pictures=())
        self.rehearsal.admit(prompt_in(graph))
        weight = self.config.big_bytes if Word.BIG in words_in(prompt_in(graph)) else 0
        try:
            spec = spec_in(graph, weight)
        except (TypeError, ValueError) as error:
            raise InvalidRequest("an input of the workflow is no number") from error
        return self.rehearsal.submit(
            dialect=self.name,
            model="",
            name=str,
            spec=spec,
            idempotency_key=key,
            withheld=self.moderation,
        )

    async def job(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(self.describe(request, self.job_of(request)))

    async def cancel(self, request: Request) -> Response:
        """Stop what has not ended."""
        job = self.job_of(request)
        return self.stopped(job, self.describe(request, job))

    async def asset(self, request: Request) -> Response:
        """Send a clip, to whoever has the key."""
        self.check_key(request)
        return await self.file(request)

    def refuse(self, refusal: Refusal) -> Response:
        """Return the error object; a graph that cannot run comes with what is wrong in it."""
        details = refusal.body if isinstance(refusal, Refused) else {}
        status = 422 if refusal.status == 400 else refusal.status
        own = None if refusal.code == REJECTED else refusal.code
        code = own or CODES.get(status, "invalid_request")
        error = {"code": code, "message": refusal.message, "details": details}
        return JSONResponse({"error": error}, status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job."""
        standing = self.rehearsal.standing(job)
        here = address(request, f"/api/v2/jobs/{job.id}")
        is_failed = standing.status is Status.FAILED
        error = {"code": "execution_error", "message": standing.reason}
        return {
            "id": job.id,
            "status": STATES[standing.status],
            "created_at": datetime.fromtimestamp(job.created_at, UTC).isoformat(),
            "queue_position": 1 if standing.status is Status.QUEUED else None,
            "progress": {"value": standing.progress / 100, "nodes_done": 0, "nodes_total": 11},
            "outputs": _outputs(request, job) if self.is_done(job) else [],
            "error": error if is_failed else None,
            "urls": {"self": here, "events": f"{here}/events", "cancel": f"{here}/cancel"},
        }


def _outputs(request: Request, job: MockJob) -> list[Json]:
    """Return a preview, and the clip: both are called images, and both weigh nothing."""
    told: Json = {"node_id": "11", "type": "image", "size_bytes": 0}
    preview, clip = f"{job.key}-preview", job.key
    where = "/api/v2/assets/{}/content"
    return [
        told
        | {
            "id": preview,
            "content_type": "image/png",
            "url": address(request, where.format(preview)),
        },
        told
        | {"id": clip, "content_type": "video/mp4", "url": address(request, where.format(clip))},
    ]
