"""What every store of sessions promises."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.ports import KeptSession
from rushes.storage.sql_jobs import SqlJobs
from tests.fakes import StoppedClock
from tests.fakes.sessions import MemorySessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rushes.ports import SessionStore

pytestmark = pytest.mark.anyio

KINDS = ("one connection", "reads apart", "memory")
HOUR = timedelta(hours=1)


@asynccontextmanager
async def opened(kind: str, folder: Path, clock: StoppedClock) -> AsyncIterator[SessionStore]:
    if kind == "memory":
        yield MemorySessions(clock)
        return
    version = (3, 51, 3) if kind == "reads apart" else (3, 40, 1)
    jobs = SqlJobs(folder / "rushes.db", clock, sqlite_version=version)
    await jobs.open()
    try:
        yield jobs.sessions()
    finally:
        await jobs.close()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture(params=KINDS)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: StoppedClock
) -> AsyncIterator[SessionStore]:
    async with opened(request.param, tmp_path, clock) as store:
        yield store


def after_three(_who: str, tries: int) -> timedelta:
    """Three tries are free, then each one doubles the wait."""
    return timedelta() if tries < 3 else timedelta(minutes=2 ** (tries - 3))


async def test_a_session_lives_until_its_end(store: SessionStore, clock: StoppedClock) -> None:
    ends_at = clock.now + HOUR
    await store.begin("a", "ann", ends_at)

    assert await store.find("a") == KeptSession("ann", ends_at)
    assert await store.find("b") is None
    clock.advance(minutes=60)
    assert await store.find("a") is None


async def test_a_session_that_lives_can_be_prolonged(
    store: SessionStore, clock: StoppedClock
) -> None:
    await store.begin("a", "ann", clock.now + HOUR)
    clock.advance(minutes=30)

    await store.prolong("a", clock.now + HOUR)

    clock.advance(minutes=59)
    assert await store.find("a") is not None


async def test_a_session_that_has_ended_stays_so(store: SessionStore, clock: StoppedClock) -> None:
    await store.begin("signed out", "ann", clock.now + HOUR)
    await store.begin("too old", "ann", clock.now + HOUR / 2)
    await store.end("signed out")
    clock.advance(minutes=45)

    for digest in ("signed out", "too old"):
        await store.prolong(digest, clock.now + HOUR)
        assert await store.find(digest) is None


async def test_ending_one_session_leaves_the_others(
    store: SessionStore, clock: StoppedClock
) -> None:
    await store.begin("a", "ann", clock.now + HOUR)
    await store.begin("b", "ann", clock.now + HOUR)

    await store.end("a")
    await store.end("never was")

    assert await store.find("a") is None
    assert await store.find("b") is not None


async def test_tries_are_counted_until_somebody_must_wait(
    store: SessionStore, clock: StoppedClock
) -> None:
    waits = [await store.count_try(["a", "all"], after_three) for _ in range(4)]

    assert waits == [timedelta()] * 3 + [timedelta(minutes=1)]
    clock.advance(seconds=45)
    assert await store.count_try(["a"], after_three) == timedelta(seconds=15)
    clock.advance(seconds=15)
    assert await store.count_try(["a"], after_three) == timedelta()
    assert await store.count_try(["a"], after_three) == timedelta(minutes=2)


async def test_one_name_that_waits_holds_up_the_others_and_counts_nothing(
    store: SessionStore,
) -> None:
    for _ in range(3):
        await store.count_try(["all"], after_three)

    assert await store.count_try(["b", "all"], after_three) == timedelta(minutes=1)
    assert [await store.count_try(["b"], after_three) for _ in range(3)] == [timedelta()] * 3


async def test_names_are_counted_apart(store: SessionStore) -> None:
    for _ in range(3):
        await store.count_try(["a"], after_three)

    assert await store.count_try(["b"], after_three) == timedelta()
    assert await store.count_try(["a"], after_three) > timedelta()


async def test_a_try_that_was_right_is_taken_back(store: SessionStore) -> None:
    asked: list[int] = []

    def pause(_: str, tries: int) -> timedelta:
        asked.append(tries)
        return timedelta()

    for _ in range(3):
        await store.count_try(["a"], pause)
    await store.excuse(["a", "nobody"])
    await store.count_try(["a"], pause)

    assert asked[-1] == 2


async def test_who_is_forgiven_begins_anew(store: SessionStore) -> None:
    for _ in range(3):
        await store.count_try(["a", "b"], after_three)

    await store.forgive(["a"])

    assert await store.count_try(["a"], after_three) == timedelta()
    assert await store.count_try(["b"], after_three) > timedelta()


async def test_a_day_of_peace_is_forgotten(store: SessionStore, clock: StoppedClock) -> None:
    for _ in range(3):
        await store.count_try(["a"], after_three)
    clock.advance(hours=24)

    assert [await store.count_try(["a"], after_three) for _ in range(3)] == [timedelta()] * 3


async def test_a_clock_set_back_makes_nobody_wait_longer(
    store: SessionStore, clock: StoppedClock
) -> None:
    for _ in range(3):
        await store.count_try(["a"], after_three)
    clock.advance(hours=-12)

    assert await store.count_try(["a"], after_three) == timedelta(minutes=1)


async def test_tries_at_the_same_time_cannot_slip_past(store: SessionStore) -> None:
    waits = await asyncio.gather(*(store.count_try(["a"], after_three) for _ in range(20)))

    assert waits.count(timedelta()) == 3


async def test_sessions_and_tries_survive_a_restart(tmp_path: Path, clock: StoppedClock) -> None:
    async with opened("one connection", tmp_path, clock) as store:
        await store.begin("a", "ann", clock.now + HOUR)
        for _ in range(3):
            await store.count_try(["b"], after_three)

    async with opened("one connection", tmp_path, clock) as store:
        assert await store.find("a") == KeptSession("ann", clock.now + HOUR)
        assert await store.count_try(["b"], after_three) == timedelta(minutes=1)


async def test_all_sessions_of_somebody_end_together(
    store: SessionStore, clock: StoppedClock
) -> None:
    await store.begin("a", "ann", clock.now + HOUR)
    await store.begin("b", "ann", clock.now + HOUR)
    await store.begin("c", "bob", clock.now + HOUR)

    assert sorted(await store.end_all("ann")) == ["a", "b"]
    assert [await store.find(digest) is None for digest in "abc"] == [True, True, False]
