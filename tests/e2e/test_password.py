"""The shared password, from the command that makes its hash to the page that asks for it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.proxies import PASSWORD, PASSWORD_HASH
from tests.e2e.servers import wait_for
from tests.e2e.test_start import NOWHERE, refused

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.e2e.servers import Program, Programs

SOON = 30_000


def hashed(typed: str) -> subprocess.CompletedProcess[str]:
    """Give a line to `rushes password`."""
    return subprocess.run(
        [sys.executable, "-m", "rushes", "password"],
        input=typed,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def typed_at_a_terminal(*lines: str) -> tuple[int, str]:
    """Answer `rushes password` at a terminal; return its exit code and all that was to be seen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rushes", "password"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    try:
        for line in lines:
            seen += until_asked(ours)
            os.write(ours, line.encode() + b"\n")
        code = process.wait(20)
        seen += os.read(ours, 10_000)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return code, seen.decode()


def until_asked(terminal: int) -> bytes:
    seen = b""
    while not seen.rstrip().endswith(b":"):
        seen += os.read(terminal, 1000)
    return seen


# --- the command --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_line_becomes_a_hash_and_nothing_else() -> None:
    done = hashed(f"{PASSWORD}\n")

    assert done.returncode == 0
    assert re.fullmatch(r"\$argon2id\$v=19\$m=65536,t=3,p=4\$[\w+/]+\$[\w+/]+\n", done.stdout)
    assert done.stderr == ""


@pytest.mark.slow
def test_at_a_terminal_it_asks_twice_and_shows_nothing() -> None:
    code, seen = typed_at_a_terminal(PASSWORD, PASSWORD)

    assert code == 0, seen
    assert seen.count(":") == 2
    assert "$argon2id$" in seen
    assert PASSWORD not in seen


@pytest.mark.slow
def test_two_different_passwords_are_refused() -> None:
    code, seen = typed_at_a_terminal(PASSWORD, "incorrect horse")

    assert code == 2
    assert "two different passwords" in seen
    assert "$argon2id$" not in seen


@pytest.mark.parametrize("typed", ["", "short77\n"])
@pytest.mark.slow
def test_a_short_password_is_refused(typed: str) -> None:
    done = hashed(typed)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "rushes: a password has 8 to 1000 characters\n"


# --- the start ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"RUSHES_AUTH": "password", "RUSHES_PASSWORD_HASH": PASSWORD},
            "RUSHES_PASSWORD_HASH holds no argon2id hash",
        ),
        (
            {"RUSHES_AUTH": "password", "RUSHES_PASSWORD_FILE": "plain"},
            "RUSHES_PASSWORD_FILE holds no argon2id hash",
        ),
        (
            {"RUSHES_AUTH": "password", "RUSHES_PASSWORD_FILE": "none-such"},
            "RUSHES_PASSWORD_FILE cannot be read",
        ),
        (
            {
                "RUSHES_AUTH": "password",
                "RUSHES_PASSWORD_FILE": "plain",
                "RUSHES_PASSWORD_HASH": PASSWORD_HASH,
            },
            "not both",
        ),
        ({"RUSHES_PASSWORD_HASH": PASSWORD_HASH}, "set RUSHES_AUTH=password too"),
        ({"RUSHES_AUTH": "none"}, "RUSHES_AUTH"),
        ({"RUSHES_TRUSTED_PROXIES": "proxy.test"}, "RUSHES_TRUSTED_PROXIES: "),
        ({"RUSHES_TRUSTED_PROXIES": "127.0.0.1,0.0.0.0/0"}, "RUSHES_TRUSTED_PROXIES: "),
        ({"RUSHES_TRUSTED_PROXIES": "::/0"}, "RUSHES_TRUSTED_PROXIES: "),
        ({"RUSHES_TRUSTED_PROXIES": "0.0.0.0/1,128.0.0.0/1"}, "RUSHES_TRUSTED_PROXIES: "),
    ],
)
@pytest.mark.slow
def test_a_start_that_would_not_be_safe_is_one_line(
    programs: Programs, tmp_path: Path, settings: dict[str, str], says: str
) -> None:
    (tmp_path / "plain").write_text(f"{PASSWORD}\n")

    line = refused(
        programs.launch("serve", RUSHES_PORT="0", RUSHES_BACKEND_URL=NOWHERE, **settings)
    )

    assert says in line
    assert PASSWORD not in line


def test_the_file_that_the_command_wrote_opens_the_door(programs: Programs, mock: Program) -> None:
    file = programs.folder / "password"
    file.write_text(hashed(f"{PASSWORD}\n").stdout)
    site = programs.site(mock, RUSHES_AUTH="password", RUSHES_PASSWORD_FILE="password")

    wrong = site.post("/login", data={"password": "incorrect horse"})
    right = site.post("/login", data={"password": PASSWORD})

    assert (wrong.status_code, right.status_code) == (401, 303)
    assert PASSWORD not in site.printed()


