"""What the dialects of hosted services share: a key, JSON in and out, clips at open addresses."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, ClassVar

from starlette.datastructures import URL
from starlette.responses import JSONResponse, Response

from rushes.mock.dialects.dialect import Dialect, Json
from rushes.mock.dialects.fields import JSON, Fields, read_fields, text, whole
from rushes.mock.dialects.pictures import picture_in
from rushes.mock.jobs import Ending, MockJob, Status
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.spec import ClipSpec
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from starlette.requests import Request

    from rushes.mock.rehearsal import Rehearsal

FPS = 12
SMALL = (320, 180)


class HostedDialect(Dialect):
    """A service of the open internet, imitated after its documents; what is not asked is small."""

    scheme: ClassVar[str] = "Bearer"
    prefix: ClassVar[str] = ""
    """What an id of this service begins with."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.cancelled: set[str] = set()

    def check_key(self, request: Request) -> None:
        """Raise Refusal 401 unless the configured key came as this service wants it."""
        key = self.config.key
        given = request.headers.get("authorization", "")
        if key and not hmac.compare_digest(given.encode(), f"{self.scheme} {key}".encode()):
            raise Refusal(401, "The key is not valid.", code="unauthorized")

    async def fields(self, request: Request) -> Fields:
        """Check the key and return the JSON that was sent."""
        self.check_key(request)
        return await read_fields(request, frozenset({JSON}))

    def take(
        self,
        request: Request,
        fields: Fields,
        *,
        prompt: str = "prompt",
        seconds: float | None = None,
        size: tuple[int, int] | None = None,
        own_id: str | None = None,
    ) -> MockJob:
        """Take a job; `prompt` is the field with the prompt, `own_id` what the caller names it.

        Raises Refusal and InvalidRequest.
        """
        words = text(fields, prompt)
        if words is None:
            raise Refusal(400, f"{prompt} is required", param=prompt)
        seed = whole(fields, "seed")
        width, height = size or SMALL
        spec = ClipSpec(
            prompt=words,
            width=width,
            height=height,
            fps=FPS,
            frames=round((seconds or 1) * FPS),
            seed=self.rehearsal.deal_seed(words) if seed is None else seed,
            weight=self.config.big_bytes if Word.BIG in words_in(words) else 0,
        )
        self.admit(words)
        return self.rehearsal.submit(
            dialect=self.name,
            model=text(fields, "model") or self.name,
            name=lambda key: own_id or f"{self.prefix}{key}",
            spec=spec,
            idempotency_key=request.headers.get("idempotency-key"),
            picture=picture_in(fields),
            withheld=self.moderation,
        )

    def admit(self, prompt: str) -> None:
        """Raise Refusal when the prompt's words ask to be refused or turned away."""
        self.rehearsal.admit(prompt)

    def told(
        self, request: Request, job: MockJob, answer: Json, status: int = 200
    ) -> Response | HangUp:
        """Answer a submit; with `#lost-answer` the connection drops instead."""
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        return JSONResponse(answer, status)

    def job_of(self, request: Request) -> MockJob:
        """Check the key and return the job that the path names; raises Refusal 404."""
        self.check_key(request)
        return self.rehearsal.find(request.path_params["id"], dialect=self.name)

    def is_done(self, job: MockJob) -> bool:
        """Whether the clip is there."""
        return self.rehearsal.standing(job).status is Status.COMPLETED

    def is_rejected(self, job: MockJob) -> bool:
        """Whether the clip was made and withheld."""
        is_failed = self.rehearsal.standing(job).status is Status.FAILED
        return is_failed and job.ending is Ending.REJECTED

    def stopped(self, job: MockJob, told: Json) -> Response:
        """Stop a job that has not ended, and tell it as `told` with the status `canceled`."""
        if self.rehearsal.standing(job).ended_at is not None:
            return JSONResponse(told)
        self.rehearsal.forget(job)
        return JSONResponse(told | {"status": "canceled"})

    def stop_or_delete(self, job: MockJob) -> None:
        """Stop a job that has not ended, which says so from then on; delete one that has."""
        has_ended = self.rehearsal.standing(job).ended_at is not None
        if has_ended or job.id in self.cancelled:
            self.rehearsal.forget(job)
        else:
            self.cancelled.add(job.id)

    async def file(self, request: Request) -> Response:
        """Send a clip to whoever knows its address."""
        job_id = f"{self.prefix}{request.path_params['key']}"
        job = self.rehearsal.find(job_id, dialect=self.name)
        if not self.is_done(job):
            raise Refusal(404, "Not found")
        return await self.send(job)


def with_prompt(fields: Fields) -> Fields:
    """Return fields whose prompt is the text part of `content`: MiniMax and Ark take parts."""
    content = fields.get("content")
    for part in content if isinstance(content, list) else []:
        if isinstance(part, dict) and part.get("type") == "text":
            return fields | {"prompt": part.get("text")}
    return fields | {"prompt": None}


def address(request: Request, path: str) -> str:
    """Return the whole address of a path of this dialect."""
    return str(request.url.replace(path=f"{request.scope['root_path']}{path}", query=""))


def elsewhere(url: str) -> str:
    """Return an address of this very server by another name: another origin to whoever follows."""
    here = URL(url)
    return str(here.replace(hostname="127.0.0.1" if here.hostname == "localhost" else "localhost"))


def clip_url(request: Request, job: MockJob) -> str:
    """Return where the clip lies."""
    return address(request, f"/files/{job.key}.mp4")
