from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rushes.mock.jobs import STALLS_AT, Ending, JobBook, MockJob, Status
from rushes.mock.spec import ClipSpec
from rushes.mock.words import MEANING, Word, words_in

if TYPE_CHECKING:
    from pathlib import Path

JOB = MockJob(
    key="k",
    id="id",
    dialect="d",
    model="m",
    spec=ClipSpec("p"),
    created_at=100.0,
    queue_s=1.0,
    work_s=6.0,
    rendered_at=102.0,
)


@pytest.mark.parametrize(
    ("now", "status", "progress"),
    [
        (100.0, Status.QUEUED, 0),
        (100.9, Status.QUEUED, 0),
        (101.0, Status.IN_PROGRESS, 0),
        (104.0, Status.IN_PROGRESS, 50),
        (106.99, Status.IN_PROGRESS, 99),
        (107.0, Status.COMPLETED, 100),
        (9999.0, Status.COMPLETED, 100),
    ],
)
def test_a_job_is_queued_then_works_then_is_done(now: float, status: Status, progress: int) -> None:
    standing = JOB.standing(now)

    assert (standing.status, standing.progress) == (status, progress)


def test_a_slow_rendering_keeps_the_job_working() -> None:
    waiting = replace(JOB, rendered_at=None)
    late = replace(JOB, rendered_at=120.0)

    assert waiting.standing(500.0).status is Status.IN_PROGRESS
    assert waiting.standing(500.0).progress == 99
    assert late.standing(119.0).status is Status.IN_PROGRESS
    assert late.standing(120.0).ended_at == 120.0


def test_endings_differ() -> None:
    fails, crashes, stalls = (
        replace(JOB, ending=ending) for ending in (Ending.FAILS, Ending.CRASHES, Ending.STALLS)
    )

    assert fails.standing(106.0).status is Status.IN_PROGRESS
    assert fails.standing(107.0).status is Status.FAILED
    assert crashes.standing(104.0).status is Status.FAILED
    assert crashes.standing(104.0).reason
    assert stalls.standing(10_000.0).progress == STALLS_AT
    assert stalls.standing(10_000.0).status is Status.IN_PROGRESS


def test_the_book_survives_in_its_folder(tmp_path: Path) -> None:
    book = JobBook(tmp_path, kept=10)
    book.keep(JOB)
    book.keep(replace(JOB, id="other", key="o", created_at=200.0, is_deleted=True))

    assert list(JobBook(tmp_path, kept=10)) == list(book)


def test_a_record_of_another_version_is_left_out(tmp_path: Path) -> None:
    JobBook(tmp_path, kept=10).keep(JOB)
    (tmp_path / "old.json").write_text('{"key": "old", "shape": "other"}')
    (tmp_path / "torn.json").write_text('{"key": "to')

    assert list(JobBook(tmp_path, kept=10)) == [JOB]


def test_the_book_lets_the_oldest_go(tmp_path: Path) -> None:
    book = JobBook(tmp_path, kept=2)
    for name in ("a", "b", "c"):
        book.keep(replace(JOB, id=name, key=name))

    assert [job.id for job in book] == ["b", "c"]
    assert {file.name for file in tmp_path.iterdir()} == {"b.json", "c.json"}


def test_a_forgotten_job_does_not_come_back_by_an_update() -> None:
    book = JobBook(None, kept=2)
    book.keep(JOB)
    book.clear()

    book.update(JOB.id, lambda job: job)

    assert book.get(JOB.id) is None


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("nothing here", set()),
        ("#fail", {Word.FAIL}),
        ("a boat, #SLOW and #big.", {Word.SLOW, Word.BIG}),
        ("drop it #lost-answer!", {Word.LOST_ANSWER}),
        ("#failure a#fail ##fail #lost", set()),
    ],
)
def test_magic_words_stand_alone(prompt: str, words: set[Word]) -> None:
    assert words_in(prompt) == words


def test_every_magic_word_is_explained() -> None:
    assert set(MEANING) == set(Word)
