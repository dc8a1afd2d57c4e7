"""What a person reads about a job: its state in sentences, and what can be done next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from rushes.domain import RUNNING, CancelOutcome, JobStatus, RemoteStatus
from rushes.errors import BackendTimeout, OutcomeUnknown
from rushes.web.measures import between, roughly, seconds_words, span
from rushes.web.troubles import SETBACKS, SOME_SETBACK, trouble_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from gettext import NullTranslations

    from rushes.domain import Failure, Job, JobEvent, VideoRequest, Viewer
    from rushes.jobs.directory import ConfiguredBackend
    from rushes.jobs.forecast import Turn

ACTIVE = RUNNING | {JobStatus.QUEUED}


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

    `quote` is the backend's own message, shown as a quotation; `detail` is for operators only and
    empty for everybody else. The first action is the one that most people want.
    """

    heading: str
    sentence: str
    tone: Tone
    actions: tuple[Action, ...]
    next_step: str = ""
    quote: str = ""
    detail: str = ""
    clock: Clock | None = None
    expected: str = ""
    """How long it will take by our forecast or the backend's; too fickle to be read aloud."""

    @property
    def is_urgent(self) -> bool:
        """Whether a screen reader should interrupt for it."""
        return self.tone in {Tone.BAD, Tone.WARN}


def job_words(
    job: Job,
    *,
    turn: Turn | None,
    viewer: Viewer,
    text: NullTranslations,
    label: Callable[[str], str] = str,
    is_held: Callable[[str], bool] = lambda _: False,
) -> JobWords:
    """Say how a job stands. `turn` is where it stands in line, where that is known.

    `label` says what people call a backend, `is_held` whether its new jobs wait here.
    """
    waits_on_hold = job.status is JobStatus.QUEUED and is_held(job.backend)
    job = replace(job, backend=label(job.backend))  # what is said from here on is read by people
    if job.cancel_requested_at is not None and job.status in ACTIVE:
        return _cancelling(job, text)
    if waits_on_hold:
        words = _on_hold(job, text)
    elif job.status is JobStatus.QUEUED:
        words = _queued(job, turn, text)
    else:
        words = SAY[job.status](job, text)
    return _with_trouble(words, job, viewer)


def _with_trouble(words: JobWords, job: Job, viewer: Viewer) -> JobWords:
    trouble = job.failure or job.setback
    if trouble is None:
        return words
    detail = _detail(trouble) if viewer.is_operator else ""
    return replace(words, quote=trouble.message, detail=detail)


def _detail(failure: Failure) -> str:
    return " · ".join(part for part in (failure.remote_code, failure.detail) if part)


# --- waiting and working ------------------------------------------------------------------------


def _cancel(text: NullTranslations) -> tuple[Action, ...]:
    return (Action(Move.CANCEL, text.gettext("Cancel")),)


def _cancelling(job: Job, text: NullTranslations) -> JobWords:
    sentence = text.gettext("We are asking %(backend)s to stop.") % {"backend": job.backend}
    return JobWords(text.gettext("Cancelling"), sentence, Tone.QUIET, ())


def _queued(job: Job, turn: Turn | None, text: NullTranslations) -> JobWords:
    if job.setback is not None:
        waiting = text.gettext("Waiting for %(backend)s") % {"backend": job.backend}
        return _set_back(job, waiting, text)
    return JobWords(
        _place(turn, text),
        _why_waiting(turn, job, text),
        Tone.QUIET,
        _cancel(text),
        expected=_ready(turn, text),
    )


def _on_hold(job: Job, text: NullTranslations) -> JobWords:
    sentence = text.gettext("%(backend)s is on hold; this waits until that is over.")
    return JobWords(
        text.gettext("On hold"), sentence % {"backend": job.backend}, Tone.QUIET, _cancel(text)
    )


def _place(turn: Turn | None, text: NullTranslations) -> str:
    if turn is None:
        return text.gettext("In line")
    if turn.place == 1:
        return text.gettext("Next in line")
    return text.gettext("Number %(place)d in line") % {"place": turn.place}


def _ready(turn: Turn | None, text: NullTranslations) -> str:
    if turn is None or turn.ready is None:
        return ""
    return text.gettext("Ready in about %(time)s.") % {"time": between(turn.ready, text)}


