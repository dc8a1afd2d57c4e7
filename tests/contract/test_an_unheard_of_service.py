"""A service that nobody speaks to yet: described here, played here, and reached by a profile alone.

The description is the docstring of `Lantern`, the profile is PROFILE; no Python of ours knows it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator  # noqa: TC003 - pytest reads fixtures' hints
from dataclasses import replace
from pathlib import Path  # noqa: TC003 - pytest reads fixtures' hints
from typing import TYPE_CHECKING

import pytest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rushes.backends import BackendConfig, load_backend
from rushes.backends.contract import WORDS, WRONG_KEY, BackendContract, Traits
from rushes.domain import CancelOutcome
from rushes.mock.dialects.hosted import HostedDialect
from rushes.mock.jobs import Status
from rushes.mock.refusal import Refusal
from rushes.net import Secret
from tests.contract.rehearsed import MockServer
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Json
    from rushes.mock.jobs import MockJob
    from rushes.mock.sending import HangUp
    from rushes.ports import VideoBackend

KEY = "lantern-key-93c1e7"
MOODS = {
    Status.QUEUED: "lined up",
    Status.IN_PROGRESS: "filming",
    Status.COMPLETED: "in the can",
    Status.FAILED: "torn",
}

PROFILE = """
[profile]
name = "lantern"
version = 1
title = "Lantern"
service = "a made-up service"
api = "3"
source = "the docstring of Lantern"
date = 2026-11-23

[auth.headers]
X-Lantern = "key {key}"

[submit]
method = "PUT"
path = "/films"
[submit.body.film]
story = "=prompt!"
length = "=duration_s|int|suffix:sec"
frame = { across = "=width", down = "=height" }

[extract]
id = ["/tickets/0/number", "/number"]

[poll]
method = "POST"
path = "/desk"
body = { asked = ["=id"] }
first_s = 0.1
[poll.select]
array = "/answers"
where = { "/number" = "{id}" }
missing = "gone"

[state]
path = ["/mood"]
[state.map]
"lined up" = "queued"
filming = "in_progress"
"in the can" = "completed"
torn = "failed"

[progress]
path = ["/remark"]
pattern = '(\\d+) in a hundred'

[error]
code = ["/sorry/sort"]
message = ["/sorry/words"]
[[error.classify]]
code = ["unseemly"]
kind = "rejected_by_moderation"

[result]
url_auth = "same_origin"
[[result.steps]]
method = "POST"
path = "/desk/{id}/handover"
urls = { clip = ["/reel/lies"] }

[cancel]
method = "POST"
path = "/desk/{id}/halt"
confirmed = { path = "/halted", equals = true }

[capabilities]
durations = [1, 2]
aspect_ratios = ["16:9"]
resolutions = ["360p"]
progress = true
cancel = "any"

