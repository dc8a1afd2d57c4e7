"""Who can come in at all: the first administrator, and what a new shared password ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rushes.domain import LOCAL_OWNER, TokenScope, utc_now
from rushes.entrance import Entrance, entrance_of
from rushes.people.lock import Lock
from rushes.people.passwords import hash_password
from rushes.people.presence import Presence
from rushes.settings import BadSetting, load_settings
from rushes.storage.sql_jobs import SqlJobs
from tests.test_watched import put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
FIRST, SECOND = hash_password("the first one"), hash_password("the second one")


@dataclass
class House:
    """A data folder, opened as each start does."""

    folder: Path

    @asynccontextmanager
    async def entrance(self, **settings: Any) -> AsyncIterator[Entrance]:  # noqa: ANN401 - settings
        store = SqlJobs(self.folder / "rushes.db", utc_now)
        await store.open()
        try:
            yield entrance_of(load_settings(None, data_dir=self.folder, **settings), store)
        finally:
            await store.close()

    def named(self) -> dict[str, Any]:
        """Return the settings that name a first administrator."""
        put(self.folder / "secret", PASSWORD)
        return {
            "auth": "users",
            "admin_name": "ann",
            "admin_password_file": self.folder / "secret",
        }


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# --- the first administrator --------------------------------------------------------------------


async def test_with_closed_accounts_alone_it_does_not_start(house: House) -> None:
    async with house.entrance(auth="users") as entrance:
        await entrance.accounts.add("bob", PASSWORD, is_operator=True)
        await entrance.begin()
        await entrance.accounts.disable("bob")

        with pytest.raises(BadSetting, match=r"nobody who could sign in.*user enable"):
            await entrance.begin()


async def test_the_settings_make_an_administrator_where_none_can_sign_in(house: House) -> None:
    async with house.entrance(**house.named()) as entrance:
        await entrance.accounts.add("bob", PASSWORD)
        await entrance.accounts.add("eve", PASSWORD, is_operator=True)
        await entrance.accounts.disable("eve")
        await entrance.begin()
        ann = await entrance.accounts.find("ann")

    assert ann is not None
    assert ann.is_operator


async def test_where_one_can_the_settings_make_no_other(house: House) -> None:
    async with house.entrance(**house.named()) as entrance:
        await entrance.accounts.add("eve", PASSWORD, is_operator=True)
        await entrance.begin()

        assert [account.name for account in await entrance.accounts.all()] == ["eve"]


@pytest.mark.parametrize("is_named", [True, False])
async def test_without_an_administrator_the_log_says_so(
    house: House, caplog: pytest.LogCaptureFixture, is_named: bool
) -> None:
    settings = house.named() if is_named else {"auth": "users"}
    name = "Ann" if is_named else "ann"  # another spelling of the same
    async with house.entrance(**settings) as entrance:
        await entrance.accounts.add(name, PASSWORD)
        await entrance.begin()
        ann = await entrance.accounts.find(name)

    assert ann is not None
    assert not ann.is_operator
    assert "nobody who can sign in is an administrator" in caplog.text
    assert ("RUSHES_ADMIN_NAME is somebody's name already" in caplog.text) == is_named


async def test_a_closed_namesake_is_told_where_nobody_else_is_left(house: House) -> None:
    async with house.entrance(**house.named()) as entrance:
        await entrance.begin()
        await entrance.accounts.disable("ann")

        with pytest.raises(BadSetting, match="RUSHES_ADMIN_NAME: There is somebody called ann"):
            await entrance.begin()


# --- the one password ---------------------------------------------------------------------------


async def opens(entrance: Entrance, token: str) -> bool:
    """Whether a token opens anything; what is listed as good must say the same."""
    assert entrance.people is not None
    found = await entrance.people.tokens.find(token)
    listed = await entrance.people.tokens.good_ones(LOCAL_OWNER)
    assert bool(listed) == (found is not None)
    return found is not None


async def a_token(entrance: Entrance) -> str:
    assert entrance.people is not None
    return await entrance.people.tokens.issue(LOCAL_OWNER, "backup", TokenScope.CREATE, None)


async def test_a_token_ends_with_the_password_it_was_made_under(house: House) -> None:
    file = house.folder / "password"
    put(file, FIRST)
    asked = {"auth": "password", "password_file": file}
    async with house.entrance(**asked) as entrance:
        token = await a_token(entrance)
        before = await opens(entrance, token)
        put(file, SECOND)
        after = await opens(entrance, token)

    assert (before, after) == (True, False)


@pytest.mark.parametrize(
    ("later", "is_good"), [(FIRST, True), (SECOND, False)], ids=["the same", "another"]
)
async def test_a_restart_keeps_good_tokens_and_no_others(
    house: House, later: str, is_good: bool
) -> None:
    async with house.entrance(auth="password", password_hash=FIRST) as entrance:
        token = await a_token(entrance)
    async with house.entrance(auth="password", password_hash=later) as entrance:
        assert await opens(entrance, token) == is_good


async def test_a_forgotten_password_takes_its_tokens_along(house: House) -> None:
    async with house.entrance(auth="password") as entrance:
        await entrance.begin()
        token = await a_token(entrance)
    async with house.entrance(auth="password") as entrance:
        kept = await opens(entrance, token)
    (house.folder / "password.hash").unlink()
    async with house.entrance(auth="password") as entrance:
        assert (kept, await opens(entrance, token)) == (True, False)


async def test_peoples_own_tokens_know_no_lock(house: House) -> None:
    async with house.entrance(auth="users") as entrance:
        assert await opens(entrance, await a_token(entrance))


async def test_whoever_is_inside_is_shown_out_with_nobody_at_the_door() -> None:
    presence, told = Presence(), ["first", "first", "second", "second"]
    over, seen = presence.over("a stream's key"), list[bool]()

    def read() -> str:
        seen.append(over.is_set())
        return told[min(len(seen), len(told)) - 1]

    async with Lock(read, presence).watched(every=0), asyncio.timeout(5):
        await over.wait()

    assert seen == [False, False, False]
