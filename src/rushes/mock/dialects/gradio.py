"""Gradio apps: a queue that tells everything on one event stream, and tells it once.

The shapes are those recorded of 6.31.0, 5.50.0 and 4.44.1; the app is a made-up one whose
function is called `generate`, takes a State among its inputs and returns a text and a video.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from rushes.errors import InvalidRequest
from rushes.mock.dialects.dialect import Dialect, Json
from rushes.mock.dialects.fields import JSON, MULTIPART, URLENCODED, read_fields, text
from rushes.mock.dialects.gradio_app import about, arguments, config, info, progress, spec_of
from rushes.mock.dialects.moderation import NSFW
from rushes.mock.jobs import Ending, MockJob, Standing, Status
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, rehearsed, words_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.requests import Request

    from rushes.mock.rehearsal import Rehearsal

CHECK_S = 0.05
HEARTBEAT_S = 15.0
USERNAME = "rehearsal"
GONE = "404: Not Found"
MESSAGES = {
    Status.QUEUED: ("estimation",),
    Status.IN_PROGRESS: ("estimation", "process_starts"),
    Status.COMPLETED: ("estimation", "process_starts"),
    Status.FAILED: ("estimation", "process_starts"),
}
"""What has been said of a job by the time that it stands so."""


@dataclass(slots=True)
class Event:
    """One call under one session; without a job the function ends at once, with `error`."""

    id: str
    session: str
    job: MockJob | None
    error: str | None = None
    is_cancelled: bool = False
    is_told: bool = False
    """Its end was sent to somebody. Who asks again hears nothing but heartbeats."""


class Gradio6(Dialect):
    """Gradio 6.31: errors are objects, the video is the file itself."""

    name = "gradio6"
    speaks_like = "Gradio 6.31, a Space or an app of one's own"
    moderation = NSFW
    version: ClassVar[str] = "6.31.0"
    prefix: ClassVar[str] = "/gradio_api"

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.sessions: dict[str, Event] = {}
        self.tokens: set[str] = set()
        self.pictures: dict[str, str] = {}  # digests of what was uploaded, by path

    def routes(self) -> Sequence[Route]:
        """Return the app's routes and those under its prefix."""
        under = self.prefix
        return [
            Route("/config", self.config_document),
            Route("/login", self.login, methods=["POST"]),
            Route(f"{under}/info", self.info_document),
            Route(f"{under}/call/{{name}}", self.call, methods=["POST"]),
            Route(f"{under}/call/{{name}}/{{event}}", self.simple_stream),
            Route(f"{under}/queue/join", self.join, methods=["POST"]),
            Route(f"{under}/queue/data", self.full_stream),
            Route(f"{under}/upload", self.upload, methods=["POST"]),
            Route(f"{under}/cancel", self.cancel, methods=["POST"]),
            Route(f"{under}/file={{path:path}}", self.file),
        ]

    # --- what the versions differ in --------------------------------------------------------------

    def video(self, file: Json) -> object:
        """Return a video's value among the outputs."""
        return file

    def error(self, words: str | None) -> Json:
        """Return the output of a function that raised; null where it was no `gr.Error`."""
        told = {"duration": 10, "visible": True, "title": "Error"} if words else {}
        return {"error": words} | told

    def simple_error(self, output: Json) -> object:
        """Return what the simple stream makes of such an output."""
        return output

    # --- the app ----------------------------------------------------------------------------------

    async def config_document(self, request: Request) -> Response:
        """Describe the app's components and functions."""
        self.check_login(request)
        return JSONResponse(config(self.version, self.prefix))

    async def info_document(self, request: Request) -> Response:
        """Describe the named functions."""
        self.check_login(request)
        return JSONResponse(info())

    async def login(self, request: Request) -> Response:
        """Give a cookie for the right name and password, the mock's key."""
        if self.config.key is None:
            return RedirectResponse("/", status_code=302)
        fields = await read_fields(request, frozenset({MULTIPART, URLENCODED}))
        is_known = text(fields, "username") == USERNAME
        password = (text(fields, "password") or "").encode()
        if not is_known or not hmac.compare_digest(password, self.config.key.encode()):
            raise Refusal(400, "Incorrect credentials.")
        token = secrets.token_urlsafe(16)
        self.tokens.add(token)
        response = JSONResponse({"success": True})
        response.set_cookie(
            "access-token-rehearsal", token, httponly=True, secure=True, samesite="none"
        )
        response.set_cookie("access-token-unsecure-rehearsal", token, httponly=True)
        return response

    def check_login(self, request: Request) -> None:
        """Raise Refusal unless there is no key, or a cookie or token of somebody who knows it."""
        given = request.headers.get("authorization", "").encode()
        if self.config.key is None or hmac.compare_digest(
            given, f"Bearer {self.config.key}".encode()
        ):
            return
        if self.tokens.isdisjoint(request.cookies.values()):
            raise Refusal(401, "Not authenticated")

    def refuse(self, refusal: Refusal) -> Response:
        """Return FastAPI's `detail`; an unknown function is an error without shape."""
        if refusal.status == 401:
            detail = {"error": refusal.message, "auth_message": None}
            return JSONResponse({"detail": detail}, 401)
        if refusal.status == 500:
            return Response("Internal Server Error", 500, media_type="text/plain")
        return JSONResponse({"detail": refusal.message}, refusal.status)

    async def upload(self, request: Request) -> Response:
        """Keep files and tell their paths."""
        self.check_login(request)
        async with request.form() as form:
            files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
            paths = [await self.kept(file) for file in files]
        return JSONResponse(paths)

    async def kept(self, file: UploadFile) -> str:
        """Remember a file and return where it is."""
        digest = hashlib.sha256(await file.read()).hexdigest()
        path = f"/tmp/gradio/{digest}/{file.filename}"  # noqa: S108 - a name, nothing is there
        self.pictures[path] = digest
        return path

    # --- the queue --------------------------------------------------------------------------------

    async def call(self, request: Request) -> Response | HangUp:
        """Take a call by the function's name; the session is the caller's or the event's own."""
        self.check_login(request)
        if request.path_params["name"] != "generate":
            raise Refusal(500, "no such function")
        return await self.take(request, await read_fields(request, frozenset({JSON})))

    async def join(self, request: Request) -> Response | HangUp:
        """Take a call by the function's number."""
        self.check_login(request)
        fields = await read_fields(request, frozenset({JSON}))
        if fields.get("session_hash") is None:
            raise Refusal(400, "Session hash not found.")
        return await self.take(request, fields)

    async def take(self, request: Request, fields: Json) -> Response | HangUp:
        """Queue a call; whatever is wrong with its arguments shows when the function runs."""
        data = fields.get("data")
        if not isinstance(data, list):
            raise Refusal(422, "Field required")
        given = arguments(data, may_skip=self.version.startswith("6."))
        prompt = str((given or {}).get("prompt") or "")
        event = self.event(given, prompt, text(fields, "session_hash"))
        self.sessions[event.session] = event
        if len(self.sessions) > self.config.jobs_kept:
            del self.sessions[next(iter(self.sessions))]
        if Word.LOST_ANSWER in words_in(prompt):
            return HangUp(request)
        return JSONResponse({"event_id": event.id})

    def event(self, given: dict[str, Any] | None, prompt: str, session: str | None) -> Event:
        """Return the event of a call, with its job where the function gets that far."""
        event_id = secrets.token_hex(16)
        event = Event(event_id, session or event_id, None)
        try:
            self.rehearsal.admit(prompt)
        except Refusal as refusal:
            if refusal.status != 400:
                raise Refusal(503, "Queue is full. Max size is 20 and size is 20.") from refusal
            event.error = rehearsed(self.moderation, Word.REFUSE)
            return event
        if given is None:
            return event
        weight = self.config.big_bytes if Word.BIG in words_in(prompt) else 0
        try:
            spec = spec_of(given, self.rehearsal.deal_seed, weight)
            picture = self.pictures[given["image"]["path"]] if given["image"] else None
        except (KeyError, TypeError, ValueError, InvalidRequest):
            return event
        event.job = self.rehearsal.submit(
            dialect=self.name,
            model=self.config.model,
            name=lambda _: event_id,
            spec=spec,
            idempotency_key=session,
            picture=picture,
            withheld=self.moderation,
        )
        return event

    async def cancel(self, request: Request) -> Response:
        """End the event for its listener; the work itself goes on unless it has not begun."""
        fields = await read_fields(request, frozenset({JSON}))
        event = self.sessions.get(text(fields, "session_hash") or "")
        if event is not None and event.id == text(fields, "event_id"):
            event.is_cancelled = True
            self.dequeue(event)
        return JSONResponse({"success": True})

    def dequeue(self, event: Event) -> None:
        """Drop what has not begun."""
        if event.job and self.rehearsal.standing(event.job).status is Status.QUEUED:
            self.rehearsal.forget(event.job)

    # --- the streams ------------------------------------------------------------------------------

    async def full_stream(self, request: Request) -> Response:
        """Send every message of a session."""
        self.check_login(request)
        messages = self.messages(request, request.query_params.get("session_hash", ""))
        lines = (f"data: {json.dumps(message)}\n\n" async for message in messages)
        return StreamingResponse(lines, media_type="text/event-stream")

    async def simple_stream(self, request: Request) -> Response:
        """Send the end of a call, and heartbeats until then."""
        self.check_login(request)
        messages = self.messages(request, request.path_params["event"])
        simple = (self.simple(message) async for message in messages)
        lines = (line async for line in simple if line)
        return StreamingResponse(lines, media_type="text/event-stream")

    def simple(self, message: Json) -> str | None:
        """Return a message as the simple stream tells it; it tells no progress."""
        output, data = message.get("output"), message.get("message")
        word = {"heartbeat": "heartbeat", "unexpected_error": "error"}.get(str(message["msg"]))
        if isinstance(output, dict):
            is_success = message["success"] is True
            word = "complete" if is_success else "error"
            data = output.get("data") if is_success else self.simple_error(output)
        return f"event: {word}\ndata: {json.dumps(data)}\n\n" if word else None

    async def messages(self, request: Request, session: str) -> AsyncIterator[Json]:
        """Yield what there is to say; who leaves before the end is forgotten."""
        event = self.sessions.get(session)
        if event is None:
            yield {"msg": "unexpected_error", "message": GONE, "event_id": None} | {
                "session_not_found": True,
                "success": False,
            }
            return
        try:
            async for message in self.said(request, event):
                yield message
        finally:
            if not event.is_told:
                self.sessions.pop(session, None)
                self.dequeue(event)

    async def said(self, request: Request, event: Event) -> AsyncIterator[Json]:
        """Yield an event's messages as they come to pass."""
        told: set[str] = set()
        beat = asyncio.get_running_loop().time()
        while not await request.is_disconnected():
            standing = self.standing(event)
            for message in [] if event.is_told else self.news(event, standing, told):
                yield {"event_id": event.id} | message
            if standing.ended_at is not None and not event.is_told:
                event.is_told = True
                yield {"msg": "close_stream", "event_id": None}
                return
            await asyncio.sleep(CHECK_S)
            if asyncio.get_running_loop().time() - beat > HEARTBEAT_S:
                beat = asyncio.get_running_loop().time()
                yield {"msg": "heartbeat", "event_id": None}

    def standing(self, event: Event) -> Standing:
        """Say how an event stands: as its job, unless it never had one or was cancelled."""
        if event.is_cancelled or event.job is None:
            return Standing(Status.FAILED, ended_at=0.0)
        return self.rehearsal.standing(self.rehearsal.jobs.get(event.job.id) or event.job)

    def news(self, event: Event, standing: Standing, told: set[str]) -> list[Json]:
        """Return the messages that were not told yet."""
        found: list[Json] = []
        for word in MESSAGES[standing.status]:
            if word not in told:
                told.add(word)
                found.append(about(word, event.job.work_s if event.job else None))
        bar = f"progress {standing.progress}"
        if standing.status is Status.IN_PROGRESS and bar not in told:
            told.add(bar)
            found.append(progress(standing.progress))
        if standing.ended_at is not None:
            found.append(self.end(event, standing))
        return found

    def end(self, event: Event, standing: Standing) -> Json:
        """Return the last message; a cancelled event looks like a success without output."""
        if event.is_cancelled:
            return {"msg": "process_completed", "output": {}, "success": True}
        if event.job is None or standing.status is Status.FAILED:
            is_crash = event.job is not None and event.job.ending is Ending.CRASHES
            output = self.error(None if is_crash else standing.reason or event.error)
            return {"msg": "process_completed", "output": output, "success": False}
        spec = event.job.spec
        data = [f"{spec.prompt[:60]} · seed {spec.seed}", self.video(self.file_data(event.job))]
        output = {"data": data, "is_generating": False, "duration": event.job.work_s}
        return {"msg": "process_completed", "output": output, "success": True}

    # --- the file ---------------------------------------------------------------------------------

    def file_data(self, job: MockJob) -> Json:
        """Return the file's value; its `url` names a host that nobody can reach."""
        path = f"/tmp/gradio/{job.key}/rehearsal clip.mp4"  # noqa: S108 - a name, nothing is there
        return {
            "path": path,
            "url": f"http://0.0.0.0:7860{self.prefix}/file={path}",
            "size": None,
            "orig_name": "rehearsal clip.mp4",
            "mime_type": None,
            "is_stream": False,
            "meta": {"_type": "gradio.FileData"},
        }

    async def file(self, request: Request) -> Response:
        """Send a clip; to a Range with the request's own headers in the answer, as recorded."""
        self.check_login(request)
        path = request.path_params["path"]
        job = next((j for j in self.rehearsal.of(self.name) if j.key in path), None)
        if job is None or path != self.file_data(job)["path"]:
            raise Refusal(403, f"File not allowed: {path}.")
        response = await self.send(job)
        if "range" in request.headers:
            for name, value in request.headers.items():
                response.headers.setdefault(name, value)
        return response


class Gradio5(Gradio6):
    """Gradio 5.50: the video has a place for subtitles, the simple stream hides all errors."""

    name = "gradio5"
    speaks_like = "Gradio 5.50, a Space or an app of one's own"
    version = "5.50.0"

    def video(self, file: Json) -> object:
        """Return a video's value among the outputs."""
        return {"video": file, "subtitles": None}

    def simple_error(self, output: Json) -> object:  # noqa: ARG002 - as told by 6.x
        """Return null, whatever the function raised."""
        return None


class Gradio4(Gradio5):
    """Gradio 4.44: no prefix, and quotes around what went wrong."""

    name = "gradio4"
    speaks_like = "Gradio 4.44, a Space or an app of one's own"
    version = "4.44.1"
    prefix = ""

    def error(self, words: str | None) -> Json:
        """Return a `gr.Error` in the quotes of its repr, and no title."""
        return {"error": repr(words), "duration": 10, "visible": True} if words else {"error": None}
