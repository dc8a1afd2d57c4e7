"""What the process says of itself: one event is one line, for people or for machines.

Nothing that was typed, sent or received can begin a line of its own or steer a terminal.
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS = "rushes"

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that is being answered, if one is."""
job_id: ContextVar[str] = ContextVar("job_id", default="")
"""The job that is being carried, if one is."""


def set_up(level: str, form: str = "text") -> None:
    """Send all events to standard error, ours from `level` on, as `text` or as `json`.

    Those of libraries begin at warning, whatever the level: below it they would tell whole
    addresses, statements and their values.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=max(logging.WARNING, _number(level)), handlers=[handler])
    logging.getLogger(OURS).setLevel(level.upper())


class JsonLines(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `message`, and what else is known.

    That is `request_id`, `job_id`, `error` (a traceback), and the fields that an event brings as
    `extra={"fields": {...}}`. Whatever is not plain ASCII is escaped.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        known = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            "job_id": job_id.get(),
            "error": _traceback(self, record),
        }
        line = {**_fields(record), **known}
        return json.dumps({name: line[name] for name in (known | line) if line[name] != ""})


class TextLines(logging.Formatter):
    """One line of plain text: time, level, logger, message, and in brackets what it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        belongs = {"request": request_id.get(), "job": job_id.get()}
        parts = (
            _at(record),
            record.levelname,
            f"{record.name}:",
            record.getMessage(),
            *(f"[{name} {value}]" for name, value in belongs.items() if value),
            _traceback(self, record),
        )
        return visible(" ".join(part for part in parts if part))


def visible(text: str) -> str:
    """Return text in which whatever is not printable is escaped, line breaks above all."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    given: Mapping[str, object] = getattr(record, "fields", {})
    return given


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
