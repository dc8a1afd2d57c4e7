"""SwarmUI: a session first, then one call that lasts as long as the work; every error is a 200."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.fields import JSON, read_fields, size, text, whole
from rushes.mock.dialects.hosted import HostedDialect
from rushes.mock.dialects.moderation import NSFW
from rushes.mock.dialects.waiting import ended
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.rehearsal import Rehearsal

COOKIE = "swarm_user_token"
NO_SESSION = "invalid_session_id"
FPS = 16


class SwarmUI(HostedDialect):
    """The HTTP half of its API. That a wrong account token is a 401 is a guess."""

    name = "swarmui"
    speaks_like = "SwarmUI, /API/GenerateText2Image"
    moderation = NSFW

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.sessions: set[str] = set()

    def routes(self) -> Sequence[Route]:
        """Return both calls and the clips."""
        return [
            Route("/API/GetNewSession", self.new_session, methods=["POST"]),
            Route("/API/GenerateText2Image", self.generate, methods=["POST"]),
            Route("/View/local/raw/{key}.mp4", self.view),
        ]

    def check_key(self, request: Request) -> None:
        """Raise Refusal 401 unless the account's token came as a cookie."""
        key, given = self.config.key, request.cookies.get(COOKIE, "")
        if key and not hmac.compare_digest(given.encode(), key.encode()):
            raise Refusal(401, "Invalid or unknown user token.")

    async def new_session(self, request: Request) -> Response:
        """Open a session; the request must be JSON, be it an empty object."""
        self.check_key(request)
        if request.headers.get("content-type") != JSON:
            raise Refusal(200, "The request is not JSON.")
        session = secrets.token_hex(20).upper()
        self.sessions.add(session)
        return JSONResponse({"session_id": session, "user_id": "local", "version": "rehearsed"})

    async def generate(self, request: Request) -> Response | HangUp:
        """Make a clip and tell where it lies, as seen from the server's root."""
        self.check_key(request)
        fields = await read_fields(request, frozenset({JSON}))
        if text(fields, "session_id") not in self.sessions:
            return JSONResponse({"error_id": NO_SESSION, "error": "Invalid session ID."})
        if whole(fields, "images") != 1 or text(fields, "model") is None:
            raise Refusal(200, "No model or no number of images was given.")
        fps = whole(fields, "videofps", FPS) or FPS
        frames = whole(fields, "text2videoframes", fps) or fps
        job = self.take(request, fields, seconds=frames / fps, size=size(fields))
        standing = await ended(self, job)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        if standing.reason is not None:
            raise Refusal(200, f"ComfyUI execution error: {standing.reason}")
        return JSONResponse({"images": [self.place(request, job.key)]})

    async def view(self, request: Request) -> Response:
        """Send a clip, to whoever has the key."""
        self.check_key(request)
        return await self.file(request)

    def place(self, request: Request, key: str) -> str:
        """Return where a clip lies, without host and without a first slash."""
        return f"{request.scope['root_path']}/View/local/raw/{key}.mp4".lstrip("/")

    def refuse(self, refusal: Refusal) -> Response:
        """Return a bare text with 200, but for addresses and accounts that there are not."""
        status = refusal.status if refusal.status in {401, 404, 405} else 200
        return JSONResponse({"error": refusal.message}, status)
