"""What can be done with accounts, over memory."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from rushes.domain import LOCAL_OWNER, Limits, TokenScope
from rushes.errors import InvalidRequest
from rushes.people.accounts import Accounts
from rushes.people.commands import UserCommands
from rushes.people.presence import Presence, vouched_key
from rushes.people.tokens import PREFIX, TOKENS_MAX, Tokens, digest
from tests.fakes import MemoryJobs, StoppedClock, a_job
from tests.fakes.accounts import MemoryAccounts, PlainPasswords
from tests.fakes.operators import MemoryOperators
from tests.fakes.sessions import MemorySessions

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse"


class House:
    """Everything that people are kept by."""

    def __init__(self) -> None:
        self.clock = StoppedClock()
        self.store = MemoryAccounts()
        self.sessions = MemorySessions(self.clock)
        self.presence = Presence()
        self.hasher = PlainPasswords()
        self.accounts = Accounts(self.store, self.sessions, self.presence, self.hasher, self.clock)
        self.tokens = Tokens(self.store, self.presence, self.clock)


@pytest.fixture
def house() -> House:
    return House()


async def test_whoever_was_added_is_recognised_by_name_and_password(house: House) -> None:
    await house.accounts.add(" Éva ", PASSWORD, is_operator=True)

    assert await house.accounts.recognise("E\u0301va ", PASSWORD) == "Éva"
    assert await house.accounts.recognise("Éva", "wrong horse") is None
    assert await house.accounts.recognise("éva", PASSWORD) is None
    assert house.store.kept["Éva"].seen_at == house.clock.now
    assert house.store.kept["Éva"].password != PASSWORD


async def test_nobodys_password_is_checked_all_the_same(house: House) -> None:
    assert await house.accounts.recognise("eve", PASSWORD) is None
    await house.accounts.vouched_for("ann", frozenset(), is_operator=False)
    assert await house.accounts.recognise("ann", PASSWORD) is None

    assert house.hasher.checked == [(None, PASSWORD)] * 2


@pytest.mark.parametrize(
    "name", ["", " ", "_ann", "a b", "a/b", "a,b", "<b>", "a" * 65, "local", "LOCAL", "a\nb"]
)
async def test_a_name_that_cannot_be_is_refused(house: House, name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await house.accounts.add(name, PASSWORD)

    assert refused.value.field == "name"
    assert house.store.kept == {}


@pytest.mark.parametrize("name", ["ann", "Ann", " ANN "])
async def test_two_people_cannot_be_told_apart_by_case(house: House, name: str) -> None:
    await house.accounts.add("ann", PASSWORD)

    with pytest.raises(InvalidRequest, match="already"):
        await house.accounts.add(name, PASSWORD)


async def test_a_short_password_is_refused_and_not_repeated(house: House) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await house.accounts.add("ann", "short77")

    assert refused.value.field == "password"
    assert "short77" not in str(refused.value)


async def test_a_closed_account_is_out_at_once(house: House) -> None:
    await house.accounts.add("ann", PASSWORD)
    await house.sessions.begin("session", "ann", house.clock.now + timedelta(days=1))
    await house.sessions.begin("bobs", "bob", house.clock.now + timedelta(days=1))
    token = await house.tokens.issue("ann", "backup", TokenScope.READ, None)
    found = await house.tokens.find(token)
    assert found is not None
    keys = ("session", found.id, vouched_key("ann"), "bobs", vouched_key("bob"))
    overs = [house.presence.over(key) for key in keys]

    await house.accounts.disable("ann")

    assert [over.is_set() for over in overs] == [True, True, True, False, False]
    assert list(house.sessions.kept) == ["bobs"]
    assert await house.accounts.find("ann") is None
    assert await house.accounts.recognise("ann", PASSWORD) is None
    await house.accounts.enable("ann")
    assert await house.accounts.recognise("ann", PASSWORD) == "ann"
    assert await house.tokens.find(token) is None


async def test_a_new_password_ends_every_session(house: House) -> None:
    await house.accounts.add("ann", PASSWORD)
    await house.sessions.begin("session", "ann", house.clock.now + timedelta(days=1))

    await house.accounts.change_password("ann", "battery staple")

    assert house.sessions.kept == {}
    assert await house.accounts.recognise("ann", PASSWORD) is None
    assert await house.accounts.recognise("ann", "battery staple") == "ann"


@pytest.mark.parametrize("keeps_tokens", [True, False])
async def test_a_new_password_ends_tokens_unless_they_are_kept(
    house: House, keeps_tokens: bool
) -> None:
    await house.accounts.add("ann", PASSWORD)
    token = await house.tokens.issue("ann", "backup", TokenScope.READ, None)
    others = await house.tokens.issue("bob", "backup", TokenScope.READ, None)

    await house.accounts.change_password("ann", "battery staple", keeps_tokens=keeps_tokens)

    assert (await house.tokens.find(token) is not None) is keeps_tokens
    assert await house.tokens.find(others) is not None


async def test_whom_a_proxy_names_is_kept_from_the_first_sight_on(house: House) -> None:
    first = await house.accounts.vouched_for("ann", frozenset({"makers"}), is_operator=False)
    house.clock.advance(minutes=5)
    same = await house.accounts.vouched_for("ann", frozenset({"makers"}), is_operator=False)
    other = await house.accounts.vouched_for("ann", frozenset({"admins"}), is_operator=True)
    house.clock.advance(hours=1)
    later = await house.accounts.vouched_for("ann", frozenset({"admins"}), is_operator=True)

    assert first is not None
    assert first == same
    assert (first.password, first.groups) == (None, frozenset({"makers"}))
    assert other is not None
    assert (other.is_operator, other.groups) == (True, frozenset({"admins"}))
    assert later is not None
    assert later.seen_at == house.clock.now
    assert later.created_at == first.created_at


async def test_a_proxy_cannot_open_an_account_that_is_closed_here(house: House) -> None:
    await house.accounts.vouched_for("ann", frozenset(), is_operator=False)
    await house.accounts.disable("ann")
    house.clock.advance(days=1)

    assert await house.accounts.vouched_for("ann", frozenset({"x"}), is_operator=True) is None
    assert house.store.kept["ann"].disabled_at is not None


async def test_closing_is_not_undone_by_a_visit_at_the_same_time(house: House) -> None:
    await house.accounts.vouched_for("ann", frozenset(), is_operator=False)
    house.clock.advance(days=1)

    await asyncio.gather(
        *(house.accounts.vouched_for("ann", frozenset(), is_operator=False) for _ in range(5)),
        house.accounts.disable("ann"),
        *(house.accounts.vouched_for("ann", frozenset({"b"}), is_operator=False) for _ in "abc"),
    )

    assert house.store.kept["ann"].disabled_at is not None


@pytest.mark.parametrize("move", ["change_password", "disable", "enable"])
async def test_nobody_can_be_changed(house: House, move: str) -> None:
    arguments = ("eve", PASSWORD) if move == "change_password" else ("eve",)

    with pytest.raises(InvalidRequest, match="There is nobody called eve"):
        await getattr(house.accounts, move)(*arguments)

    assert house.store.kept == {}


# --- tokens -------------------------------------------------------------------------------------


async def test_a_token_is_known_by_its_digest_alone(house: House) -> None:
    text = await house.tokens.issue("ann", "  my  backup ", TokenScope.CREATE, timedelta(days=1))
    token = await house.tokens.find(text)

    assert text.startswith(PREFIX)
    assert len(text) >= len(PREFIX) + 43
    assert token is not None
    assert (token.owner, token.label, token.scope) == ("ann", "my backup", TokenScope.CREATE)
    assert list(house.store.tokens) == [digest(text)]
    assert text not in repr(house.store.tokens)
    assert await house.tokens.find(text + "x") is None
    assert await house.tokens.find("rushes_\ud800") is None


async def test_a_token_ends_with_its_time_and_with_its_owners_word(house: House) -> None:
    short = await house.tokens.issue("ann", "short", TokenScope.READ, timedelta(days=1))
    long = await house.tokens.issue("ann", "long", TokenScope.READ, None)
    house.clock.advance(days=1)

    assert await house.tokens.find(short) is None
    (token,) = await house.tokens.good_ones("ann")
    over = house.presence.over(token.id)
    assert not await house.tokens.revoke("bob", token.id)
    assert await house.tokens.find(long) is not None
    assert await house.tokens.revoke("ann", token.id)
    assert await house.tokens.find(long) is None
    assert over.is_set()
    assert await house.tokens.good_ones("ann") == []


async def test_its_use_is_noted_at_most_once_a_minute(house: House) -> None:
    text = await house.tokens.issue("ann", "x", TokenScope.READ, None)
    first = house.clock.now
    await house.tokens.find(text)
    house.clock.advance(seconds=59)
    await house.tokens.find(text)
    (early,) = await house.store.tokens_of("ann")
    house.clock.advance(seconds=1)
    await house.tokens.find(text)
    (later,) = await house.store.tokens_of("ann")

    assert (early.used_at, later.used_at) == (first, house.clock.now)


@pytest.mark.parametrize("label", ["", "  ", "x" * 61])
async def test_a_token_has_a_name_of_some_length(house: House, label: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await house.tokens.issue("ann", label, TokenScope.READ, None)

    assert refused.value.field == "label"


async def test_nobody_has_tokens_without_end(house: House) -> None:
    for number in range(TOKENS_MAX):
        await house.tokens.issue("ann", f"number {number}", TokenScope.READ, None)

    with pytest.raises(InvalidRequest, match="revoke one first"):
        await house.tokens.issue("ann", "one more", TokenScope.READ, None)
    assert await house.tokens.issue("bob", "his", TokenScope.READ, None)


# --- commands -----------------------------------------------------------------------------------


async def test_the_commands_do_what_they_say(house: House) -> None:
    jobs, deeds = MemoryJobs(house.clock), MemoryOperators()
    commands = UserCommands(house.accounts, jobs, deeds).table()

    added = await commands["user add"]({"name": "ann", "password": PASSWORD, "is_operator": "yes"})
    await commands["user add"]({"name": "bob", "password": PASSWORD})
    await commands["user disable"]({"name": "bob"})
    told = await commands["user list"]({})
    await commands["user enable"]({"name": "bob"})
    await commands["user password"]({"name": "bob", "password": "battery staple"})

    assert added == ["ann can sign in as administrator"]
    assert told == [
        "ann  (administrator, never seen)",
        "bob  (disabled 2026-11-23, never seen)",
    ]
    assert await house.accounts.recognise("bob", "battery staple") == "bob"
    assert [(line.what, line.about) for line in await deeds.audit(limit=9)][::-1] == [
        ("user_added", "ann"),
        ("user_added", "bob"),
        ("user_disabled", "bob"),
        ("user_enabled", "bob"),
        ("user_password", "bob"),
    ]


async def test_an_operators_new_password_leaves_no_token(house: House) -> None:
    commands = UserCommands(house.accounts, MemoryJobs(house.clock), MemoryOperators()).table()
    await house.accounts.add("bob", PASSWORD)
    token = await house.tokens.issue("bob", "backup", TokenScope.CREATE, None)

    lines = await commands["user password"]({"name": "bob", "password": "battery staple"})

    assert lines == ["bob has a new password; their sessions and tokens have ended"]
    assert await house.tokens.find(token) is None


async def test_the_jobs_of_the_time_before_names_find_an_owner(house: House) -> None:
    jobs, deeds = MemoryJobs(house.clock), MemoryOperators()
    await jobs.add([a_job()], Limits())
    await jobs.add([a_job(owner="bob")], Limits())
    commands = UserCommands(house.accounts, jobs, deeds).table()
    await house.accounts.add("ann", PASSWORD)

    lines = await commands["user adopt"]({"name": "ann"})

    assert lines == ["jobs given to ann: 1"]
    assert sorted(job.owner for job in jobs._rows.values()) == ["ann", "bob"]
    with pytest.raises(InvalidRequest):
        await commands["user adopt"]({"name": "eve"})
    assert LOCAL_OWNER not in house.store.kept
