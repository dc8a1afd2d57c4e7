"""Every route and everybody who may come to it, in one table; a route without a row fails.

Ann owns the one clip there is. To Bob and to Root, who runs the server, it is as if it were not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from starlette.routing import Route

from rushes.domain import JobStatus, RemoteJob, RemoteStatus, VideoRequest, new_id
from rushes.jobs.frames import frame_key
from rushes.jobs.posters import poster_key
from rushes.web.headers import CLIP_POLICY, PAGE_POLICY
from rushes.web.security import SAFE_METHODS
from rushes.web.site import create_site
from tests.web.crowd import OUR_PAGE, Crowd, caller
from tests.web.guarded import PASSWORD
from tests.web.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import httpx
    from fastapi import FastAPI
    from starlette.routing import BaseRoute

    from rushes.domain import Job

pytestmark = pytest.mark.anyio

SECRET = "canary-5e17"
FRESH = "quite another password"
JPEG = b"\xff\xd8\xff" + b"x" * 100
CLIP = b"\x00\x00\x00\x18ftypisom" + b"x" * 88


# --- the table ----------------------------------------------------------------------------------


class For(Enum):
    """Whom a route is for. To those it is not for, there is nothing there: 404, never 403."""

    ANYBODY = "whoever comes, signed in or not"
    EACH = "whoever is signed in, each with their own things"
    OWNER = "whoever owns the job"
    PERSON = "whoever is signed in, but no program with a token"
    OPERATOR = "whoever runs the server"


@dataclass(frozen=True)
class Rule:
    """Whom a route is for, and what it answers to them."""

    who: For
    status: int

    def expected(self, caller: str, method: str, path: str) -> int:
        """Return the status that one of the callers gets."""
        if self.who is For.ANYBODY:
            return self.status
        if caller in {"nobody", "revoked token"}:
            return closed(method, path)
        if caller == "read token" and (self.who is For.PERSON or method not in SAFE_METHODS):
            return 403
        welcome = {
            For.EACH: {"owner", "read token", "other", "operator"},
            For.PERSON: {"owner", "other", "operator"},
            For.OWNER: {"owner", "read token"},
            For.OPERATOR: {"operator"},
        }[self.who]
        return self.status if caller in welcome else 404


def closed(method: str, path: str) -> int:
    """Return what the gate answers: the way in to a visit, a plain no to everything else."""
    is_program = path.startswith("/api/v1/") or path.endswith("/events")
    return 303 if method in {"GET", "HEAD"} and not is_program else 401


TABLE = {
    "GET /manifest.webmanifest": Rule(For.ANYBODY, 200),
    "GET /.well-known/security.txt": Rule(For.ANYBODY, 404),  # unless a contact is named
    "GET /": Rule(For.EACH, 200),
    "GET /about": Rule(For.EACH, 200),
    "GET /account": Rule(For.PERSON, 200),
    "POST /account/password": Rule(For.PERSON, 303),
    "GET /account/tokens": Rule(For.EACH, 303),  # these lead to pages that know who is asking
    "POST /account/tokens": Rule(For.PERSON, 200),
    "POST /account/tokens/{token_id}/revoke": Rule(For.OWNER, 303),
    "GET /admin": Rule(For.OPERATOR, 200),
    "GET /admin/audit": Rule(For.OPERATOR, 200),
    "GET /admin/doctor": Rule(For.OPERATOR, 200),
    "POST /admin/doctor/verdict": Rule(For.OPERATOR, 200),
    "POST /admin/hold": Rule(For.OPERATOR, 303),
    "GET /admin/jobs/{job_id}": Rule(For.OPERATOR, 404),  # unless the policy says otherwise
    "POST /admin/people": Rule(For.OPERATOR, 303),
    "GET /admin/people/add": Rule(For.EACH, 303),
    "GET /admin/people/password": Rule(For.EACH, 303),
    "POST /admin/people/add": Rule(For.OPERATOR, 200),
    "POST /admin/people/password": Rule(For.OPERATOR, 200),
    "POST /admin/release": Rule(For.OPERATOR, 303),
    "GET /admin/settings": Rule(For.OPERATOR, 200),
    "GET /api/v1/backends": Rule(For.EACH, 200),
    "GET /api/v1/changes": Rule(For.EACH, 200),
    "GET /api/v1/jobs": Rule(For.EACH, 200),
    "POST /api/v1/jobs": Rule(For.EACH, 202),
    "GET /api/v1/jobs/{job_id}": Rule(For.OWNER, 200),
    "DELETE /api/v1/jobs/{job_id}": Rule(For.OWNER, 204),
    "POST /api/v1/jobs/{job_id}/cancel": Rule(For.OWNER, 200),
    "GET /api/v1/openapi.json": Rule(For.EACH, 200),
    "GET /compose": Rule(For.EACH, 303),
    "POST /compose": Rule(For.EACH, 200),
    "POST /doctor/body": Rule(For.ANYBODY, 404),  # without the doctor's key
    "GET /api/v1/doctor/seen": Rule(For.ANYBODY, 404),
    "GET /doctor/bytes": Rule(For.ANYBODY, 404),
    "GET /doctor/cookie": Rule(For.ANYBODY, 404),
    "GET /doctor/events": Rule(For.ANYBODY, 404),
    "GET /doctor/redirect": Rule(For.ANYBODY, 404),
    "GET /doctor/seen": Rule(For.ANYBODY, 404),
    "GET /erase": Rule(For.EACH, 200),
    "POST /erase": Rule(For.EACH, 200),
    "GET /events": Rule(For.EACH, 200),
    "GET /export": Rule(For.EACH, 200),
    "POST /export": Rule(For.EACH, 200),
    "GET /favicon.ico": Rule(For.ANYBODY, 302),
    "GET /healthz": Rule(For.ANYBODY, 200),
    "GET /jobs": Rule(For.EACH, 303),
    "POST /jobs": Rule(For.EACH, 303),
    "GET /jobs/{job_id}": Rule(For.OWNER, 200),
    "GET /jobs/{job_id}/": Rule(For.EACH, 308),  # whether there is such a job is not looked up
    "GET /jobs/{job_id}/shares": Rule(For.EACH, 303),  # nor is it here
    "POST /jobs/{job_id}/cancel": Rule(For.OWNER, 303),
    "POST /jobs/{job_id}/check-again": Rule(For.OWNER, 409),
    "GET /jobs/{job_id}/clip": Rule(For.OWNER, 200),
    "GET /jobs/{job_id}/delete": Rule(For.OWNER, 200),
    "POST /jobs/{job_id}/delete": Rule(For.OWNER, 303),
    "GET /jobs/{job_id}/first-frame": Rule(For.OWNER, 200),
    "POST /jobs/{job_id}/erase": Rule(For.OWNER, 200),
    "POST /jobs/{job_id}/give-up": Rule(For.OWNER, 409),
    "GET /jobs/{job_id}/poster": Rule(For.OWNER, 200),
    "POST /jobs/{job_id}/poster": Rule(For.OWNER, 204),
    "PUT /jobs/{job_id}/poster": Rule(For.OWNER, 204),
    "POST /jobs/{job_id}/restore": Rule(For.OWNER, 303),
    "POST /jobs/{job_id}/retry": Rule(For.OWNER, 303),
    "POST /jobs/{job_id}/shares": Rule(For.OWNER, 200),
    "POST /jobs/{job_id}/shares/{share_id}/revoke": Rule(For.OWNER, 303),
    "POST /jobs/{job_id}/star": Rule(For.OWNER, 303),
    "POST /jobs/{job_id}/title": Rule(For.OWNER, 303),
    "POST /jobs/{job_id}/visibility": Rule(For.OWNER, 303),
    "POST /language": Rule(For.ANYBODY, 303),
    "GET /library": Rule(For.EACH, 200),
    "GET /login": Rule(For.ANYBODY, 200),
    "POST /login": Rule(For.ANYBODY, 303),
    "POST /logout": Rule(For.EACH, 303),
    "GET /metrics": Rule(For.ANYBODY, 404),  # but for the networks that the operator names
    "GET /queue": Rule(For.EACH, 200),
    "GET /readyz": Rule(For.ANYBODY, 200),
    "GET /s/{token}": Rule(For.ANYBODY, 200),
    "GET /s/{token}/clip": Rule(For.ANYBODY, 200),
    "GET /s/{token}/poster": Rule(For.ANYBODY, 200),
    "GET /{page}/": Rule(For.EACH, 308),
}
BODIES: Mapping[str, dict[str, Any]] = {
    "POST /account/password": {"data": {"password": PASSWORD, "new": FRESH, "again": FRESH}},
    "POST /account/tokens": {"data": {"label": "a program", "scope": "read", "days": "30"}},
    "POST /admin/doctor/verdict": {"json": {}, "params": {"page": "http://localhost/"}},
    "POST /admin/hold": {"data": {"backend": "stage"}},
    "POST /admin/people": {"data": {"name": "cyd", "disabled": "1"}},
    "POST /admin/people/add": {"data": {"name": "dan"}},
    "POST /admin/people/password": {"data": {"name": "cyd"}},
    "POST /admin/release": {"data": {"backend": "stage"}},
    "POST /api/v1/jobs": {"json": {"prompt": "Rain"}},
    "POST /erase": {"data": {"word": "erase"}},
    "POST /jobs": {"data": {"prompt": "Rain"}},
    "POST /jobs/{job_id}/poster": {"content": JPEG, "headers": {"Content-Type": "image/jpeg"}},
    "PUT /jobs/{job_id}/poster": {"content": JPEG, "headers": {"Content-Type": "image/jpeg"}},
    "POST /jobs/{job_id}/visibility": {"data": {"audience": "everyone"}},
    "POST /language": {"data": {"language": "fr"}},
    "POST /login": {"data": {"name": "cyd", "password": PASSWORD}},
}


# --- the crawler --------------------------------------------------------------------------------


def routes(some: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Yield every method and path that the application answers, the framework's own too."""
    for route in some:
        if isinstance(route, Route):
            yield from ((method, route.path) for method in sorted(route.methods or ()))
        elif hasattr(route, "original_router"):
            yield from routes(route.original_router.routes)


