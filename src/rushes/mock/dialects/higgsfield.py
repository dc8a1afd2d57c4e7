"""Higgsfield: a key of two halves, a state of its own for content rules, submits made once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import whole
from rushes.mock.dialects.hosted import HostedDialect, address, clip_url
from rushes.mock.dialects.moderation import PLAIN
from rushes.mock.jobs import Status
from rushes.mock.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.dialects.fields import Fields
    from rushes.mock.jobs import MockJob
    from rushes.mock.rehearsal import Rehearsal
    from rushes.mock.sending import HangUp

VISIBLE = r"[!-~]{1,255}"


class Higgsfield(HostedDialect):
    """Any path that is posted to is a model."""

    name = "higgsfield"
    speaks_like = "Higgsfield, with Idempotency-Key"
    moderation = PLAIN
    scheme = "Key"

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.sent: dict[str, tuple[str, Fields]] = {}  # model and body of each job, by id
        self.canceled: set[str] = set()

    def routes(self) -> Sequence[Route]:
        """Return status, cancel, the clips and create."""
        return [
            Route("/files/{key}.mp4", self.file),
            Route("/requests/{id}/status", self.status),
            Route("/requests/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/{model:path}", self.create, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job; the same key with the same body is the same job, with another an error."""
        fields = await self.fields(request)
        sent = request.path_params["model"], fields
        job = self.earlier(request.headers.get("idempotency-key"))
        if job is None:
            job = self.take(request, fields, seconds=whole(fields, "duration"))
            self.sent[job.id] = sent
        elif self.sent.get(job.id) != sent:
            raise Refusal(422, "Idempotency-Key was used with another body")
        return self.told(request, job, self.describe(request, job))

    def earlier(self, key: str | None) -> MockJob | None:
        """Return the job that was made under a key; raises Refusal for what is no key."""
        if key is None:
            return None
        if not re.fullmatch(VISIBLE, key):
            raise Refusal(400, "Idempotency-Key must be 1 to 255 visible characters")
        jobs = self.rehearsal.of(self.name)
        return next((job for job in jobs if job.idempotency_key == key), None)

    async def status(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(self.describe(request, self.job_of(request)))

    async def cancel(self, request: Request) -> Response:
        """Stop a job that has not begun."""
        job = self.job_of(request)
        if self.rehearsal.standing(job).status is not Status.QUEUED:
            raise Refusal(400, "Only queued requests can be canceled")
        self.canceled.add(job.id)
        return Response(status_code=202)

    def refuse(self, refusal: Refusal) -> Response:
        """Return a detail."""
        return JSONResponse({"detail": refusal.message}, refusal.status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the job."""
        here = address(request, f"/requests/{job.id}")
        told: Json = {"request_id": job.id, "status": self.word(job)}
        told |= {"status_url": f"{here}/status", "cancel_url": f"{here}/cancel"}
        if told["status"] == "completed":
            told["video"] = {"url": clip_url(request, job)}
        return told

    def word(self, job: MockJob) -> str:
        """Return the state; what was withheld has its own."""
        if job.id in self.canceled:
            return "canceled"
        return "nsfw" if self.is_rejected(job) else self.rehearsal.standing(job).status.value
