"""What a clip of a gigabyte costs in memory while it arrives and is watched."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.servers import wait_for
from tests.e2e.watching import Watcher, arrived, begun, clip_url, stalled

if TYPE_CHECKING:
    from tests.e2e.servers import Program, Programs

GIGABYTE = 1_000_000_000
ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}


def threads(site: Program) -> int:
    """Return how many threads a program has."""
    return len(list(Path(f"/proc/{site.process.pid}/task").iterdir()))


def memory(site: Program, field: str = "VmRSS") -> int:
    """Return a field of a program's memory, in bytes: VmRSS now, VmHWM at its peak."""
    told = Path(f"/proc/{site.process.pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", told, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def forget_peak(site: Program) -> None:
    """Let the peak be counted from now on (proc(5), clear_refs)."""
    Path(f"/proc/{site.process.pid}/clear_refs").write_text("5")


@pytest.mark.slow
def test_a_gigabyte_that_arrives_and_is_watched_costs_less_than_16_mb(
    programs: Programs,
) -> None:
    backend = programs.plain_backend("--size", str(GIGABYTE))
    site = programs.site(backend)
    for page in ("/", "/healthz", "/api/v1/jobs"):
        site.get(page)
    forget_peak(site)
    before = memory(site)

    job_id = site.submit("a gigabyte", **ASKED)
    begun(site, job_id)
    with stalled(clip_url(site, job_id)):
        watcher = Watcher(clip_url(site, job_id))
        wait_for(lambda: watcher.got > 0 and arrived(programs.folder / "data"), at_most=20)
        job = site.wait_job(job_id, "completed", "failed", "unknown", at_most=90)
        watcher.end(90)
        grown = memory(site, "VmHWM") - before

    assert job["status"] == "completed"
    assert (watcher.got, watcher.sha256) == (GIGABYTE, job["clip"]["sha256"])
    assert grown < 16_000_000, f"it grew by {grown / 1e6:.1f} MB"


@pytest.mark.slow
def test_fifty_viewers_who_stand_still_hold_no_thread_and_little_memory(
    programs: Programs,
) -> None:
    backend = programs.plain_backend("--size", "100_000_000", "--rate", "20_000_000")
    site = programs.site(backend)
    job_id = site.submit("half asleep", **ASKED)
    begun(site, job_id)
    wait_for(lambda: arrived(programs.folder / "data") > 10_000_000, at_most=20)
    before = memory(site)

    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(stalled(clip_url(site, job_id)))
        awake = Watcher(clip_url(site, job_id))
        job = site.wait_job(job_id, "completed", "failed", "unknown")
        awake.end()
        answer = site.get("/healthz")
        grown = memory(site) - before

    assert (answer.status_code, job["status"]) == (200, "completed")
    assert answer.elapsed.total_seconds() < 2
    assert awake.sha256 == job["clip"]["sha256"]
    assert threads(site) < 40
    assert grown / 50 < 4_000_000, f"{grown / 50e6:.1f} MB each"
