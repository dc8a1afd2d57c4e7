"""Who a proxy says is asking: believed from the named proxy, once, in the exact header.

Header names that differ in punctuation alone reach applications as one and the same; a client that
adds such a twin, or a second copy, gets no further.
"""

from __future__ import annotations

import hmac
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from rushes.domain import LOCAL_OWNER

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from rushes.net import Secret

logger = logging.getLogger(__name__)

SECRET_HEADER = "x-proxy-secret"  # noqa: S105 - its name
NAME = re.compile(r"[\x21-\x2b\x2d-\x3b\x3d\x3f-\x7a\x7c\x7e]{1,128}")
"""Visible ASCII without `,{}<>`: what a proxy left unfilled is no name."""
ODD = re.compile(r"[{}<>]")
PUNCTUATION = re.compile(r"[^a-z0-9]")
PARTED = re.compile(r"[,|]")
GROUPS_MAX = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as a proxy names them."""

    name: str
    groups: frozenset[str]
    is_operator: bool


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """In which headers a proxy names people, and how it proves that it is the one."""

    header: str
    groups_header: str | None = None
    admin_group: str | None = None
    admin_name: str | None = None
    secret: Callable[[], Secret] | None = None

    def comes_from_proxy(self, scope: Scope) -> bool:
        """Whether a request came through the named proxy, by its address and by its secret."""
        if not scope["state"].get("is_trusted", False):
            return False
        if self.secret is None:
            return True
        given = _values(scope, SECRET_HEADER)
        wanted = self.secret().reveal().encode()
        return len(given) == 1 and hmac.compare_digest(given[0], wanted)

    def told(self, scope: Scope) -> Identity | None:
        """Return who is asking, None where nobody is named; raises HTTPException, a 400."""
        name = self._only(scope, self.header)
        groups = self._only(scope, self.groups_header) if self.groups_header else None
        if name is None:
            return None
        if not self.comes_from_proxy(scope):
            _refuse("a name came from elsewhere than the trusted proxy")
        if not NAME.fullmatch(name) or name.casefold() == LOCAL_OWNER:
            _refuse("a name that cannot be one")
        return self._identity(name, _groups(groups or ""))

    def _identity(self, name: str, groups: frozenset[str]) -> Identity:
        is_operator = self.admin_group in groups or name == self.admin_name
        return Identity(name, groups, is_operator)

    def _only(self, scope: Scope, header: str) -> str | None:
        """Return the one value of a header without copy and twin; None where it is absent."""
        wanted = header.lower()
        alike = [name for name, _ in _named(scope) if _plain(name) == _plain(wanted)]
        if not alike:
            return None
        if alike != [wanted]:
            _refuse(f"{header} came more than once, or under a name that looks like it")
        try:
            return _values(scope, wanted)[0].decode("utf-8")
        except UnicodeDecodeError:
            _refuse(f"{header} is no text")
        return None


def _groups(told: str) -> frozenset[str]:
    if ODD.search(told) or not told.isprintable():
        _refuse("groups that cannot be such")
    groups = [group.strip() for group in PARTED.split(told, GROUPS_MAX)[:GROUPS_MAX]]
    return frozenset(group for group in groups if group)


def _refuse(reason: str) -> None:
    logger.warning("refused what a request says of its sender: %s", reason)
    raise HTTPException(400, "this request says in an odd way who sent it")


def _named(scope: Scope) -> list[tuple[str, bytes]]:
    return [(name.decode("latin-1").lower(), value) for name, value in scope["headers"]]


def _values(scope: Scope, header: str) -> list[bytes]:
    return [value for name, value in _named(scope) if name == header]


def _plain(name: str) -> str:
    return PUNCTUATION.sub("-", name)
