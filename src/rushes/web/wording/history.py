"""A job's history as a page tells it, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

    from rushes.domain import JobEvent


def event_words(event: JobEvent, text: NullTranslations) -> str:
    """Say one line of a job's history."""
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
        "set_back": text.gettext("Set back; trying again"),
    }
    return said.get(event.what, event.what)