@pytest.mark.slow
def test_sessions_and_the_brake_survive_a_restart(programs: Programs, mock: Program) -> None:
    asks = {"RUSHES_AUTH": "password", "RUSHES_PASSWORD_HASH": PASSWORD_HASH}
    site = programs.site(mock, **asks)
    entered = site.post("/login", data={"password": PASSWORD})
    statuses = [
        site.post("/login", data={"password": f"guess {number}"}).status_code for number in range(6)
    ]
    site.kill()

    site = programs.site(mock, **asks)
    cookies = dict(entered.cookies)
    inside = site.get("/", cookies=cookies)
    braked = site.post("/login", data={"password": PASSWORD})

    assert statuses == [401] * 5 + [429]
    assert inside.status_code == 200
    assert braked.status_code == 429
    assert 1 <= int(braked.headers["retry-after"]) <= 15


@pytest.mark.slow
def test_a_live_page_ends_at_once_when_its_session_does(guarded: Program) -> None:
    with httpx.Client(base_url=guarded.url, headers={"Origin": guarded.url}, timeout=20) as client:
        client.post("/login", data={"password": PASSWORD})
        with client.stream("GET", "/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: snapshot"
            client.post("/logout")
            assert [line for line in lines if line][-2:] == ["event: bye", "data: {}"]


# --- the page -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(shared: Programs, mock: Program) -> Program:
    """A site that asks for the password."""
    return shared.site(
        mock, data="guarded", RUSHES_AUTH="password", RUSHES_PASSWORD_HASH=PASSWORD_HASH
    )


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Generator[Page]:
    context = browser.new_context(locale="en", java_script_enabled=request.param)
    yield context.new_page()
    context.close()


@pytest.fixture
def plain_page(browser: Browser) -> Generator[Page]:
    context = browser.new_context(locale="en", java_script_enabled=False)
    yield context.new_page()
    context.close()


def sign_in(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.browser
@pytest.mark.slow
def test_without_scripts_text_typed_into_an_expired_page_is_sent_after_signing_in(
    guarded: Program, plain_page: Page
) -> None:
    page = plain_page
    text = 'a fox, "quoted" & <b>bold</b>\nin the snow'
    page.goto(guarded.url + "/")
    sign_in(page)
    page.wait_for_load_state()
    page.get_by_role("textbox", name="Describe your video").fill(text)
    page.context.clear_cookies()
    page.get_by_role("button", name="Create video").click()

    expect(page.get_by_text("Your text is kept")).to_be_visible()
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("This is not the password.")).to_be_visible()
    sign_in(page)

    expect(page).to_have_url(re.compile(r"/jobs/[a-z2-7]{26}$"), timeout=SOON)
    with httpx.Client(base_url=guarded.url) as client:
        client.post("/login", data={"password": PASSWORD})
        jobs = client.get("/api/v1/jobs", params={"q": "a fox"}).json()["jobs"]
    assert jobs[0]["request"]["prompt"] == text
    assert page.url.endswith(jobs[0]["id"])
    wait_for(lambda: "rushes_session" in {c["name"] for c in page.context.cookies()}, at_most=5)


@pytest.mark.browser
def test_with_scripts_the_page_stays_and_sends_after_signing_in_elsewhere(
    guarded: Program, browser: Browser
) -> None:
    text = "a heron at dawn, kept"
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.goto(guarded.url + "/")
    sign_in(page)
    prompt = page.get_by_role("textbox", name="Describe your video")
    prompt.fill(text)
    page.wait_for_load_state()  # until its scripts run, a form leaves the page
    token = page.locator("[name=submit_token]").input_value()
    context.clear_cookies()
    page.get_by_role("button", name="Create video").click()

    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()
    expect(prompt).to_have_value(text)
    assert page.locator("[name=submit_token]").input_value() == token
    with context.expect_page() as opened:
        page.get_by_role("link", name="Sign in again").click()
    sign_in(opened.value)

    expect(page.locator("#jobs").get_by_text(text).first).to_be_visible(timeout=SOON)
    expect(page.get_by_role("link", name="Sign in again")).to_be_hidden()
    jobs = opened.value.request.get(guarded.url + "/api/v1/jobs?q=heron").json()["jobs"]
    assert [job["request"]["prompt"] for job in jobs] == [text]
    assert page.locator("[name=submit_token]").input_value() != token
    context.close()


@pytest.mark.browser
def test_without_its_style_a_page_says_what_may_be_wrong(guarded: Program, page: Page) -> None:
    page.route("**/app.css", lambda route: route.abort())
    page.goto(guarded.url + "/")

    expect(page.get_by_text("If this page looks bare")).to_be_visible()
    page.unroute("**/app.css")
    page.reload()
    expect(page.get_by_text("If this page looks bare")).to_be_hidden()
