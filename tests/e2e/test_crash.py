"""Killed anywhere, every job ends right, and nothing is ever paid for twice."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.servers import sha256_sent, wait_for
from tests.e2e.watching import arrived, at, begun, buffered, play, watched, when

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser, Page

    from tests.e2e.servers import Program, Programs

ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
AT_ONCE = ("--queue-s", "0", "--work-s", "0.2")
FILM = "a long film #big"
LONG = ASKED | {"duration": "20"}
ENDS = ("completed", "failed", "cancelled", "unknown")


def submissions(mock: Program, prompt: str) -> int:
    counted: dict[str, int] = mock.get("/_mock/stats").json()["by_prompt"]
    return counted.get(prompt, 0)


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    context = browser.new_context(locale="en")
    yield context.new_page()
    context.close()


def restarted(programs: Programs, site: Program, mock: Program) -> Program:
    """Kill a site, if it still runs, and start it again at the same address."""
    site.kill()
    return programs.site(mock, RUSHES_PORT=site.url.rsplit(":", 1)[1])


def goes_on(page: Page, place: float) -> None:
    """Wait until the page's player plays on beyond a place, in seconds."""
    plays = "(video, place) => !video.error && !video.paused && video.currentTime > place"
    when(page.locator("#player"), plays, place)


def test_killed_in_the_middle_what_ran_is_followed_and_what_waited_runs(programs: Programs) -> None:
    mock = programs.mock("--work-s", "2")
    site = programs.site(mock, RUSHES_BACKEND_CONCURRENCY="1")
    first = site.submit("half made", **ASKED)
    second = site.submit("second in line", **ASKED)
    site.wait_job(first, "in_progress")
    assert site.job(second)["status"] == "queued"

    site.kill()
    site = programs.site(mock)

    assert site.wait_job(first, *ENDS)["status"] == "completed"
    assert site.wait_job(second, *ENDS)["status"] == "completed"
    assert submissions(mock, "half made") == 1
    assert submissions(mock, "second in line") == 1


@pytest.mark.slow
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


@pytest.mark.browser
@pytest.mark.slow
def test_killed_while_a_clip_arrives_and_plays_the_page_goes_on(
    programs: Programs, page: Page
) -> None:
    mock = programs.mock(*AT_ONCE, "--send-s", "7")
    site = programs.site(mock)
    job_id = site.submit(FILM, **LONG)
    begun(site, job_id)
    video = watched(page, site, job_id)
    play(video)
    wait_for(lambda: arrived(programs.folder / "data") > 15_000_000, at_most=20)

    place = buffered(video)
    site = restarted(programs, site, mock)

    goes_on(page, place)
    job = site.wait_job(job_id, *ENDS)
    assert job["status"] == "completed"
    assert job["clip"]["sha256"] == sha256_sent(mock, FILM)
    assert submissions(mock, FILM) == 1


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("send_s", ["14", "0"], ids=["arriving", "finished"])
def test_a_server_that_is_away_for_long_finds_the_page_where_it_was(
    programs: Programs, page: Page, send_s: str
) -> None:
    mock = programs.mock(*AT_ONCE, "--send-s", send_s)
    site = programs.site(mock)
    job_id = site.submit(FILM, **LONG)
    begun(site, job_id)
    if send_s == "0":
        site.wait_job(job_id, *ENDS)  # a player that nobody plays yet is drawn anew at the end
    video = watched(page, site, job_id)
    when(video, "video => video.buffered.length && video.buffered.end(0) > 1")

    site.kill()  # before it plays: a browser that reads on has soon the whole of a finished clip
    play(video)
    when(video, "video => video.error !== null")
    place = at(video)
    restarted(programs, site, mock)

    assert place > 1
    goes_on(page, place)


@pytest.mark.slow
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