ROUTES = sorted(set(routes(create_site(Stage().site()).routes)))
UNSAFE = [row for row in sorted(TABLE) if row.split()[0] not in SAFE_METHODS]
SAFE = sorted(set(TABLE) - set(UNSAFE))


@dataclass(frozen=True)
class Place:
    """A crowd, Ann's clip, everybody who comes, and what stands for the parts of an address."""

    stage: Crowd
    app: FastAPI
    job: Job
    callers: Mapping[str, Mapping[str, str]]
    """The headers that each sends; Ann herself comes last."""
    parts: Mapping[str, str]

    @classmethod
    async def prepared(cls) -> Place:
        stage = Crowd()
        await stage.gather()
        job = await anns_clip(stage)
        token = await stage.link(job)
        (share,) = stage.shares.kept.values()
        callers = {
            "nobody": {},
            "revoked token": {"Authorization": await stage.revoked_token("ann")},
            "other": {"Cookie": await stage.cookie("bob")},
            "operator": {"Cookie": await stage.cookie("root")},
            "read token": {"Authorization": await stage.token("ann")},
            "owner": {"Cookie": await stage.cookie("ann")},
        }
        parts = {
            "job_id": job.id,
            "share_id": share.id,
            "token": token,
            "token_id": next(iter(stage.people_store.tokens.values())).id,
            "page": "library",
        }
        return cls(stage, create_site(stage.site()), job, callers, parts)

    async def ask(self, row: str, headers: Mapping[str, str], method: str = "") -> httpx.Response:
        named, path = row.split()
        body = dict(BODIES.get(row, {}))
        if path == "/events":
            self.stage.stop.set()  # a stream that opens says goodbye at once
        async with caller(self.app, dict(headers) | body.pop("headers", {})) as client:
            answer = await client.request(method or named, path.format(**self.parts), **body)
        self.stage.stop.clear()
        return answer

    def everything(self) -> object:
        """Return whatever of Ann's could be changed, to be compared."""
        people = self.stage.people_store
        own = [token for token in people.tokens.values() if token.owner == "ann"]
        return (
            self.stage.jobs.jobs[self.job.id],
            dict(self.stage.shares.kept),
            people.kept["ann"].password,
            [(token.id, token.revoked_at) for token in own],
        )


