"""What is being sent ends with the way in that it was asked through; zips have few seats."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.web.guarded import Peopled, sign_in
from tests.web.memory import Arrival
from tests.web.stage import Stage
from tests.web.test_server import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rushes.domain import Job

pytestmark = pytest.mark.anyio

BOBS = "bob's password"
LARGE = bytes(40_000_000)
"""More than the sockets between a server and a reader that stands still can hold."""


async def a_stage() -> Peopled:
    stage = Peopled()
    await stage.residents.add("bob", BOBS)
    return stage


async def of_bob(stage: Stage, job: Job) -> Job:
    return await stage.jobs.write(replace(job, owner="bob"))


async def is_cut(stage: Peopled, address: str) -> bool:
    """Whether an answer breaks off that is being read while its reader's account is closed."""
    async with running(stage) as run, httpx.AsyncClient(base_url=run.url) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        await sign_in(client, BOBS, name="bob")
        async with client.stream("GET", address) as answer:
            assert answer.status_code == 200
            body = answer.aiter_raw()
            await anext(body)
            await stage.residents.disable("bob")
            return await breaks_off(body)


async def breaks_off(body: AsyncIterator[bytes]) -> bool:
    try:
        async for _ in body:
            pass
    except httpx.RemoteProtocolError:
        return True
    return False


@pytest.mark.parametrize("address", ["/export", "/jobs/{id}/clip", "/jobs/{id}/clip?with=recipe"])
async def test_what_is_sent_to_a_closed_account_breaks_off(address: str) -> None:
    stage = await a_stage()
    job = await of_bob(stage, await stage.finished(LARGE))

    assert await is_cut(stage, address.format(id=job.id))


async def test_a_clip_that_still_arrives_breaks_off_too() -> None:
    stage = await a_stage()
    job = await of_bob(stage, await stage.arriving(1000))
    assert job.download is not None
    arrival = Arrival(stage.clips, job.download.key, 1000)
    await arrival.grow(b"the first bytes")

    assert await is_cut(stage, f"/jobs/{job.id}/clip")
    await arrival.break_off()


async def test_two_zips_at_once_are_enough_for_one_person() -> None:
    stage = Stage()
    await stage.finished(LARGE)
    async with running(stage) as run, httpx.AsyncClient(base_url=run.url) as client:
        async with AsyncExitStack() as seats:
            for _ in range(2):
                taken = await seats.enter_async_context(client.stream("GET", "/export"))
                assert taken.status_code == 200
            refused = await client.get("/export", headers={"Accept": "text/html"})
        statuses = [(await client.head("/export")).status_code for _ in range(100)]

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "60"
    assert "Not so many at once" in refused.text
    assert statuses[-1] == 200
