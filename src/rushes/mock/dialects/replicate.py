"""Replicate's predictions: a model's own input, logs for progress, output in one or two ways."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import whole
from rushes.mock.dialects.hosted import HostedDialect, address, clip_url
from rushes.mock.dialects.moderation import NSFW
from rushes.mock.jobs import Status
from rushes.mock.refusal import Refusal
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp

STEPS = 30
TITLES = {402: "Insufficient credit"}
STATES = {
    Status.QUEUED: "starting",
    Status.IN_PROGRESS: "processing",
    Status.COMPLETED: "succeeded",
    Status.FAILED: "failed",
}


class Replicate(HostedDialect):
    """The HTTP API, version 1."""

    name = "replicate"
    speaks_like = "Replicate, /v1/models/{owner}/{name}/predictions"
    moderation = NSFW

    def routes(self) -> Sequence[Route]:
        """Return create, get, cancel, list and the clips."""
        return [
            Route("/models/{owner}/{model}/predictions", self.create, methods=["POST"]),
            Route("/predictions", self.predictions),
            Route("/predictions/{id}", self.prediction),
            Route("/predictions/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/files/{key}.mp4", self.file),
        ]

    async def create(self, request: Request) -> Response | HangUp:
        """Take a prediction."""
        fields = (await self.fields(request)).get("input")
        if not isinstance(fields, dict):
            raise Refusal(422, "- input is required", param="input")
        job = self.take(request, fields, seconds=whole(fields, "duration"))
        job = await self.waited(request, job)
        return self.told(request, job, self.describe(request, job), 201)

    async def waited(self, request: Request, job: MockJob) -> MockJob:
        """Return the job after as long as `Prefer` asks for: a minute at most, done or not."""
        wanted = re.fullmatch(r"wait(?:=(\d{1,2}))?", request.headers.get("prefer", ""))
        if wanted is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(60, int(wanted[1] or 60))):
                    await self.rehearsal.ended(job)
        return self.rehearsal.jobs.get(job.id) or job

    async def prediction(self, request: Request) -> Response:
        """Tell how it stands."""
        return JSONResponse(self.describe(request, self.job_of(request)))

    async def predictions(self, request: Request) -> Response:
        """List them."""
        self.check_key(request)
        found = [self.describe(request, job) for job in self.rehearsal.of(self.name)[-100:]]
        return JSONResponse({"previous": None, "next": None, "results": found})

    async def cancel(self, request: Request) -> Response:
        """Stop it for good: what is asked for afterwards is not found."""
        job = self.job_of(request)
        return self.stopped(job, self.describe(request, job))

    def refuse(self, refusal: Refusal) -> Response:
        """Return a problem document; content rules have no code of their own."""
        title, message = TITLES.get(refusal.status, "Error"), refusal.message
        if refusal.status == 429:
            message = "Request was throttled. Your rate limit resets in ~30s."
        status = 422 if refusal.status == 400 else refusal.status
        return JSONResponse({"title": title, "detail": message, "status": status}, status)

    def describe(self, request: Request, job: MockJob) -> Json:
        """Return the prediction."""
        standing, words = self.rehearsal.standing(job), words_in(job.spec.prompt)
        here = address(request, f"/predictions/{job.id}")
        done = int(standing.progress * STEPS / 100)
        is_removed = self.is_done(job) and Word.REMOVED in words
        url = clip_url(request, job) if self.is_done(job) and not is_removed else None
        return {
            "id": job.id,
            "model": job.model,
            "input": {"prompt": job.spec.prompt},
            "output": [url] if url and Word.LIST in words else url,
            "logs": f"Using seed\n {standing.progress}%|####      | {done}/{STEPS}\n",
            "error": standing.reason,
            "status": "aborted" if Word.ABORTED in words else STATES[standing.status],
            "created_at": job.created_at,
            "data_removed": is_removed,
            "metrics": {},
            "urls": {"get": here, "cancel": f"{here}/cancel"},
        }
