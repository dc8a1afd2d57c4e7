"""What went wrong, said to people: for each failure kind a heading, a sentence and a next step.

The texts are marked for translation here and translated where they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rushes.domain import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rushes.domain import Viewer


def mark(text: str) -> str:
    """Return `text` as it is; extraction finds it by the name of this function."""
    return text


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of failure in words; `%(backend)s` stands for the backend's name.

    `wants_edit` says that the same recipe would fail again, `may_recover` that the clip may still
    be there to be fetched.
    """

    heading: str
    sentence: str
    next_step: str
    wants_edit: bool = False
    may_recover: bool = False


ABOUT_THE_ACCOUNT = frozenset({"unauthorized", "forbidden", "quota_exhausted"})
"""What a backend says of these may hold account numbers, addresses or parts of its key."""
TRACEBACK = "traceback (most recent call last)"

TRY_LATER = mark("Try again in a while.")
TELL_OPERATOR = mark("Whoever runs this server has to put that right; then try again.")
LOOK_FIRST = mark("Check again first: that costs nothing.")

TROUBLES: Mapping[str, Trouble] = {
    "not_sent": Trouble(
        mark("Could not reach the backend"),
        mark("%(backend)s could not be reached. Nothing was sent, so nothing was spent."),
        TRY_LATER,
    ),
    "outcome_unknown": Trouble(
        mark("Sent, but no clear answer"),
        mark(
            "We sent this to %(backend)s but got no clear answer. "
            "It may be running and may be billed. We have not sent it again."
        ),
        LOOK_FIRST,
        may_recover=True,
    ),
    "refused_by_backend": Trouble(
        mark("These settings were not accepted"),
        mark("%(backend)s does not take this prompt with these settings."),
        mark("Change the settings and send it again."),
        wants_edit=True,
    ),
    "rejected_by_moderation": Trouble(
        mark("The backend refused this prompt"),
        mark("It goes against the content rules of %(backend)s."),
        mark("Say it differently and send it again."),
        wants_edit=True,
    ),
    "unauthorized": Trouble(
        mark("The key was not accepted"),
        mark("%(backend)s does not accept the key that this server uses."),
        TELL_OPERATOR,
    ),
    "forbidden": Trouble(
        mark("The backend does not allow this"),
        mark("%(backend)s knows the key of this server but does not let it do this."),
        TELL_OPERATOR,
    ),
    "quota_exhausted": Trouble(
        mark("The balance is used up"),
        mark("The account at %(backend)s has no balance left, or has reached its daily cap."),
        TELL_OPERATOR,
    ),
    "rate_limited": Trouble(
        mark("Too many requests"),
        mark("%(backend)s is busy and kept asking us to wait. Nothing was spent."),
        TRY_LATER,
    ),
    "concurrency_limited": Trouble(
        mark("Too many jobs at once"),
        mark("%(backend)s already works on as many jobs as it takes. Nothing was spent."),
        TRY_LATER,
    ),
    "model_unavailable": Trouble(
        mark("No such model"),
        mark("%(backend)s has no such model, or not at the address that is set here."),
        mark("Choose another model, or ask whoever runs this server."),
        wants_edit=True,
    ),
    "job_not_found": Trouble(
        mark("The backend no longer knows this job"),
        mark("%(backend)s may have restarted, or it keeps jobs only for a while."),
        mark("Trying again makes the clip anew."),
    ),
    "result_expired": Trouble(
        mark("The clip is gone"),
        mark("%(backend)s made the clip but no longer has it."),
        mark("Trying again makes the clip anew."),
        may_recover=True,
    ),
    "generation_failed": Trouble(
        mark("The clip could not be made"),
        mark("%(backend)s tried and failed."),
        mark("The same prompt may well work the next time."),
    ),
    "backend_unavailable": Trouble(
        mark("The backend does not answer"),
        mark("%(backend)s cannot be reached, is overloaded, or is out of order."),
        TRY_LATER,
        may_recover=True,
    ),
    "timeout": Trouble(
        mark("It took too long"),
        mark("There is no result yet. It may still finish and may be billed."),
        LOOK_FIRST,
        may_recover=True,
    ),
    "bad_backend_response": Trouble(
        mark("The answer could not be read"),
        mark("%(backend)s answered with something we do not understand."),
        mark("If it happens again, the profile may not fit this backend."),
        may_recover=True,
    ),
    "clip_unusable": Trouble(
        mark("Not a playable video"),
        mark("A file came from %(backend)s, but it is not a playable video."),
        mark("Check again to fetch it once more, or try again to make it anew."),
        may_recover=True,
    ),
    "result_lost": Trouble(
        mark("Lost on the way here"),
        mark("%(backend)s made the clip and may bill it, but it did not arrive whole."),
        mark("Check again to fetch it once more, or try again to make it anew."),
        may_recover=True,
    ),
    "clip_too_large": Trouble(
        mark("The clip is too large"),
        mark("The clip is larger than this server keeps."),
        mark("Choose a shorter length or a smaller size."),
        wants_edit=True,
    ),
    "not_configured": Trouble(
        mark("This backend is not set up"),
        mark("A setting for %(backend)s is missing or wrong."),
        TELL_OPERATOR,
    ),
    "storage_full": Trouble(
        mark("No room for the clip"),
        mark("The disk of this server is full."),
        mark("Whoever runs this server has to make room; then check again."),
        may_recover=True,
    ),
}

