"""A server that answers a submit with JSON after the work, in the shape of image servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import size, whole
from rushes.mock.dialects.hosted import HostedDialect
from rushes.mock.dialects.waiting import ended, item
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request


class SyncJson(HostedDialect):
    """The clip's address, or the clip itself where `response_format` asks for it."""

    name = "sync-json"
    speaks_like = "servers with /v1/videos/generations that answer JSON after the work"

    def routes(self) -> Sequence[Route]:
        """Return the call, the models and the clips."""
        return [
            Route("/videos/generations", self.create, methods=["POST"]),
            Route("/models", self.models),
            Route("/files/{key}.mp4", self.file),
        ]

    async def models(self, request: Request) -> Response:
        """List the one model."""
        self.check_key(request)
        return JSONResponse({"object": "list", "data": [{"id": self.config.model}]})

    async def create(self, request: Request) -> Response | HangUp:
        """Make a clip and answer with it."""
        fields = await self.fields(request)
        job = self.take(request, fields, seconds=whole(fields, "seconds"), size=size(fields))
        standing = await ended(self, job)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        if standing.reason is not None:
            code = "content_filter" if self.is_rejected(job) else None
            raise Refusal(500, standing.reason, code=code)
        told = {"created": int(job.created_at), "id": job.id}
        return JSONResponse(told | {"data": [await item(self, request, job, fields)]})

    def refuse(self, refusal: Refusal) -> Response:
        """Return the error object."""
        error = {"message": refusal.message, "type": "server_error", "param": refusal.param}
        return JSONResponse({"error": error | {"code": refusal.code}}, refusal.status)
