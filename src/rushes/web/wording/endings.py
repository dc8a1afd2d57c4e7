"""How a job ended, or that nobody knows how: in sentences, with what can be done next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rushes.domain import CancelOutcome
from rushes.errors import BackendTimeout, OutcomeUnknown
from rushes.jobs.steps import asked_at
from rushes.web.wording.measures import span
from rushes.web.wording.said import Action, Clock, JobWords, Move, Tone
from rushes.web.wording.troubles import (
    GIVEN_UP,
    GIVEN_UP_WORDS,
    LOOK_FIRST,
    UNNAMED,
    trouble_of,
)

if TYPE_CHECKING:
    from gettext import NullTranslations

    from rushes.domain import Job
    from rushes.web.wording.troubles import Trouble


def completed(job: Job, text: NullTranslations) -> JobWords:
    """Say how long a clip took."""
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


def failed(job: Job, text: NullTranslations) -> JobWords:
    """Say what went wrong, and what is left to do."""
    trouble = _why(job)
    named = {"backend": job.backend}
    moves = [Move.EDIT] if trouble.wants_edit else [Move.RETRY]
    if job.remote is not None and trouble.may_recover:
        moves.insert(0, Move.CHECK_AGAIN)
    may_cost_twice = trouble is GIVEN_UP_WORDS
    is_over = trouble.next_step == LOOK_FIRST and Move.CHECK_AGAIN not in moves
    return JobWords(
        text.gettext(trouble.heading) % named,
        text.gettext(trouble.sentence) % named,
        Tone.BAD,
        tuple(_recovery(move, text, may_cost_twice) for move in [*moves, Move.DELETE]),
        next_step="" if is_over else text.gettext(trouble.next_step) % named,
        has_main=not (may_cost_twice and moves[0] is Move.RETRY),
    )


def _why(job: Job) -> Trouble:
    if job.failure is None:
        return UNNAMED
    kind, stage = job.failure.kind, job.failure.stage
    return GIVEN_UP_WORDS if (kind, stage) in GIVEN_UP else trouble_of(kind, stage)


def _recovery(move: Move, text: NullTranslations, may_cost_twice: bool) -> Action:
    again = text.gettext("Try again (may cost twice)") if may_cost_twice else ""
    labels = {
        Move.CHECK_AGAIN: text.gettext("Check again"),
        Move.RETRY: again or text.gettext("Try again"),
        Move.EDIT: text.gettext("Edit and try again"),
        Move.DELETE: text.gettext("Delete"),
    }
    return Action(move, labels[move])


def unknown(job: Job, text: NullTranslations) -> JobWords:
    """Say that nobody knows how a job ended, and how that may be found out."""
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
        next_step=_after_asking(job, text) or text.gettext(trouble.next_step) % named,
        clock=Clock(text.gettext("Next look"), job.next_at) if job.next_at else None,
        asked=asked_at(job),
    )


def _after_asking(job: Job, text: NullTranslations) -> str:
    """Say that asking came to nothing, where nobody asks any more by themselves."""
    if not job.attempt or job.next_at is not None:
        return ""
    sentence = text.ngettext(
        "We have asked %(count)d time: still no answer.",
        "We have asked %(count)d times: still no answer.",
        job.attempt,
    )
    return sentence % {"count": job.attempt}


def nobody_to_ask(words: JobWords, job: Job, text: NullTranslations) -> JobWords:
    """Offer no look-up that would ask nobody."""
    said = text.gettext("%(backend)s cannot be asked about this; look at its own console.")
    actions = tuple(action for action in words.actions if action.move is not Move.CHECK_AGAIN)
    return replace(
        words,
        actions=actions,
        next_step=said % {"backend": job.backend},
        clock=None,
        asked=None,
        has_main=False,  # whichever is right may cost, and only the person can say
    )


def _after_how_long(job: Job, text: NullTranslations) -> str:
    """Say for how long a job was waited for, where that is why its end is unknown."""
    is_late = job.failure is not None and job.failure.kind == BackendTimeout.kind
    if not is_late or job.submitted_at is None or job.deadline_at is None:
        return ""
    sentence = text.gettext("No result after %(time)s. It may still finish and may be billed.")
    return sentence % {"time": span(job.deadline_at - job.submitted_at, text)}


def cancelled(job: Job, text: NullTranslations) -> JobWords:
    """Say what became of a wish to cancel."""
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
