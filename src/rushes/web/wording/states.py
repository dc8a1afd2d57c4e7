"""What a person reads about a job: its state in sentences, and what can be done next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rushes.domain import RUNNING, CancelOutcome, JobStatus, RemoteStatus, Stage
from rushes.web.wording import endings
from rushes.web.wording.measures import between, roughly, seconds_words
from rushes.web.wording.said import Action, Clock, JobWords, Move, Tone
from rushes.web.wording.troubles import outage_of, quotable, setback_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from gettext import NullTranslations

    from rushes.domain import Failure, Job, VideoRequest, Viewer
    from rushes.jobs.directory import ConfiguredBackend
    from rushes.jobs.forecast import Range, Turn

ACTIVE = RUNNING | {JobStatus.QUEUED}


def job_words(
    job: Job,
    *,
    turn: Turn | None,
    viewer: Viewer,
    text: NullTranslations,
    label: Callable[[str], str] = str,
    is_held: Callable[[str], bool] = lambda _: False,
    finds: Callable[[str], bool] = lambda _: True,
) -> JobWords:
    """Say how a job stands. `turn` is where it stands in line, where that is known.

    `label` says what people call a backend, `is_held` whether its new jobs wait here, `finds`
    whether it can be asked about a job of which it told us no id.
    """
    waits_on_hold = job.status is JobStatus.QUEUED and is_held(job.backend)
    is_askable = job.remote is not None or finds(job.backend)
    job = replace(job, backend=label(job.backend))  # what is said from here on is read by people
    if job.is_unwanted and job.status in ACTIVE:
        return _cancelling(job, text)
    if waits_on_hold:
        words = _on_hold(job, text)
    elif job.status is JobStatus.QUEUED:
        words = _queued(job, turn, text)
    else:
        words = SAY[job.status](job, text)
    if turn is not None and turn.overdue is not None and words.tone is Tone.BUSY:
        words = _overdue(words, job, turn.overdue, text)
    if job.status is JobStatus.UNKNOWN and not is_askable:
        words = endings.nobody_to_ask(words, job, text)
    if job.cancel_outcome is CancelOutcome.TOO_LATE:
        words = _after_a_late_wish(words, job, text)
    return _with_trouble(words, job, viewer)


def _with_trouble(words: JobWords, job: Job, viewer: Viewer) -> JobWords:
    trouble = job.failure or job.setback
    if trouble is None:
        return words
    quote = quotable(trouble.kind, trouble.message, viewer)
    detail = _detail(trouble) if viewer.is_operator else ""
    return replace(words, quote=quote, detail=detail)


def _detail(failure: Failure) -> str:
    return " · ".join(part for part in (failure.remote_code, failure.detail) if part)


def _after_a_late_wish(words: JobWords, job: Job, text: NullTranslations) -> JobWords:
    """Say that there was nothing left to cancel, and offer no cancel again."""
    actions = tuple(action for action in words.actions if action.move is not Move.CANCEL)
    if job.status not in {JobStatus.FETCHING, JobStatus.COMPLETED}:
        return replace(words, actions=actions)
    said = text.gettext("It was finished already when you asked to cancel.")
    return replace(words, actions=actions, sentence=f"{said} {words.sentence}".strip())


# --- waiting and working ------------------------------------------------------------------------


def _cancel(text: NullTranslations) -> tuple[Action, ...]:
    return (Action(Move.CANCEL, text.gettext("Cancel")),)


def _cancelling(job: Job, text: NullTranslations) -> JobWords:
    sentence = text.gettext("We are asking %(backend)s to stop.") % {"backend": job.backend}
    return JobWords(text.gettext("Cancelling"), sentence, Tone.QUIET, ())


def _queued(job: Job, turn: Turn | None, text: NullTranslations) -> JobWords:
    if job.setback is not None:
        waiting = text.gettext("Waiting for %(backend)s") % {"backend": job.backend}
        return _set_back(job, waiting, Stage.SUBMIT, text)
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


def _set_back(job: Job, heading: str, stage: Stage, text: NullTranslations) -> JobWords:
    """Say what went wrong for now, and that we try again by ourselves."""
    kind = job.setback.kind if job.setback else ""
    clock = Clock(text.gettext("Next try"), job.next_at) if job.next_at else None
    return JobWords(
        heading,
        text.gettext(setback_of(kind, stage)) % {"backend": job.backend},
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
        return _set_back(job, heading, Stage.POLL, text)
    since = job.submitted_at or job.created_at
    return JobWords(
        heading,
        _what_it_does(job, text),
        Tone.BUSY,
        _cancel(text),
        clock=Clock(text.gettext("So far"), since, runs=True),
        expected=_expected(job, text),
    )


def _overdue(words: JobWords, job: Job, usual: Range, text: NullTranslations) -> JobWords:
    """Say that it takes far longer than others did; nobody knows that any work goes on."""
    said = text.gettext("Slower than usual: most clips take %(time)s.")
    said %= {"time": between(usual, text)}
    waits_there = job.remote is not None and job.remote.status is RemoteStatus.QUEUED
    we_stay = text.gettext("You can close this page; we go on waiting.")
    sentence = f"{said} {words.sentence if waits_there else we_stay}"
    return replace(words, sentence=sentence, tone=Tone.WARN, is_overdue=True)


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
        return _set_back(job, heading, Stage.RESULT, text)
    return JobWords(heading, _while_it_arrives(job, text), Tone.BUSY, _cancel(text))


def _while_it_arrives(job: Job, text: NullTranslations) -> str:
    if not job.is_watchable or job.download is None:
        return text.gettext("Almost there.")
    if job.download.size is None:
        return text.gettext("You can watch while it arrives, and move about once it is all here.")
    return text.gettext("You can watch while it arrives.")


SAY: dict[JobStatus, Callable[[Job, NullTranslations], JobWords]] = {
    JobStatus.SUBMITTING: _submitting,
    JobStatus.IN_PROGRESS: _in_progress,
    JobStatus.FETCHING: _fetching,
    JobStatus.COMPLETED: endings.completed,
    JobStatus.FAILED: endings.failed,
    JobStatus.UNKNOWN: endings.unknown,
    JobStatus.CANCELLED: endings.cancelled,
}


# --- around a job -------------------------------------------------------------------------------


def brief(request: VideoRequest, text: NullTranslations) -> str:
    """Say what was asked in a few words: length, quality, shape."""
    seconds = seconds_words(request.duration_s, text) if request.duration_s else None
    parts = (seconds, request.resolution, request.aspect_ratio)
    return " · ".join(part for part in parts if part)


def outage_words(backend: ConfiguredBackend, text: NullTranslations) -> str:
    """Say what is wrong with a backend that is down."""
    kind = backend.trouble.kind if backend.trouble else ""
    return text.gettext(outage_of(kind)) % {"backend": backend.name}
