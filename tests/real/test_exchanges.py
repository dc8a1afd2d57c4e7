"""What `rushes profile test` understands of the exchanges that are kept, without any server."""

from __future__ import annotations

import pytest

from rushes.backends.profile_tools import read_answers, replay
from tests.real.recording import KEPT

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("story", "understood"),
    [
        ("done", ["submit 200: job ", "poll 200: in_progress", "poll 200: completed", "clip: "]),
        ("failed", ["submit 200: job ", "poll 200: in_progress", "poll 200: failed, "]),
        ("lost", ["submit 200: job ", "poll 404: job_not_found: task_id not found"]),
        (
            "cancelled",
            [
                *("submit 200: job ", "poll 200: in_progress", "cancel 400: stopped_waiting"),
                *("poll 200: in_progress", "poll 200: completed", "clip: "),
            ],
        ),
    ],
)
async def test_a_kept_exchange_is_understood(story: str, understood: list[str]) -> None:
    lines = await replay("bentoml-task", read_answers(KEPT / "bentoml-task" / story))

    told = [line for line in lines if not line.startswith(">")]
    assert len(told) == len(understood)
    assert all(line.startswith(start) for line, start in zip(told, understood, strict=True))
