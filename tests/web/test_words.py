from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from gettext import NullTranslations
from typing import TYPE_CHECKING

import pytest

from rushes import errors
from rushes.domain import LOCAL_VIEWER, Job, RemoteJob, RemoteStatus, Stage, Viewer
from rushes.jobs.forecast import Range, Turn
from rushes.web.wording.measures import between, size, span
from rushes.web.wording.said import JobWords, Move, Tone
from rushes.web.wording.states import job_words
from rushes.web.wording.troubles import TROUBLES, UNNAMED, trouble_of
from tests.web.pages import NOW, SOON, failure, queued, running, states, submitting

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = NullTranslations()


def say(job: Job, turn: Turn | None = None, viewer: Viewer = LOCAL_VIEWER) -> JobWords:
    return job_words(job, turn=turn, viewer=viewer, text=TEXT)


def moves(words: JobWords) -> list[Move]:
    return [action.move for action in words.actions]


def kinds_below(error: type[errors.RushesError]) -> Iterator[str]:
    for child in error.__subclasses__():
        yield child.kind
        yield from kinds_below(child)


@pytest.mark.parametrize("kind", sorted(set(kinds_below(errors.BackendError))))
def test_every_backend_failure_has_words_of_its_own(kind: str) -> None:
    trouble = trouble_of(kind)
    words = say(running().failed(failure(kind), now=NOW))

    assert trouble is not UNNAMED
    assert words.heading
    assert words.sentence
    assert words.next_step
    assert words.tone is Tone.BAD


def test_no_words_are_kept_for_a_kind_that_does_not_exist() -> None:
    assert set(TROUBLES) <= set(kinds_below(errors.RushesError))


def test_a_kind_that_nobody_named_still_gets_a_sentence() -> None:
    words = say(running().failed(failure("from_the_future"), now=NOW))

    assert words.heading == "Something went wrong"
    assert Move.RETRY in moves(words)


@pytest.mark.parametrize(("turn", "heading"), [(None, "In line"), (Turn(1), "Next in line")])
def test_a_place_in_line_is_told_in_words(turn: Turn | None, heading: str) -> None:
    assert say(queued(), turn).heading == heading


def test_a_forecast_is_told_where_there_is_one() -> None:
    ready = Range(timedelta(minutes=3), timedelta(minutes=5, seconds=40))

    assert say(queued(), Turn(2, ready)).expected == "Ready in about 3 to 6 min."
    assert say(queued(), Turn(2)).expected == ""


@pytest.mark.parametrize(
    ("ahead", "sentence"),
    [(1, "1 job is ahead of this one."), (2, "2 jobs are ahead of this one.")],
)
def test_the_reason_to_wait_is_counted(ahead: int, sentence: str) -> None:
    words = say(queued(), Turn(ahead + 1))

    assert words.heading == f"Number {ahead + 1} in line"
    assert words.sentence == sentence


def test_a_setback_says_that_we_try_again_and_when() -> None:
    job = submitting().requeued(failure("rate_limited", "slow down"), next_at=SOON)

    words = say(job)

    assert words.sentence == "Backend A is busy and asked us to wait."
    assert words.next_step == "We will try again by ourselves."
    assert words.clock is not None
    assert words.clock.at == SOON
    assert words.quote == "slow down"


def test_a_job_that_takes_far_longer_than_others_says_so_without_alarm() -> None:
    usual = Range(timedelta(seconds=10), timedelta(seconds=15))
    words = say(running(42), Turn(0, overdue=usual))

    assert words.heading == "Creating: 42 %"
    assert words.sentence == (
        "Slower than usual: most clips take 10 to 15 s. You can close this page; we go on waiting."
    )
    assert (words.tone, words.is_urgent) == (Tone.WARN, False)
    assert words.clock == say(running(42)).clock
    assert moves(words) == [Move.CANCEL]


def test_what_is_set_back_is_told_as_that_however_long_it_takes() -> None:
    usual = Range(timedelta(seconds=10), timedelta(seconds=15))
    job = running().set_back(failure("backend_unavailable"), next_at=SOON)

    assert say(job, Turn(0, overdue=usual)) == say(job)


