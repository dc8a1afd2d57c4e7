"""Ids, owners and the clock: what every noun is told apart by."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime

ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH = 26
ID_PATTERN = r"^[a-z2-7]{26}$"
LOCAL_OWNER = "local"


def new_id() -> str:
    """Return a fresh id: 26 characters `[a-z2-7]`, 130 random bits."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


def derived_id(*texts: str) -> str:
    """Return the one id that belongs to these texts."""
    digest = hashlib.sha256(repr(texts).encode()).digest()
    return "".join(ID_ALPHABET[byte % len(ID_ALPHABET)] for byte in digest[:ID_LENGTH])


def utc_now() -> datetime:
    """Return the time, aware and in UTC; the one clock that programs hand to the workflow."""
    return datetime.now(UTC)
