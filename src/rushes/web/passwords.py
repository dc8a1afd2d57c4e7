"""The one module that imports argon2; loaded only where a password is asked for."""

from __future__ import annotations

import asyncio
import unicodedata

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2
"""Each check takes 64 MiB and a tenth of a second of one core."""
LEAST = 8
MOST = 1_000
"""Lengths in characters; NIST SP 800-63B asks for at least the first."""


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
        self._encoded = encoded
        self._places = asyncio.Semaphore(AT_ONCE)

    async def is_right(self, password: str) -> bool:
        """Check a password, beside the event loop and in a time that tells nothing of it."""
        async with self._places:
            return await asyncio.to_thread(self._verify, password)

    def _verify(self, password: str) -> bool:
        try:
            return PasswordHasher().verify(self._encoded, _bytes(password))
        except VerificationError:
            return False


def hash_password(password: str) -> str:
    """Return the argon2id hash of a new password; raises ValueError if it is too short or long."""
    if not LEAST <= len(password) <= MOST:
        raise ValueError(f"a password has {LEAST} to {MOST} characters")
    return PasswordHasher().hash(_bytes(password))


def _bytes(password: str) -> bytes:
    # Keyboards differ in how they write an accent; the person typed the same.
    return unicodedata.normalize("NFC", password)[:MOST].encode("utf-8", "surrogatepass")