def test_progress_is_a_percentage_or_time_so_far() -> None:
    assert say(running(42)).heading == "Creating: 42 %"
    unmeasured = say(running(None))
    assert unmeasured.heading == "Creating"
    assert unmeasured.clock is not None
    assert unmeasured.clock.runs


def test_a_remote_queue_is_not_called_creating() -> None:
    job = submitting().accepted(RemoteJob("r", RemoteStatus.QUEUED, queue_position=3), next_at=SOON)

    words = say(job)

    assert words.heading == "Handed to Backend A"
    assert words.sentence == "3 jobs are ahead over there."


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(3, "10\u00a0s"), (60, "1 min"), (72, "1 min 20 s"), (95, "2 min"), (170, "3 min")],
)
def test_what_the_backend_expects_is_told_as_its_own_word(seconds: int, told: str) -> None:
    remote = RemoteJob("r", RemoteStatus.QUEUED, eta=timedelta(seconds=seconds))

    words = say(submitting().accepted(remote, next_at=SOON))

    assert words.expected == f"Backend A expects about {told} more."
    assert say(running(42)).expected == ""


def test_an_estimate_is_not_told_while_something_is_wrong() -> None:
    remote = RemoteJob("r", RemoteStatus.QUEUED, eta=timedelta(minutes=3))
    job = submitting().accepted(remote, next_at=SOON)

    assert say(job.set_back(failure("rate_limited"), next_at=SOON)).expected == ""


def test_a_finished_job_says_how_long_it_took() -> None:
    assert say(states()["completed"]).heading == "Done in 1 min 20 s"


def test_the_three_truths_of_a_cancel_differ() -> None:
    told = {say(job).sentence for name, job in states().items() if name.startswith("cancelled")}

    assert len(told) == 3
    assert "We stopped waiting; it may still be billed." in told


@pytest.mark.parametrize("name", ["completed, wished too late", "fetching, wished too late"])
def test_a_wish_that_came_too_late_is_told_as_that(name: str) -> None:
    words = say(states()[name])

    assert words.sentence.startswith("It was finished already when you asked to cancel.")
    assert Move.CANCEL not in moves(words)
    assert words.heading == say(states()[name.partition(",")[0]]).heading


def test_a_wish_to_cancel_leaves_nothing_more_to_press() -> None:
    words = say(states()["cancelling"])

    assert words.heading == "Cancelling"
    assert words.actions == ()


def test_an_unknown_job_offers_the_free_way_first_and_names_the_risk() -> None:
    words = say(states()["unknown"])

    assert moves(words) == [Move.CHECK_AGAIN, Move.RETRY, Move.GIVE_UP]
    assert "may cost twice" in words.actions[1].label


def test_nobody_is_sent_to_ask_a_backend_that_cannot_be_asked() -> None:
    job = submitting().unknown(failure("outcome_unknown"), next_at=SOON)
    words = job_words(
        job, turn=None, viewer=LOCAL_VIEWER, text=TEXT, label=str.upper, finds=lambda _: False
    )

    assert words.next_step == "BACKEND A cannot be asked about this; look at its own console."
    assert (moves(words), words.has_main) == ([Move.RETRY, Move.GIVE_UP], False)
    assert (words.clock, words.asked) == (None, None)


def test_a_backend_that_told_an_id_can_always_be_asked() -> None:
    job = states()["too late"]
    words = job_words(job, turn=None, viewer=LOCAL_VIEWER, text=TEXT, finds=lambda _: False)

    assert words == say(job)
    assert moves(words)[0] is Move.CHECK_AGAIN


def test_a_look_up_in_vain_is_told() -> None:
    once = say(states()["unknown, asked in vain"])
    job = submitting().unknown(failure("outcome_unknown"), next_at=SOON)
    for next_at in (SOON, SOON, None):
        job = job.wondering(next_at=next_at)
    often = say(job)

    assert once.asked == SOON - timedelta(minutes=5)
    assert (moves(once)[0], once.has_main) == (Move.CHECK_AGAIN, True)
    assert (often.asked, often.clock) == (None, None)
    assert often.next_step == "We have asked 3 times: still no answer."


