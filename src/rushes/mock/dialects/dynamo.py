"""NVIDIA Dynamo 1.6: the path of a job API, and behind it an answer that is the end already."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import JSON, Fields, read_fields, size, text, whole
from rushes.mock.dialects.hosted import HostedDialect
from rushes.mock.dialects.moderation import GUARDRAIL
from rushes.mock.dialects.waiting import ended, item
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob

FORMATS = {None, "url", "b64_json"}
NO_JSON = 415


class Dynamo(HostedDialect):
    """Takes JSON only, wants a model it serves, keeps what is its own under `nvext`."""

    name = "dynamo"
    speaks_like = "NVIDIA Dynamo 1.6, /v1/videos"
    moderation = GUARDRAIL
    prefix: ClassVar[str] = "video-"

    def routes(self) -> Sequence[Route]:
        """Return the one call, the models, and the clips' storage; there is no job to ask for."""
        return [
            Route("/videos", self.create, methods=["POST"]),
            Route("/models", self.models),
            Route("/files/{key}.mp4", self.file),
        ]

    async def models(self, request: Request) -> Response:
        """List the one model."""
        self.check_key(request)
        model = {"id": self.config.model, "object": "model", "created": 0, "owned_by": "nvidia"}
        return JSONResponse({"object": "list", "data": [model]})

    async def create(self, request: Request) -> Response | HangUp:
        """Make a clip and answer with it."""
        self.check_key(request)
        fields = await self._read(request)
        own = fields.get("nvext")
        extras: Fields = own if isinstance(own, dict) else {}
        job = self.take(
            request, extras | fields, seconds=whole(fields, "seconds"), size=size(fields)
        )
        standing = await ended(self, job)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        told = _described(job)
        if standing.reason is not None:
            return JSONResponse(told | {"status": "failed", "data": [], "error": standing.reason})
        clip = await item(self, request, job, fields)
        return JSONResponse(told | {"data": [{"output_format": "mp4", **clip}]})

    async def _read(self, request: Request) -> Fields:
        if not request.headers.get("content-type", "").startswith(JSON):
            message = "Expected request with `Content-Type: application/json`"
            raise Refusal(NO_JSON, message)
        fields = await read_fields(request, frozenset({JSON}))
        if text(fields, "model") != self.config.model:
            raise Refusal(404, f"Model not found: {fields.get('model')}")
        if fields.get("response_format") not in FORMATS:
            raise Refusal(400, "unknown variant, expected `url` or `b64_json`")
        return fields

    def refuse(self, refusal: Refusal) -> Response:
        """Return the error without an object around it; bare text for what is no JSON."""
        if refusal.status == NO_JSON:
            return PlainTextResponse(refusal.message, NO_JSON)
        told = {"message": refusal.message, "type": "Bad Request", "code": refusal.status}
        return JSONResponse(told, refusal.status)


def _described(job: MockJob) -> Json:
    return {
        "id": job.id,
        "object": "video",
        "model": job.model,
        "status": "completed",
        "progress": 100,
        "created": int(job.created_at),
        "inference_time_s": job.work_s,
    }
