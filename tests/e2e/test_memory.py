"""What a clip of a gigabyte costs in memory while it arrives and is watched."""

from __future__ import annotations

import re
import select
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.servers import wait_for
from tests.e2e.watching import Watcher, arrived, begun, clip_url, stalled

if TYPE_CHECKING:
    from tests.e2e.servers import Program, Programs

GIGABYTE = 1_000_000_000
BODY, CHUNK = 200_000_000, 256 * 1024
REFUSED = b"HTTP/1.1 413 "
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
    first = site.submit("#small, and every part of the server has run once", **ASKED)
    site.wait_job(first, "completed")
    Watcher(clip_url(site, first)).end()
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


def flooded(site: Program, framing: str, part: bytes) -> tuple[bytes, int]:
    """Send 200 MB unasked, until somebody answers or hangs up; return what they said and took."""
    host, _, port = site.url.removeprefix("http://").partition(":")
    head = f"POST /api/v1/jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    taken = 0
    with socket.create_connection((host, int(port)), timeout=20) as wire:
        wire.sendall(f"{head}{framing}\r\n\r\n".encode())
        with suppress(ConnectionError):
            while taken < BODY and not select.select([wire], [], [], 0)[0]:
                wire.sendall(part)
                taken += len(part)
        with suppress(ConnectionError):
            return wire.recv(64 * 1024), taken
    return b"", taken


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framing", "part"),
    [
        (f"Content-Length: {BODY}", b" " * CHUNK),
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n" % (CHUNK, b" " * CHUNK)),
    ],
    ids=["declared", "chunked"],
)
def test_a_body_of_200_mb_is_refused_before_it_is_read(
    programs: Programs, framing: str, part: bytes
) -> None:
    site = programs.site(None, RUSHES_BACKEND_URL="http://127.0.0.1:9/v1")
    for page in ("/", "/healthz", "/api/v1/jobs"):
        site.get(page)
    forget_peak(site)
    before = memory(site)

    answers = [flooded(site, framing, part) for _ in range(5)]
    grown = memory(site, "VmHWM") - before

    assert all(answer.startswith(REFUSED) for answer, _ in answers)
    assert max(taken for _, taken in answers) < 20_000_000
    assert grown < 16_000_000, f"it grew by {grown / 1e6:.1f} MB"
    assert site.get("/healthz").status_code == 200
