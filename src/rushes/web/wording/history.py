"""A job's history as a page tells it, line by line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rushes.domain import JobStatus
from rushes.web.wording.troubles import trouble_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from gettext import NullTranslations

    from rushes.domain import JobEvent

SET_BACK = "set_back"
REQUEUED = "requeued"
GIVEN_UP = "given_up"
LOOP = 2
"""A submit that fails is two events, the attempt and the way back; a poll that fails is one."""


@dataclass(frozen=True, slots=True)
class Line:
    """What happened, `count` times in a row, and when: from `at` to `until`."""

    what: str
    at: datetime
    until: datetime
    kind: str | None = None
    count: int = 1

    @property
    def is_repeated(self) -> bool:
        """Whether it stands for several events."""
        return self.count > 1

    def is_like(self, other: Line) -> bool:
        """Whether both say the same, but for how often and when."""
        return (self.what, self.kind) == (other.what, other.kind)

    def and_then(self, later: Line) -> Line:
        """Return one line for both."""
        return replace(self, until=later.until, count=self.count + later.count)


def folded(events: Iterable[JobEvent]) -> list[Line]:
    """Return the history with tries that failed alike, one after the other, told once."""
    lines: list[Line] = []
    for event in events:
        lines.append(_line(event, lines[-1] if lines else None))
        for length in range(1, LOOP + 1):
            before, last = lines[-2 * length : -length], lines[-length:]
            if _is_again(before, last):
                both = zip(before, last, strict=True)
                lines[-2 * length :] = [first.and_then(then) for first, then in both]
                break
    return lines


def _line(event: JobEvent, before: Line | None) -> Line:
    what = event.what
    if what == JobStatus.QUEUED and event.kind is not None:
        what = REQUEUED
    elif what == JobStatus.FAILED and before is not None and _left_open(before, event):
        what = GIVEN_UP
    return Line(what, event.at, event.at, event.kind)


def _left_open(before: Line, event: JobEvent) -> bool:
    """Whether nothing was learnt of a job whose end was unknown, so that a person ended it."""
    return (before.what, before.kind) == (JobStatus.UNKNOWN, event.kind)


def _is_again(before: list[Line], last: list[Line]) -> bool:
    if len(before) != len(last) or last[-1].what not in {SET_BACK, REQUEUED}:
        return False
    return all(first.is_like(then) for first, then in zip(before, last, strict=True))


def line_words(line: Line, text: NullTranslations) -> str:
    """Say one line of a job's history: what, how often, and why where something went wrong."""
    said = {
        "queued": text.gettext("In line"),
        "submitting": text.gettext("Sent"),
        "in_progress": text.gettext("Accepted by the backend"),
        "fetching": text.gettext("Made; bringing the clip here"),
        "completed": text.gettext("Done"),
        "failed": text.gettext("Failed"),
        "cancelled": text.gettext("Cancelled"),
        "unknown": text.gettext("No clear answer"),
        "cancel_requested": text.gettext("Cancel asked for"),
        "deleted": text.gettext("Deleted"),
        "restored": text.gettext("Taken back"),
        SET_BACK: text.gettext("Set back; trying again"),
        REQUEUED: text.gettext("Back in line"),
        GIVEN_UP: text.gettext("Given up"),
    }.get(line.what, line.what)
    if line.is_repeated:
        named = {"what": said, "count": line.count}
        said = text.gettext("%(what)s (%(count)d times)") % named
    if line.kind is None or line.what not in {SET_BACK, REQUEUED}:
        return said
    why = text.gettext(trouble_of(line.kind).heading)
    return text.gettext("%(label)s: %(value)s") % {"label": said, "value": why}
