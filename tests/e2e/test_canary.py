"""The backend's key never leaves the server: a canary in its place is found nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.e2e.servers import Program, Programs

CANARY = "canary-8f3b1c97d24e6a05"
PIECE = CANARY[7:19]
ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
PROMPTS = ("a quiet canary", "a canary #fail", "a canary #refuse", "a canary #lost-answer")
ENDS = ("completed", "failed", "cancelled", "unknown")


def everything_served(site: Program, job_ids: list[str]) -> str:
    """Return every page, event and answer that a viewer can get, headers included."""
    paths = ["/", "/healthz", "/readyz", "/api/v1/jobs", "/api/v1/changes?after=0", "/nothing"]
    paths += ["/api/v1/openapi.json", "/events?after=0"]
    for job_id in job_ids:
        paths += [f"/jobs/{job_id}", f"/api/v1/jobs/{job_id}", f"/jobs/{job_id}/delete"]
    seen = []
    for path in paths:
        with httpx.stream("GET", site.url + path, timeout=20) as answer:
            body = next(answer.iter_raw(), b"") if path.startswith("/events") else answer.read()
            seen.append(f"{answer.headers}\n{body.decode(errors='replace')}")
    return "\n".join(seen)


def files_with_canary(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in files if PIECE.encode() in path.read_bytes()]


def test_a_canary_key_is_found_nowhere(programs: Programs) -> None:
    mock = programs.mock("--key", CANARY, folder="elsewhere")
    site = programs.site(mock, RUSHES_BACKEND_KEY=CANARY, RUSHES_LOG_LEVEL="debug")
    job_ids = [site.submit(prompt, **ASKED) for prompt in PROMPTS]
    ended = [site.wait_job(job_id, *ENDS)["status"] for job_id in job_ids]
    mock.kill()
    job_ids.append(site.submit("into the void", **ASKED))
    site.wait_job(job_ids[-1], "queued")

    served = everything_served(site, job_ids)

    assert ended == ["completed", "failed", "failed", "unknown"]
    assert PIECE not in served
    assert files_with_canary(programs.folder / "data") == []
    assert PIECE not in site.printed()
    assert PIECE not in Path(f"/proc/{site.process.pid}/cmdline").read_text()


@pytest.mark.slow
def test_a_wrong_key_is_told_without_showing_it(programs: Programs) -> None:
    mock = programs.mock("--key", "the-right-one")
    site = programs.site(mock, RUSHES_BACKEND_KEY=CANARY)
    job_id = site.submit("never made", **ASKED)

    site.wait_job(job_id, "failed", "queued")
    served = everything_served(site, [job_id])

    assert "RUSHES_BACKEND_KEY" in served
    assert PIECE not in served + site.printed()
