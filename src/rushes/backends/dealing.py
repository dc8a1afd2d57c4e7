"""Numbers that a job gives itself, the same each time it is asked: seeds for backends in code."""

from __future__ import annotations

import hashlib

SEED_MAX = 2_147_483_647


def deal_seed(job_id: str) -> int:
    """Return a seed, 1 to 2147483647, for a job whose request names none."""
    digest = hashlib.sha256(job_id.encode()).digest()
    return 1 + int.from_bytes(digest[:8]) % SEED_MAX
