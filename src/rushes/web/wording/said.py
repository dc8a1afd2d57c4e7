"""What a page says of a job: a heading, a sentence, and what can be done next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Tone(StrEnum):
    """How a state feels; each has an icon and a word beside its colour."""

    QUIET = "quiet"
    BUSY = "busy"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


class Move(StrEnum):
    """What a person can do with a job from a page."""

    CANCEL = "cancel"
    RETRY = "retry"
    EDIT = "edit"
    CHECK_AGAIN = "check_again"
    GIVE_UP = "give_up"
    DOWNLOAD = "download"
    STAR = "star"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Action:
    """One button: the move and its label."""

    move: Move
    label: str


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment that belongs to a state: how long it has run, or when something will happen."""

    label: str
    at: datetime
    runs: bool = False


@dataclass(frozen=True, slots=True)
class JobWords:
    """A job's state as a page says it.

    `quote` is the backend's own message, shown as a quotation, and `detail` what operators need:
    both are empty where the viewer may not read them. The first action is what most people want,
    where one is (`has_main`).
    """

    heading: str
    sentence: str
    tone: Tone
    actions: tuple[Action, ...]
    next_step: str = ""
    quote: str = ""
    detail: str = ""
    clock: Clock | None = None
    asked: datetime | None = None
    """When the backend was last asked in vain how this ended."""
    has_main: bool = True
    expected: str = ""
    """How long it will take by our forecast or the backend's; too fickle to be read aloud."""
    is_overdue: bool = False
    """It runs on, but for far longer than others did."""

    @property
    def is_urgent(self) -> bool:
        """Whether a screen reader should interrupt for it."""
        return self.tone in {Tone.BAD, Tone.WARN} and not self.is_overdue
