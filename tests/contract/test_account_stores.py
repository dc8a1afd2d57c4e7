"""What every store of people and tokens promises."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import Account, ApiToken, TokenScope, new_id
from rushes.storage.sql_jobs import SqlJobs
from tests.fakes import StoppedClock
from tests.fakes.accounts import MemoryAccounts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rushes.ports import AccountStore

pytestmark = pytest.mark.anyio

KINDS = ("one connection", "reads apart", "memory")
NOW = StoppedClock().now


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[AccountStore]:
    if kind == "memory":
        yield MemoryAccounts()
        return
    version = (3, 51, 3) if kind == "reads apart" else (3, 40, 1)
    jobs = SqlJobs(folder / "rushes.db", StoppedClock(), sqlite_version=version)
    await jobs.open()
    try:
        yield jobs.accounts()
    finally:
        await jobs.close()


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AccountStore]:
    async with opened(request.param, tmp_path) as store:
        yield store


def somebody(name: str = "ann", **changes: object) -> Account:
    full = Account(
        name,
        created_at=NOW,
        password="$argon2id$",
        is_operator=True,
        groups=frozenset({"makers", "Élan"}),
        seen_at=NOW + timedelta(hours=1),
    )
    return replace(full, **changes)  # type: ignore[arg-type] # Account's own fields


def a_token(owner: str = "ann", **changes: object) -> ApiToken:
    full = ApiToken(new_id(), owner, "backup", TokenScope.CREATE, created_at=NOW)
    return replace(full, **changes)  # type: ignore[arg-type] # ApiToken's own fields


async def test_an_account_comes_back_as_it_was_put(store: AccountStore) -> None:
    ann = somebody()
    await store.put(ann)

    assert await store.get("ann") == ann
    assert await store.get("Ann") is None
    assert await store.get("bob") is None


async def test_an_account_that_is_put_again_is_changed(store: AccountStore) -> None:
    await store.put(somebody())
    closed = somebody(disabled_at=NOW, password=None, groups=frozenset(), is_operator=False)

    await store.put(closed)

    assert await store.all() == [closed]


async def test_everybody_comes_by_name(store: AccountStore) -> None:
    assert await store.all() == []
    for name in ("bob", "ann", "éva"):
        await store.put(somebody(name))

    assert [account.name for account in await store.all()] == ["ann", "bob", "éva"]


async def test_a_token_is_found_by_its_digest_alone(store: AccountStore) -> None:
    token = a_token(expires_at=NOW + timedelta(days=1))
    await store.add_token(token, "digest")

    assert await store.find_token("digest") == token
    assert await store.find_token(token.id) is None
    assert await store.find_token("Digest") is None


async def test_tokens_come_newest_first_and_each_to_its_owner(store: AccountStore) -> None:
    older, newer = a_token(), a_token(created_at=NOW + timedelta(seconds=1))
    bobs = a_token("bob", scope=TokenScope.READ)
    for number, token in enumerate((older, newer, bobs)):
        await store.add_token(token, f"digest {number}")

    assert await store.tokens_of("ann") == [newer, older]
    assert await store.tokens_of("bob") == [bobs]
    assert await store.tokens_of("eve") == []


async def test_what_is_marked_is_written_and_the_rest_stays(store: AccountStore) -> None:
    token, other = a_token(), a_token()
    await store.add_token(token, "one")
    await store.add_token(other, "two")

    await store.mark_token(token.id, used_at=NOW)
    await store.mark_token(token.id, revoked_at=NOW + timedelta(minutes=1))
    await store.mark_token(token.id)
    await store.mark_token(new_id(), used_at=NOW)

    marked = replace(token, used_at=NOW, revoked_at=NOW + timedelta(minutes=1))
    assert await store.find_token("one") == marked
    assert await store.find_token("two") == other


async def test_people_and_tokens_survive_a_restart(tmp_path: Path) -> None:
    async with opened("one connection", tmp_path) as store:
        await store.put(somebody())
        token = a_token()
        await store.add_token(token, "digest")

    async with opened("one connection", tmp_path) as store:
        assert await store.get("ann") == somebody()
        assert await store.find_token("digest") == token


async def test_dropped_tokens_are_forgotten_and_others_are_not(store: AccountStore) -> None:
    mine = [a_token(), a_token(revoked_at=NOW)]
    theirs = a_token(owner="bob")
    for number, token in enumerate((*mine, theirs)):
        await store.add_token(token, f"digest {number}")

    assert await store.drop_tokens("ann") == 2
    assert await store.drop_tokens("ann") == 0

    assert await store.find_token("digest 0") is None
    assert await store.tokens_of("bob") == [theirs]


async def test_tokens_that_ended_long_ago_are_forgotten_and_no_others(store: AccountStore) -> None:
    long_ago, lately, later = (NOW + timedelta(days=days) for days in (-40, -20, 20))
    ended = [
        a_token(expires_at=long_ago),
        a_token(revoked_at=long_ago),
        a_token(expires_at=later, revoked_at=long_ago),
    ]
    kept = [
        a_token(),
        a_token(expires_at=lately),
        a_token(revoked_at=lately),
        a_token(expires_at=later),
    ]
    for number, token in enumerate((*ended, *kept)):
        await store.add_token(token, f"digest {number}")

    await store.forget_tokens(NOW - timedelta(days=30))

    left = {token.id for token in await store.tokens_of("ann")}
    assert left == {token.id for token in kept}