def _why_waiting(turn: Turn | None, job: Job, text: NullTranslations) -> str:
    if turn is not None and turn.place > 1:
        ahead = turn.place - 1
        sentence = text.ngettext(
            "%(count)d job is ahead of this one.", "%(count)d jobs are ahead of this one.", ahead
        )
        return sentence % {"count": ahead}
    sentence = text.gettext("It starts as soon as %(backend)s can take it.")
    return sentence % {"backend": job.backend}


def _set_back(job: Job, heading: str, text: NullTranslations) -> JobWords:
    """Say what went wrong for now, and that we try again by ourselves."""
    kind = job.setback.kind if job.setback else ""
    clock = Clock(text.gettext("Next try"), job.next_at) if job.next_at else None
    return JobWords(
        heading,
        text.gettext(SETBACKS.get(kind, SOME_SETBACK)) % {"backend": job.backend},
        Tone.WARN,
        _cancel(text),
        next_step=text.gettext("We will try again by ourselves."),
        clock=clock,
    )


def _submitting(job: Job, text: NullTranslations) -> JobWords:
    heading = text.gettext("Sending to %(backend)s") % {"backend": job.backend}
    return JobWords(heading, text.gettext("This takes a moment."), Tone.BUSY, _cancel(text))


def _in_progress(job: Job, text: NullTranslations) -> JobWords:
    heading = _progress(job, text)
    if job.setback is not None:
        return _set_back(job, heading, text)
    since = job.submitted_at or job.created_at
    return JobWords(
        heading,
        _what_it_does(job, text),
        Tone.BUSY,
        _cancel(text),
        clock=Clock(text.gettext("So far"), since, runs=True),
        expected=_expected(job, text),
    )


def _expected(job: Job, text: NullTranslations) -> str:
    """Say what the backend expects, as its own word and not as ours."""
    if job.remote is None or job.remote.eta is None:
        return ""
    named = {"backend": job.backend, "time": roughly(job.remote.eta, text)}
    return text.gettext("%(backend)s expects about %(time)s more.") % named


def _progress(job: Job, text: NullTranslations) -> str:
    if job.remote is not None and job.remote.status is RemoteStatus.QUEUED:
        return text.gettext("Handed to %(backend)s") % {"backend": job.backend}
    if job.progress is None:
        return text.gettext("Creating")
    return text.gettext("Creating: %(percent)d %%") % {"percent": job.progress}


def _what_it_does(job: Job, text: NullTranslations) -> str:
    remote = job.remote
    if remote is None or remote.status is not RemoteStatus.QUEUED:
        return text.gettext("You can close this page; the work goes on.")
    if remote.queue_position:
        sentence = text.ngettext(
            "%(count)d job is ahead over there.",
            "%(count)d jobs are ahead over there.",
            remote.queue_position,
        )
        return sentence % {"count": remote.queue_position}
    return text.gettext("Waiting for it to begin.")


def _fetching(job: Job, text: NullTranslations) -> JobWords:
    heading = text.gettext("Finished. Bringing the clip here")
    if job.setback is not None:
        return _set_back(job, heading, text)
    return JobWords(heading, _while_it_arrives(job, text), Tone.BUSY, _cancel(text))


def _while_it_arrives(job: Job, text: NullTranslations) -> str:
    if not job.is_watchable or job.download is None:
        return text.gettext("Almost there.")
    if job.download.size is None:
        return text.gettext("You can watch while it arrives, and move about once it is all here.")
    return text.gettext("You can watch while it arrives.")


# --- the ends -----------------------------------------------------------------------------------


def _completed(job: Job, text: NullTranslations) -> JobWords:
    taken = (job.finished_at or job.created_at) - (job.submitted_at or job.created_at)
    heading = text.gettext("Done in %(time)s") % {"time": span(taken, text)}
    star = text.gettext("Unstar") if job.starred else text.gettext("Star")
    actions = (
        Action(Move.DOWNLOAD, text.gettext("Download")),
        Action(Move.STAR, star),
        Action(Move.EDIT, text.gettext("Remix")),
        Action(Move.RETRY, text.gettext("Create again")),
        Action(Move.DELETE, text.gettext("Delete")),
    )
    return JobWords(heading, "", Tone.GOOD, actions)


