"""LiteLLM proxy 1.106: ids that change, no delete, no list, no Range, a clip held back whole."""

from __future__ import annotations

import asyncio
import base64
import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response

from rushes.mock.dialects.openai_videos import OpenAIVideos
from rushes.mock.jobs import Ending
from rushes.mock.refusal import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob, Standing

NO_KEY = "no_key"


def _wrapped(model: str, key: str) -> str:
    told = f"litellm:custom_llm_provider:openai;model_id:{model};video_id:video_{key}"
    return "video_" + base64.b64encode(told.encode()).decode()


class LiteLLM(OpenAIVideos):
    """A gateway in front of a server that speaks the plain shape."""

    name = "litellm"
    speaks_like = "the LiteLLM proxy 1.106, /v1/videos"

    def public_id(self, key: str) -> str:
        """Return long standard base64, `=` and all."""
        return _wrapped(self.config.model, key)

    async def poll(self, request: Request) -> Response:
        """Answer with another id than create did: the model in it is blank."""
        job = self.wanted(request)
        told = self.describe(job, self.rehearsal.standing(job))
        return JSONResponse(told | {"id": _wrapped("", job.key)})

    def describe(self, job: MockJob, standing: Standing) -> Json:
        """Return the few fields that the gateway lets through."""
        spec = job.spec
        error = None
        if standing.reason is not None:
            code = "content_filter" if job.ending is Ending.REJECTED else "generation_failed"
            error = {"code": code, "message": standing.reason}
        return {
            "id": job.id,
            "object": "video",
            "status": standing.status,
            "created_at": int(job.created_at),
            "completed_at": None if standing.ended_at is None else int(standing.ended_at),
            "expires_at": None,
            "error": error,
            "progress": standing.progress,
            "remixed_from_video_id": None,
            "seconds": f"{spec.duration_s:g}",
            "size": f"{spec.width}x{spec.height}",
            "model": job.model,
            "usage": {"duration_seconds": spec.duration_s},
        }

    def refuse(self, refusal: Refusal) -> Response:
        """Return an error object whose code is text, unless the gateway itself has none."""
        if refusal.code == NO_KEY:
            return PlainTextResponse(refusal.message, refusal.status)
        if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED:
            return JSONResponse({"detail": refusal.message}, refusal.status)
        error = {
            "message": refusal.message,
            "type": "invalid_request_error",
            "param": refusal.param,
            "code": refusal.code or str(refusal.status),
        }
        return JSONResponse({"error": error}, refusal.status)

    async def send(self, job: MockJob) -> Response:
        """Hold the clip back until all of it is here, then send it at once; Range is ignored."""
        path = await self.rehearsal.clip(job)
        self.rehearsal.downloads[job.id] += 1
        clip = await asyncio.to_thread(path.read_bytes)
        await asyncio.sleep(len(clip) / self.rehearsal.bytes_per_s(len(clip)))
        disposition = f'attachment; filename="video_{job.id}.mp4"'
        return Response(clip, media_type="video/mp4", headers={"content-disposition": disposition})

    async def delete(self, request: Request) -> Response:
        """405: not offered."""
        self.check_key(request)
        raise Refusal(405, "Method Not Allowed")

    async def jobs(self, request: Request) -> Response:
        """400: the gateway wants to know whose jobs."""
        self.check_key(request)
        raise Refusal(400, "LLM Provider NOT provided. Pass in the LLM provider you are calling.")

    def wanted(self, request: Request) -> MockJob:
        """500 for an id that it does not know: it asks the provider's own host, in vain."""
        self.check_key(request)
        try:
            return self.rehearsal.find(request.path_params["id"], dialect=self.name)
        except Refusal as refusal:
            message = "litellm.APIConnectionError: OpenAIException - Connection error."
            raise Refusal(500, message) from refusal

    def not_ready(self, standing: Standing) -> Refusal:
        """400 with the other server's JSON inside the message."""
        inner = {"error": {"message": f"Video is not ready, status is {standing.status}"}}
        return Refusal(400, f"litellm.BadRequestError: OpenAIException - {json.dumps(inner)}")

    def check_key(self, request: Request) -> None:
        """400 for a wrong key and 500 for none: what it answers without a database."""
        if self.has_key(request) or request.headers.get("x-litellm-api-key") == self.config.key:
            return
        if "authorization" in request.headers:
            raise Refusal(400, "No connected db.")
        raise Refusal(500, "Internal Server Error", code=NO_KEY)

    def check_model(self, model: str | None) -> str:
        """400 unless it is named and known."""
        if model != self.config.model:
            raise Refusal(400, f"Invalid model name passed in model={model}", param="model")
        return self.config.model
