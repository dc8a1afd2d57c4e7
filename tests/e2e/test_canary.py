"""Canaries: the backend's key never leaves the server, and an erased prompt is nowhere at all."""

from __future__ import annotations

from contextlib import suppress
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
    paths += ["/api/v1/openapi.json", "/events?after=0", "/metrics", "/about", "/queue", "/library"]
    paths += ["/library?state=deleted", "/api/v1/backends", "/admin", "/admin/settings", "/export"]
    paths += ["/admin/audit", "/admin/doctor", "/erase", "/.well-known/security.txt"]
    for job_id in job_ids:
        paths += [f"/jobs/{job_id}", f"/api/v1/jobs/{job_id}", f"/jobs/{job_id}/delete"]
        paths += [f"/jobs/{job_id}/clip?with=recipe", f"/?from={job_id}"]
    with httpx.Client(base_url=site.url, timeout=20) as browser:
        return "\n".join(told(browser, path) for path in paths)


def told(browser: httpx.Client, path: str) -> str:
    with browser.stream("GET", path) as answer:
        body = next(answer.iter_raw(), b"") if path.startswith("/events") else answer.read()
        return f"{answer.headers}\n{body.decode(errors='replace')}"


def files_with(piece: str, folder: Path) -> list[str]:
    """Return the files that hold it, whatever the case of its letters."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in files if piece.encode() in path.read_bytes().lower()]


def processes_with(piece: str, *programs: Program) -> list[str]:
    """Return what the process list shows of our programs and their children that holds it."""
    ours = {program.process.pid for program in programs}
    ours |= {pid for pid, parent in parents().items() if parent in ours}
    shown = [Path(f"/proc/{pid}/{what}") for pid in ours for what in ("cmdline", "environ")]
    return [str(path) for path in shown if piece.encode() in path.read_bytes().lower()]


def parents() -> dict[int, int]:
    """Return every process's parent that can be read."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return found


def test_a_canary_key_is_found_nowhere(programs: Programs) -> None:
    key_file = programs.folder / "key"
    key_file.write_text(CANARY)
    mock = programs.mock("--key", CANARY, folder="elsewhere")
    site = programs.site(
        mock,
        RUSHES_BACKEND_KEY_FILE=str(key_file),
        RUSHES_LOG_LEVEL="debug",
        RUSHES_METRICS_NETWORKS="127.0.0.1/32",
    )
    job_ids = [site.submit(prompt, **ASKED) for prompt in PROMPTS]
    ended = [site.wait_job(job_id, *ENDS)["status"] for job_id in job_ids]
    mock.kill()
    job_ids.append(site.submit("into the void", **ASKED))
    site.wait_job(job_ids[-1], "queued")

    served = everything_served(site, job_ids)

    assert ended == ["completed", "failed", "failed", "unknown"]
    assert "rushes_jobs" in served
    assert PIECE not in served
    assert files_with(PIECE, programs.folder / "data") == []
    assert PIECE not in site.printed()
    assert processes_with(PIECE, site) == []


@pytest.mark.slow
def test_a_wrong_key_is_told_without_showing_it(programs: Programs) -> None:
    mock = programs.mock("--key", "the-right-one")
    site = programs.site(mock, RUSHES_BACKEND_KEY=CANARY)
    job_id = site.submit("never made", **ASKED)

    site.wait_job(job_id, "failed", "queued")
    served = everything_served(site, [job_id])

    assert "RUSHES_BACKEND_KEY" in served
    assert PIECE not in served + site.printed()


SAID = "Nightjar-5d1e7c"
FOUND = SAID.lower()


def a_life(site: Program) -> list[str]:
    """Let the canary prompt go wherever a prompt can go."""
    picture = {"picture": ("a.png", b"\x89PNG\r\n\x1a\n" + SAID.encode(), "image/png")}
    with httpx.Client(base_url=site.url, timeout=20) as browser:
        browser.post("/compose", data={"prompt": f"a draft of {SAID}"}, files=picture)
        browser.get("/", params={"prompt": SAID})
        browser.get("/library", params={"q": SAID})
    ids = [site.submit(f"{SAID} {end}", **ASKED) for end in ("", "#fail", "#refuse", "#slow")]
    done = ids[0]
    site.wait_job(done, "completed")
    site.wait_job(ids[3], "in_progress")
    for path, data in (
        (f"/jobs/{done}/title", {"title": f"called {SAID}"}),
        (f"/jobs/{done}/star", {"starred": "1"}),
        (f"/jobs/{done}/shares", {"days": "7", "prompt": "1"}),
        (f"/jobs/{ids[1]}/delete", {}),
        (f"/jobs/{ids[2]}/retry", {}),
        ("/export", {}),
        ("/api/v1/jobs", {}),
    ):
        site.post(path, data=data)
    site.post("/api/v1/jobs", json={"prompt": "x" * 40_000 + SAID})
    site.post("/api/v1/jobs", json={"prompt": f"keyed {SAID}"}, headers={"Idempotency-Key": SAID})
    return ids


@pytest.mark.slow
@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_after_erase_all_the_prompt_is_nowhere(programs: Programs, end: str) -> None:
    mock = programs.mock(folder="elsewhere")
    settings = {"RUSHES_LOG_LEVEL": "debug", "RUSHES_METRICS_NETWORKS": "127.0.0.1/32"}
    site = programs.site(mock, **settings)
    ids = a_life(site)
    data = programs.folder / "data"
    assert FOUND in everything_served(site, ids).lower()
    assert files_with(FOUND, data) != []

    report = site.post("/erase", data={"word": "erase"})
    served = everything_served(site, ids).lower()
    at_once = files_with(FOUND, data)
    shown = processes_with(FOUND, site)
    site.kill() if end == "killed" else site.stop()
    again = programs.site(mock, **settings)
    served += everything_served(again, ids).lower()

    assert report.status_code == 200
    assert "were deleted there" in report.text
    assert FOUND not in served
    assert (at_once, files_with(FOUND, data), shown) == ([], [], [])
    assert FOUND not in (site.printed() + again.printed()).lower()
    assert not any(path.is_file() for path in (data / "clips").rglob("*"))
    assert SAID not in str([job["prompt"] for job in mock.get("/v1/videos").json()["data"]])
