"""Secrets that cannot be printed by accident, and text from outside made safe to show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"
DETAIL_MAX = 200
MESSAGE_MAX = 500
PIECE = 8
"""A run of so many characters of a secret is already too much to show. What is shorter as a whole
is hidden only where it stands alone: within words it would star out half of every sentence."""


class Secret:
    """A value that prints as `***`; `reveal` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one place that must send it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __format__(self, _spec: str) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not to be copied into a file")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


class Redactor:
    """Makes text from a peer safe for pages, logs and rows: no secret, no control character."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        known = {secret.reveal() for secret in secrets} - {""}
        self._secrets = sorted((s for s in known if len(s) >= PIECE), key=len, reverse=True)
        self._words = _alone(sorted(known.difference(self._secrets), key=len, reverse=True))
        self._pieces = {s[i : i + PIECE] for s in self._secrets for i in range(len(s) - PIECE + 1)}

    def clean(self, text: str, limit: int = DETAIL_MAX) -> str:
        """Return at most `limit` characters of `text` that are safe to show.

        As `mask`; unprintable characters become escapes.
        """
        shown = self.mask(text[: limit * 8])
        shown = "".join(c if c.isprintable() else _escaped(c) for c in shown.strip())
        return shown if len(shown) <= limit else shown[: limit - 1] + "…"

    def holds_secret(self, text: str) -> bool:
        """Whether a whole secret (of 8 characters or more) stands in `text`."""
        return any(secret in text for secret in self._secrets)

    def mask(self, text: str) -> str:
        """Return all of `text`, with secrets and their runs of 8 characters as `***`.

        Of a secret that is shorter, only whole words are hidden.
        """
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        if self._words is not None:
            text = self._words.sub(MASK, text)
        if not any(piece in text for piece in self._pieces):
            return text
        hidden = [False] * len(text)
        for start in range(len(text) - PIECE + 1):
            if text[start : start + PIECE] in self._pieces:
                hidden[start : start + PIECE] = [True] * PIECE
        return _with_mask(text, hidden)


def _alone(words: list[str]) -> re.Pattern[str] | None:
    choices = "|".join(map(re.escape, words))
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)") if words else None


def _with_mask(text: str, hidden: list[bool]) -> str:
    parts: list[str] = []
    for character, is_hidden in zip(text, hidden, strict=True):
        if not is_hidden:
            parts.append(character)
        elif not parts or parts[-1] != MASK:
            parts.append(MASK)
    return "".join(parts)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
