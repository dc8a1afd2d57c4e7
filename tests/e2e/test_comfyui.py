"""The site in front of a ComfyUI behind a base path: a percentage is heard, and survives a stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.backends.graphs import write_graph
from tests.e2e.servers import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.servers import Program, Programs

pytestmark = pytest.mark.slow

KEY = "comfy-key-4471"
FILE = """\
[comfy]
url = "{mock}/comfyui/api"
profile = "comfyui"
key = {{ env = "COMFY_KEY" }}
options = {{ workflow = "workflow.json" }}
"""
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def served(programs: Programs, mock: Program, folder: Path) -> Program:
    write_graph(folder)
    file = folder / "backends.toml"
    file.write_text(FILE.format(mock=mock.url))
    return programs.site(None, RUSHES_BACKENDS_FILE=str(file), COMFY_KEY=KEY)


def percent_above(site: Program, job_id: str, least: int) -> int:
    """Wait until a running job is told to be so far, and return how far it is."""

    def seen() -> int | None:
        job = site.job(job_id)
        assert job["status"] in {"queued", "submitting", "in_progress"}, str(job)
        progress: int | None = job["progress"]
        return progress if progress is not None and progress > least else None

    return wait_for(seen, at_most=30)


def test_a_percentage_is_told_and_goes_on_after_a_stop(programs: Programs, tmp_path: Path) -> None:
    mock = programs.mock("--key", KEY, "--work-s", "15")
    site = served(programs, mock, tmp_path)
    job_id = site.submit("a kite", duration="2")

    first = percent_above(site, job_id, 0)
    assert site.stop() == 0
    again = served(programs, mock, tmp_path)
    second = percent_above(again, job_id, first)

    assert 0 < first < second < 100
    assert again.wait_job(job_id, "completed")["progress"] == 100
    assert KEY not in site.printed() + again.printed()


def test_the_site_itself_takes_no_websocket(site: Program) -> None:
    assert site.get("/ws", headers=UPGRADE).status_code == 404
