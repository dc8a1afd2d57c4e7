"""What every store of share links promises."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import Job, Limits, Share, VideoRequest
from rushes.storage.sql_jobs import SqlJobs
from tests.fakes import StoppedClock
from tests.fakes.shares import MemoryShares

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rushes.ports import ShareStore

pytestmark = pytest.mark.anyio

KINDS = ("one connection", "reads apart", "memory")
DAY = timedelta(days=1)
CLOCK = StoppedClock()


def a_share(
    id_: str = "s1", job_id: str = "j1", *, age: int = 0, with_prompt: bool = False
) -> Share:
    made = CLOCK.now - age * DAY
    return Share(id_, job_id, "ann", made, made + 7 * DAY, with_prompt)


def a_job(id_: str, place: int) -> Job:
    """A link is to a clip that is there."""
    request = VideoRequest(prompt="rain")
    return Job(id_, "batch", place, "ann", "here", request, "token", CLOCK.now)


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[ShareStore]:
    if kind == "memory":
        yield MemoryShares()
        return
    version = (3, 51, 3) if kind == "reads apart" else (3, 40, 1)
    jobs = SqlJobs(folder / "rushes.db", CLOCK, sqlite_version=version)
    await jobs.open()
    await jobs.add([a_job("j1", 0), a_job("j2", 1)], Limits())
    try:
        yield jobs.shares()
    finally:
        await jobs.close()


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ShareStore]:
    async with opened(request.param, tmp_path) as store:
        yield store


@pytest.mark.parametrize("with_prompt", [True, False])
async def test_a_link_is_found_by_its_digest_alone(store: ShareStore, with_prompt: bool) -> None:
    share = a_share(with_prompt=with_prompt)
    await store.add(share, "digest")

    assert await store.find("digest") == share
    assert await store.find("s1") is None
    assert await store.find("") is None


async def test_the_links_to_a_clip_come_newest_first(store: ShareStore) -> None:
    old, new = a_share("old", age=3), a_share("new")
    await store.add(old, "d1")
    await store.add(new, "d2")
    await store.add(a_share("other", "j2"), "d3")

    assert await store.of_job("j1") == [new, old]
    assert await store.of_job("none") == []


async def test_a_revoked_link_is_found_and_no_longer_good(store: ShareStore) -> None:
    await store.add(a_share("s1"), "d1")
    await store.add(a_share("s2"), "d2")

    await store.revoke("s1", CLOCK.now)
    await store.revoke("never was", CLOCK.now)

    revoked, other = await store.find("d1"), await store.find("d2")
    assert revoked is not None
    assert other is not None
    assert (revoked.revoked_at, revoked.is_good(CLOCK.now)) == (CLOCK.now, False)
    assert other.is_good(CLOCK.now)
    assert {share.id for share in await store.of_job("j1")} == {"s1", "s2"}


async def test_a_link_ends_at_its_moment(store: ShareStore) -> None:
    await store.add(a_share(), "d1")

    share = await store.find("d1")

    assert share is not None
    assert share.is_good(share.expires_at - timedelta(microseconds=1))
    assert not share.is_good(share.expires_at)


async def test_links_survive_a_restart(tmp_path: Path) -> None:
    async with opened("one connection", tmp_path) as store:
        await store.add(a_share(), "d1")

    async with opened("one connection", tmp_path) as store:
        assert await store.find("d1") == a_share()


async def test_links_that_ended_long_ago_are_forgotten_and_no_others(store: ShareStore) -> None:
    for id_, age in (("expired", 60), ("revoked", 3), ("lately", 20), ("good", 0)):
        await store.add(a_share(id_, age=age), f"digest of {id_}")
    await store.revoke("revoked", CLOCK.now - 40 * DAY)

    await store.forget(CLOCK.now - 30 * DAY)

    assert [share.id for share in await store.of_job("j1")] == ["good", "lately"]
