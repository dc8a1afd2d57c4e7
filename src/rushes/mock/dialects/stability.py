"""Stability's image to video as it was: the HTTP status says how it stands, and 200 is the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import MULTIPART, read_fields
from rushes.mock.dialects.hosted import HostedDialect
from rushes.mock.dialects.waiting import in_base64
from rushes.mock.refusal import REJECTED, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.sending import HangUp

NAMES = {401: "unauthorized", 404: "not_found", 429: "rate_limit_exceeded"}
PROMPT = "image to video"


class Stability(HostedDialect):
    """The second beta. It takes a picture and no prompt, so no word can make it misbehave."""

    name = "stability"
    speaks_like = "Stability AI, /v2beta/image-to-video (shut down)"

    def routes(self) -> Sequence[Route]:
        """Return submit, result and the account."""
        return [
            Route("/v2beta/image-to-video", self.create, methods=["POST"]),
            Route("/v2beta/image-to-video/result/{id}", self.result),
            Route("/v1/user/account", self.account),
        ]

    async def account(self, request: Request) -> Response:
        """Tell whose key it is."""
        self.check_key(request)
        return JSONResponse({"id": "user-rehearsed", "organizations": []})

    async def create(self, request: Request) -> Response | HangUp:
        """Take a picture."""
        self.check_key(request)
        fields = await read_fields(request, frozenset({MULTIPART}))
        if not isinstance(fields.get("image"), bytes):
            raise Refusal(400, "image: is required")
        job = self.take(request, fields | {"prompt": PROMPT})
        return self.told(request, job, {"id": job.id})

    async def result(self, request: Request) -> Response:
        """Answer 202 until it is done, then with the clip, as JSON where that is asked for."""
        job = self.job_of(request)
        standing = self.rehearsal.standing(job)
        if standing.reason is not None:
            raise Refusal(500, standing.reason)
        if not self.is_done(job):
            return JSONResponse({"id": job.id, "status": "in-progress"}, 202)
        if request.headers.get("accept") == "application/json":
            told = {"video": await in_base64(self, job), "finish_reason": "SUCCESS"}
            return JSONResponse(told | {"seed": job.spec.seed})
        answer = await self.send(job)
        answer.headers.update({"finish-reason": "SUCCESS", "seed": str(job.spec.seed)})
        return answer

    def refuse(self, refusal: Refusal) -> Response:
        """Return a name and a list of texts."""
        is_moderated = refusal.code == REJECTED
        name = "content_moderation" if is_moderated else NAMES.get(refusal.status, "bad_request")
        told = {"id": "rehearsed", "name": name, "errors": [refusal.message]}
        return JSONResponse(told, 403 if is_moderated else refusal.status)
