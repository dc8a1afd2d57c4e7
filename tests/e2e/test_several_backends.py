"""Several backends from one file: the form follows the choice, one prompt goes to two of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.e2e.servers import Program, Programs

KEY = "several-key-77120"
SOON = 40_000
SECRETS = {"HOME_KEY": KEY, "OLD_TOKEN": f"Bearer {KEY}"}
FILE = """\
[home]
url = "{mock}/sglang/v1"
name = "Home GPU"
key = {{ env = "HOME_KEY" }}
models = ["wan", {{ name = "tiny", takes = {{ durations = [2], resolutions = ["360p"] }} }}]
takes = {{ durations = [2, 4], resolutions = ["360p", "480p"] }}
price = {{ currency = "USD", as_of = 2026-11-01, per_second = 0.1 }}

[old]
url = "{mock}/sora"
name = "Old studio"
profile = "sora-video-gen"
headers = {{ Authorization = {{ env = "OLD_TOKEN" }} }}
cookies = {{ session = {{ file = "cookie" }} }}
takes = {{ durations = [5], resolutions = ["360p", "480p"] }}
defaults = {{ aspect_ratio = "1:1" }}
"""


def backends_file(mock: Program, folder: Path) -> str:
    folder.joinpath("cookie").write_text("crumb\n")
    file = folder / "backends.toml"
    file.write_text(FILE.format(mock=mock.url))
    return str(file)


@pytest.fixture(scope="module")
def rehearsal(shared: Programs) -> Program:
    quick = ("--work-s", "0.5", "--send-s", "0")
    return shared.mock("--key", KEY, *quick, folder="several-mock")


@pytest.fixture(scope="module")
def served(
    shared: Programs, rehearsal: Program, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Program]:
    file = backends_file(rehearsal, tmp_path_factory.mktemp("several"))
    site = shared.site(None, data="data-several", RUSHES_BACKENDS_FILE=file, **SECRETS)
    yield site
    site.stop()


@pytest.fixture
def context(browser: Browser) -> Generator[BrowserContext]:
    context = browser.new_context(locale="en")
    yield context
    context.close()


def prompt_of(page: Page) -> str:
    return page.get_by_role("textbox", name="Describe your video").input_value()


@pytest.mark.browser
def test_the_form_follows_the_backend_and_the_model(
    served: Program, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{served.url}/")
    backend, model = page.get_by_label("Backend", exact=True), page.get_by_label("Model")
    note, seed = page.locator("#composer-note"), page.get_by_label("Seed")
    page.get_by_role("textbox", name="Describe your video").fill("kept word for word")
    page.get_by_text("More", exact=True).click()
    seed.fill("7")

    page.get_by_label("4 s").check()
    expect(note).to_contain_text("about 0.40 USD (price as of 2026-11-01)")

    model.focus()
    model.select_option("tiny")
    expect(page.get_by_label("4 s")).to_have_count(0)
    expect(note).to_contain_text("about 0.20 USD")
    expect(model).to_be_focused()

    backend.select_option("Old studio")
    expect(page.get_by_label("Square")).to_be_checked()
    expect(seed.or_(model)).to_have_count(0)
    expect(note).to_have_text(re.compile(r"^Goes to Old studio \([\d.:]+\)$"))
    assert prompt_of(page) == "kept word for word"

    backend.select_option("Home GPU")
    expect(seed).to_have_value("7")


@pytest.mark.browser
@pytest.mark.slow
def test_one_prompt_makes_a_clip_at_each_of_two_backends(
    served: Program, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{served.url}/")
    prompt = "a lighthouse, asked of two"
    page.get_by_role("textbox", name="Describe your video").fill(prompt)
    page.get_by_text("More", exact=True).click()
    page.get_by_role("checkbox", name="Old studio").check()
    page.get_by_role("button", name="Create video").click()

    cards = page.locator("article", has_text=prompt)
    expect(cards).to_have_count(2)
    for name in ("Home GPU", "Old studio"):
        card = cards.filter(has_text=name)
        expect(card).to_have_attribute("data-status", "completed", timeout=SOON)

    page.goto(f"{served.url}/library")
    page.get_by_label("Backend").select_option("Old studio")
    page.get_by_role("button", name="Search").click()
    found = page.locator("article", has_text=prompt)
    expect(found).to_have_count(1)
    found.get_by_role("link").first.click()
    facts = page.locator("dl", has_text="Backend").first
    expect(facts).to_contain_text("Old studio")
    job_id = page.url.rsplit("/", 1)[1]
    assert served.job(job_id)["request"]["duration_s"] == 5  # the nearest that it takes
    assert served.get(f"/jobs/{job_id}/clip").content[4:8] == b"ftyp"


@pytest.mark.browser
@pytest.mark.slow
def test_without_a_script_a_button_redraws_the_form(served: Program, browser: Browser) -> None:
    context = browser.new_context(locale="en", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.url}/")
    prompt = 'plain "words" & <no script>'
    page.get_by_role("textbox", name="Describe your video").fill(prompt)
    page.get_by_label("Backend", exact=True).select_option("Old studio")
    page.get_by_role("button", name="Show what the chosen backend and model take").click()

    expect(page.get_by_label("Square")).to_be_checked()
    expect(page.get_by_label("Model")).to_have_count(0)
    assert prompt_of(page) == prompt

    page.get_by_role("button", name="Create video").click()
    expect(page.locator("dl", has_text="Backend").first).to_contain_text("Old studio")
    job_id = page.url.rsplit("/", 1)[1]
    job = served.wait_job(job_id, "completed", "failed", "unknown")
    context.close()

    assert job["status"] == "completed"
    assert job["backend"] == "old"
    assert job["request"]["duration_s"] == 5


def test_a_check_asks_each_and_names_the_key_of_the_file(
    programs: Programs, rehearsal: Program
) -> None:
    file = backends_file(rehearsal, programs.folder)
    wrong = SECRETS | {"OLD_TOKEN": "Bearer of-somebody-else"}

    check = programs.launch("check", RUSHES_BACKENDS_FILE=file, **wrong)

    assert check.process.wait(20) == 2
    host = rehearsal.url.removeprefix("http://")
    facts = ("service ", "API ", "evidence ", "progress ", "cancel ", "limits ")
    said = [line for line in check.printed().splitlines() if not line.startswith(facts)]
    home, good, old, bad, remedy = said
    assert (home, old) == (f"home (Home GPU, {host})", f"old (Old studio, {host})")
    assert good.split()[:4] == ["OK", "backends.toml", "[home]", "url:"]
    assert bad.split()[:4] == ["ERROR", "backends.toml", "[old]", "headers:"]
    assert remedy.strip() == "backends.toml [old] headers: correct it"
    assert check.printed().count("evidence ") == 2
    assert KEY not in check.printed()
