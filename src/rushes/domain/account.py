"""People and what speaks for them: accounts, tokens, share links, and who did what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")
"""What somebody may be called: letters of any script, digits and . _ @ + -."""
EVERYONE_SIGNED_IN = "everyone"
EVERY_BACKEND = "*"
GROUP = "group:"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in; their name is the owner of their jobs.

    `password` is an argon2id hash, None for people whom a proxy vouches for. `groups` are those
    that the proxy named last.
    """

    name: str
    created_at: datetime
    password: str | None = None
    is_operator: bool = False
    groups: frozenset[str] = frozenset()
    seen_at: datetime | None = None
    disabled_at: datetime | None = None


class TokenScope(StrEnum):
    """What a token may do: look, or also ask for clips and put them away."""

    READ = "read"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A program's way in, for one person. Of the token itself only a digest is kept.

    `lock` tells under which shared password it was made; None where people have their own.
    """

    id: str
    owner: str
    label: str
    scope: TokenScope
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None
    lock: str | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it still opens anything."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class Share:
    """A link to one clip for whoever has it; of the link itself only a digest is kept."""

    id: str
    job_id: str
    owner: str
    created_at: datetime
    expires_at: datetime
    with_prompt: bool = False
    revoked_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it still shows anything."""
        return self.revoked_at is None and self.expires_at > now


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One thing that somebody did to others' things or to the server."""

    at: datetime
    who: str
    what: str
    """A word such as `hold`, `user_added`, `prompt_read`."""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """New jobs of a backend wait, since somebody said so; the backend `*` is all of them."""

    backend: str
    by: str
    since: datetime
