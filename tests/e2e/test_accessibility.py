"""Every screen and state: no axe violation, nothing sideways at 320 px, everything by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from tests.e2e.proxies import PASSWORD, PASSWORD_HASH
from tests.e2e.servers import Programs

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Program

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverleihung"
LIBRARY = {"en": "Library", "fr": "Bibliothèque", "it": "Libreria"}


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, str]]:
    """The address of every screen and state, by name."""
    started = Programs(tmp_path_factory.mktemp("screens"))
    try:
        yield _screens(started)
    finally:
        started.end_all()


def _screens(started: Programs) -> dict[str, str]:
    mock = started.mock()
    empty = started.site(mock, data="empty")
    signing = {"RUSHES_AUTH": "password", "RUSHES_PASSWORD_HASH": PASSWORD_HASH}
    locked = started.site(mock, data="locked", **signing)
    busy = started.site(mock, data="busy", RUSHES_BACKEND_CONCURRENCY="1")
    slow = started.site(started.mock("--send-s", "120", folder="slow"), data="slow")
    jobs, deleted = _every_state(busy)
    arriving = slow.submit("a slow river", **ASKED)
    slow.wait_job(arriving, "fetching")
    slow.post("/admin/hold", data={"backend": "*"})
    return {
        "empty studio": f"{empty.url}/",
        "empty library": f"{empty.url}/library",
        "sign in": f"{locked.url}/login",
        "full studio": f"{busy.url}/",
        "remix": f"{busy.url}/?from={jobs['done']}",
        "just deleted": f"{busy.url}/?deleted={deleted}",
        "library": f"{busy.url}/library?q=a",
        "deleted list": f"{busy.url}/library?state=deleted",
        "nothing found": f"{busy.url}/library?q=zzz",
        "delete": f"{busy.url}/jobs/{jobs['done']}/delete",
        "about": f"{busy.url}/about",
        "erase": f"{busy.url}/erase",
        "queue": f"{busy.url}/queue",
        "error": f"{busy.url}/nowhere",
        "several backends": f"{_several(started, mock)}/?seed=7&negative_prompt=blur&also=quiet",
        "administration": f"{slow.url}/admin",
        "settings in force": f"{slow.url}/admin/settings",
        "audit": f"{slow.url}/admin/audit",
        "doctor": f"{slow.url}/admin/doctor",
        "arriving studio": f"{slow.url}/",
        "arriving": f"{slow.url}/jobs/{arriving}",
        **{name: f"{busy.url}/jobs/{job_id}" for name, job_id in jobs.items()},
    }


def _several(started: Programs, mock: Program) -> str:
    """Start a site with two backends and a long name, and return its address."""
    file = started.folder / "backends.toml"
    file.write_text(
        f'[long]\nurl = "{mock.url}/v1"\nname = "{LONG[:60]}"\nmodels = ["{LONG}", "b"]\n'
        'price = { currency = "USD", as_of = 2026-11-01, per_second = 0.1 }\n'
        f'[quiet]\nurl = "{mock.url}/sglang/v1"\nname = "Quiet one"\nhold = true\n'
    )
    return started.site(None, data="several", RUSHES_BACKENDS_FILE=str(file)).url


def _every_state(site: Program) -> tuple[dict[str, str], str]:
    """Bring a job into each state, and one away; with one slot, the stalled one holds up the rest.

    Returns their ids by state, and the id of the deleted one.
    """
    ends = {"done": ("a quiet lake", "completed"), "failed": ("a storm #refuse", "failed")}
    ends |= {"unknown": ("a lost letter #lost-answer", "unknown")}
    ends |= {"running": (f"{LONG} #stall", "in_progress")}
    jobs = {}
    for name, (prompt, status) in ends.items():
        jobs[name] = site.submit(prompt, **ASKED)
        site.wait_job(jobs[name], status)
    jobs["variations"] = site.submit("three of a kind", count="3", **ASKED)
    jobs["cancelled"] = site.submit("no longer wanted", **ASKED)
    deleted = site.submit("put away", **ASKED)
    site.post(f"/jobs/{jobs['cancelled']}/cancel")
    site.post(f"/jobs/{deleted}/delete")
    return jobs, deleted


def test_axe_finds_nothing_in_light(browser: Browser, screens: dict[str, str]) -> None:
    assert violations(browser, screens, "light") == {}


def test_axe_finds_nothing_in_the_dark(browser: Browser, screens: dict[str, str]) -> None:
    assert violations(browser, screens, "dark") == {}


def violations(browser: Browser, screens: dict[str, str], scheme: str) -> dict[str, str]:
    """Return what axe says of each screen that it has something to say about."""
    context = browser.new_context(locale="en", color_scheme=scheme)  # type: ignore[arg-type] # one of two words
    page, found = context.new_page(), {}
    for name, address in screens.items():
        page.goto(address, wait_until="domcontentloaded")  # an arriving clip takes its time
        expect(page.locator(".bare")).to_be_hidden()  # the style is there
        if name != "sign in":  # which has no scripts
            expect(page.locator("#show-keys")).to_be_visible()
        settle(page, name)
        found[name] = report(page)
    page.goto(screens["full studio"])
    with page.expect_navigation():
        page.locator("#composer").evaluate("form => form.submit()")
    expect(page.get_by_text("Please describe your video.")).to_be_visible()
    found["refused form"] = report(page)
    page.get_by_role("button", name="Keyboard").click()
    found["keys"] = report(page)
    context.close()
    return {name: text for name, text in found.items() if text}


def settle(page: Page, name: str) -> None:
    """Wait for what a screen fetches after it is there."""
    if name == "doctor":
        expect(page.locator(".doctor tbody tr").nth(3)).to_be_visible(timeout=30_000)


def report(page: Page) -> str:
    results = Axe().run(page)
    return str(results.generate_report()) if results.violations_count else ""


@pytest.mark.parametrize("language", sorted(LIBRARY))
def test_nothing_scrolls_sideways_on_a_small_phone(
    browser: Browser, screens: dict[str, str], language: str
) -> None:
    context = browser.new_context(locale=language, viewport={"width": 320, "height": 640})
    page, wide = context.new_page(), {}
    for name, address in screens.items():
        page.goto(address, wait_until="domcontentloaded")
        expect(page.locator("html")).to_have_attribute("lang", language)
        settle(page, name)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            wide[name] = width
    page.goto(screens["sign in"])
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=LIBRARY[language])).to_be_visible()
    signed_in = page.evaluate("document.documentElement.scrollWidth")
    context.close()

    assert wide == {}
    assert signed_in == 320


def test_the_composer_is_walked_and_sent_by_keyboard(
    browser: Browser, screens: dict[str, str]
) -> None:
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.goto(screens["full studio"])
    stops = []
    for _ in range(20):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.name || document.activeElement.id"))
    walked = [stop for stop in stops if stop]
    prompt = page.get_by_role("textbox", name="Describe your video")
    page.get_by_role("link", name="Skip to the prompt").focus()
    page.keyboard.press("Enter")
    expect(prompt).to_be_focused()
    page.keyboard.type("by hand alone")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+Enter")

    card = page.get_by_role("article", name="by hand alone")
    expect(card).to_be_visible()
    expect(card).to_contain_text("480p")
    expect(prompt).to_be_focused()
    assert walked[:4] == ["prompt", "aspect_ratio", "duration", "resolution"]
    context.close()