def _failed(job: Job, text: NullTranslations) -> JobWords:
    trouble = trouble_of(job.failure.kind if job.failure else "")
    named = {"backend": job.backend}
    moves = [Move.EDIT] if trouble.wants_edit else [Move.RETRY]
    if job.remote is not None and trouble.may_recover:
        moves.insert(0, Move.CHECK_AGAIN)
    return JobWords(
        text.gettext(trouble.heading) % named,
        text.gettext(trouble.sentence) % named,
        Tone.BAD,
        tuple(_recovery(move, text) for move in [*moves, Move.DELETE]),
        next_step=text.gettext(trouble.next_step) % named,
    )


def _recovery(move: Move, text: NullTranslations) -> Action:
    labels = {
        Move.CHECK_AGAIN: text.gettext("Check again"),
        Move.RETRY: text.gettext("Try again"),
        Move.EDIT: text.gettext("Edit and try again"),
        Move.DELETE: text.gettext("Delete"),
    }
    return Action(move, labels[move])


def _unknown(job: Job, text: NullTranslations) -> JobWords:
    kind = job.failure.kind if job.failure else OutcomeUnknown.kind
    trouble = trouble_of(kind)
    named = {"backend": job.backend}
    again = text.gettext("It did not run: send again (may cost twice)")
    actions = (
        Action(Move.CHECK_AGAIN, text.gettext("Check again")),
        *([Action(Move.RETRY, again)] if kind != BackendTimeout.kind else []),
        Action(Move.GIVE_UP, text.gettext("Give up")),
    )
    return JobWords(
        text.gettext(trouble.heading) % named,
        _after_how_long(job, text) or text.gettext(trouble.sentence) % named,
        Tone.WARN,
        actions,
        next_step=text.gettext(trouble.next_step) % named,
        clock=Clock(text.gettext("Next look"), job.next_at) if job.next_at else None,
    )


def _after_how_long(job: Job, text: NullTranslations) -> str:
    """Say for how long a job was waited for, where that is why its end is unknown."""
    is_late = job.failure is not None and job.failure.kind == BackendTimeout.kind
    if not is_late or job.submitted_at is None or job.deadline_at is None:
        return ""
    sentence = text.gettext("No result after %(time)s. It may still finish and may be billed.")
    return sentence % {"time": span(job.deadline_at - job.submitted_at, text)}


def _cancelled(job: Job, text: NullTranslations) -> JobWords:
    truths = {
        CancelOutcome.NOTHING_SPENT: text.gettext("It never left this server; nothing was spent."),
        CancelOutcome.CONFIRMED: text.gettext("%(backend)s has confirmed that it stopped."),
        CancelOutcome.STOPPED_WAITING: text.gettext("We stopped waiting; it may still be billed."),
    }
    outcome = job.cancel_outcome or CancelOutcome.STOPPED_WAITING
    actions = (
        Action(Move.RETRY, text.gettext("Create again")),
        Action(Move.EDIT, text.gettext("Edit")),
        Action(Move.DELETE, text.gettext("Delete")),
    )
    sentence = truths[outcome] % {"backend": job.backend}
    return JobWords(text.gettext("Cancelled"), sentence, Tone.QUIET, actions)


SAY: dict[JobStatus, Callable[[Job, NullTranslations], JobWords]] = {
    JobStatus.SUBMITTING: _submitting,
    JobStatus.IN_PROGRESS: _in_progress,
    JobStatus.FETCHING: _fetching,
    JobStatus.COMPLETED: _completed,
    JobStatus.FAILED: _failed,
    JobStatus.UNKNOWN: _unknown,
    JobStatus.CANCELLED: _cancelled,
}


# --- around a job -------------------------------------------------------------------------------


def brief(request: VideoRequest, text: NullTranslations) -> str:
    """Say what was asked in a few words: length, quality, shape."""
    seconds = seconds_words(request.duration_s, text) if request.duration_s else None
    parts = (seconds, request.resolution, request.aspect_ratio)
    return " · ".join(part for part in parts if part)


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


def outage_words(backend: ConfiguredBackend, text: NullTranslations) -> str:
    """Say what is wrong with a backend that is down."""
    trouble = trouble_of(backend.trouble.kind if backend.trouble else "")
    return text.gettext(trouble.sentence) % {"backend": backend.name}
