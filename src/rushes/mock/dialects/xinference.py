"""Xinference: one call that lasts as long as the work, and the clip as base64 in its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import Fields, size, text
from rushes.mock.dialects.hosted import HostedDialect
from rushes.mock.dialects.moderation import GUARDRAIL
from rushes.mock.dialects.waiting import ended, in_base64
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.jobs import MockJob


class Xinference(HostedDialect):
    """Wants a model; whatever goes to the model comes as JSON inside a text."""

    name = "xinference"
    speaks_like = "Xinference, /v1/video/generations"
    moderation = GUARDRAIL

    def routes(self) -> Sequence[Route]:
        """Return the call and the models."""
        return [
            Route("/v1/video/generations", self.create, methods=["POST"]),
            Route("/v1/models", self.models),
        ]

    async def models(self, request: Request) -> Response:
        """List the one model."""
        self.check_key(request)
        return JSONResponse({"object": "list", "data": [{"id": self.config.model}]})

    async def create(self, request: Request) -> Response | HangUp:
        """Make a clip and answer with it, or with its place on this server's own disk."""
        fields = await self.fields(request)
        if text(fields, "model") != self.config.model:
            raise Refusal(400, f"Model not found in the model list, uid: {fields.get('model')}")
        job = self.take(request, fields, size=size(_kwargs(fields)))
        standing = await ended(self, job)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        if standing.reason is not None:
            raise Refusal(500, standing.reason)
        item = await self._item(job, text(fields, "response_format"))
        return JSONResponse({"created": int(job.created_at), "data": [item]})

    async def _item(self, job: MockJob, wanted: str | None) -> dict[str, str | None]:
        if wanted == "url":
            return {"url": f"video/{job.key}.mp4", "b64_json": None}
        return {"url": None, "b64_json": await in_base64(self, job)}

    def refuse(self, refusal: Refusal) -> Response:
        """Return a bare detail."""
        return JSONResponse({"detail": refusal.message}, refusal.status)


def _kwargs(fields: Fields) -> Fields:
    told = text(fields, "kwargs")
    try:
        found = json.loads(told) if told else {}
    except ValueError as error:
        raise Refusal(400, "kwargs must be JSON") from error
    return found if isinstance(found, dict) else {}
