"""LocalAI 4: one call that lasts as long as the work, and a clip that the key is needed for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import Fields, size, text, whole
from rushes.mock.dialects.hosted import HostedDialect, address
from rushes.mock.dialects.moderation import GUARDRAIL
from rushes.mock.dialects.waiting import ended, in_base64
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob

USUAL_SIZE = (512, 512)
USUAL_FPS = 24


class LocalAI(HostedDialect):
    """Wants a model; tells an address unless the clip itself is asked for."""

    name = "localai"
    speaks_like = "LocalAI 4.9, /video"
    moderation = GUARDRAIL

    def routes(self) -> Sequence[Route]:
        """Return the call, the models and the clips."""
        return [
            Route("/video", self.create, methods=["POST"]),
            Route("/v1/models", self.models),
            Route("/generated-videos/{key}.mp4", self.generated),
        ]

    async def models(self, request: Request) -> Response:
        """List the one model."""
        self.check_key(request)
        model = {"id": self.config.model, "object": "model"}
        return JSONResponse({"object": "list", "data": [model]})

    async def create(self, request: Request) -> Response | HangUp:
        """Make a clip and tell where it is."""
        fields = await self.fields(request)
        if text(fields, "model") is None:
            raise Refusal(400, "Bad Request")
        job = self.take(request, fields, seconds=_seconds(fields), size=size(fields) or USUAL_SIZE)
        standing = await ended(self, job)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        if standing.reason is not None:
            raise Refusal(500, f"rpc error: code = Unknown desc = {standing.reason}")
        told = {"created": int(job.created_at), "id": job.key}
        return JSONResponse(told | {"data": [await self._item(request, job, fields)]})

    async def generated(self, request: Request) -> Response:
        """Send a clip, to whoever has the key."""
        self.check_key(request)
        return await self.file(request)

    async def _item(self, request: Request, job: MockJob, fields: Fields) -> Json:
        if text(fields, "response_format") == "b64_json":
            return {"b64_json": await in_base64(self, job)}
        return {"url": address(request, f"/generated-videos/{job.key}.mp4")}

    def refuse(self, refusal: Refusal) -> Response:
        """Return the error object, its code a number."""
        kind = "invalid_request_error" if refusal.status == 401 else ""
        error = {"code": refusal.status, "message": refusal.message, "type": kind}
        return JSONResponse({"error": error}, refusal.status)


def _seconds(fields: Fields) -> float:
    """Return the length, told by pictures and their rate or else in seconds, as text."""
    fps = whole(fields, "fps", USUAL_FPS) or USUAL_FPS
    frames = whole(fields, "num_frames", (whole(fields, "seconds") or 1) * fps) or fps
    return frames / fps