@pytest.fixture(scope="module")
async def still() -> Place:
    """A place for whatever changes nothing."""
    return await Place.prepared()


async def anns_clip(stage: Crowd) -> Job:
    """Keep a clip with everything that could be told of it."""
    job = await stage.finished(CLIP)
    key = frame_key(job.id)
    await stage.clips.keep(poster_key(job.id), JPEG, "image/jpeg")
    await stage.clips.keep(key, JPEG, "image/jpeg")
    said = {"prompt": f"{SECRET} prompt", "negative_prompt": f"{SECRET} avoided"}
    sent = RemoteJob("r", RemoteStatus.COMPLETED, effective_prompt=f"{SECRET} sent")
    request = VideoRequest.model_validate(said | {"first_frame": key})
    return await stage.jobs.write(
        replace(job, owner="ann", request=request, title=f"{SECRET} title", remote=sent)
    )


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    have = {f"{method} {path}" for method, path in ROUTES if method != "HEAD"}

    assert have == set(TABLE)


def test_the_head_of_every_page_can_be_asked_for() -> None:
    got = {path for method, path in ROUTES if method == "GET"}
    heads = {path for method, path in ROUTES if method == "HEAD"}

    machines = {path for path in got if path.startswith(("/api/", "/doctor/", "/events"))}
    assert got - heads <= machines | {"/healthz", "/readyz"}


