"""What people are told of what went wrong, for now or for good."""

from __future__ import annotations

from dataclasses import replace
from gettext import NullTranslations
from typing import TYPE_CHECKING

import pytest

from rushes.domain import LOCAL_VIEWER, Job, Stage, Viewer
from rushes.web.wording.said import JobWords, Move
from rushes.web.wording.states import job_words, outage_words
from tests.web.pages import NOW, SOON, failure, fetching, running, submitting
from tests.web.stage import a_backend

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = NullTranslations()


def say(job: Job, viewer: Viewer = LOCAL_VIEWER) -> JobWords:
    return job_words(job, turn=None, viewer=viewer, text=TEXT)


def moves(words: JobWords) -> list[Move]:
    return [action.move for action in words.actions]


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (submitting().requeued, "Backend A cannot be reached. This waits here."),
        (
            running().set_back,
            "Backend A has this job, but cannot be reached at the moment. Its work may go on.",
        ),
        (fetching().set_back, "The clip is made, but cannot be reached at the moment."),
    ],
)
def test_a_backend_out_of_reach_is_told_by_what_it_has(
    job: Callable[..., Job], sentence: str
) -> None:
    assert say(job(failure("not_sent"), next_at=SOON)).sentence == sentence


BUSY = ("rate_limited", "concurrency_limited")


@pytest.mark.parametrize("kind", ["not_sent", *BUSY])
@pytest.mark.parametrize("job", [running(), fetching()], ids=["running", "fetching"])
def test_a_setback_says_that_nothing_was_sent_or_spent_only_where_it_was_not(
    kind: str, job: Job
) -> None:
    assert "othing was" not in say(job.set_back(failure(kind), next_at=SOON)).sentence


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        ("not_sent", Stage.RESULT),
        *((kind, at) for kind in BUSY for at in (Stage.POLL, Stage.RESULT)),
    ],
)
def test_a_failure_says_that_nothing_was_sent_or_spent_only_where_it_was_not(
    kind: str, stage: Stage
) -> None:
    broken = replace(failure(kind), stage=stage)
    at_submit = replace(broken, stage=Stage.SUBMIT)

    assert "othing was" not in say(fetching().failed(broken, now=NOW)).sentence
    assert "othing was" in say(submitting().failed(at_submit, now=NOW)).sentence


def test_a_clip_out_of_reach_may_be_fetched_again() -> None:
    broken = replace(failure("not_sent"), stage=Stage.RESULT)
    words = say(fetching().failed(broken, now=NOW))

    assert words.heading == "The clip could not be fetched"
    assert moves(words)[0] is Move.CHECK_AGAIN


@pytest.mark.parametrize("kind", ["not_sent", "unauthorized", "backend_unavailable"])
def test_an_outage_says_nothing_of_any_job(kind: str) -> None:
    said = outage_words(a_backend(name="Backend A", trouble=failure(kind)), TEXT)

    assert said.startswith("Backend A ")
    assert "sent" not in said
    assert "spent" not in said


ACCOUNT = "no balance left: billing of ada@studio.example, key sk-...9f3a"
TRACEBACK = 'Traceback (most recent call last):\\n  File "/srv/app.py", line 7'


@pytest.mark.parametrize(
    ("kind", "said", "is_for_all"),
    [
        ("unauthorized", ACCOUNT, False),
        ("forbidden", ACCOUNT, False),
        ("quota_exhausted", ACCOUNT, False),
        ("generation_failed", f"worker 3: {TRACEBACK}", False),
        ("generation_failed", "out of memory", True),
        ("rejected_by_moderation", "no people", True),
    ],
)
def test_what_a_backend_says_of_its_account_or_its_program_is_quoted_to_operators_alone(
    kind: str, said: str, is_for_all: bool
) -> None:
    trouble = failure(kind, said)
    for job in (
        running().failed(trouble, now=NOW),
        running().set_back(trouble, next_at=SOON),
        submitting().unknown(trouble, next_at=SOON),
    ):
        shown = say(job, viewer=Viewer("ada"))

        assert say(job).quote == said
        assert shown.quote == (said if is_for_all else "")
        assert shown.sentence
