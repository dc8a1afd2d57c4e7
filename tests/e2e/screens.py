"""Makes the pictures in docs/screens from the real programs: `make screens`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.e2e.conftest import CHROMIUM_FLAGS
from tests.e2e.servers import Program, Programs, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
PROMPTS = (
    ("A lighthouse on a cliff while a storm passes", "16:9"),
    ("Red kites over dunes at dusk, slow dolly-in", "16:9"),
    ("A paper city in the rain, lanterns swaying", "9:16"),
    ("Moss growing over a forgotten piano", "1:1"),
    ("A tram crosses a bridge at first light", "16:9"),
)
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
PLAYING_AT_S = 2.5


def main() -> int:
    """Start everything, fill the studio, take the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        programs = Programs(Path(folder))
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS
        )
        try:
            site = programs.site(programs.mock(), RUSHES_BACKEND_NAME="Rehearsal")
            jobs = [_made(site, prompt, shape) for prompt, shape in PROMPTS]
            stalled = site.submit(
                "A glass sea under two moons #stall", aspect_ratio="16:9", duration="8"
            )
            site.wait_job(stalled, "in_progress")
            _take_all(browser, site, jobs[1])
        finally:
            browser.close()
            programs.end_all()
    return 0


def _made(site: Program, prompt: str, shape: str) -> str:
    job_id = site.submit(prompt, aspect_ratio=shape, resolution="720p", duration="5")
    site.wait_job(job_id, "completed", at_most=90)
    return job_id


def _take_all(browser: Browser, site: Program, job_id: str) -> None:
    _collect_posters(browser, site)
    pages = {"studio": "/", "clip": f"/jobs/{job_id}", "library": "/library"}
    for name, path in pages.items():
        _take(browser, site.url + path, f"{name}.png", DESK, "light")
        _take(browser, site.url + path, f"{name}-dark.png", DESK, "dark")
        _take(browser, site.url + path, f"{name}-phone.png", PHONE, "light")


def _collect_posters(browser: Browser, site: Program) -> None:
    """Let a browser see the clips once: it keeps their first pictures."""
    page = browser.new_page(viewport=DESK)  # type: ignore[arg-type]  # the shape it asks for
    page.goto(f"{site.url}/library", wait_until="domcontentloaded")
    page.wait_for_timeout(4000)
    page.close()


def _take(browser: Browser, url: str, name: str, size: dict[str, int], scheme: str) -> None:
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]  # the shape that playwright asks for
        color_scheme=scheme,  # type: ignore[arg-type]  # one of its two words
        locale="en",
    )
    page = context.new_page()
    page.goto(url, wait_until="load")
    video = page.locator("#player video, video#player").first
    if video.count():
        video.evaluate(
            "(video, at) => { video.muted = true; video.currentTime = at }", PLAYING_AT_S
        )
        wait_for(lambda: video.evaluate("video => video.readyState >= 2"), at_most=20)
    page.wait_for_timeout(1500)
    page.screenshot(path=FOLDER / name)
    context.close()


if __name__ == "__main__":
    sys.exit(main())
