"""Proxies that are started anew, that cut streams, and that ask once more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.fronts import ASKED, SMALL, Front, Street, street
from tests.e2e.proxies import PASSWORD, PROXIES, Layout
from tests.e2e.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.e2e.servers import Program

pytestmark = pytest.mark.slow

HEALED = 15_000
"""Within so many milliseconds a page is what it was, once the way is free again."""

EVENTS = "GET /video/events"
LOST = 0
"""The status of an answer that never came: Apache hangs up on whoever may ask once more."""

READ = ("/", "/library", "/about", "/events", "/api/v1/jobs", "/api/v1/changes")
POSTED = ("/jobs", "/login", "/logout", "/language")
READ_OF_A_JOB = ("", "/clip", "/clip?download=1", "/clip?with=recipe", "/poster", "/delete")
POSTED_OF_A_JOB = ("/cancel", "/retry", "/star", "/title", "/restore")

NOTE_NOTICES = """() => {
  const notice = document.getElementById("connection");
  window.notices = [];
  new MutationObserver(() => { if (!notice.hidden) window.notices.push(notice.textContent); })
    .observe(notice, { attributes: true, childList: true });
}"""


@pytest.fixture(scope="module")
def built(mock: Program, tmp_path_factory: pytest.TempPathFactory) -> Generator[Street]:
    with street(tmp_path_factory.mktemp("street"), mock) as built:
        yield built


@pytest.fixture(params=PROXIES)
def front(request: pytest.FixtureRequest, built: Street) -> Generator[Front]:
    with built.front(request.param, Layout.KEPT) as front:
        yield front


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    context = browser.new_context(locale="en", ignore_https_errors=True)
    yield context.new_page()
    context.close()


def opened(page: Page, front: Front) -> None:
    """Sign in, and wait until the page hears the news."""
    before = len(front.relay.heads(EVENTS))
    page.goto(front.address("/"))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(front.address("/"))
    wait_for(lambda: len(front.relay.heads(EVENTS)) > before, at_most=15)
    page.evaluate(NOTE_NOTICES)


def submit(front: Front, prompt: str) -> None:
    """Be somebody else who makes a clip."""
    with front.signed_in() as client:
        sent = client.post(front.address("/jobs"), data={"prompt": prompt, **ASKED})
    assert sent.status_code == 303, sent.text


def cut(front: Front) -> None:
    """Wait until the page's stream has been cut and there is a new one."""
    before = len(front.relay.heads(EVENTS))
    wait_for(lambda: len(front.relay.heads(EVENTS)) > before, at_most=15)


def status(ask: Callable[[], httpx.Response]) -> int:
    """Return the status of an answer, if it comes."""
    try:
        return ask().status_code
    except httpx.RemoteProtocolError:
        return LOST


@pytest.mark.browser
def test_an_open_page_heals_by_itself_when_its_proxy_is_started_anew(
    front: Front, page: Page
) -> None:
    prompt = f"after the restart of {front.name}"
    opened(page, front)
    front.proxy.kill()
    expect(page.locator("#connection")).to_be_visible(timeout=HEALED)

    front.restart()
    submit(front, prompt)

    expect(page.locator("article", has_text=prompt)).to_be_visible(timeout=HEALED)
    expect(page.locator("#connection")).to_be_hidden(timeout=HEALED)
    assert page.evaluate("window.notices.length") > 0, "it was not loaded anew"


@pytest.mark.browser
def test_a_proxy_that_cuts_a_stream_is_not_noticed(built: Street, page: Page) -> None:
    impatient = {"proxy_read_timeout 75s;": "proxy_read_timeout 4s;"}
    with built.front("nginx", Layout.KEPT, impatient) as front:
        opened(page, front)
        submit(front, "before a cut")
        expect(page.locator("article", has_text="before a cut")).to_be_visible(timeout=HEALED)
        cut(front)
        submit(front, "after a cut")
        expect(page.locator("article", has_text="after a cut")).to_be_visible(timeout=HEALED)

        assert page.evaluate("window.notices") == []


def test_a_sign_of_life_comes_long_before_a_proxy_loses_patience(built: Street) -> None:
    a_quarter = {"proxy_read_timeout 75s;": "proxy_read_timeout 20s;"}
    with built.front("nginx", Layout.KEPT, a_quarter) as front, front.signed_in() as client:
        headers = {"Accept": "text/event-stream"}
        with client.stream("GET", front.address("/events"), headers=headers, timeout=25) as stream:
            comment = next(line for line in stream.iter_lines() if line.startswith(":"))

    assert comment == ": alive"


def test_a_get_that_a_proxy_repeats_changes_nothing(front: Front) -> None:
    job = front.job(SMALL)
    asked = [front.address(path) for path in READ + POSTED]
    asked += [job + path for path in READ_OF_A_JOB + POSTED_OF_A_JOB]
    with front.signed_in() as client:
        before = state(front, client)
        with front.relay.losing(), ThreadPoolExecutor(len(asked)) as crowd:
            answers = set(crowd.map(lambda address: status(lambda: client.get(address)), asked))
        after = state(front, client)

    assert answers <= {502, 504, LOST}
    assert after == before
    assert len(front.relay.heads("GET /video/about")) >= (30 if front.name == "caddy" else 1)


def test_a_post_whose_answer_is_lost_is_not_sent_again(front: Front) -> None:
    prompt = f"posted once through {front.name}"
    with front.signed_in() as client:
        before = len(front.relay.heads("POST /video/jobs"))
        with front.relay.losing():
            sent = {"prompt": prompt, **ASKED}
            answer = status(lambda: client.post(front.address("/jobs"), data=sent))
        jobs = client.get(front.address("/api/v1/jobs")).text

    assert answer in {502, 504, LOST}
    assert len(front.relay.heads("POST /video/jobs")) == before + 1
    assert jobs.count(prompt) == 1


def state(front: Front, client: httpx.Client) -> tuple[object, object]:
    """Return all that a viewer can see of the site's state."""
    jobs = client.get(front.address("/api/v1/jobs")).raise_for_status().json()
    changes = client.get(front.address("/api/v1/changes?after=0")).raise_for_status().json()
    return jobs, changes["revision"]
