"""Texts that try to be markup, wherever people and backends can put one: no script ever runs."""

from __future__ import annotations

import json
import re
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from rushes.mock.rendering import render
from rushes.mock.spec import ClipSpec

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Program, Programs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RUN = "top.__ran=1"
CORPUS = (
    f"<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg/onload={RUN}>",
    f'"><script>{RUN}</script>',
    f"' onfocus={RUN} autofocus x='",
    f'" onpointerenter={RUN} autofocus tabindex=1 onfocus={RUN} "',
    f"</title></textarea></template></style><script>{RUN}</script>",
    f"<iframe srcdoc='<script>{RUN}</script>'></iframe>",
    f"<a id=trap href=javascript:{RUN}>javascript:{RUN}</a>",
    f"--><math><mtext></mtext><img src=x onerror={RUN}></math>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    f"{{{{ cycler.__init__ }}}}${{{RUN}}}%(x)s{{0}}<b onclick={RUN}>",
    f"\u202e\u2028\x1b]0;x\x07<details open ontoggle={RUN}>",
    f"]]></script><script>{RUN}//\n\ndata: {{}}\nevent: x\n\n",
)
ENDS = ("completed", "failed", "in_progress")
SAID = re.compile(r"(\d+) ends (\w+):")
SOON = 30_000
WATCH = """
window.__blocked = [];
addEventListener('securitypolicyviolation', (event) => {
  window.__blocked.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


class Hostile(BaseHTTPRequestHandler):
    """A backend that says a text of the corpus wherever it may say one."""

    clip: ClassVar[bytes] = b""
    ends: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        if self.path.endswith("/content"):
            self._answer(self.clip, "video/mp4")
        elif self.path.startswith("/v1/videos?"):
            self._answer(json.dumps({"data": []}).encode())
        else:
            number = self.path.rpartition("/")[2]
            self._tell(number, self.ends[number])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode(errors="replace")
        found = SAID.search(body)
        assert found is not None
        self.ends[found[1]] = found[2]
        self._tell(found[1], "queued")

    def do_DELETE(self) -> None:
        self._answer(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _tell(self, number: str, status: str) -> None:
        text = CORPUS[int(number) % len(CORPUS)]
        error = {"code": text, "message": text, "type": text} if status == "failed" else None
        job = {"id": number, "status": status, "progress": text, "revised_prompt": f"more {text}"}
        self._answer(json.dumps(job | {"error": error, "detail": text}).encode())

    def _answer(self, body: bytes, media_type: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def hostile() -> Generator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        render(ClipSpec("hostile", width=320, height=180, frames=24), path)
        Hostile.clip = path.read_bytes()
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    context = browser.new_context(locale="en")
    context.add_init_script(WATCH)
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.dismiss())
    yield page
    context.close()


def looked_at(page: Page, address: str) -> list[object]:
    """Open a page, touch what could be a trap, and return what ran or was only just stopped."""
    page.goto(address)
    page.keyboard.press("Tab")
    traps = page.locator("#trap, iframe[srcdoc], [onerror], [onfocus], [onload], [ontoggle]")
    ran = page.evaluate("window.__ran ?? 0")
    return [found for found in (ran, page.evaluate("window.__blocked"), traps.count()) if found]


def jobs_of(site: Program) -> list[str]:
    """Submit each text with each end, and call the clips the same."""
    ids = []
    for number, text in enumerate(CORPUS * len(ENDS)):
        end = ENDS[number // len(CORPUS)]
        asked = {"negative_prompt": text, "resolution": "360p", "aspect_ratio": "16:9"}
        ids.append(site.submit(f"{number} ends {end}: {text}", duration="2", **asked))
        site.post(f"/jobs/{ids[-1]}/title", data={"title": text[:120]})
    return ids


def shared(site: Program, job_id: str) -> str:
    """Make a link that shows the prompt too, and return where it leads."""
    made = site.post(f"/jobs/{job_id}/shares", data={"days": "7", "prompt": "1"}).text
    found = re.search(r"/s/[\w-]{20,}", made)
    assert found is not None
    return found[0]


def test_no_text_of_the_corpus_runs_anywhere(programs: Programs, hostile: str, page: Page) -> None:
    about = programs.folder / "about.txt"
    about.write_text("\n\n".join(CORPUS))
    names = [text for text in CORPUS if "," not in text and text.isprintable()]
    site = programs.site(
        None,
        RUSHES_BACKEND_URL=hostile,
        RUSHES_BACKEND_NAME=names[0],
        RUSHES_BACKEND_MODELS=",".join(names),
        RUSHES_BACKEND_CONCURRENCY="50",
        RUSHES_ABOUT_FILE=str(about),
    )
    # What is pushed to an open page goes another way than what a page is drawn with.
    assert looked_at(page, f"{site.url}/") == []
    ids = jobs_of(site)
    for job_id in ids[: 2 * len(CORPUS)]:
        site.wait_job(job_id, "completed", "failed")
    expect(page.locator("article").first).to_be_visible(timeout=SOON)
    pushed = page.evaluate("[window.__ran ?? 0, window.__blocked.length]")

    links = [shared(site, job_id) for job_id in ids[: len(CORPUS)]]
    paths = ["/", "/library", "/library?state=failed", "/queue", "/about", "/admin", "/erase"]
    paths += [f"/jobs/{job_id}" for job_id in ids] + links
    seen = {path: looked_at(page, site.url + path) for path in paths}
    for text in CORPUS:
        asked = urlencode({"prompt": text, "q": text, "backend": text, "model": text})
        for path in ("/", "/library", f"/{quote(text, safe='')}"):
            seen[f"{path}?{asked}"] = looked_at(page, f"{site.url}{path}?{asked}")

    assert pushed == [0, 0]
    assert {path: found for path, found in seen.items() if found} == {}
    assert {site.job(job_id)["status"] for job_id in ids} == set(ENDS)
