"""ComfyUI: a graph goes in, a file comes out, and everything else is looked up by the job's id.

The shapes are those recorded of 0.33.0 and 0.3.64. Neither tells a percentage but by websocket:
see `comfyui_socket`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from rushes.errors import InvalidRequest
from rushes.mock.dialects.comfyui_graph import (
    Refused,
    check_graph,
    node_of,
    picture_name,
    prompt_in,
    spec_in,
)
from rushes.mock.dialects.comfyui_prompt import Prompt, last_message
from rushes.mock.dialects.comfyui_socket import tell
from rushes.mock.dialects.dialect import Dialect, Json
from rushes.mock.jobs import MockJob, Standing, Status
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import HTTPConnection, Request
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

    from rushes.mock.rehearsal import Rehearsal

SUBFOLDER = "video"
EXAMPLE = "example.png"
"""A picture that every installation has."""
STATES = {
    Status.QUEUED: "pending",
    Status.IN_PROGRESS: "in_progress",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}


class ComfyUI(Dialect):
    """ComfyUI 0.33, with its jobs API."""

    name = "comfyui"
    speaks_like = "ComfyUI 0.33"
    version: ClassVar[str] = "0.33.0"
    has_jobs_api: ClassVar[bool] = True
    tells_states: ClassVar[bool] = True
    """Whether the websocket tells `progress_state` beside `progress`."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.prompts: dict[str, Prompt] = {}
        self.taken = 0
        self.pictures: dict[str, str | None] = {EXAMPLE: None}  # digests, by the names of files

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes, each also under /api, as the server has them."""
        routes = [
            ("/system_stats", self.system_stats, "GET"),
            ("/prompt", self.prompt, "POST"),
            ("/queue", self.queue, "GET"),
            ("/queue", self.delete, "POST"),
            ("/history", self.forget, "POST"),
            ("/history/{id}", self.history, "GET"),
            ("/interrupt", self.interrupt, "POST"),
            ("/view", self.view, "GET"),
            ("/upload/image", self.upload, "POST"),
        ]
        both = [("/api" + path, endpoint, method) for path, endpoint, method in routes]
        jobs = [
            ("/api/jobs/{id}", self.job, "GET"),
            ("/api/jobs/{id}/cancel", self.cancel, "POST"),
        ]
        every = [*routes, *both, *(jobs if self.has_jobs_api else [])]
        return [
            *(Route(path, endpoint, methods=[method]) for path, endpoint, method in every),
            *(WebSocketRoute(path, self.socket) for path in ("/ws", "/api/ws")),
        ]

    def refuse(self, refusal: Refusal) -> Response:
        """Return an error: an object for a graph, aiohttp's text, nothing for a stranger."""
        if isinstance(refusal, Refused):
            return JSONResponse(refusal.body, 400)
        if refusal.code is not None or refusal.status == 400:
            error = {"type": refusal.code or "invalid", "message": refusal.message, "details": ""}
            return JSONResponse({"error": error, "node_errors": {}}, refusal.status)
        if refusal.status == 403:
            return Response(status_code=403)
        words = {404: "404: Not Found", 405: "405: Method Not Allowed"}
        text = words.get(refusal.status, refusal.message)
        return Response(text, refusal.status, media_type="text/plain")

    # --- asking -----------------------------------------------------------------------------------

    async def system_stats(self, request: Request) -> Response:
        """Tell the version."""
        self.check(request)
        system = {"os": "posix", "comfyui_version": self.version, "python_version": "3.13"}
        return JSONResponse({"system": system, "devices": []})

    async def prompt(self, request: Request) -> Response | HangUp:
        """Take a graph, under the caller's id if it gives one."""
        self.check(request)
        body = await _body(request)
        graph = body.get("prompt")
        if not isinstance(graph, dict):
            raise Refusal(400, "No prompt provided", code="no_prompt")
        prompt_id = self.check_id(body.get("prompt_id"))
        check_graph(graph, self.pictures)
        self.rehearsal.admit(prompt_in(graph))
        prompt = self.take(prompt_id, graph)
        prompt.client_id = body.get("client_id")
        self.prompts[prompt_id] = prompt
        if len(self.prompts) > self.config.jobs_kept:
            del self.prompts[next(iter(self.prompts))]
        if Word.LOST_ANSWER in words_in(prompt_in(graph)):
            return HangUp(request)
        return JSONResponse({"prompt_id": prompt.id, "number": prompt.number, "node_errors": {}})

    async def upload(self, request: Request) -> Response:
        """Keep a picture for later graphs, under the name that it brings."""
        self.check(request)
        async with request.form() as form:
            file = form.get("image")
            if not isinstance(file, UploadFile) or not file.filename:
                return Response(status_code=400)
            self.pictures[file.filename] = hashlib.sha256(await file.read()).hexdigest()
            return JSONResponse({"name": file.filename, "subfolder": "", "type": "input"})

    def check_id(self, told: object) -> str:
        """Return the id to use; raises Refusal for one in another spelling than a UUID's own."""
        if told is None:
            return str(uuid.uuid4())
        try:
            is_canonical = str(uuid.UUID(str(told))) == told
        except ValueError:
            is_canonical = False
        if not is_canonical:
            raise Refusal(400, "prompt_id must be a valid UUID", code="invalid_prompt_id")
        return str(told)

    def take(self, prompt_id: str, graph: dict[str, Any]) -> Prompt:
        """Queue a graph, or answer it from the cache where it was worked on before."""
        self.taken += 1
        for twin in self.prompts.values():
            if twin.graph == graph and self.standing(twin).status is Status.COMPLETED:
                return Prompt(prompt_id, self.taken, graph, twin.job, is_twin=True)
        weight = self.config.big_bytes if Word.BIG in words_in(prompt_in(graph)) else 0
        try:
            spec = spec_in(graph, weight)
        except (TypeError, ValueError) as error:
            raise InvalidRequest(f"an input is no number: {error}") from error
        job = self.rehearsal.submit(
            dialect=self.name,
            model=self.config.model,
            name=lambda _: prompt_id,
            spec=spec,
            idempotency_key=prompt_id,
            picture=self.pictures.get(picture_name(graph) or ""),
        )
        return Prompt(prompt_id, self.taken, graph, job)

    # --- looking up -------------------------------------------------------------------------------

    async def queue(self, request: Request) -> Response:
        """Tell everybody's graphs, running and pending."""
        self.check(request)
        found: dict[Status, list[Any]] = {Status.IN_PROGRESS: [], Status.QUEUED: []}
        for prompt in self.prompts.values():
            status = self.standing(prompt).status
            is_known = self.rehearsal.jobs.get(prompt.job.id) is not None
            if is_known and status in found:
                found[status].append([prompt.number, prompt.id, prompt.graph, {}, ["8"]])
        running, pending = found[Status.IN_PROGRESS], found[Status.QUEUED]
        return JSONResponse({"queue_running": running, "queue_pending": pending})

    async def history(self, request: Request) -> Response:
        """Tell how a job ended; nothing of one that has not, or is unknown."""
        self.check(request)
        prompt = self.prompts.get(request.path_params["id"])
        if prompt is None or self.standing(prompt).ended_at is None:
            return JSONResponse({})
        entry = self.entry(prompt)
        return JSONResponse({prompt.id: entry})

    def entry(self, prompt: Prompt) -> Json:
        """Return a job's entry in the history."""
        standing = self.standing(prompt)
        is_done = standing.status is Status.COMPLETED
        messages: list[Any] = [["execution_start", {"prompt_id": prompt.id}]]
        cached = list(prompt.graph) if prompt.is_twin else []
        messages.append(["execution_cached", {"nodes": cached, "prompt_id": prompt.id}])
        messages.append(last_message(prompt, standing))
        word = "success" if is_done else "error"
        status = {"status_str": word, "completed": is_done, "messages": messages}
        tuple_of_five = [prompt.number, prompt.id, prompt.graph, {}, ["8"]]
        outputs = self.outputs(prompt) if is_done else {}
        return {"prompt": tuple_of_five, "outputs": outputs, "status": status, "meta": {}}

    def outputs(self, prompt: Prompt) -> Json:
        """Return the files; the core's video nodes put theirs under `images`."""
        node_id, _ = node_of(prompt.graph, "SaveVideo", "SaveWEBM")
        saved = {"filename": _file_name(prompt.job), "subfolder": SUBFOLDER, "type": "output"}
        preview = {"filename": "preview_00001_.png", "subfolder": "", "type": "temp"}
        return {
            "3": {"images": [preview]},
            node_id: {"images": [saved], "animated": [True]},
        }

    async def job(self, request: Request) -> Response:
        """Tell a job in the words of the jobs API."""
        self.check(request)
        prompt = self.prompts.get(request.path_params["id"])
        if prompt is None:
            return JSONResponse({"error": "Job not found"}, 404)
        standing = self.standing(prompt)
        status = "cancelled" if prompt.is_interrupted else STATES[standing.status]
        told: Json = {"id": prompt.id, "status": status, "priority": prompt.number}
        told["workflow"] = {"prompt": prompt.graph, "extra_data": {}}
        if standing.ended_at is None:
            return JSONResponse(told | {"outputs_count": 0})
        entry = self.entry(prompt)
        last = last_message(prompt, standing)
        error = {"execution_error": last[1]} if last[0] == "execution_error" else {}
        return JSONResponse(
            told | error | {"outputs": entry["outputs"], "execution_status": entry["status"]}
        )

    async def socket(self, websocket: WebSocket) -> None:
        """Tell a client how the jobs that it asked for go on."""
        try:
            self.check(websocket)
        except Refusal as refusal:
            await websocket.send_denial_response(self.refuse(refusal))
            return
        await tell(websocket, self.prompts, self.standing, with_states=self.tells_states)

    async def view(self, request: Request) -> Response:
        """Send a file; a missing one is an empty 404, a path that climbs a 400."""
        self.check(request)
        query = request.query_params
        if ".." in query.get("filename", "") or ".." in query.get("subfolder", ""):
            raise Refusal(400, "")
        for job in self.rehearsal.of(self.name):
            is_asked = query.get("filename") == _file_name(job)
            is_there = self.rehearsal.standing(job).status is Status.COMPLETED
            if is_asked and is_there and query.get("subfolder") == SUBFOLDER:
                return await self.send(job)
        return Response(status_code=404)

    # --- ending -----------------------------------------------------------------------------------

    async def delete(self, request: Request) -> Response:
        """Take jobs off the queue: they vanish everywhere."""
        self.check(request)
        for prompt_id in _ids(await _body(request)):
            self.dequeue(prompt_id)
        return Response(status_code=200)

    async def forget(self, request: Request) -> Response:
        """Drop entries of the history; the files stay."""
        self.check(request)
        for prompt_id in _ids(await _body(request)):
            self.prompts.pop(prompt_id, None)
        return Response(status_code=200)

    async def interrupt(self, request: Request) -> Response:
        """Stop the job that is named, if it runs; without a name whatever runs."""
        self.check(request)
        named = (await _body(request)).get("prompt_id")
        for prompt in self.prompts.values():
            if named is None or prompt.id == named:
                self.stop(prompt)
        return Response(status_code=200)

    async def cancel(self, request: Request) -> Response:
        """Stop a job whatever it does, and say whether there was anything to stop."""
        self.check(request)
        prompt_id = request.path_params["id"]
        prompt = self.prompts.get(prompt_id)
        was_running = prompt is not None and self.stop(prompt)
        return JSONResponse({"cancelled": was_running or self.dequeue(prompt_id)})

    def dequeue(self, prompt_id: str) -> bool:
        """Drop a pending job; whether there was one."""
        prompt = self.prompts.get(prompt_id)
        if prompt is None or self.standing(prompt).status is not Status.QUEUED:
            return False
        self.rehearsal.forget(prompt.job)
        del self.prompts[prompt_id]
        return True

    def stop(self, prompt: Prompt) -> bool:
        """Interrupt a running job; whether it ran."""
        runs = self.standing(prompt).status is Status.IN_PROGRESS
        prompt.is_interrupted = prompt.is_interrupted or runs
        return runs

    # --- what all have in common ------------------------------------------------------------------

    def standing(self, prompt: Prompt) -> Standing:
        """Say how a job stands."""
        if prompt.is_interrupted:
            return Standing(Status.FAILED, ended_at=0.0)
        return self.rehearsal.standing(self.rehearsal.jobs.get(prompt.job.id) or prompt.job)

    def check(self, request: HTTPConnection) -> None:
        """Raise Refusal for a page of another site, and for who has not the proxy's key."""
        origin, host = request.headers.get("origin"), request.headers.get("host", "")
        is_foreign = origin is not None and urlsplit(origin).netloc != host
        if is_foreign or request.headers.get("sec-fetch-site") == "cross-site":
            raise Refusal(403, "")
        given = request.headers.get("authorization", "").encode()
        if self.config.key is not None and not hmac.compare_digest(
            given, f"Bearer {self.config.key}".encode()
        ):
            raise Refusal(401, "401 Authorization Required")


class ComfyUI3(ComfyUI):
    """ComfyUI 0.3.64: no jobs API, and ids are taken as they come."""

    name = "comfyui3"
    speaks_like = "ComfyUI 0.3"
    version = "0.3.64"
    has_jobs_api = False
    tells_states = False

    def check_id(self, told: object) -> str:
        """Return the id to use."""
        return str(uuid.uuid4()) if told is None else str(told)


async def _body(request: Request) -> dict[str, Any]:
    """Return the body whatever its type is said to be; broken JSON is a crash."""
    try:
        found = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise Refusal(500, "500 Internal Server Error") from error
    return found if isinstance(found, dict) else {}


def _ids(body: dict[str, Any]) -> list[str]:
    told = body.get("delete")
    return [str(part) for part in told] if isinstance(told, list) else []


def _file_name(job: MockJob) -> str:
    return f"rehearsal_{job.key[:8]}_00001_.mp4"
