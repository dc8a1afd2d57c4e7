"""How a backend has done, summed up; and how values are spread over a histogram."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rushes.counts import Histogram
from rushes.domain import BackendRecord, Ending, JobStatus


def done(*seconds: float) -> list[Ending]:
    return [Ending(JobStatus.COMPLETED, timedelta(seconds=each)) for each in seconds]


FAILED = Ending(JobStatus.FAILED, timedelta(seconds=1))


def test_without_a_job_there_is_nothing_to_say() -> None:
    assert BackendRecord.of([]) == BackendRecord(0, None, None, None)


def test_success_is_the_share_that_brought_a_clip() -> None:
    record = BackendRecord.of([*done(1, 2, 3), FAILED])

    assert (record.jobs, record.success) == (4, 0.75)


def test_a_failure_says_nothing_of_how_long_a_clip_takes() -> None:
    record = BackendRecord.of([*done(10), FAILED, FAILED])

    assert (record.median, record.p90) == (timedelta(seconds=10), timedelta(seconds=10))


@pytest.mark.parametrize(
    ("count", "median", "p90"), [(1, 1, 1), (2, 1, 2), (10, 5, 9), (11, 6, 10), (100, 50, 90)]
)
def test_half_and_nine_in_ten_took_at_most_that_long(count: int, median: int, p90: int) -> None:
    record = BackendRecord.of(done(*range(count, 0, -1)))

    assert record.median == timedelta(seconds=median)
    assert record.p90 == timedelta(seconds=p90)


def test_a_value_on_a_bound_lies_at_or_below_it() -> None:
    histogram = Histogram(bounds=(1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.add(value)

    assert histogram.places == [2, 2, 1]
    assert histogram.total == 14.0
