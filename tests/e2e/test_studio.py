"""The studio's journeys in Chromium: variations, remix, undo, library, keepsakes, keys."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.e2e.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Locator, Request

    from tests.e2e.servers import Program, Programs

pytestmark = pytest.mark.browser

ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
SOON = 30_000


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    """A page that fails its test when the browser reports an error in it."""
    context = browser.new_context(locale="en")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def plain_page(browser: Browser) -> Generator[Page]:
    context = browser.new_context(locale="en", java_script_enabled=False)
    yield context.new_page()
    context.close()


def button(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("button", name=re.compile(f"^{name}"))


def link(place: Page | Locator, name: str) -> Locator:
    return place.get_by_role("link", name=re.compile(f"^{name}"))


def card(page: Page, title: str) -> Locator:
    return page.get_by_role("article", name=title)


def done(site: Program, prompt: str, **asked: str) -> str:
    job_id = site.submit(prompt, **(ASKED | asked))
    site.wait_job(job_id, "completed")
    return job_id


def test_the_first_visit_offers_examples_and_one_rehearses_a_refusal(
    programs: Programs, page: Page
) -> None:
    demo = programs.start("demo", "--port", "0", "--data-dir", "demo")
    page.goto(demo.url)
    prompt = page.get_by_role("textbox", name="Describe your video")
    examples = page.get_by_role("listitem").get_by_role("link")

    expect(examples).to_have_count(4)
    examples.filter(has_text="Rehearses a refusal").click()
    expect(prompt).to_have_value(re.compile(r"#refuse$"))
    expect(page.get_by_role("article")).to_have_count(0)
    button(page, "Create video").click()

    refused = page.get_by_role("article")
    expect(refused).to_contain_text("The backend refused this prompt", timeout=SOON)
    link(refused, "Edit and try again").click()
    expect(prompt).to_have_value(re.compile(r"#refuse$"))
    expect(page.get_by_text("From Waves run through")).to_be_visible()


@pytest.fixture
def cleared(site: Program) -> Generator[Program]:
    """The shared site, on which nothing is left to run for ever."""
    yield site
    for status in ("queued", "in_progress"):
        for job in site.get(f"/api/v1/jobs?limit=100&status={status}").json()["jobs"]:
            site.post(f"/jobs/{job['id']}/cancel")


def test_variations_stand_beside_each_other_and_end_one_by_one(
    cleared: Program, page: Page
) -> None:
    site = cleared
    job_id = site.submit("four moths #stall", count="4", **ASKED)
    page.goto(f"{site.url}/jobs/{job_id}")

    expect(page.get_by_text("Variation 1 of 4")).to_be_visible()
    others = page.get_by_role("region", name="The other variations").get_by_role("article")
    expect(others).to_have_count(3)
    button(others.first, "Cancel").click()
    expect(others.first).to_contain_text("Cancelled", timeout=SOON)
    expect(others.nth(1)).not_to_contain_text("Cancelled")


def test_a_remix_fills_the_composer_and_keeps_the_origin(site: Program, page: Page) -> None:
    job_id = done(site, "a remix of rain", aspect_ratio="9:16", seed="12")
    page.goto(f"{site.url}/jobs/{job_id}")
    link(page, "Remix").click()

    prompt = page.get_by_role("textbox", name="Describe your video")
    expect(prompt).to_have_value("a remix of rain")
    expect(page.get_by_role("radio", name="Portrait")).to_be_checked()
    expect(page.get_by_label("Seed")).to_have_value("12")
    expect(page.locator(".field--filled")).to_have_count(2)
    prompt.fill("a remix of snow")
    button(page, "Create video").click()
    expect(page.locator(".field--filled")).to_have_count(0)
    expect(page.get_by_text("From a remix of rain")).to_have_count(0)
    card(page, "a remix of snow").get_by_role("link").first.click()

    link(page, "a remix of rain").click()
    expect(page).to_have_url(f"{site.url}/jobs/{job_id}")


def test_a_delete_is_taken_back_from_the_list(site: Program, page: Page) -> None:
    site.submit("put away by mistake #refuse", **ASKED)
    page.goto(site.url)
    there = card(page, "put away by mistake")

    link(there, "Delete").click()
    expect(there).to_have_count(0)
    button(page, "Undo").click()

    expect(there).to_be_visible()
    expect(button(page, "Undo")).to_be_hidden()


@pytest.mark.slow
def test_a_delete_on_a_clips_own_page_leads_to_the_studio(site: Program, page: Page) -> None:
    job_id = site.submit("put away from its page #refuse", **ASKED)
    site.wait_job(job_id, "failed")
    page.goto(f"{site.url}/jobs/{job_id}")
    link(page, "Delete").click()

    expect(page).to_have_url(f"{site.url}/")
    expect(card(page, "put away from its page")).to_have_count(0)
    button(page, "Undo").click()
    expect(card(page, "put away from its page")).to_be_visible()


@pytest.mark.slow
def test_without_scripts_a_delete_is_taken_back_too(site: Program, plain_page: Page) -> None:
    page = plain_page
    job_id = site.submit("put away without scripts #refuse", **ASKED)
    site.wait_job(job_id, "failed")
    page.goto(f"{site.url}/jobs/{job_id}")
    link(page, "Delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(button(page, "Undo")).to_be_visible()

    page.goto(f"{site.url}/library?state=deleted")
    button(card(page, "put away without scripts"), "Restore").click()
    expect(page).to_have_url(f"{site.url}/jobs/{job_id}")


@pytest.mark.slow
def test_without_scripts_the_library_finds_what_was_named_and_starred(
    site: Program, plain_page: Page
) -> None:
    page = plain_page
    job_id = done(site, "a nameless clip")
    done(site, "another nameless clip")
    page.goto(f"{site.url}/jobs/{job_id}")
    page.get_by_text("Rename").click()
    page.get_by_role("textbox", name="Title").fill("The Weir at Dusk")
    button(page, "Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The Weir at Dusk")
    button(page, "Star").click()

    link(page, "Library").click()
    page.get_by_role("searchbox").fill("weir AT")
    page.get_by_label("State").select_option("done")
    page.get_by_label("Starred only").check()
    button(page, "Search").click()

    expect(page.get_by_role("article")).to_have_count(1)
    link(card(page, "The Weir at Dusk"), "The Weir").click()
    expect(page).to_have_url(f"{site.url}/jobs/{job_id}")


def test_a_clip_gets_its_picture_once_and_lists_then_load_no_video(
    site: Program, page: Page
) -> None:
    job_id = done(site, "a clip with a picture")
    page.goto(f"{site.url}/library?q=with+a+picture")
    wait_for(lambda: site.get(f"/jobs/{job_id}/poster").status_code == 200, at_most=20)
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.reload()
    expect(card(page, "a clip with a picture")).to_be_visible()
    wait_for(lambda: f"{site.url}/jobs/{job_id}/poster" in asked, at_most=20)
    page.reload()

    picture = site.get(f"/jobs/{job_id}/poster")
    assert picture.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(picture.content)) as drawn:
        assert drawn.size == (640, 360)
        assert len(set(drawn.convert("L").resize((8, 8)).tobytes())) > 8  # a scene, no blank
    assert not [address for address in asked if "/clip" in address]


# A browser that writes no WebP gives PNG, as the standard has it.
WITHOUT_WEBP = """
const own = HTMLCanvasElement.prototype.toBlob;
HTMLCanvasElement.prototype.toBlob = function (done, type, quality) {
  own.call(this, done, type === "image/webp" ? "image/png" : type, quality);
};
"""


@pytest.mark.slow
def test_a_browser_that_writes_no_webp_brings_a_jpeg(site: Program, page: Page) -> None:
    job_id = done(site, "a picture from Safari")
    page.add_init_script(WITHOUT_WEBP)
    page.goto(f"{site.url}/library?q=from+Safari")
    wait_for(lambda: site.get(f"/jobs/{job_id}/poster").status_code == 200, at_most=20)

    picture = site.get(f"/jobs/{job_id}/poster")
    assert picture.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(picture.content)) as drawn:
        assert drawn.size == (640, 360)


@pytest.mark.slow
def test_news_moves_a_card_from_now_to_earlier(
    programs: Programs, mock: Program, page: Page
) -> None:
    site = programs.site(mock)
    page.goto(site.url)
    now, earlier = (page.get_by_role("region", name=name) for name in ("Now", "Earlier"))
    expect(page.get_by_text("Nothing here yet.")).to_be_visible()
    expect(page.get_by_role("heading", level=2)).to_have_text(["Your clips"])

    first = site.submit("the first one #stall", **ASKED)
    expect(now.get_by_role("article")).to_have_count(1, timeout=SOON)
    site.submit("the second one #stall", **ASKED)
    expect(now.get_by_role("article").first).to_contain_text("the second one", timeout=SOON)
    expect(page.get_by_role("heading", level=2)).to_have_text(["Now"])
    site.wait_job(first, "in_progress")
    button(card(page, "the first one"), "Cancel").click()

    expect(earlier.get_by_role("article")).to_have_count(1, timeout=SOON)
    expect(card(page, "the first one")).to_contain_text("Cancelled")
    expect(now.get_by_role("article")).to_have_count(1)
    button(card(page, "the second one"), "Cancel").click()
    expect(earlier.get_by_role("article")).to_have_count(2, timeout=SOON)
    expect(page.get_by_role("heading", level=2)).to_have_text(["Earlier"])
    drawn = page.locator("#jobs .card").evaluate_all("cards => cards.map((card) => card.id)")
    page.reload()
    assert (
        page.locator("#jobs .card").evaluate_all("cards => cards.map((card) => card.id)") == drawn
    )


@pytest.mark.slow
def test_a_double_press_of_create_again_makes_one_job(site: Program, plain_page: Page) -> None:
    page = plain_page
    job_id = done(site, "pressed twice")
    page.goto(f"{site.url}/jobs/{job_id}")
    button(page, "Create again").dblclick()
    expect(page).not_to_have_url(re.compile(job_id))

    found = site.get("/api/v1/jobs?q=pressed+twice").json()["jobs"]
    assert len(found) == 2
    assert {job["origin"] for job in found} == {None, job_id}


@pytest.mark.slow
def test_an_unknown_end_has_two_ways_on_where_none_can_be_asked(site: Program, page: Page) -> None:
    job_id = site.submit("where is it #lost-answer", **ASKED)
    site.wait_job(job_id, "unknown")
    page.goto(f"{site.url}/jobs/{job_id}")

    expect(page.get_by_text("but got no clear answer")).to_be_visible()
    expect(page.get_by_text("cannot be asked about this; look at its own")).to_be_visible()
    expect(button(page, "Check again")).to_have_count(0)
    button(page, re.escape("It did not run: send again (may cost twice)")).click()
    expect(page).not_to_have_url(re.compile(job_id))
    expect(page.get_by_text("From where is it")).to_be_visible()
    page.go_back()
    button(page, "Give up").click()

    assert site.wait_job(job_id, "failed")["failure"]["kind"] == "outcome_unknown"
    expect(button(page, "Give up")).to_have_count(0)
    expect(page.get_by_role("heading", name="You gave up on this")).to_be_visible()
    expect(button(page, re.escape("Try again (may cost twice)"))).to_be_visible()


@pytest.mark.slow
def test_the_keepsake_holds_the_clip_as_it_was_sent(site: Program, page: Page) -> None:
    job_id = done(site, "worth keeping")
    page.goto(f"{site.url}/jobs/{job_id}")
    with page.expect_download() as coming:
        link(page, "Download clip and recipe").click()

    kept = coming.value
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_worth-keeping_2s_360p\.zip", kept.suggested_filename)
    with zipfile.ZipFile(kept.path()) as archive:
        clip = next(name for name in archive.namelist() if name.endswith(".mp4"))
        digest = hashlib.sha256(archive.read(clip)).hexdigest()
    assert digest == site.job(job_id)["clip"]["sha256"]


@pytest.mark.slow
def test_what_was_asked_stands_beside_what_came(site: Program, page: Page) -> None:
    page.goto(f"{site.url}/jobs/{done(site, 'measured')}")

    size = page.get_by_role("row", name=re.compile("^Size"))
    expect(size.get_by_role("cell")).to_have_text(["640 × 360", "640 × 360"])  # noqa: RUF001 - as shown
    expect(page.get_by_text("Made with AI")).to_be_visible()
    expect(page.get_by_text("No mark was found in the file")).to_be_visible()


@pytest.mark.slow
def test_a_clip_that_is_watched_while_it_arrives_is_never_replaced(
    programs: Programs, page: Page
) -> None:
    site = programs.site(programs.mock("--work-s", "0.2", "--send-s", "8"))
    job_id = site.submit("a river that arrives", **ASKED | {"duration": "5"})
    page.goto(f"{site.url}/jobs/{job_id}", wait_until="domcontentloaded")
    video = page.locator("video")
    expect(video).to_be_visible(timeout=SOON)
    expect(page.get_by_text("You can watch while it arrives.", exact=True)).to_be_visible()
    expect(page.get_by_text("arriving", exact=True)).to_be_visible()
    video.evaluate("video => { video.muted = true; video.mine = true; video.play() }")
    wait_for(lambda: float(video.evaluate("video => video.currentTime")) > 0.3, at_most=20)

    site.wait_job(job_id, "completed")

    expect(link(page, "Download").first).to_be_visible(timeout=SOON)
    expect(page.get_by_text("arriving", exact=True)).to_have_count(0)
    expect(page.get_by_role("table")).to_be_visible()
    assert video.evaluate("video => video.mine && !video.error && video.currentTime > 0.3")


@pytest.mark.slow
def test_single_keys_move_about_until_they_are_switched_off(site: Program, page: Page) -> None:
    for words in ("keys, the first #refuse", "keys, the second #refuse"):
        site.wait_job(site.submit(words, **ASKED), "failed")
    page.goto(site.url)
    prompt = page.get_by_role("textbox", name="Describe your video")

    page.keyboard.press("/")
    expect(prompt).to_be_focused()
    page.keyboard.type("jk?/")
    expect(prompt).to_have_value("jk?/")
    prompt.blur()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(link(card(page, "keys, the second"), "keys, the second")).to_be_focused()
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_label("Single keys do this").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("/")
    expect(prompt).not_to_be_focused()
