"""Killed anywhere, every job ends right, and nothing is ever paid for twice."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.servers import sha256_sent

if TYPE_CHECKING:
    from tests.e2e.servers import Program, Programs

ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
ENDS = ("completed", "failed", "cancelled", "unknown")


def submissions(mock: Program, prompt: str) -> int:
    counted: dict[str, int] = mock.get("/_mock/stats").json()["by_prompt"]
    return counted.get(prompt, 0)


def test_killed_while_queued_it_runs_after_the_restart(programs: Programs) -> None:
    mock = programs.mock()
    site = programs.site(mock, RUSHES_BACKEND_CONCURRENCY="1")
    first = site.submit("first in line", **ASKED)
    second = site.submit("second in line", **ASKED)
    assert site.job(second)["status"] == "queued"

    site.kill()
    site = programs.site(mock)

    assert site.wait_job(first, *ENDS)["status"] == "completed"
    assert site.wait_job(second, *ENDS)["status"] == "completed"
    assert submissions(mock, "first in line") == 1
    assert submissions(mock, "second in line") == 1


def test_killed_while_submitting_it_is_unknown_and_never_sent_again(programs: Programs) -> None:
    mock = programs.mock()
    site = programs.site(mock)
    site.wait_job(site.submit("warm up", **ASKED), "completed")
    os.kill(mock.process.pid, signal.SIGSTOP)
    job_id = site.submit("sent into the dark", **ASKED)
    site.wait_job(job_id, "submitting")

    site.kill()
    os.kill(mock.process.pid, signal.SIGCONT)
    site = programs.site(mock)

    job = site.wait_job(job_id, *ENDS)
    assert (job["status"], job["failure"]["kind"]) == ("unknown", "outcome_unknown")
    assert submissions(mock, "sent into the dark") <= 1


def test_killed_in_progress_it_is_followed_to_its_end(programs: Programs) -> None:
    mock = programs.mock("--work-s", "3")
    site = programs.site(mock)
    job_id = site.submit("half made", **ASKED)
    site.wait_job(job_id, "in_progress")

    site.kill()
    site = programs.site(mock)

    assert site.wait_job(job_id, *ENDS)["status"] == "completed"
    assert submissions(mock, "half made") == 1


def test_killed_while_fetching_the_clip_is_whole_and_untouched(programs: Programs) -> None:
    mock = programs.mock("--send-s", "4")
    site = programs.site(mock)
    job_id = site.submit("half brought home", **ASKED)
    site.wait_job(job_id, "fetching")

    site.kill()
    site = programs.site(mock)

    job = site.wait_job(job_id, *ENDS)
    assert job["status"] == "completed"
    clip = site.get(f"/jobs/{job_id}/clip").content
    assert hashlib.sha256(clip).hexdigest() == sha256_sent(mock, "half brought home")
    assert submissions(mock, "half brought home") == 1


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.05 * step for step in range(20)])
def test_killed_at_any_time_nothing_is_lost_or_paid_twice(
    programs: Programs, after_s: float
) -> None:
    mock = programs.mock("--queue-s", "0", "--work-s", "0.3", "--send-s", "0.3")
    site = programs.site(mock)
    prompts = {site.submit(f"clip {n}", **ASKED): f"clip {n}" for n in range(3)}
    time.sleep(after_s)

    site.kill()
    site = programs.site(mock)

    for job_id, prompt in prompts.items():
        job = site.wait_job(job_id, *ENDS)
        assert submissions(mock, prompt) <= 1
        assert job["status"] == "completed" or job["failure"]["kind"] == "outcome_unknown"
