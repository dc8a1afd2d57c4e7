"""The comfyui backend's exact requests, and what each answer comes to."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import httpx
import pytest
import respx

from rushes.domain import RemoteStatus
from rushes.errors import (
    BackendError,
    OutcomeUnknown,
    RateLimited,
    RefusedByBackend,
    Unauthorized,
)
from tests.backends.following import KEY, submit
from tests.backends.graphs import COMFY, graph, made

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

JOB = "j" * 26
ID = "0c2bb2f4-58dd-5b8e-a0ab-0cf9ea0f4f5a"
TAKEN = {"prompt_id": ID, "number": 3, "node_errors": {}}


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=COMFY, assert_all_mocked=True, assert_all_called=False) as router:
        yield router


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[VideoBackend]:
    loaded = made(tmp_path)
    yield loaded
    await loaded.aclose()


# --- submit ---------------------------------------------------------------------------------------


async def test_a_submit_is_one_request_with_the_graph_filled_in(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.post("/prompt").respond(200, json=TAKEN)
    prompt = 'a "red" kite\r\n{{seed}} {{negative_prompt}} 🪁'

    remote = await submit(backend, JOB, prompt=prompt, duration_s=5, seed=2**31 - 1)

    request = route.calls.last.request
    sent = json.loads(request.content)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.url.raw_path == b"/prompt"
    assert sent.keys() == {"prompt", "prompt_id", "client_id"}
    assert sent["client_id"] == sent["prompt_id"]
    assert str(uuid.UUID(sent["prompt_id"])) == sent["prompt_id"]
    filled = graph(
        a=("2", "text", f"cinematic. {prompt}"),
        b=("3", "text", ""),
        c=("4", "width", 832),
        d=("4", "height", 480),
        e=("4", "length", 80),
        f=("5", "seed", 2**31 - 1),
    )
    assert sent["prompt"] == filled
    assert (remote.id, remote.status) == (ID, RemoteStatus.QUEUED)


async def test_the_id_and_the_seed_are_made_of_the_job(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    route = wire.post("/prompt").respond(200, json=TAKEN)
    for job in (JOB, JOB, "k" * 26):
        await submit(backend, job, duration_s=5)

    sent = [json.loads(call.request.content) for call in route.calls]
    ids = [body["prompt_id"] for body in sent]
    seeds = [body["prompt"]["5"]["inputs"]["seed"] for body in sent]

    assert ids[0] == ids[1] != ids[2]
    assert seeds[0] == seeds[1] != seeds[2]
    assert all(isinstance(seed, int) and 0 < seed < 2**31 for seed in seeds)


async def test_a_seed_without_a_placeholder_is_varied_where_it_stands(
    wire: respx.MockRouter, tmp_path: Path
) -> None:
    route = wire.post("/prompt").respond(200, json=TAKEN)
    backend = made(tmp_path, workflow=graph(x=("5", "seed", 42)))

    await submit(backend, JOB, duration_s=1, seed=7)
    await submit(backend, JOB, duration_s=1)
    takes = (await backend.describe()).capabilities(None)
    await backend.aclose()

    seeds = [
        json.loads(call.request.content)["prompt"]["5"]["inputs"]["seed"] for call in route.calls
    ]
    assert seeds[0] == 7
    assert seeds[1] not in {7, 42}
    assert takes is not None
    assert takes.seed is True


async def test_what_the_workflow_wants_and_nobody_asked_for_is_named(
    backend: VideoBackend, tmp_path: Path, wire: respx.MockRouter
) -> None:
    with pytest.raises(RefusedByBackend, match=r"EmptyHunyuanLatentVideo \(node 4\).*frames:16"):
        await submit(backend, JOB)
    assert not wire.calls

    route = wire.post("/prompt").respond(200, json=TAKEN)
    helped = made(tmp_path, defaults={"duration_s": 2, "aspect_ratio": "1:1", "resolution": "360p"})
    await submit(helped, JOB)
    await helped.aclose()

    latent = json.loads(route.calls.last.request.content)["prompt"]["4"]["inputs"]
    assert (latent["width"], latent["height"], latent["length"]) == (360, 360, 32)


REFUSALS: list[tuple[httpx.Response, type[BackendError], str]] = [
    (
        httpx.Response(
            400,
            json={
                "error": {"type": "missing_node_type", "message": "Node 'X' not found"},
                "node_errors": {},
            },
        ),
        RefusedByBackend,
        "Node 'X' not found",
    ),
    (
        httpx.Response(
            400,
            json={
                "error": {"type": "prompt_outputs_failed_validation", "message": "failed"},
                "node_errors": {
                    "5": {"errors": [{"details": "steps: 0 smaller than min of 1"}]},
                    "99": {"errors": [{"message": "at /root/comfy/nodes.py"}, "odd"]},
                    "100": "odd",
                },
            },
        ),
        RefusedByBackend,
        "failed · Sampler (node 5): steps: 0 smaller than min of 1 · node (node 99): at …",
    ),
    (httpx.Response(400, json={"error": "no prompt"}), RefusedByBackend, "no prompt"),
    (httpx.Response(413, text="too large"), RefusedByBackend, "too large"),
    (httpx.Response(401, text="Authorization Required"), Unauthorized, "Authorization Required"),
    (httpx.Response(429, text="slow down"), RateLimited, "slow down"),
    (httpx.Response(500, text="500 Internal Server Error"), OutcomeUnknown, "500"),
    (httpx.Response(200, html="<html>"), OutcomeUnknown, "not JSON"),
    (httpx.Response(200, json={"number": 1}), OutcomeUnknown, "names no job"),
    (httpx.Response(200, json={"prompt_id": "../x"}), OutcomeUnknown, "names no job"),
]


@pytest.mark.parametrize(("answer", "kind", "message"), REFUSALS)
async def test_a_refused_submit_says_what_and_whether_anything_runs(
    backend: VideoBackend,
    wire: respx.MockRouter,
    answer: httpx.Response,
    kind: type[BackendError],
    message: str,
) -> None:
    wire.post("/prompt").mock(side_effect=[answer])

    with pytest.raises(BackendError) as caught:
        await submit(backend, JOB, duration_s=1)

    assert type(caught.value) is kind
    assert message in caught.value.message


async def test_the_check_tells_version_key_and_stranger(
    backend: VideoBackend, wire: respx.MockRouter
) -> None:
    stats = {"system": {"comfyui_version": "0.33.0"}}
    wire.get("/system_stats").mock(
        side_effect=[
            httpx.Response(200, json=stats),
            httpx.Response(401, text="no"),
            httpx.Response(200, json={}),
            httpx.Response(200, html="<html>"),
        ]
    )

    found = [(await backend.check())[0] for _ in range(4)]

    assert [finding.severity for finding in found] == ["ok", "error", "error", "error"]
    assert "ComfyUI 0.33.0" in found[0].message
    assert found[1].kind == "unauthorized"
