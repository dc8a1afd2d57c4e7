"""Cog's containers (coglet 0.23): clips as data URIs, failures with 200, and nothing remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import Fields, text, whole
from rushes.mock.dialects.hosted import HostedDialect
from rushes.mock.dialects.moderation import NSFW
from rushes.mock.dialects.waiting import ended, in_base64
from rushes.mock.jobs import Standing, Status
from rushes.mock.refusal import BUSY, REJECTED, Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob

STEPS = 10
ASYNC = "respond-async"


class Cog(HostedDialect):
    """One model in a container, in which the input's fields are the model's own.

    It knows no keys, so a proxy asks for them. Webhooks are not sent.
    """

    name = "cog"
    speaks_like = "Cog containers, coglet 0.23, /predictions"
    moderation = NSFW
    prefix: ClassVar[str] = "pred_"

    def routes(self) -> Sequence[Route]:
        """Return create, create or look, cancel and health; there is nothing to get."""
        return [
            Route("/predictions", self.create, methods=["POST"]),
            Route("/predictions/{id}", self.put, methods=["PUT"]),
            Route("/predictions/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/health-check", self.health),
        ]

    async def health(self, request: Request) -> Response:
        """Tell that the model is loaded."""
        self.check_key(request)
        return JSONResponse({"status": "READY", "setup": {"status": "succeeded", "logs": ""}})

    async def create(self, request: Request) -> Response | HangUp:
        """Run a prediction; answer with its end, or at once where that is preferred."""
        fields = await self.fields(request)
        return await self._run(request, fields, text(fields, "id"))

    async def put(self, request: Request) -> Response | HangUp:
        """Tell how a prediction goes; one that has ended is forgotten, and runs again."""
        own_id = request.path_params["id"]
        fields = await self.fields(request)
        job = self.rehearsal.jobs.get(own_id)
        if job is None or job.is_deleted or self.rehearsal.standing(job).ended_at is not None:
            return await self._run(request, fields, own_id)
        return JSONResponse(_running(job, self.rehearsal.standing(job)), 202)

    async def _run(self, request: Request, fields: Fields, own_id: str | None) -> Response | HangUp:
        told = fields.get("input")
        if not isinstance(told, dict):
            raise Refusal(422, "Field required", param="input")
        job = self.take(request, told, seconds=whole(told, "duration"), own_id=own_id)
        if request.headers.get("prefer") == ASYNC:
            return self.told(request, job, {"id": job.id, "status": "starting"}, 202)
        standing = await ended(self, job)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        return JSONResponse(await self._ended(job, standing))

    async def _ended(self, job: MockJob, standing: Standing) -> Json:
        told: Json = {"id": job.id, "logs": _log(100), "metrics": {"predict_time": job.work_s}}
        if standing.reason is not None:
            return _failed(standing.reason) | told
        clip = f"data:video/mp4;base64,{await in_base64(self, job)}"
        return told | {"output": clip, "status": "succeeded"}

    async def cancel(self, request: Request) -> Response:
        """Stop what runs; 404 for anything else."""
        job = self.job_of(request)
        if self.rehearsal.standing(job).ended_at is not None:
            raise Refusal(404, "Prediction not found")
        self.rehearsal.forget(job)
        return JSONResponse({})

    def refuse(self, refusal: Refusal) -> Response:
        """Return a bare text; the model's own complaints are failed predictions, with 200."""
        refusal.headers.clear()
        if refusal.code == REJECTED:
            return JSONResponse(_failed(refusal.message))
        if refusal.code == BUSY:
            return JSONResponse({"error": "At capacity - all prediction slots busy"}, 409)
        if refusal.status == 422:
            place = ["body", refusal.param]
            detail = [{"loc": place, "msg": refusal.message, "type": "value_error.missing"}]
            return JSONResponse({"detail": detail}, 422)
        return JSONResponse({"error": refusal.message}, refusal.status)


def _failed(reason: str) -> Json:
    return {"error": f"Prediction failed: {reason}", "status": "failed"}


def _running(job: MockJob, standing: Standing) -> Json:
    state = "starting" if standing.status is Status.QUEUED else "processing"
    return {"id": job.id, "status": state, "logs": _log(standing.progress)}


def _log(progress: int) -> str:
    return f"{progress}%|step {progress * STEPS // 100}/{STEPS}\n"
