"""Canaries: the backend's key never leaves the server, and an erased prompt is nowhere at all."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.canary import (
    Parrot,
    everything_served,
    files_with,
    processes_with,
    shared,
    two_backends,
)
from tests.e2e.servers import SUITE_KEY, wait_for

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Program, Programs

CANARY = "canary-8f3b1c97d24e6a05"
PIECE = CANARY[7:19]
ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
PROMPTS = ("a quiet canary", "a canary #fail", "a canary #refuse", "a canary #lost-answer")
REPEATED = ("say it again", "say it again #key", "say it again #broken")
ENDS = ("completed", "failed", "cancelled", "unknown")


@pytest.fixture
def parrot() -> Generator[Parrot]:
    with Parrot() as parrot:
        Thread(target=parrot.serve_forever, daemon=True).start()
        yield parrot
        parrot.shutdown()


def refusals(site: Program, job_id: str) -> list[httpx.Response]:
    """Return an answer of each kind that says no."""
    with httpx.Client(base_url=site.url, timeout=20) as browser:
        return [
            browser.get("/nothing"),
            browser.post("/nothing"),
            browser.post("/api/v1/jobs", json={"prompt": ""}),
            browser.post("/jobs", data={"prompt": "", "backend": "parrot"}),
            browser.post("/api/v1/jobs", json={"prompt": "one too many"}),
            browser.post("/jobs", data={"prompt": "one too many", "backend": "parrot"}),
            browser.post("/api/v1/jobs", content=b"x" * 2_000_000),
            browser.post(f"/jobs/{job_id}/restore", headers={"Sec-Fetch-Site": "cross-site"}),
            browser.post(f"/jobs/{job_id}/check-again"),
            browser.get("/metrics", headers={"Host": "elsewhere.test"}),
        ]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["header", "cookie", "address"])
def test_a_canary_key_is_found_nowhere(programs: Programs, parrot: Parrot, way: str) -> None:
    (programs.folder / "key").write_text(CANARY)
    mock = programs.mock(*(("--key", CANARY) if way == "header" else ()), folder="elsewhere")
    asked = [("real", prompt) for prompt in PROMPTS] + [("parrot", prompt) for prompt in REPEATED]
    site = programs.site(
        None,
        RUSHES_BACKENDS_FILE=str(two_backends(programs.folder, way, mock.url, parrot)),
        RUSHES_LOG_LEVEL="debug",
        RUSHES_METRICS_NETWORKS="127.0.0.1/32",
        RUSHES_MAX_DAILY=str(len(asked) + 1),
    )
    ids = [site.submit(prompt, backend=name, **ASKED) for name, prompt in asked]
    ended = [site.wait_job(job_id, *ENDS)["status"] for job_id in ids[: len(PROMPTS) + 2]]
    site.wait_job(ids[-1], *ENDS, "queued")
    token = shared(site, ids[0])
    mock.kill()
    ids.append(site.submit("into the void", backend="real", **ASKED))
    site.wait_job(ids[-1], "queued")

    data = programs.folder / "data"
    served = everything_served(site, ids, data, token)
    refused = refusals(site, ids[0])
    statuses = [answer.status_code for answer in refused]
    served += "\n".join(f"{answer.headers}\n{answer.text}" for answer in refused)

    assert ended[:4] == ["completed", "failed", "failed", "unknown"]
    assert CANARY in parrot.heard, "it was sent, and said back"
    assert "for " in served
    assert statuses == [404, 404, 422, 422, 429, 429, 413, 403, 409, 400]
    assert f"200 /s/{token}" in served
    assert "200 /doctor/seen" in served
    assert "rushes_jobs" in served
    assert PIECE not in served
    assert files_with(PIECE, data) == []
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


def test_every_site_of_the_suite_has_a_key_that_is_looked_for(
    programs: Programs, parrot: Parrot
) -> None:
    site = programs.site(None, RUSHES_BACKEND_URL=parrot.url)
    wait_for(lambda: SUITE_KEY in parrot.heard, at_most=20)
    clean = programs.leaks()
    leak = programs.folder / "data" / "leak"
    leak.write_text(f"a line with {SUITE_KEY}")
    leaking = programs.leaks()
    leak.unlink()

    assert SUITE_KEY not in site.printed()
    assert (clean, leaking) == ([], [str(leak)])


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