MODERATED = "rejected_by_moderation"
TOO_BUSY = Trouble(
    mark("Too many requests"),
    mark("%(backend)s took this, but was too busy to make it. It may be billed."),
    TRY_LATER,
)
NOT_FETCHED = Trouble(
    mark("The clip could not be fetched"),
    mark("%(backend)s made the clip and may bill it, but does not let us fetch it."),
    mark("Check again to fetch it once more, or try again to make it anew."),
    may_recover=True,
)
NOT_HANDED_OVER = replace(
    NOT_FETCHED,
    next_step=mark("Whoever runs this server has to put that right; then check again."),
)
AFTER_THE_SUBMIT: Mapping[tuple[str, Stage], Trouble] = {
    (MODERATED, Stage.POLL): Trouble(
        mark("The backend withheld this clip"),
        mark(
            "%(backend)s withheld this clip: it goes against its content rules. It may be billed."
        ),
        mark("Say it differently and send it again."),
        wants_edit=True,
    ),
    (MODERATED, Stage.RESULT): Trouble(
        mark("The backend withheld this clip"),
        mark("%(backend)s made the clip and then withheld it; it may be billed."),
        mark("Say it differently and send it again."),
        wants_edit=True,
    ),
    ("rate_limited", Stage.POLL): TOO_BUSY,
    ("concurrency_limited", Stage.POLL): TOO_BUSY,
    ("not_sent", Stage.RESULT): NOT_FETCHED,
    ("rate_limited", Stage.RESULT): NOT_FETCHED,
    ("concurrency_limited", Stage.RESULT): NOT_FETCHED,
    ("unauthorized", Stage.RESULT): NOT_HANDED_OVER,
    ("forbidden", Stage.RESULT): NOT_HANDED_OVER,
}
"""What the same kind means once the prompt was taken: work was done, and may have to be paid."""

GIVEN_UP = frozenset({("outcome_unknown", stage) for stage in Stage}) | {
    ("timeout", Stage.POLL),
    ("not_configured", Stage.POLL),
}
"""Failures that leave a job's end unknown: one that has failed of them was given up by a person."""
GIVEN_UP_WORDS = Trouble(
    mark("You gave up on this"),
    mark("It may still run, and may still be billed."),
    LOOK_FIRST,
    may_recover=True,
)

UNNAMED = Trouble(
    mark("Something went wrong"),
    mark("It did not work, and we cannot say more than this."),
    mark("Trying again may help."),
    may_recover=True,
)

SOME_SETBACK = mark("%(backend)s could not do it just now.")
SETBACKS: Mapping[str, str] = {
    "not_sent": mark("%(backend)s cannot be reached. This waits here."),
    "outcome_unknown": mark("No clear answer came, but %(backend)s makes a repeat only once."),
    "rate_limited": mark("%(backend)s is busy and asked us to wait."),
    "concurrency_limited": mark("%(backend)s already works on as many jobs as it takes."),
    "backend_unavailable": mark("%(backend)s does not answer at the moment."),
    "bad_backend_response": mark("%(backend)s gave an answer that we could not read."),
    "result_lost": mark("The clip broke off on its way here."),
    "storage_full": mark("The disk of this server is full."),
}


SETBACKS_AFTER_THE_SUBMIT: Mapping[tuple[str, Stage], str] = {
    ("not_sent", Stage.POLL): mark(
        "%(backend)s has this job, but cannot be reached at the moment. Its work may go on."
    ),
    ("not_sent", Stage.RESULT): mark("The clip is made, but cannot be reached at the moment."),
}
"""What the same kind means once the backend has the job: that was sent."""

OUTAGES: Mapping[str, str] = {"not_sent": mark("%(backend)s cannot be reached.")}
"""What is wrong with a backend, where the words for a job would speak of the job."""


def setback_of(kind: str, stage: Stage) -> str:
    """Return the sentence for what went wrong for now on this stage of a job's way."""
    return SETBACKS_AFTER_THE_SUBMIT.get((kind, stage)) or SETBACKS.get(kind, SOME_SETBACK)


def outage_of(kind: str) -> str:
    """Return the sentence for what is wrong with a backend, whatever became of jobs there."""
    return OUTAGES.get(kind) or trouble_of(kind).sentence


def trouble_of(kind: str, stage: Stage = Stage.SUBMIT) -> Trouble:
    """Return the words for a failure kind; a kind nobody has named gets plain ones."""
    return AFTER_THE_SUBMIT.get((kind, stage)) or TROUBLES.get(kind, UNNAMED)


def quotable(kind: str, said: str, viewer: Viewer) -> str:
    """Return a backend's own words where this viewer may read them, else nothing."""
    return "" if is_for_operators(kind, said) and not viewer.is_operator else said


def is_for_operators(kind: str, said: str) -> bool:
    """Whether a backend speaks of the account that it is used with, or of its program's insides."""
    return kind in ABOUT_THE_ACCOUNT or TRACEBACK in said.lower()
