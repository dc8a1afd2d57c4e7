"""How long to wait: between two polls, and when the backend asks for it. Pure functions."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from rushes.backends.language.pointers import find_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pydantic import JsonValue

    from rushes.backends.language.sections import Poll

TEXT_MAX = 2000
_SECONDS = re.compile(r"(?<![\d.])(\d{1,6}(?:\.\d{1,9})?) ?s(?:ec(?:ond)?s?)?\b")


def next_poll(poll: Poll, before: timedelta | None, headers: Mapping[str, str]) -> timedelta:
    """Return the pause before the next poll: the backend's proposal, else a growing one."""
    proposed = headers.get((poll.interval_header_ms or "").lower(), "")
    if re.fullmatch(r"\d{1,9}", proposed):
        wished = timedelta(milliseconds=int(proposed))
        return min(max(wished, timedelta(seconds=0.25)), timedelta(seconds=60))
    if before is None:
        return timedelta(seconds=poll.first_s)
    return min(before * poll.factor, timedelta(seconds=poll.max_s))


def read_retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long the backend asks us to wait, within 1 s and 10 min; None if it is unclear.

    Seconds or an HTTP date in Retry-After, or OpenAI's retry-after-ms.
    """
    wait = _number(headers.get("retry-after-ms"), 1000)
    if wait is None:
        wait = _number(headers.get("retry-after"), 1)
    if wait is None:
        wait = _seconds_until(headers.get("retry-after"), now)
    return None if wait is None else _within(wait)


def told_wait(document: JsonValue, places: Iterable[str]) -> timedelta | None:
    """Return how long a body asks us to wait, within the same bounds; None if it is unclear.

    A number of seconds, or a text in which a number stands before an s: 3.5s, in ~30s, 9 seconds.
    """
    text = find_text(document, places) or ""
    wait = _number(text, 1)
    if wait is None:
        found = _SECONDS.search(text[:TEXT_MAX])
        wait = float(found[1]) if found else None
    return None if wait is None else _within(wait)


def _within(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 1.0), 600.0))


def _number(text: str | None, divisor: int) -> float | None:
    is_number = re.fullmatch(r"\d{1,15}(\.\d{1,9})?", (text or "").strip())
    return float(is_number[0]) / divisor if is_number else None


def _seconds_until(text: str | None, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds()
