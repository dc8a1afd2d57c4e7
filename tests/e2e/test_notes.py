"""Small words that come and go with what stands on a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Program

pytestmark = [pytest.mark.browser, pytest.mark.slow]

USUAL = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
OUTLINE = "what that changes here has a dashed outline"


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    context = browser.new_context(locale="en")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(("duration", "is_outlined"), [("2", False), ("4", True)])
def test_an_outline_is_explained_where_there_is_one(
    site: Program, page: Page, duration: str, is_outlined: bool
) -> None:
    job_id = site.submit("outlined #refuse", **(USUAL | {"duration": duration}))
    page.goto(f"{site.url}/?from={job_id}")

    expect(page.get_by_text("From outlined #refuse")).to_be_visible()
    expect(page.get_by_text(OUTLINE)).to_be_visible(visible=is_outlined)


@pytest.mark.parametrize(
    ("more", "said"), [(1, "1 character too many"), (10, "10 characters too many")]
)
def test_a_prompt_that_is_too_long_is_told_by_how_much(
    site: Program, page: Page, more: int, said: str
) -> None:
    page.goto(site.url)
    prompt = page.get_by_role("textbox", name="Describe your video")
    most = int(prompt.get_attribute("data-max") or "0")
    prompt.fill("x" * (most + more))

    expect(page.get_by_text(said, exact=True)).to_be_visible()


def test_a_history_is_told_to_the_second(site: Program, page: Page) -> None:
    job_id = site.submit("to the second #refuse", **USUAL)
    site.wait_job(job_id, "failed")
    page.goto(f"{site.url}/jobs/{job_id}")

    line = page.get_by_role("region", name="What happened").get_by_role("listitem").first
    expect(line).to_have_text(re.compile(r"In line\s+\d+:\d\d:\d\d"))
