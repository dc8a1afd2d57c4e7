"""When: the queue played forward."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rushes.domain import Ending, JobStatus
from rushes.jobs.forecast import Pace, Paces, Range, Turn, forecast
from rushes.jobs.queueing import Line, Rules
from rushes.ports import Queue, QueuedJob

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def took(*minutes: float, model: str | None = None, seconds: float | None = None) -> list[Ending]:
    return [
        Ending(JobStatus.COMPLETED, minute * MINUTE, model=model, seconds=seconds)
        for minute in minutes
    ]


# Half take 2 minutes at most, nine of ten 4.
USUAL = took(1, 1, 2, 2, 2, 2, 3, 3, 4, 9)


def waiting(name: str, *, owner: str = "alma", backend: str = "a") -> QueuedJob:
    """Return a job that is as old as its name's first letter says."""
    created_at = NOW - timedelta(hours=1) + timedelta(seconds=ord(name[0]))
    return QueuedJob(name, owner, backend, JobStatus.QUEUED, created_at, 0)


def running(elapsed: timedelta, *, owner: str = "alma") -> QueuedJob:
    job = waiting(f"out{elapsed}", owner=owner)
    return replace(job, status=JobStatus.IN_PROGRESS, submitted_at=NOW - elapsed)


def told(
    *jobs: QueuedJob,
    out: tuple[QueuedJob, ...] = (),
    rules: Rules | None = None,
    measured: list[Ending] = USUAL,
) -> dict[str, Turn]:
    queue = Queue(jobs, out, {}, {})
    return forecast(queue, rules or Rules({"a": 1}), {"a": Paces(measured)}, NOW)


def minutes(low: float, high: float) -> Range:
    return Range(low * MINUTE, high * MINUTE)


def test_a_job_that_starts_at_once_takes_what_is_usual() -> None:
    assert told(waiting("m")) == {"m": Turn(1, minutes(2, 4))}


def test_whoever_waits_waits_for_what_runs() -> None:
    turns = told(waiting("m"), out=(running(MINUTE),))

    assert turns["m"].ready is not None
    assert turns["m"].ready.low == 3 * MINUTE


def test_doubts_add_up_as_those_of_independent_jobs_do() -> None:
    turns = told(*map(waiting, "mnop"))

    assert [turn.place for turn in turns.values()] == [1, 2, 3, 4]
    assert turns["p"].ready == minutes(8, 8 + 2 * 4**0.5)


def test_a_late_job_is_expected_to_end_soon() -> None:
    pace = Pace(2 * MINUTE, 4 * MINUTE)

    assert pace.left(MINUTE) == MINUTE
    assert pace.left(3 * MINUTE) == MINUTE
    assert pace.left(10 * MINUTE) == MINUTE / 2


def test_places_are_those_in_which_the_scheduler_takes_the_jobs() -> None:
    crowd = [waiting(name) for name in "mnop"]
    rules = Rules({"a": 1})

    turns = told(*crowd, waiting("z", owner="bert"), rules=rules)

    assert turns["z"].place == 2
    assert turns["n"].place == 3


@given(
    owners=st.lists(st.sampled_from("abc"), min_size=1, max_size=12),
    elapsed=st.lists(st.integers(0, 300), max_size=2),
)
def test_with_constant_times_the_play_is_what_the_chooser_does(
    owners: list[str], elapsed: list[int]
) -> None:
    """The forecast's order against the line itself, whose slots come back in the same order."""
    jobs = [waiting(f"{chr(97 + n)}", owner=owner) for n, owner in enumerate(owners)]
    out = tuple(running(timedelta(seconds=second)) for second in elapsed)
    rules = Rules({"a": 2})
    turns = told(*jobs, out=out, rules=rules, measured=took(*[6.0] * 5))

    held = {("a", "alma"): len(out)} if out else {}
    line, begun = Line(jobs, held, {}, rules), list[str]()
    back = [job.lane for job in out]
    while len(begun) < len(jobs):
        started = list(line)
        begun += [job.id for job in started]
        back += [job.lane for job in started]
        line.ended(back.pop(0))

    assert sorted(turns, key=lambda name: turns[name].place) == begun


def test_fewer_than_five_measured_jobs_say_nothing_of_times() -> None:
    turns = told(waiting("m"), waiting("n"), measured=took(2, 2, 2, 2))

    assert turns == {"m": Turn(1), "n": Turn(2)}


def test_failed_jobs_say_nothing_of_times() -> None:
    failed = [replace(ending, status=JobStatus.FAILED) for ending in took(*[9] * 20)]

    assert Pace.of(failed + took(*[1] * 4)) is None
    assert Pace.of(failed + took(*[1] * 5)) == Pace(MINUTE, MINUTE)


def test_a_backend_that_takes_no_jobs_tells_places_alone() -> None:
    rules = Rules({"a": 1}, paused=frozenset({"a"}))

    assert told(waiting("m"), waiting("n"), rules=rules) == {"m": Turn(1), "n": Turn(2)}


def test_jobs_that_are_held_back_take_nothing_of_what_all_share() -> None:
    held = [waiting(name) for name in "abcdefghij"]
    there = waiting("z", backend="b")
    queue = Queue([*held, there], (), {}, {})
    rules = Rules({"a": 1, "b": 1}, paused=frozenset({"a"}), running_total=1)
    pace = {"a": Paces(USUAL), "b": Paces(USUAL)}

    for shared in (rules, replace(rules, running_total=None, running_per_owner=1)):
        turns = forecast(queue, shared, pace, NOW)

        assert turns["z"] == Turn(1, minutes(2, 4))
        assert [turns[job.id] for job in held] == [Turn(place) for place in range(1, 11)]


def test_jobs_of_a_backend_that_is_gone_have_no_turn() -> None:
    assert told(waiting("m", backend="gone")) == {}


def test_a_rate_holds_starts_back_for_a_minute() -> None:
    rules = Rules({"a": 9}, starts={"a": 1}, rates={"a": 2})

    turns = told(*map(waiting, "mno"), rules=rules)

    lows = [turn.ready.low for turn in turns.values() if turn.ready]
    assert lows == [2 * MINUTE, 3 * MINUTE, 3 * MINUTE]


def test_the_limit_of_one_person_is_played_too() -> None:
    rules = Rules({"a": 9}, running_per_owner=1)

    turns = told(waiting("m"), waiting("n"), waiting("z", owner="bert"), rules=rules)

    assert [turns[name].place for name in "mzn"] == [1, 2, 3]
    assert turns["n"].ready is not None
    assert turns["n"].ready.low == 4 * MINUTE


def test_the_limit_of_all_together_is_played_too() -> None:
    rules = Rules({"a": 9}, running_total=2)

    turns = told(waiting("m"), waiting("n", owner="bert"), waiting("o"), rules=rules)

    lows = [turns[name].ready.low for name in "mno" if turns[name].ready]  # type: ignore[union-attr] # just asked
    assert lows == [2 * MINUTE, 2 * MINUTE, 4 * MINUTE]


def test_clips_of_a_kind_have_their_own_pace_once_there_are_enough() -> None:
    slow = took(*[10] * 5, model="large", seconds=8)
    paces = Paces([*slow, *took(*[2] * 4, model="large", seconds=4), *took(*[1] * 30)])

    assert paces.of("large", 8) == Pace(10 * MINUTE, 10 * MINUTE)
    assert paces.of("large", 4) == Pace(10 * MINUTE, 10 * MINUTE), "all of that model"
    assert paces.of("unheard of", 4) == Pace(MINUTE, 10 * MINUTE), "all there are"
