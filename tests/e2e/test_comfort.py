"""What people see, keep and reach while they work, in Chromium: a first visitor's eyes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.proxies import PASSWORD, PASSWORD_HASH
from tests.e2e.test_accessibility import report
from tests.e2e.test_several_backends import SECRETS, backends_file
from tests.e2e.test_studio import ASKED, SOON, button, card, done

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from tests.e2e.servers import Program, Programs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LAPTOP = {"width": 1366, "height": 650}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Generator[Page]:
    """A page of a laptop, or as the test wants it, that fails its test when a script breaks."""
    wanted = {"locale": "en", "viewport": LAPTOP} | getattr(request, "param", {})
    context = browser.new_context(**wanted)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def wanting(**wanted: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", [wanted], indirect=True, ids=[""])


def in_sight(place: Locator) -> bool:
    box, screen = place.bounding_box(), place.page.viewport_size
    assert box is not None
    assert screen is not None
    return box["y"] >= 0 and box["y"] + box["height"] <= screen["height"]


# --- what one did is seen -----------------------------------------------------------------------


@wanting(reduced_motion="reduce")
def test_a_pointer_over_a_card_breaks_nothing_where_less_motion_is_wanted(
    site: Program, page: Page
) -> None:
    done(site, "stands still")
    page.goto(site.url)
    there = card(page, "stands still")
    there.hover()
    page.mouse.move(0, 0)

    assert there.locator("video, img").first.is_visible()


def test_an_action_that_fails_says_so_in_sight_until_one_does_not(
    site: Program, page: Page
) -> None:
    job_id = done(site, "starred in vain")
    page.goto(f"{site.url}/jobs/{job_id}")
    page.route("**/star", lambda route: route.fulfill(status=502))
    said = page.locator("#trouble")
    button(page, "Star").click()
    expect(said).to_have_text("That did not get through. Please try again.")
    assert report(page) == ""
    assert in_sight(said)
    expect(button(page, "Star")).to_be_focused()

    page.unroute("**/star")
    button(page, "Star").click()
    expect(said).to_be_hidden()


def test_after_sending_the_line_under_the_button_leads_to_what_was_sent(
    programs: Programs, mock: Program, page: Page
) -> None:
    site = programs.site(mock)
    site.submit("the one before #stall", count="2", **ASKED)
    page.goto(site.url)
    page.get_by_role("textbox", name="Describe your video").fill("the one behind #stall")
    create = button(page, "Create video")
    create.focus()
    page.keyboard.press("Enter")
    told = page.locator("#composer-when").get_by_role("link")

    expect(told).to_have_text(re.compile("^Sent. Next in line"), timeout=SOON)
    expect(create).to_be_focused()
    assert in_sight(told)
    button(card(page, "the one behind"), "Cancel").click()
    expect(told).to_have_text(re.compile("^Sent. Cancelled"), timeout=SOON)
    told.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("the one behind #stall")


def test_what_could_not_be_sent_is_said_beside_the_button_until_it_is(
    site: Program, page: Page
) -> None:
    page.goto(site.url)
    page.route("**/jobs", lambda route: route.abort())
    page.get_by_role("textbox", name="Describe your video").fill("into the void #refuse")
    button(page, "Create video").click()
    said = page.locator("#composer-problem")
    expect(said).to_have_text("Could not send. Your text is still here.")
    assert report(page) == ""
    assert in_sight(said)

    page.unroute("**/jobs")
    button(page, "Create video").click()
    expect(said).to_be_hidden()
    expect(card(page, "into the void")).to_be_visible(timeout=SOON)


def test_a_complaint_about_a_field_ends_as_the_field_changes(site: Program, page: Page) -> None:
    page.goto(site.url)
    prompt = page.get_by_role("textbox", name="Describe your video")
    prompt.fill("   ")
    button(page, "Create video").click()
    complaint = page.get_by_text("Please describe your video.")
    expect(complaint).to_be_visible()
    prompt.fill("a word")
    expect(complaint).to_have_count(0)
    expect(prompt).not_to_have_attribute("aria-invalid", "true")

    page.get_by_text("More", exact=True).click()
    seed = page.get_by_label("Seed")
    seed.fill("12x")
    assert seed.evaluate("field => field.validationMessage") == "A whole number"
    seed.fill("12")
    assert seed.evaluate("field => field.checkValidity()")


def test_copying_twice_leaves_the_button_as_it_was(site: Program, page: Page) -> None:
    job_id = done(site, "copied twice")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site.url}/jobs/{job_id}")
    copy = page.locator("[data-copy]").first
    before = copy.inner_text()
    copy.click()
    copy.click()

    expect(copy).to_have_text("Copied")
    expect(copy).to_have_text(before)


# --- nothing is lost ----------------------------------------------------------------------------


def test_every_field_outlives_a_reload_and_another_language(site: Program, page: Page) -> None:
    page.goto(site.url)
    prompt = page.locator("#prompt")
    prompt.fill("kept, all of it")
    page.get_by_role("radio", name="Portrait").check()
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Seed").fill("4711")
    page.reload()
    page.locator("details.menu summary", has_text="EN").click()
    button(page, "Italiano").click()
    expect(page.locator("html")).to_have_attribute("lang", "it")

    expect(prompt).to_have_value("kept, all of it")
    expect(page.locator("input[value='9:16']")).to_be_checked()
    expect(page.locator("#seed")).to_have_value("4711")
    expect(page.locator("#seed")).to_be_visible()


def test_what_was_filled_in_for_another_backend_comes_back_with_it(
    programs: Programs, tmp_path: Path, page: Page
) -> None:
    mock = programs.mock("--key", SECRETS["HOME_KEY"])
    file = backends_file(mock, tmp_path)
    site = programs.site(None, RUSHES_BACKENDS_FILE=file, **SECRETS)
    page.goto(site.url)
    page.locator("#prompt").fill("for the old studio")
    page.get_by_label("Backend", exact=True).select_option("old")
    expect(page.locator("#composer-note")).to_contain_text("Goes to Old studio", timeout=SOON)
    page.get_by_role("radio", name="Portrait").check()
    page.reload()

    expect(page.locator("#composer-note")).to_contain_text("Goes to Old studio", timeout=SOON)
    expect(page.get_by_label("Backend", exact=True)).to_have_value("old")
    expect(page.get_by_role("radio", name="Portrait")).to_be_checked()
    expect(page.locator("#prompt")).to_have_value("for the old studio")


def test_a_link_that_fills_the_form_goes_before_the_draft(site: Program, page: Page) -> None:
    page.goto(site.url)
    page.locator("#prompt").fill("a draft")
    page.goto(f"{site.url}/?prompt=from+a+link")
    expect(page.locator("#prompt")).to_have_value("from a link")
    page.goto(site.url)
    expect(page.locator("#prompt")).to_have_value("a draft")


# --- signing out, here and in another tab -------------------------------------------------------


@pytest.fixture(scope="module")
def locked(shared: Programs, mock: Program) -> Program:
    settings = {"RUSHES_AUTH": "password", "RUSHES_PASSWORD_HASH": PASSWORD_HASH}
    return shared.site(mock, data="locked", **settings)


def sign_in(site: Program, page: Page) -> None:
    page.goto(f"{site.url}/login")
    page.get_by_label("Password").fill(PASSWORD)
    button(page, "Sign in").click()
    expect(page.locator("#composer")).to_be_visible()


def sign_out(page: Page) -> None:
    page.locator(".menu--account summary").click()
    button(page, "Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_signed_out_in_another_tab_is_one_message_and_not_two(locked: Program, page: Page) -> None:
    sign_in(locked, page)
    other = page.context.new_page()
    other.goto(locked.url)
    sign_out(other)
    page.bring_to_front()

    expect(page.get_by_role("group", name="You are signed out.")).to_be_visible(timeout=SOON)
    with page.expect_response("**/api/v1/changes*", timeout=SOON):
        pass  # it goes on asking, and the answer is the same
    expect(page.locator("#connection")).to_be_hidden()


def test_signing_out_leaves_no_draft_to_who_comes_after(locked: Program, page: Page) -> None:
    sign_in(locked, page)
    page.locator("#prompt").fill("nobody else's business")
    sign_out(page)
    sign_in(locked, page)

    expect(page.locator("#prompt")).to_have_value("")


@pytest.mark.parametrize(
    "page",
    [{"viewport": {"width": width, "height": 700}} for width in (320, 390, 1366)],
    indirect=True,
    ids=["320", "390", "1366"],
)
def test_the_sign_in_page_has_its_whole_language_menu_in_sight(locked: Program, page: Page) -> None:
    page.goto(f"{locked.url}/login")
    page.locator("details.menu summary").click()
    menu, screen = page.locator(".menu__list").bounding_box(), page.viewport_size
    assert menu is not None
    assert screen is not None

    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= screen["width"]
    assert menu["x"] > screen["width"] / 4, "at the end of the line, not beside the name"


# --- what is shown once -------------------------------------------------------------------------


def test_a_new_token_stands_first_and_has_the_focus(locked: Program, page: Page) -> None:
    sign_in(locked, page)
    page.goto(f"{locked.url}/account")
    page.get_by_label("What it is for").fill("a script")
    button(page, "Make a token").click()
    notice = page.locator("#main > .notice")

    expect(notice).to_contain_text("Copy it now: it is not shown again.")
    expect(notice).to_be_focused()
    assert report(page) == ""
    assert in_sight(notice)


# --- keys ---------------------------------------------------------------------------------------


def test_the_list_of_keys_names_what_there_is_and_escape_leaves_the_prompt(
    site: Program, page: Page
) -> None:
    job_id = site.submit("alone #refuse", **ASKED)
    site.wait_job(job_id, "failed")
    page.goto(f"{site.url}/jobs/{job_id}")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog")
    expect(keys).to_contain_text("Write a prompt")
    expect(keys.get_by_text("Next and previous clip")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.keyboard.press("/")

    prompt = page.get_by_role("textbox", name="Describe your video")
    expect(prompt).to_be_focused()
    page.keyboard.press("Escape")
    expect(prompt).not_to_be_focused()
    page.keyboard.press("?")
    expect(keys.get_by_text("Next and previous clip")).to_be_visible()


# --- a backend that goes, seen from an open page -------------------------------------------------


def test_a_backend_that_goes_and_comes_back_is_told_on_an_open_page(
    programs: Programs, page: Page
) -> None:
    mock = programs.mock()
    port = str(httpx.URL(mock.url).port)
    site = programs.site(mock)
    page.goto(site.url)
    page.locator("#prompt").fill("typed meanwhile")
    mock.stop()
    banner = page.get_by_role("region", name="A backend is down")

    expect(banner).to_be_visible(timeout=60_000)
    expect(button(page, "Queue for later")).to_be_visible()
    expect(page.locator("#prompt")).to_have_value("typed meanwhile")
    programs.start("mock", "--port", port, "--folder", "mock")
    expect(banner).to_have_count(0, timeout=60_000)
    expect(button(page, "Create video")).to_be_visible()


# --- on a phone ---------------------------------------------------------------------------------


OUTSIDE = """form => {
  const card = form.getBoundingClientRect();
  const button = form.querySelector(".composer__send").getBoundingClientRect();
  const shadow = getComputedStyle(form.querySelector(".composer__send")).boxShadow;
  const reach = shadow.split(/,(?![^(]*\\))/).map((one) => {
    const [x, , , spread] = one.match(/-?[\\d.]+px/g).map(parseFloat);
    return Math.max(Math.abs(x) + spread);
  });
  return button.left - Math.max(...reach) - card.left;
}"""


@wanting(viewport=PHONE, has_touch=True)
def test_the_empty_studio_keeps_its_composer_inside_its_card(
    programs: Programs, mock: Program, page: Page
) -> None:
    site = programs.site(mock)
    page.goto(site.url)

    assert page.locator("#composer").evaluate(OUTSIDE) >= 0


@pytest.mark.parametrize(
    "page",
    [{"viewport": PHONE, "locale": code} for code in ("en", "fr", "it")],
    indirect=True,
    ids=["en", "fr", "it"],
)
def test_a_length_never_breaks_in_two_and_rows_are_in_line(site: Program, page: Page) -> None:
    page.goto(site.url)
    page.locator("#prompt").focus()
    pieces = page.locator(".segment span")
    tops = pieces.evaluate_all("all => all.map((one) => one.getBoundingClientRect().height)")
    lefts = page.locator(".segments").evaluate_all(
        """all => all.map((list) => {
          const all = [...list.querySelectorAll("span")];
          const boxes = all.map((one) => one.getBoundingClientRect());
          const rows = Object.values(Object.groupBy(boxes, ({ top }) => top));
          return new Set(rows.map((row) => Math.min(...row.map(({ left }) => left)))).size;
        })"""
    )

    assert len(tops) > 2
    assert max(tops) < 48
    assert set(lefts) == {1}
