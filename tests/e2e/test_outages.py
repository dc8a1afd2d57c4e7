"""A locked database and a full disk: the site says so, and goes on by itself afterwards."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.e2e.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.servers import Program, Programs

pytestmark = pytest.mark.slow

ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
MB = 1_000_000
SMALL = 24 * MB


def figure(site: Program, name: str) -> float:
    """Return a figure without labels."""
    lines = site.get("/metrics").text.splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name} ")]
    return float(line.split()[1])


def test_a_locked_database_is_told_and_got_over(programs: Programs) -> None:
    site = programs.site(
        programs.mock(), RUSHES_METRICS_NETWORKS="127.0.0.1", RUSHES_LOG_FORMAT="json"
    )
    database = programs.folder / "data" / "rushes.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        refused = site.post("/jobs", data={"prompt": "while it is locked", **ASKED})
        other.execute("ROLLBACK")

    job = site.wait_job(site.submit("afterwards", **ASKED), "completed")

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert job["status"] == "completed"
    assert figure(site, "rushes_database_errors_total") >= 1
    assert figure(site, "rushes_store_up") == 1


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Put a small disk of its own at a folder."""
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(folder)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_and_got_over(programs: Programs) -> None:
    data = programs.folder / "data"
    with small_disk(data):
        site = programs.site(programs.mock("--work-s", "2"), RUSHES_MAX_CLIP_MB="1")
        job_id = site.submit("a clip without room", **ASKED)
        site.wait_job(job_id, "in_progress")
        filler = data / "filler"
        fill(filler)
        warned = site.get("/admin").text
        refused = site.post("/jobs", data={"prompt": "one more", **ASKED})
        not_ready = site.get("/readyz").status_code
        filler.unlink()
        job = site.wait_job(job_id, "completed", at_most=90)
        ready = site.get("/readyz").status_code
        site.stop()

    assert "clips may soon find no room" in warned
    assert refused.status_code == 503
    assert "This server has no room left." in refused.text
    assert (not_ready, ready) == (503, 200)
    assert job["status"] == "completed"


def fill(file: Path) -> None:
    """Write until nothing more fits."""
    with file.open("wb", buffering=0) as out:
        try:
            for _ in range(SMALL):
                out.write(bytes(4096))
        except OSError:
            return
    raise AssertionError("the disk has no end")


def test_every_line_of_a_running_server_is_json(programs: Programs) -> None:
    site = programs.site(programs.mock(), RUSHES_LOG_FORMAT="json", RUSHES_LOG_LEVEL="debug")
    job_id = site.submit("a canary-prompt", **ASKED)
    site.wait_job(job_id, "completed")
    site.get("/no%0aline?q=canary-query")
    wait_for(lambda: "/no\\\\nline" in site.printed(), at_most=10)

    lines = site.printed().splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    others = [line for line in lines if not line.startswith("{")]

    assert any(event.get("path") == "/no\\nline" for event in events)
    assert all(line.startswith(("Rushes ", "  ")) for line in others), "but for the greeting"
    assert "canary" not in site.printed()
