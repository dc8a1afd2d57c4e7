"""The password's hash: made, checked, and never taken for something else."""

from __future__ import annotations

import asyncio
import threading
import unicodedata

import pytest
from argon2 import PasswordHasher

from rushes.people.passwords import AT_ONCE, MOST, Passwords, SharedPassword, hash_password

pytestmark = pytest.mark.anyio

PASSWORD = "correct hörse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


async def test_the_right_password_is_right_and_others_are_not() -> None:
    password = SharedPassword(hash_password(PASSWORD))

    assert await password.is_right(PASSWORD)
    for wrong in ("", PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1], "\ud800", "x" * 100_000):
        assert not await password.is_right(wrong)


def test_a_hash_is_argon2id_and_salted() -> None:
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)

    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first != second


async def test_an_accent_is_the_same_however_the_keyboard_writes_it() -> None:
    password = SharedPassword(QUICK.hash(unicodedata.normalize("NFC", PASSWORD)))

    assert await password.is_right(unicodedata.normalize("NFD", PASSWORD))


async def test_what_is_too_long_is_cut_before_its_accents_are_put_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    def normalize(_form: str, text: str) -> str:
        sizes.append(len(text))
        return text[:MOST]

    monkeypatch.setattr(unicodedata, "normalize", normalize)

    assert not await SharedPassword(QUICK.hash(PASSWORD)).is_right("e\u0301\u0323" * 170_000)
    assert sizes == [MOST]


@pytest.mark.parametrize("typed", ["", "seven77", "x" * 1001])
def test_a_password_too_short_or_too_long_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="8 to 1000 characters"):
        hash_password(typed)


SALT_AND_HASH = "m=8,t=1,p=1$MKi02ei71npOdEpP5vdcXA$DdGf7X3xMVWlXgXDMOrY15Wo/I+IP8Ruh2/ctYXtQM0"


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        PASSWORD,
        "$argon2id$",
        "$2b$12$" + "x" * 53,
        f"$argon2i$v=19${SALT_AND_HASH}",
        f"$argon2d$v=19${SALT_AND_HASH}",
    ],
)
def test_anything_but_an_argon2id_hash_is_refused_without_repeating_it(encoded: str) -> None:
    with pytest.raises(ValueError, match=r"^this is no argon2id hash$"):
        SharedPassword(encoded)


async def test_no_more_than_two_are_checked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    password = SharedPassword(QUICK.hash(PASSWORD))
    at_work, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(AT_ONCE)

    def verify(_: str) -> bool:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        both.wait(5)
        with lock:
            at_work -= 1
        return True

    monkeypatch.setattr(password, "_verify", verify)
    await asyncio.gather(*(password.is_right("x") for _ in range(6)))

    assert most == AT_ONCE == 2


async def test_where_there_is_no_password_it_takes_as_much_work_to_say_no(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    costs: list[str] = []
    passwords, somebodys = Passwords(), hash_password(PASSWORD)

    def verify(encoded: str, _: str) -> bool:
        costs.append(encoded.rpartition("$")[0].rpartition("$")[0])
        return True

    monkeypatch.setattr("rushes.people.passwords._verify", verify)

    assert await passwords.is_right(somebodys, PASSWORD)
    assert not await passwords.is_right(None, PASSWORD)
    assert costs[0] == costs[1] == "$argon2id$v=19$m=65536,t=3,p=4"


@pytest.mark.slow
async def test_nobodys_hash_is_one_that_can_be_checked() -> None:
    passwords = Passwords()

    assert await passwords.is_right(await passwords.hashed(PASSWORD), PASSWORD)
    assert not await passwords.is_right(None, PASSWORD)
