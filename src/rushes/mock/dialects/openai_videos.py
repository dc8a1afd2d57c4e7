"""The `/v1/videos` shape: its routes once; each server that speaks it differs by a subclass."""

from __future__ import annotations

import hmac
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.mock.dialects.dialect import Dialect, Json
from rushes.mock.dialects.fields import (
    JSON,
    MULTIPART,
    Fields,
    read_fields,
    size,
    text,
    whole,
)
from rushes.mock.dialects.pictures import picture_in
from rushes.mock.jobs import MockJob, Standing, Status
from rushes.mock.refusal import Refusal
from rushes.mock.sending import HangUp
from rushes.mock.spec import ClipSpec
from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

DEFAULT_SIZE = (832, 480)


class OpenAIVideos(Dialect):
    """One server that speaks the shape. Subclasses say what is theirs."""

    encodings: ClassVar[frozenset[str]] = frozenset({JSON, MULTIPART})

    def routes(self) -> Sequence[Route]:
        """Return the routes that these servers share."""
        return [
            Route("/models", self.models),
            Route("/videos", self.create, methods=["POST"]),
            Route("/videos", self.jobs),
            Route("/videos/{id:path}/content", self.content),
            Route("/videos/{id:path}", self.poll),
            Route("/videos/{id:path}", self.delete, methods=["DELETE"]),
        ]

    # --- what a server must say for itself ---------------------------------------------------

    @abstractmethod
    def public_id(self, key: str) -> str:
        """Return the id that the create answer carries."""

    @abstractmethod
    def describe(self, job: MockJob, standing: Standing) -> Json:
        """Return the job as this server writes it."""

    @abstractmethod
    def not_ready(self, standing: Standing) -> Refusal:
        """Return what asking for the bytes of an unfinished or failed job gets."""

    @abstractmethod
    def check_key(self, request: Request) -> None:
        """Raise Refusal unless the request carries the key."""

    @abstractmethod
    def check_model(self, model: str | None) -> str:
        """Return the model that is used; raises Refusal for one that is not served."""

    # --- the routes --------------------------------------------------------------------------

    async def models(self, request: Request) -> Response:
        """List the one model."""
        self.check_key(request)
        model = {"id": self.config.model, "object": "model", "created": 0, "owned_by": self.name}
        return JSONResponse({"object": "list", "data": [model]})

    async def create(self, request: Request) -> Response | HangUp:
        """Take a job."""
        self.check_key(request)
        job = await self.take(request)
        if Word.LOST_ANSWER in words_in(job.spec.prompt):
            return HangUp(request)
        return JSONResponse(self.describe(job, self.rehearsal.standing(job)))

    async def poll(self, request: Request) -> Response:
        """Say how a job stands."""
        job = self.wanted(request)
        return JSONResponse(self.describe(job, self.rehearsal.standing(job)))

    async def content(self, request: Request) -> Response:
        """Send the clip."""
        job = self.wanted(request)
        standing = self.rehearsal.standing(job)
        if standing.status is not Status.COMPLETED:
            raise self.not_ready(standing)
        return await self.send(job)

    async def delete(self, request: Request) -> Response:
        """Forget a job."""
        job = self.wanted(request)
        self.rehearsal.forget(job)
        return JSONResponse({"id": job.id, "deleted": True, "object": "video.deleted"})

    async def jobs(self, request: Request) -> Response:
        """List jobs, a page at a time."""
        self.check_key(request)
        query: Fields = dict(request.query_params)
        limit = self.page_length(query)
        found = self.rehearsal.of(self.name)
        if text(query, "order") != "asc":
            found.reverse()
        after = text(query, "after")
        places = [place for place, job in enumerate(found, 1) if job.id == after]
        rest = found[places[0] if places else 0 :]
        page = [self.describe(job, self.rehearsal.standing(job)) for job in rest[:limit]]
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {}
        more = {"object": "list", "has_more": len(rest) > limit}
        return JSONResponse({"data": page, "first_id": None, "last_id": None} | ends | more)

    # --- the steps ---------------------------------------------------------------------------

    def page_length(self, query: Fields) -> int:
        """Return how many jobs a page holds."""
        return max(0, min(100, whole(query, "limit", 20) or 0))

    def wanted(self, request: Request) -> MockJob:
        """Return the job that the path names, for a caller with the key."""
        self.check_key(request)
        return self.rehearsal.find(request.path_params["id"], dialect=self.name)

    async def take(self, request: Request, *, dialect: str | None = None) -> MockJob:
        """Make a job of the fields, or say what is wrong with them."""
        fields = await read_fields(request, self.encodings)
        prompt = text(fields, "prompt")
        if prompt is None:
            raise self.no_prompt()
        model = self.check_model(text(fields, "model"))
        spec = self.spec(prompt, fields)
        self.rehearsal.admit(prompt)
        return self.rehearsal.submit(
            dialect=dialect or self.name,
            model=model,
            name=self.public_id,
            spec=spec,
            idempotency_key=request.headers.get("idempotency-key"),
            picture=picture_in(fields),
            withheld=self.moderation,
        )

    def no_prompt(self) -> Refusal:
        """Return what a submission without a prompt gets."""
        return Refusal(400, "prompt is required", param="prompt")

    def spec(self, prompt: str, fields: Fields) -> ClipSpec:
        """Return the clip that the fields ask for."""
        fps = whole(fields, "fps", 24) or 0
        seconds = whole(fields, "seconds", 4) or 0
        seed = whole(fields, "seed")
        width, height = self.size(fields)
        return ClipSpec(
            prompt=prompt,
            width=width,
            height=height,
            fps=fps,
            frames=whole(fields, "num_frames", seconds * fps) or 0,
            seed=self.rehearsal.deal_seed(prompt) if seed is None else seed,
            sound=text(fields, "generate_sound") not in {"false", "False"},
            weight=self.config.big_bytes if Word.BIG in words_in(prompt) else 0,
        )

    def size(self, fields: Fields) -> tuple[int, int]:
        """Return width and height in pixels."""
        return size(fields) or DEFAULT_SIZE

    def has_key(self, request: Request) -> bool:
        """Whether no key is wanted, or the right one came as a bearer token."""
        given = request.headers.get("authorization", "").encode()
        return self.config.key is None or hmac.compare_digest(
            given, f"Bearer {self.config.key}".encode()
        )
