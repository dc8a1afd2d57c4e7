"""Which bytes to answer with: conditions and ranges as RFC 9110 (13 and 14) has them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

# One range of up to 18 digits a side. Everything else (other units, several ranges, nonsense of
# any length) is ignored, as 14.2 allows: the answer is then the whole.
RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)
RANGE_MAX = 100
TAG = re.compile(r'"[^"]*"')
CONDITION_MAX = 8_192


@dataclass(frozen=True, slots=True)
class Selection:
    """An answer's status, and its bytes from `start` up to but not including `stop`.

    `stop` is None where the size is not known yet.
    """

    status: int
    start: int
    stop: int | None


def select(
    *,
    size: int | None,
    etag: str,
    ranges: str | None = None,
    if_range: str | None = None,
    if_none_match: str | None = None,
) -> Selection:
    """Decide 200, 206, 304 or 416 for a GET, in the order of RFC 9110 13.2.2.

    `etag` is our strong entity tag, quotes included. Without a size there are no ranges.
    """
    if if_none_match is not None and _names(if_none_match, etag):
        return Selection(304, 0, 0)
    whole = Selection(200, 0, size)
    if size is None or ranges is None or (if_range is not None and if_range.strip() != etag):
        return whole
    return _single(ranges, size) or whole


def _single(ranges: str, size: int) -> Selection | None:
    match = RANGE.fullmatch(ranges) if len(ranges) <= RANGE_MAX else None
    first, last = match.groups() if match else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)):
        return None
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    else:
        start, stop = max(0, size - int(last)), size
    return Selection(206, start, stop) if start < size else Selection(416, 0, 0)


def _names(if_none_match: str, etag: str) -> bool:
    """Whether the list of tags holds ours; weak tags count here (RFC 9110 13.1.2)."""
    if if_none_match.strip() == "*":
        return True
    return etag in TAG.findall(if_none_match[:CONDITION_MAX])
