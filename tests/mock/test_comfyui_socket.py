"""The ComfyUI dialects tell on their websocket what was recorded of 0.33.0 and 0.3.64."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from rushes.errors import BadBackendResponse
from rushes.net import Credentials, GuardedClient, Patience, Secret
from tests.backends.graphs import graph

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio

LAST = {"execution_success", "execution_error", "execution_interrupted"}


@pytest.fixture(params=["/comfyui", "/comfyui3"])
def base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(mock: httpx.Client, base: str, client_id: str | None, prompt: str = "a kite") -> str:
    """Submit a small job of a seed of its own."""
    prompt_id = str(uuid.uuid4())
    small = graph(
        a=("2", "text", prompt),
        b=("4", "width", 128),
        c=("4", "height", 96),
        d=("4", "length", 16),
        e=("5", "seed", uuid.uuid4().int % 1000),
    )
    told = {} if client_id is None else {"client_id": client_id}
    body = {"prompt": small, "prompt_id": prompt_id} | told
    mock.post(f"{base}/prompt", json=body).raise_for_status()
    return prompt_id


def client_of(mock: httpx.Client, base: str, **headers: str) -> GuardedClient:
    secrets = {name: Secret(value) for name, value in headers.items()}
    url = str(mock.base_url).rstrip("/") + base
    return GuardedClient(
        url, credentials=Credentials(secrets), patience=Patience(), max_clip_bytes=1
    )


async def heard(mock: httpx.Client, base: str, prompt: str) -> tuple[str, list[dict[str, Any]]]:
    """Ask for a job on an open websocket, and return its id and all up to its end."""
    client, messages = client_of(mock, base), []
    query = {"clientId": "somebody"}
    async with asyncio.timeout(15), client.listen("/ws", query=query) as socket:
        asked = ""
        async for text in socket.messages():
            messages.append(json.loads(text))
            if not asked:
                await asyncio.to_thread(ask, mock, base, "another")
                await asyncio.to_thread(ask, mock, base, None)
                asked = await asyncio.to_thread(ask, mock, base, "somebody", prompt)
            if messages[-1]["type"] in LAST:
                break
    await client.aclose()
    return asked, messages


async def test_a_client_hears_of_its_own_jobs_step_by_step(mock: httpx.Client, base: str) -> None:
    prompt_id, messages = await heard(mock, base, "a kite")

    kinds = [message["type"] for message in messages]
    assert messages[0]["data"]["sid"] == "somebody"
    assert {message["data"]["prompt_id"] for message in messages[1:]} == {prompt_id}
    assert (kinds[:2], kinds[-1]) == (["status", "execution_start"], "execution_success")
    values = [each["data"]["value"] for each in messages if each["type"] == "progress"]
    assert values == sorted(values)
    assert values[-1] > 0
    assert ("progress_state" in kinds) is (base == "/comfyui")


async def test_a_failure_ends_it_too(mock: httpx.Client, base: str) -> None:
    _, messages = await heard(mock, base, "#fail")

    assert messages[-1]["type"] == "execution_error"
    assert "exception_message" in messages[-1]["data"]


async def test_a_page_of_another_site_may_not_listen(mock: httpx.Client, base: str) -> None:
    client = client_of(mock, base, Origin="http://elsewhere.test")

    with pytest.raises(BadBackendResponse) as caught:
        async with client.listen("/ws"):
            pass
    await client.aclose()

    assert (caught.value.detail or "").endswith("answered 403")
