"""The one module that imports argon2."""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from rushes.domain import LOCAL_OWNER

AT_ONCE = 2
"""Each check takes 64 MiB and a tenth of a second of one core."""
LEAST = 8
MOST = 1_000
"""Lengths in characters; NIST SP 800-63B asks for at least the first."""
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without those that are taken for one another: 5 bits each."""
GROUPS, GROUP = 4, 6


class Passwords:
    """Hashes and checks passwords, beside the event loop and few at once."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._nobodys = _nobodys_hash()

    async def hashed(self, password: str) -> str:
        """Return the argon2id hash of a new password; raises ValueError, see `hash_password`."""
        async with self._places:
            return await asyncio.to_thread(hash_password, password)

    async def is_right(self, encoded: str | None, password: str) -> bool:
        """Check a password; where there is none to be right, take the same time to say no."""
        async with self._places:
            verdict = await asyncio.to_thread(_verify, encoded or self._nobodys, password)
        return verdict and encoded is not None


class SharedPassword:
    """Knows the one password by its argon2id hash."""

    def __init__(self, encoded: str) -> None:
        """Raises ValueError for anything but an argon2id hash."""
        try:
            is_argon2id = extract_parameters(encoded).type is Type.ID
        except InvalidHashError:
            is_argon2id = False
        if not is_argon2id:
            raise ValueError("this is no argon2id hash")
        self.encoded = encoded
        self._places = asyncio.Semaphore(AT_ONCE)

    async def recognise(self, _name: str, password: str) -> str | None:
        """Return whose password this is: everybody is the one local user."""
        return LOCAL_OWNER if await self.is_right(password) else None

    async def is_right(self, password: str) -> bool:
        """Check a password, beside the event loop and in a time that tells nothing of it."""
        async with self._places:
            return await asyncio.to_thread(self._verify, password)

    def _verify(self, password: str) -> bool:
        return _verify(self.encoded, password)


def hash_password(password: str) -> str:
    """Return the argon2id hash of a new password; raises ValueError if it is too short or long."""
    if not LEAST <= len(password) <= MOST:
        raise ValueError(f"a password has {LEAST} to {MOST} characters")
    return PasswordHasher().hash(_bytes(password))


def new_password() -> str:
    """Return 120 random bits as four groups of letters and digits that are easy to type."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(groups)


def _verify(encoded: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(encoded, _bytes(password))
    except VerificationError:
        return False


def _nobodys_hash() -> str:
    """Return what looks and costs like any hash of ours, and that no password is known for."""
    costs = PasswordHasher()
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (costs.salt_len, costs.hash_len)
    )
    paid = f"m={costs.memory_cost},t={costs.time_cost},p={costs.parallelism}"
    return f"$argon2id$v=19${paid}${salt}${digest}"


def _bytes(password: str) -> bytes:
    # Keyboards differ in how they write an accent; the person typed the same.
    # Cut first: to put many accents in order takes the square of their number.
    return unicodedata.normalize("NFC", password[:MOST]).encode("utf-8", "surrogatepass")
