"""What other profiles ask of the engine: JSON bodies, our key, envelopes, addresses in answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, VideoRequest
from rushes.errors import (
    BadBackendResponse,
    NotConfigured,
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    RefusedByBackend,
)
from rushes.net import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import respx

    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

BASE = "http://video.test:8000/v1"
JOB_ID = "b" * 26
OTHER = """\
[profile]
name = "other"
version = 1
title = "Other"
service = "none"
api = "1"
source = "this test"
date = 2026-11-22

[auth.headers]
X-Api-Key = "{key}"
X-Org = "{org}"
[auth.cookies]
session = "{session}"

[submit]
path = "/{model:path}/jobs"
encoding = "json"
query = { mode = "async", unasked = "=fps" }
headers = { Idempotency-Key = "{job_id}" }
[submit.body]
steps = "=extra.steps"
[submit.body.input]
text = "=prompt!"
ratio = "=aspect_ratio+resolution|map:ratio"
[submit.body.options]
seed = "=seed"

[extract]
id = ["/data/id"]
[extract.urls]
poll = ["/data/poll"]
clip = ["/data/clip"]

[poll]
path = "{urls.poll}"

[state]
path = ["/data/state"]

[ok]
path = "/code"
equals = 0

[error]
code = ["/code"]
[[error.classify]]
code = ["9"]
kind = "quota_exhausted"
[[error.classify]]
code = ["10"]
kind = "backend_unavailable"

[result]

[find]
path = "/jobs"
query = { client_id = "{job_id}" }
array = "/data"
key = "/client_id"

[tables.ratio]
"16:9+720p" = "1280:720"

[check]
path = "/jobs"
"""


@pytest.fixture
def config(tmp_path: Path) -> BackendConfig:
    (tmp_path / "other.toml").write_text(OTHER, "utf-8")
    return BackendConfig(
        name="other",
        url=BASE,
        key=Secret("the-key-of-other"),
        profile="other",
        profiles_dir=tmp_path,
        models=("maker/model-1",),
        headers={"X-Extra": Secret("extra")},
        extras={"org": Secret("our-org"), "session": Secret("our-session")},
    )


@pytest.fixture
async def other(config: BackendConfig) -> AsyncIterator[VideoBackend]:
    backend = load_backend(config)
    yield backend
    await backend.aclose()


SUBMITTED = f"{BASE}/maker/model-1/jobs?mode=async"
REQUEST = VideoRequest(prompt='a "kite" {org}', aspect_ratio="16:9", resolution="720p")


async def test_a_json_submit_carries_types_tables_our_key_and_all_credentials(
    other: VideoBackend, wire: respx.MockRouter
) -> None:
    accepted = {"code": 0, "data": {"id": 1, "state": "waiting", "poll": "/v1/p/1"}}
    route = wire.post(SUBMITTED).respond(200, json=accepted)

    submission = await other.submit(
        REQUEST.model_copy(update={"extra": {"steps": 30}}), idempotency_key=JOB_ID
    )

    request = route.calls.last.request
    assert json.loads(request.content) == {
        "steps": 30,
        "input": {"text": 'a "kite" {org}', "ratio": "1280:720"},
    }
    assert str(request.url) == SUBMITTED
    names = ("idempotency-key", "x-api-key", "x-org", "x-extra", "cookie", "content-type")
    assert [request.headers[name] for name in names] == [
        *(JOB_ID, "the-key-of-other", "our-org", "extra", "session=our-session"),
        "application/json",
    ]
    assert (submission.remote.id, submission.remote.status) == ("1", RemoteStatus.QUEUED)
    assert submission.remote.urls == {"poll": "/v1/p/1"}


async def test_an_extra_without_a_place_is_refused_unsent(
    other: VideoBackend, wire: respx.MockRouter
) -> None:
    with pytest.raises(RefusedByBackend, match="evil"):
        await other.submit(
            REQUEST.model_copy(update={"extra": {"steps": 30, "evil": 1}}), idempotency_key=JOB_ID
        )

    assert not wire.calls


async def test_a_size_that_the_table_does_not_know_is_refused_unsent(
    other: VideoBackend, wire: respx.MockRouter
) -> None:
    request = VideoRequest(prompt="x", aspect_ratio="1:1", resolution="720p")

    with pytest.raises(RefusedByBackend, match="1:1"):
        await other.submit(request, idempotency_key=JOB_ID)

    assert not wire.calls


@pytest.mark.parametrize(
    ("code", "kind"), [(9, QuotaExhausted), (8, RefusedByBackend), (10, OutcomeUnknown)]
)
async def test_an_error_inside_200_is_an_error(
    other: VideoBackend, wire: respx.MockRouter, code: int, kind: type[Exception]
) -> None:
    wire.post(SUBMITTED).respond(200, json={"code": code, "message": "no", "data": {"id": 1}})

    with pytest.raises(kind, match="no"):
        await other.submit(REQUEST, idempotency_key=JOB_ID)


async def test_the_poll_goes_where_the_backend_said(
    other: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.get("http://video.test:8000/v1/p/1?x=2").respond(
        200, json={"code": 0, "data": {"state": "done", "clip": "https://cdn.test/a"}}
    )
    remote = RemoteJob("1", urls={"poll": "http://video.test:8000/v1/p/1?x=2"})

    polled = await other.poll(remote)

    assert route.called
    assert polled.urls == remote.urls | {"clip": "https://cdn.test/a"}


@pytest.mark.parametrize(
    "address", ["http://evil.test/p", "https://video.test:8000/p", "http://video.test/p"]
)
async def test_the_key_goes_to_no_other_origin_whatever_the_backend_says(
    other: VideoBackend, wire: respx.MockRouter, address: str
) -> None:
    with pytest.raises(NotSent):
        await other.poll(RemoteJob("1", urls={"poll": address}))

    assert not wire.calls


async def test_an_address_that_was_never_told_is_the_backend_s_fault(
    other: VideoBackend, wire: respx.MockRouter
) -> None:
    with pytest.raises(BadBackendResponse, match=r"urls\.poll"):
        await other.poll(RemoteJob("1"))
    with pytest.raises(BadBackendResponse, match=r"urls\.clip"):
        async with other.open_clip(RemoteJob("1")):
            pass

    assert not wire.calls


async def test_a_job_is_found_by_our_key_only(other: VideoBackend, wire: respx.MockRouter) -> None:
    jobs = [
        {"client_id": "c" * 26, "data": {"id": "7"}},
        {"client_id": JOB_ID, "data": {"id": "8", "state": "done"}},
        "odd",
    ]
    wire.get(f"{BASE}/jobs?client_id={JOB_ID}").respond(200, json={"code": 0, "data": jobs})
    wire.get(f"{BASE}/jobs?client_id={'d' * 26}").respond(200, json={"code": 0, "data": jobs})

    found = await other.find(JOB_ID)

    assert found is not None
    assert (found.id, found.status) == ("8", RemoteStatus.COMPLETED)
    assert await other.find("d" * 26) is None


async def test_what_the_profile_does_not_know_is_not_asked(
    other: VideoBackend, wire: respx.MockRouter
) -> None:
    assert await other.cancel(RemoteJob("1")) is CancelOutcome.STOPPED_WAITING
    assert await other.forget(RemoteJob("1")) is False
    assert not wire.calls


def test_an_extra_that_the_profile_names_must_be_configured(config: BackendConfig) -> None:
    poor = BackendConfig(name="other", url=BASE, profile="other", profiles_dir=config.profiles_dir)

    with pytest.raises(NotConfigured, match=r"needs 'org'\n.* needs 'session'"):
        load_backend(poor)
