"""The three shipped profiles, each from the prompt to the playing clip; one setting parts them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from rushes.sizes import pixel_size
from tests.e2e.watching import plays
from tests.mock.driving import probe

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Program, Programs

KEY = "profiles-key-20419"
SOON = 40_000
QUICK = ("--work-s", "0.5", "--send-s", "0")


@dataclass(frozen=True)
class Way:
    """One profile, and the base of the address where the mock speaks it."""

    profile: str
    base: str

    def settings(self, mock: Program) -> dict[str, str]:
        given = {
            "RUSHES_BACKEND_URL": f"{mock.url}{self.base}",
            "RUSHES_BACKEND_PROFILE": self.profile,
        }
        if self.profile == "sora-video-gen":
            bearer = json.dumps({"Authorization": f"Bearer {KEY}"})
            return given | {
                "RUSHES_BACKEND_HEADERS": bearer,
                "RUSHES_BACKEND_COOKIES": '{"session": "crumb"}',
            }
        return given | {"RUSHES_BACKEND_KEY": KEY}


WAYS = [Way("openai-videos", "/v1"), Way("sora-video-gen", "/sora"), Way("sync-bytes", "/v1")]
SORA = WAYS[1]


@pytest.fixture(scope="module")
def rehearsal(shared: Programs) -> Program:
    return shared.mock("--key", KEY, *QUICK, folder="profiles-mock")


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way.profile)
def served(
    request: pytest.FixtureRequest, shared: Programs, rehearsal: Program
) -> Generator[Program]:
    way: Way = request.param
    site = shared.site(None, data=f"data-{way.profile}", **way.settings(rehearsal))
    yield site
    site.stop()


@pytest.fixture(scope="module")
def sora(shared: Programs, rehearsal: Program) -> Generator[Program]:
    site = shared.site(None, data="data-sora-sizes", **SORA.settings(rehearsal))
    yield site
    site.stop()


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    context = browser.new_context(locale="en")
    yield context.new_page()
    context.close()


def sha256_sent(mock: Program, prompt: str) -> str:
    """Return the hash of the clip that the mock made for a prompt, in whatever dialect."""
    (job_id,) = [job["id"] for job in mock.get("/_mock/jobs").json() if job["prompt"] == prompt]
    digest: str = mock.get(f"/_mock/clips/{job_id}").json()["sha256"]
    return digest


@pytest.mark.slow
@pytest.mark.browser
def test_type_press_watch_play(served: Program, rehearsal: Program, page: Page) -> None:
    prompt = f"a lighthouse, seen from {served.url}"
    page.goto(f"{served.url}/")
    page.get_by_role("textbox", name="Describe your video").fill(prompt)
    page.get_by_role("button", name="Create video").click()
    card = page.locator("article", has_text=prompt).first
    expect(card).to_have_attribute("data-status", "completed", timeout=SOON)
    card.get_by_role("link").first.click()

    expect(page.locator("video").first).to_be_visible(timeout=SOON)
    assert plays(page)

    job_id = page.url.rsplit("/", 1)[1]
    clip = served.get(f"/jobs/{job_id}/clip").content
    assert hashlib.sha256(clip).hexdigest() == sha256_sent(rehearsal, prompt)


def test_the_backends_own_picture_is_the_poster_before_any_page_looked(sora: Program) -> None:
    job = sora.wait_job(sora.submit("a lighthouse nobody watches"), "completed")

    poster = sora.get(f"/jobs/{job['id']}/poster")
    assert poster.headers["content-type"] == "image/jpeg"
    assert poster.content.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("word", "kind"),
    [("#refuse", "rejected_by_moderation"), ("#fail", "generation_failed")],
)
@pytest.mark.slow
def test_trouble_is_told_alike_whatever_the_profile(served: Program, word: str, kind: str) -> None:
    job = served.wait_job(served.submit(f"trouble {word}"), "failed", "unknown", "completed")

    assert job["failure"]["kind"] == kind


def test_a_clip_that_was_made_and_withheld_is_not_called_a_refused_prompt(sora: Program) -> None:
    told = {}
    for word in ("#refuse", "#reject"):
        job = sora.wait_job(sora.submit(f"an unseen end {word}"), "failed", "completed")
        told[word] = sora.get(f"/jobs/{job['id']}").text

    assert "The backend refused this prompt" in told["#refuse"]
    assert "may be billed" not in told["#refuse"]
    assert "withheld this clip: it goes against its content rules." in told["#reject"]
    assert "It may be billed." in told["#reject"]


SIZES = ("360p", "480p", "720p", "1080p")


@pytest.mark.slow
@pytest.mark.parametrize("resolution", SIZES)
@pytest.mark.parametrize("shape", ["16:9", "9:16", "1:1"])
@pytest.mark.parametrize("seconds", [5, 10])
def test_each_size_length_and_shape_comes_as_it_was_asked_for(
    sora: Program, rehearsal: Program, resolution: str, shape: str, seconds: int
) -> None:
    prompt = f"{resolution}, {shape}, {seconds} s"
    asked = {"resolution": resolution, "aspect_ratio": shape, "duration": str(seconds)}

    job = sora.wait_job(sora.submit(prompt, **asked), "completed", "failed", "unknown", at_most=100)

    assert job["status"] == "completed", job
    clip = sora.get(f"/jobs/{job['id']}/clip").content
    seen = probe(clip)
    assert (seen.width, seen.height) == pixel_size(shape, resolution)
    assert seen.fps == 30
    assert seen.frames == pytest.approx(seconds * 30, abs=1)
    assert seen.duration_s == pytest.approx(seconds, abs=1 / 30)
    assert hashlib.sha256(clip).hexdigest() == sha256_sent(rehearsal, prompt)
    assert "Layers of hills in mist" in sora.get(f"/jobs/{job['id']}").text


def test_no_header_and_no_cookie_is_found_anywhere(programs: Programs, rehearsal: Program) -> None:
    site = programs.site(None, **SORA.settings(rehearsal), RUSHES_LOG_LEVEL="debug")
    job_id = site.submit("quiet #fail")
    site.wait_job(job_id, "failed")

    served = "".join(site.get(path).text for path in ("/", f"/jobs/{job_id}", "/api/v1/jobs"))
    kept = b"".join(p.read_bytes() for p in programs.folder.rglob("*") if p.is_file())

    assert KEY not in served + site.printed()
    assert KEY.encode() not in kept
