"""The studio in Chromium, with and without JavaScript."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.watching import plays

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Route

    from tests.e2e.servers import Program

pytestmark = pytest.mark.browser
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


def test_type_press_watch_play(site: Program, page: Page) -> None:
    page.goto(site.url + "/")
    prompt = page.get_by_role("textbox", name="Describe your video")
    prompt.fill("a paper city in the rain")
    page.get_by_role("button", name="Create video").click()

    card = page.locator("article", has_text="a paper city in the rain").first
    expect(card).to_be_visible(timeout=SOON)
    expect(card).to_have_attribute("data-status", "completed", timeout=SOON)
    expect(prompt).to_have_value("a paper city in the rain")
    card.get_by_role("link").first.click()

    expect(page).to_have_url(re.compile(r"/jobs/[a-z2-7]{26}$"))
    assert plays(page)


def test_a_job_page_changes_by_itself_into_the_player(site: Program, page: Page) -> None:
    job_id = site.submit("watched from the start", aspect_ratio="16:9", resolution="360p")
    page.goto(f"{site.url}/jobs/{job_id}")

    expect(page.locator("video")).to_be_visible(timeout=SOON)
    assert plays(page)


def test_without_scripts_the_whole_journey_works(site: Program, plain_page: Page) -> None:
    page = plain_page
    page.goto(site.url + "/")
    page.get_by_role("textbox", name="Describe your video").fill("no scripts at all")
    page.get_by_role("button", name="Create video").click()
    expect(page).to_have_url(re.compile(r"/jobs/[a-z2-7]{26}$"))
    job_id = page.url.rsplit("/", 1)[1]

    site.wait_job(job_id, "completed")
    page.reload()

    video = page.locator("video")
    expect(video).to_be_visible()
    source = video.get_attribute("src") or page.locator("video source").get_attribute("src")
    assert source is not None
    assert site.get(source).headers["content-type"] == "video/mp4"


def test_reload_during_generation_loses_nothing(site: Program, page: Page) -> None:
    job_id = site.submit("reload me #slow", resolution="360p", aspect_ratio="16:9", duration="2")
    page.goto(f"{site.url}/jobs/{job_id}")
    page.reload()
    page.reload()

    expect(page.locator("video")).to_be_visible(timeout=SOON)


def test_a_hostile_prompt_stays_text(site: Program, page: Page) -> None:
    prompt = "<img src=x onerror=alert(1)><script>alert(2)</script> \" ' {{7*7}}"
    page.on("dialog", lambda _: pytest.fail("a script ran"))
    job_id = site.submit(prompt, resolution="360p", aspect_ratio="16:9", duration="2")

    page.goto(f"{site.url}/jobs/{job_id}")

    expect(page.get_by_text(prompt).first).to_be_visible()


NO_CLIP: dict[str, Any] = {
    "status": 200,
    "content_type": "video/mp4",
    "body": "this is no clip at all",
}


@pytest.fixture
def finished(site: Program) -> str:
    """The id of a job with a clip."""
    job_id = site.submit("a clip for another browser", aspect_ratio="16:9", resolution="360p")
    site.wait_job(job_id, "completed")
    return job_id


@pytest.mark.slow
def test_a_clip_that_the_browser_cannot_play_is_named(
    site: Program, finished: str, page: Page
) -> None:
    page.route("**/clip*", lambda route: route.fulfill(**NO_CLIP))
    page.goto(f"{site.url}/jobs/{finished}")
    words = page.get_by_role("alert")

    expect(words).to_have_text(
        "This browser cannot play this clip (MP4, avc1). Download it instead.", timeout=SOON
    )
    page.get_by_role("button", name="Star").click()  # what is around the player is drawn anew
    expect(page.get_by_role("button", name="Unstar")).to_be_visible()
    expect(words).to_be_visible(timeout=SOON)
    page.unroute("**/clip*")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download it instead.").click()
    assert coming.value.suggested_filename.endswith(".mp4")


@pytest.mark.slow
def test_a_clip_that_is_gone_is_not_blamed_on_the_browser(
    site: Program, finished: str, browser: Browser
) -> None:
    with browser.new_context(locale="en") as context:
        page = context.new_page()
        asked: list[str] = []

        def refuse(route: Route) -> None:
            asked.append(route.request.method)
            route.fulfill(status=404)

        page.route("**/clip*", refuse)
        with page.expect_response(lambda answer: answer.request.method == "HEAD"):
            page.goto(f"{site.url}/jobs/{finished}")
        page.wait_for_function("document.querySelector('video').error !== null")

        expect(page.get_by_role("alert")).to_have_count(0)
        assert asked.count("HEAD") == 1


@pytest.mark.slow
def test_a_clip_that_plays_has_no_such_words(site: Program, finished: str, page: Page) -> None:
    page.goto(f"{site.url}/jobs/{finished}")

    assert plays(page)
    expect(page.get_by_role("alert")).to_have_count(0)


GIF = "data:image/gif;base64,R0lGODlhAQABAIAAAP8AAP8AACwAAAAAAQABAAACAkQBADs="
ADD = """([src, poster]) => {
  const image = Object.assign(new Image(), { src });
  image.dataset.poster = poster;
  document.body.append(image);
}"""


@pytest.mark.slow
def test_a_moving_picture_gets_a_still_one_too(site: Program, finished: str, page: Page) -> None:
    page.goto(f"{site.url}/about")
    expect(page.locator("#show-keys")).to_be_visible()
    with page.expect_request(lambda request: request.method == "PUT") as coming:
        page.evaluate(ADD, [GIF, f"/jobs/{finished}/poster"])

    assert coming.value.url == f"{site.url}/jobs/{finished}/poster"
    assert coming.value.headers["content-type"] == "image/webp"