@pytest.mark.parametrize("row", SAFE)
async def test_each_caller_is_answered_as_the_table_says(still: Place, row: str) -> None:
    _, path = row.split()
    methods = [method for method, known in ROUTES if known == path and method in SAFE_METHODS]
    before = still.everything()
    for method in methods:
        await ask_all(still, row, method)

    assert "GET" in methods
    assert still.everything() == before


@pytest.mark.parametrize("row", UNSAFE)
async def test_each_caller_may_do_what_the_table_says(row: str) -> None:
    await ask_all(await Place.prepared(), row, row.split()[0])


async def ask_all(place: Place, row: str, method: str) -> None:
    """Let everybody ask; nobody but Ann changes or learns anything of hers."""
    _, path = row.split()
    before = place.everything()
    for who, headers in place.callers.items():
        answer = await place.ask(row, {**headers, **OUR_PAGE}, method)

        assert answer.status_code == TABLE[row].expected(who, method, path), who
        check_headers(answer, path)
        if who not in {"owner", "read token"}:
            assert SECRET not in answer.text, who
            assert SECRET not in str(answer.headers), who
        if who != "owner":
            assert place.everything() == before, who


def check_headers(answer: httpx.Response, path: str) -> None:
    """Assert what every answer carries, whatever it says."""
    headers = answer.headers
    is_bytes = headers.get("content-type", "").startswith(("video/", "image/"))
    assert headers["content-security-policy"] == (CLIP_POLICY if is_bytes else PAGE_POLICY)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == (
        "no-referrer" if path.startswith("/s/") else "same-origin"
    )
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert len(headers["x-request-id"]) == 16
    assert headers["cache-control"].startswith(("no-store", "no-cache", "private"))
    assert "access-control-allow-origin" not in headers
    if headers.get("content-type", "").startswith("text/"):
        assert "charset=utf-8" in headers["content-type"]


# --- other sites --------------------------------------------------------------------------------

ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same-site": {"Sec-Fetch-Site": "same-site"},
    "cross-site, our origin": {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    "null": {"Origin": "null"},
    "null beside same-origin": {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    "absent": {},
    "another port": {"Origin": "http://localhost:9999"},
    "a name below ours": {"Origin": "http://evil.localhost"},
    "another host": {"Origin": "https://evil.test"},
}


@pytest.mark.parametrize("row", UNSAFE)
async def test_no_other_site_changes_anything_in_anns_name(still: Place, row: str) -> None:
    before, jobs = still.everything(), dict(still.stage.jobs.jobs)
    for where, headers in ELSEWHERE.items():
        answer = await still.ask(row, {**still.callers["owner"], **headers})

        assert answer.status_code == 403, where
        check_headers(answer, "")
    assert (still.everything(), still.stage.jobs.jobs) == (before, jobs)


# --- links that open nothing --------------------------------------------------------------------


@pytest.mark.parametrize("way", ["expired", "revoked", "deleted", "unfinished", "unknown"])
async def test_a_dead_link_is_dead_for_everybody_and_never_says_why(way: str) -> None:
    place = await Place.prepared()
    token = await dead_link(place, way)
    for who, headers in place.callers.items():
        async with caller(place.app, headers) as client:
            for path in ("/s/{}", "/s/{}/clip", "/s/{}/poster"):
                dead = await client.get(path.format(token))
                never = await client.get(path.format("never"))

                assert (dead.status_code, never.status_code) == (404, 404), who
                assert dead.text == never.text
                assert SECRET not in dead.text
                check_headers(dead, path)


async def dead_link(place: Place, way: str) -> str:
    """Return the token of a link that has opened something once, and does no more."""
    stage, job = place.stage, place.job
    token = await stage.link(job, days=-1 if way == "expired" else 7)
    if way == "revoked":
        for share in list(stage.shares.kept.values()):
            await stage.shares.revoke(share.id, share.created_at)
    elif way == "deleted":
        await stage.jobs.mark(job.id, deleted_at=job.created_at)
    elif way == "unfinished":
        await stage.jobs.write(replace(job, clip=None, status=JobStatus.FAILED))
    return new_id() if way == "unknown" else token