[check]
path = "/desk/hours"
expect = ["/open"]
"""


class Lantern(HostedDialect):
    """As its makers might describe it.

    Show the key with each request: `X-Lantern: key KEY`. `PUT /films` with a `film` (its `story`,
    `length` such as `5sec`, `frame` with `across` and `down`) answers 202 with `tickets`, of which
    the first has your `number`. `POST /desk` with the numbers that are `asked` for gives
    `answers`, each with `number`, `mood` and a `remark`. `POST /desk/NUMBER/handover` says where
    the `reel` `lies`: fetch it with your key. `POST /desk/NUMBER/halt` stops what runs. Whatever
    goes wrong is a `sorry` with `sort` and `words`. `GET /desk/hours` says whether we are open.
    """

    name = "lantern"
    speaks_like = "nothing else"
    state_keys = frozenset({"mood"})

    def routes(self) -> Sequence[Route]:
        return [
            Route("/films", self.film, methods=["PUT"]),
            Route("/desk", self.desk, methods=["POST"]),
            Route("/desk/hours", self.hours),
            Route("/desk/{id}/handover", self.handover, methods=["POST"]),
            Route("/desk/{id}/halt", self.halt, methods=["POST"]),
            Route("/reels/{id}", self.reel),
        ]

    def check_key(self, request: Request) -> None:
        if request.headers.get("x-lantern") != f"key {self.config.key}":
            raise Refusal(401, "Who are you?")

    async def film(self, request: Request) -> Response | HangUp:
        film = (await self.fields(request))["film"]
        assert isinstance(film, dict)
        frame = film["frame"]
        job = self.take(
            request,
            film,
            prompt="story",
            seconds=int(film["length"].removesuffix("sec")),
            size=(frame["across"], frame["down"]),
        )
        return self.told(request, job, {"tickets": [{"number": job.id}]}, 202)

    async def desk(self, request: Request) -> Response:
        asked = (await self.fields(request))["asked"]
        assert isinstance(asked, list)
        jobs = [self.rehearsal.find(number, dialect=self.name) for number in asked]
        return JSONResponse({"answers": [self.answer(job) for job in jobs]})

    def answer(self, job: MockJob) -> Json:
        standing = self.rehearsal.standing(job)
        told: Json = {"number": job.id, "mood": MOODS[standing.status]}
        if standing.status is Status.IN_PROGRESS:
            told["remark"] = f"take 7, about {standing.progress} in a hundred"
        if standing.reason is not None:
            sort = "unseemly" if self.is_rejected(job) else "mishap"
            told["sorry"] = {"sort": sort, "words": standing.reason}
        return told

    async def hours(self, request: Request) -> Response:
        self.check_key(request)
        return JSONResponse({"open": "always"})

    async def handover(self, request: Request) -> Response:
        job = self.job_of(request)
        return JSONResponse({"reel": {"lies": f"{request.scope['root_path']}/reels/{job.id}"}})

    async def reel(self, request: Request) -> Response:
        return await self.send(self.job_of(request))

    async def halt(self, request: Request) -> Response:
        job = self.job_of(request)
        is_late = self.rehearsal.standing(job).ended_at is not None
        if not is_late:
            self.rehearsal.forget(job)
        return JSONResponse({"halted": not is_late})

    def refuse(self, refusal: Refusal) -> Response:
        sort = "unseemly" if refusal.code == "content_policy_violation" else "mishap"
        told = {"sort": sort, "words": refusal.message}
        return JSONResponse({"sorry": told}, refusal.status)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    config = replace(QUICK, key=KEY, folder=tmp_path_factory.mktemp("lantern"))
    with serving(config, {"/lantern": Lantern}) as client:
        yield str(client.base_url).rstrip("/")


@pytest.mark.slow
class TestAnUnheardOfService(BackendContract):
    """The whole contract, with nothing but a TOML file."""

    @pytest.fixture
    def traits(self) -> Traits:
        return Traits(
            asks={"width": 128, "height": 72, "duration_s": 1},
            has_progress=True,
            cancel=CancelOutcome.CONFIRMED,
        )

    @pytest.fixture
    def server(self, address: str) -> MockServer:
        return MockServer(address, WORDS)

    @pytest.fixture
    def config(self, address: str, tmp_path: Path) -> BackendConfig:
        (tmp_path / "lantern.toml").write_text(PROFILE, "utf-8")
        return BackendConfig(
            name="lantern",
            url=f"{address}/lantern",
            key=Secret(KEY),
            profile="lantern",
            profiles_dir=tmp_path,
        )

    @pytest.fixture
    async def backend(self, config: BackendConfig) -> AsyncIterator[VideoBackend]:
        loaded = load_backend(config)
        yield loaded
        await loaded.aclose()

    @pytest.fixture
    async def stranger(self, config: BackendConfig) -> AsyncIterator[VideoBackend]:
        loaded = load_backend(replace(config, key=Secret(WRONG_KEY)))
        yield loaded
        await loaded.aclose()