def test_a_job_that_was_given_up_sends_nobody_to_a_button_that_is_not_there() -> None:
    lost = replace(failure("outcome_unknown"), stage=Stage.SUBMIT)
    words = say(submitting().unknown(lost, next_at=SOON).failed(lost, now=NOW))

    assert words.heading == "You gave up on this"
    assert words.sentence == "It may still run, and may still be billed."
    assert words.next_step == ""
    assert (moves(words), words.has_main) == ([Move.RETRY, Move.DELETE], False)
    assert words.actions[0].label == "Try again (may cost twice)"


def test_a_job_that_was_given_up_after_its_deadline_may_still_be_looked_for() -> None:
    late = failure("timeout")
    words = say(running().unknown(late, next_at=SOON).failed(late, now=NOW))

    assert words.heading == "You gave up on this"
    assert words.next_step == "Check again first: that costs nothing."
    assert (moves(words)[:2], words.has_main) == ([Move.CHECK_AGAIN, Move.RETRY], True)
    assert "may cost twice" in words.actions[1].label


@pytest.mark.parametrize(
    ("stage", "heading", "sentence"),
    [
        (
            Stage.SUBMIT,
            "The backend refused this prompt",
            "It goes against the content rules of Backend A.",
        ),
        (
            Stage.POLL,
            "The backend withheld this clip",
            "Backend A withheld this clip: it goes against its content rules. It may be billed.",
        ),
        (
            Stage.RESULT,
            "The backend withheld this clip",
            "Backend A made the clip and then withheld it; it may be billed.",
        ),
    ],
)
def test_content_rules_offer_the_edit_and_tell_whether_work_was_done(
    stage: Stage, heading: str, sentence: str
) -> None:
    broken = replace(failure("rejected_by_moderation"), stage=stage)
    words = say(running().failed(broken, now=NOW))

    assert (words.heading, words.sentence) == (heading, sentence)
    assert words.next_step == "Say it differently and send it again."
    assert moves(words) == [Move.EDIT, Move.DELETE]


def test_a_lost_clip_can_be_fetched_again_only_where_the_backend_told_an_id() -> None:
    known = running().failed(failure("result_lost"), now=NOW)

    assert moves(say(known))[0] is Move.CHECK_AGAIN
    assert moves(say(replace(known, remote=None)))[0] is Move.RETRY


def test_details_are_for_operators_only() -> None:
    job = running().failed(failure("unauthorized", detail="RUSHES_BACKEND_KEY, 401"), now=NOW)

    assert say(job).detail == "RUSHES_BACKEND_KEY, 401"
    assert say(job, viewer=Viewer("someone")).detail == ""


@pytest.mark.parametrize("name", sorted(states()))
def test_only_final_and_cancelling_jobs_lack_a_way_out(name: str) -> None:
    job = states()[name]

    offered = moves(say(job))

    assert (Move.CANCEL in offered) == job.is_cancellable


def test_lengths_and_sizes_read_well() -> None:
    took = NOW - NOW.replace(hour=11, minute=4, second=0)

    assert span(took, TEXT) == "2 h 10 min"
    assert span(SOON - SOON, TEXT) == "0\u00a0s"
    assert size(2_412_345, TEXT) == "2.4 MB"
    assert size(812_345, TEXT) == "812 kB"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (4.2, 6.1, "4 to 7 s"),
        (0, 0.5, "1\u00a0s"),
        (11, 34, "10 to 35 s"),
        (70, 100, "1 to 2 min"),
        (120, 240, "2 to 4 min"),
        (3 * 60, 180.0, "3 min"),
        (40 * 60, 95 * 60, "40 to 95 min"),
        (2 * 3600, 3.5 * 3600, "2 to 4 h"),
    ],
)
def test_a_range_is_no_finer_than_anybody_knows(low: float, high: float, said: str) -> None:
    assert between(Range(timedelta(seconds=low), timedelta(seconds=high)), TEXT) == said


def test_a_job_at_a_held_backend_does_not_promise_to_start() -> None:
    words = job_words(
        queued(), turn=None, viewer=LOCAL_VIEWER, text=TEXT, label=str.upper, is_held=lambda _: True
    )

    assert words.heading == "On hold"
    assert (
        words.sentence == f"{queued().backend.upper()} is on hold; this waits until that is over."
    )
    assert moves(words) == [Move.CANCEL]
