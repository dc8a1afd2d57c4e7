"""What a clip's page tells of its past."""

from __future__ import annotations

from datetime import timedelta
from gettext import NullTranslations

from rushes.domain import JobEvent
from rushes.web.wording.history import folded, line_words
from tests.web.pages import NOW

TEXT = NullTranslations()
SECOND = timedelta(seconds=1)


def told(*events: tuple[str, str | None]) -> list[str]:
    """The lines of a history of events that are a second apart."""
    past = [JobEvent(NOW + at * SECOND, what, kind) for at, (what, kind) in enumerate(events)]
    return [line_words(line, TEXT) for line in folded(past)]


def test_a_strange_event_is_shown_as_it_is() -> None:
    assert told(("moved", None), ("set_back", None)) == ["moved", "Set back; trying again"]


def test_polls_that_fail_alike_are_one_line_that_says_why_and_how_often() -> None:
    away = ("set_back", "not_sent")

    assert told(("in_progress", None), *[away] * 22, ("set_back", "rate_limited"), away) == [
        "Accepted by the backend",
        "Set back; trying again (22 times): Could not reach the backend",
        "Set back; trying again: Too many requests",
        "Set back; trying again: Could not reach the backend",
    ]


def test_submits_that_fail_alike_are_told_once_with_their_way_back() -> None:
    try_in_vain = [("submitting", None), ("queued", "rate_limited")]

    assert told(("queued", None), *try_in_vain * 3, ("submitting", None)) == [
        "In line",
        "Sent (3 times)",
        "Back in line (3 times): Too many requests",
        "Sent",
    ]


def test_a_line_for_several_events_says_from_when_to_when() -> None:
    past = [JobEvent(NOW + at * SECOND, "set_back", "not_sent") for at in range(9)]
    (line,) = folded(past)

    assert (line.at, line.until, line.count) == (NOW, NOW + 8 * SECOND, 9)
    assert line.is_repeated


def test_a_job_that_was_given_up_did_not_just_fail() -> None:
    lost, broken = ("unknown", "outcome_unknown"), ("failed", "generation_failed")

    assert told(lost, ("failed", "outcome_unknown")) == ["No clear answer", "Given up"]
    assert told(lost, broken) == ["No clear answer", "Failed"]


def test_what_a_person_did_is_never_folded() -> None:
    again = [("deleted", None), ("restored", None)] * 2

    assert told(*again) == ["Deleted", "Taken back", "Deleted", "Taken back"]
