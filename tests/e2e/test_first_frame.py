"""A picture chosen in Chromium: the backend gets exactly its bytes, the clip's page shows it."""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.e2e.servers import Program, Programs

SOON = 40_000
FILE = """\
[home]
url = "{mock}/v1"
name = "Home GPU"
takes = {{ first_frame = true, durations = [2], resolutions = ["360p"] }}

[words]
url = "{mock}/sglang/v1"
name = "Words alone"
takes = {{ durations = [2], resolutions = ["360p"] }}
"""


@pytest.fixture
def served(shared: Programs, mock: Program, tmp_path: Path) -> Generator[Program]:
    file = tmp_path / "backends.toml"
    file.write_text(FILE.format(mock=mock.url))
    site = shared.site(None, data="data-pictures", RUSHES_BACKENDS_FILE=str(file))
    yield site
    site.stop()


WAYS = [
    pytest.param(True, id="with a script"),
    pytest.param(False, id="without", marks=pytest.mark.slow),
]


@pytest.fixture(params=WAYS)
def context(browser: Browser, request: pytest.FixtureRequest) -> Generator[BrowserContext]:
    context = browser.new_context(locale="en", java_script_enabled=request.param)
    yield context
    context.close()


@pytest.mark.browser
def test_a_clip_begins_with_the_picture_that_was_chosen(
    served: Program, mock: Program, context: BrowserContext, tmp_path: Path
) -> None:
    picture, prompt = tmp_path / "kite.png", f"a kite takes off {id(context)}"
    Image.effect_noise((96, 54), 80).save(picture)
    page = context.new_page()
    page.goto(f"{served.url}/")

    # The form is drawn anew for a backend that takes none, and back: the picture is still there.
    page.get_by_role("textbox", name="Describe your video").fill(prompt)
    page.get_by_text("More", exact=True).click()
    page.get_by_label("First picture").set_input_files(picture)
    for name in ("Words alone", "Home GPU"):
        page.get_by_label("Backend", exact=True).select_option(name)
        again = page.get_by_role("button", name="Show what the chosen backend")
        if again.is_visible():
            again.click()
        expect(page.locator("#composer-note")).to_contain_text(name)
    expect(page.get_by_label("Without the picture that was chosen before")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Create video")).click()

    shown = page.get_by_role("img", name="The picture that the clip begins with")
    card = page.get_by_role("link", name=re.compile("^a kite takes off")).first
    expect(card.or_(shown).first).to_be_visible(timeout=SOON)
    if card.is_visible():  # with a script one stays in the studio
        card.click()
    expect(shown).to_be_visible(timeout=SOON)
    address = shown.get_attribute("src") or ""
    kept = page.request.get(f"{served.url}{address}").body()
    assert kept == picture.read_bytes()
    assert Image.open(io.BytesIO(kept)).size == (96, 54)

    served.wait_job(address.split("/")[2], "completed")
    (sent,) = [job for job in mock.get("/_mock/jobs").json() if job["prompt"] == prompt]
    assert sent["picture"] == hashlib.sha256(picture.read_bytes()).hexdigest()
