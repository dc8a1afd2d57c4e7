"""Accounts from the command line and the page: before the first start, beside a server, after."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.servers import wait_for
from tests.e2e.test_accessibility import report
from tests.e2e.test_start import NOWHERE, refused

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.e2e.servers import Program, Programs

pytestmark = pytest.mark.slow

ANNS, BOBS = "ann's own password", "bob's own password"
USERS = {"RUSHES_AUTH": "users"}
QUIET = {"RUSHES_LOG_LEVEL": "error"}  # of an old SQLite library it warns besides


def user(folder: Path, *command: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run `rushes user ...` on the folder that the programs use."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RUSHES_")}
    return subprocess.run(
        [sys.executable, "-m", "rushes", "user", *command, "--data-dir", "data"],
        cwd=folder,
        env=clean,
        input=typed,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextmanager
def signed_in(site: Program, name: str, password: str) -> Generator[httpx.Client]:
    with httpx.Client(base_url=site.url, headers={"Origin": site.url}, timeout=20) as client:
        client.post("/login", data={"name": name, "password": password})
        yield client


def test_people_are_added_before_the_first_start_and_beside_the_server(
    programs: Programs, mock: Program
) -> None:
    folder = programs.folder
    before = user(folder, "add", "ann", "--admin", typed=f"{ANNS}\n")
    site = programs.site(mock, **USERS)
    beside = user(folder, "add", "bob", typed=f"{BOBS}\n")
    twice = user(folder, "add", "Bob", typed=f"{BOBS}\n")
    told = user(folder, "list")
    with signed_in(site, "ann", ANNS) as ann, signed_in(site, "bob", BOBS) as bob:
        statuses = [client.get("/account").status_code for client in (ann, bob)]

    assert (before.returncode, before.stdout) == (0, "ann can sign in as administrator\n")
    assert (beside.returncode, beside.stdout) == (0, "bob can sign in\n")
    assert (twice.returncode, twice.stdout) == (2, "")
    assert twice.stderr == "rushes: There is somebody called Bob already.\n"
    assert told.stdout == "ann  (administrator, never seen)\nbob  (never seen)\n"
    assert statuses == [200, 200]
    assert stat.S_IMODE((folder / "data" / "rushes.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
    for secret in (ANNS, BOBS):
        assert secret not in site.printed()


def test_somebody_who_is_disabled_is_out_with_their_live_page(
    programs: Programs, mock: Program
) -> None:
    folder = programs.folder
    for name, password in (("ann", ANNS), ("bob", BOBS)):
        user(folder, "add", name, typed=f"{password}\n")
    site = programs.site(mock, **USERS)
    heard: list[str] = []
    opened = threading.Event()

    with signed_in(site, "bob", BOBS) as bob:

        def watch() -> None:
            with bob.stream("GET", "/events") as stream:
                for line in stream.iter_lines():
                    opened.set()
                    heard.append(line)

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        wait_for(lambda: opened.is_set(), at_most=10)
        gone = user(folder, "disable", "bob")
        watching.join(10)
        after = bob.get("/api/v1/jobs")
    back = user(folder, "enable", "bob")
    with signed_in(site, "bob", BOBS) as bob:
        again = bob.get("/api/v1/jobs")

    assert gone.stdout.startswith("bob is out")
    assert not watching.is_alive()
    assert [line for line in heard if line][-2:] == ["event: bye", "data: {}"]
    assert (after.status_code, again.status_code) == (401, 200)
    assert back.stdout == "bob may come in again\n"


@pytest.mark.browser
def test_an_administrator_lets_somebody_new_in_by_the_page(
    programs: Programs, mock: Program, browser: Browser
) -> None:
    user(programs.folder, "add", "ann", "--admin", typed=f"{ANNS}\n")
    site = programs.site(mock, **USERS)
    with entered(browser, site, "ann", ANNS) as ann:
        ann.goto(f"{site.url}/admin")
        ann.get_by_label("Name of somebody new").fill("cyd")
        ann.get_by_role("button", name="Make an account").click()
        password = ann.locator("#new-password").inner_text()
        shown = report(ann)
        ann.goto(f"{site.url}/admin")
        with entered(browser, site, "cyd", password) as cyd:
            cyd.goto(f"{site.url}/account")
            theirs = report(cyd), wide(cyd)

        expect(ann.get_by_role("heading", name="cyd")).to_be_visible()
        assert (shown, theirs, wide(ann)) == ("", ("", 320), 320)
        assert password not in ann.content()
    assert password not in site.printed()


@contextmanager
def entered(browser: Browser, site: Program, name: str, password: str) -> Generator[Page]:
    """Sign somebody in on a phone of their own."""
    with browser.new_context(locale="en", viewport={"width": 320, "height": 640}) as context:
        page = context.new_page()
        page.goto(f"{site.url}/login")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Library")).to_be_visible()
        yield page


def wide(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_jobs_from_the_open_time_are_given_to_somebody(programs: Programs, mock: Program) -> None:
    site = programs.site(mock)
    job_id = site.submit("from the open time", resolution="360p", duration="2")
    site.wait_job(job_id, "completed")
    site.stop()
    user(programs.folder, "add", "ann", typed=f"{ANNS}\n")
    site = programs.site(mock, **USERS)
    with signed_in(site, "ann", ANNS) as ann:
        before = ann.get(f"/api/v1/jobs/{job_id}")
        given = user(programs.folder, "adopt", "ann")
        after = ann.get(f"/api/v1/jobs/{job_id}")
        clip = ann.get(f"/jobs/{job_id}/clip")

    assert given.stdout == "jobs given to ann: 1\n"
    assert (before.status_code, after.status_code, clip.status_code) == (404, 200, 200)


def test_the_first_administrator_comes_from_the_settings(programs: Programs, mock: Program) -> None:
    (programs.folder / "secret").write_text(f"{ANNS}\n")
    first = {"RUSHES_ADMIN_NAME": "ann", "RUSHES_ADMIN_PASSWORD_FILE": "secret"}
    site = programs.site(mock, **USERS, **first)
    with signed_in(site, "ann", ANNS) as ann:
        changed = ann.post("/account/password", data={"password": ANNS, "new": BOBS, "again": BOBS})
    site.stop()
    site = programs.site(mock, **USERS, **first)
    with signed_in(site, "ann", ANNS) as old, signed_in(site, "ann", BOBS) as new:
        statuses = [client.get("/api/v1/jobs").status_code for client in (old, new)]
        page = new.get("/account")

    assert changed.status_code == 303
    assert statuses == [401, 200]
    assert "Administrator" in page.text


def test_where_nobody_could_sign_in_it_does_not_start(programs: Programs) -> None:
    line = refused(
        programs.launch("serve", RUSHES_BACKEND_URL=NOWHERE, RUSHES_PORT="0", **QUIET, **USERS)
    )

    assert "rushes user add" in line
    assert "RUSHES_ADMIN_NAME" in line
    assert not (programs.folder / "data" / "rushes.sock").exists()


PROXY = {
    "RUSHES_AUTH": "proxy",
    "RUSHES_TRUSTED_PROXIES": "127.0.0.1",
    "RUSHES_AUTH_HEADER": "Remote-User",
}


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"RUSHES_HOST": "0.0.0.0"}, "RUSHES_HOST"),  # noqa: S104 - refused
        ({**PROXY, "RUSHES_TRUSTED_PROXIES": ""}, "RUSHES_TRUSTED_PROXIES"),
        ({**PROXY, "RUSHES_TRUSTED_PROXIES": "::/0"}, "RUSHES_TRUSTED_PROXIES"),
        ({**PROXY, "RUSHES_AUTH_HEADER": ""}, "RUSHES_AUTH_HEADER"),
        ({**PROXY, "RUSHES_AUTH_HEADER": "X-Forwarded-For"}, "RUSHES_AUTH_HEADER"),
        ({**PROXY, "RUSHES_ADMIN_GROUP": "admins"}, "RUSHES_AUTH_GROUPS_HEADER"),
        ({**PROXY, "RUSHES_PROXY_SECRET_FILE": "short"}, "RUSHES_PROXY_SECRET_FILE"),
        ({**PROXY, "RUSHES_LOGOUT_URL": "javascript:alert(1)"}, "RUSHES_LOGOUT_URL"),
        ({"RUSHES_AUTH_HEADER": "Remote-User"}, "RUSHES_AUTH_HEADER"),
        ({**USERS, "RUSHES_ADMIN_NAME": "ann"}, "RUSHES_ADMIN_PASSWORD_FILE"),
        (
            {**USERS, "RUSHES_ADMIN_NAME": "ann", "RUSHES_ADMIN_PASSWORD_FILE": "short"},
            "RUSHES_ADMIN_PASSWORD_FILE",
        ),
        ({**USERS, "RUSHES_PASSWORD_HASH": "$argon2id$"}, "RUSHES_AUTH"),
    ],
)
def test_twelve_unsafe_settings_refuse_to_start(
    programs: Programs, settings: dict[str, str], names: str
) -> None:
    (programs.folder / "short").write_text("short77\n")

    line = refused(
        programs.launch("serve", RUSHES_PORT="0", RUSHES_BACKEND_URL=NOWHERE, **QUIET, **settings)
    )

    assert line.startswith("rushes: ")
    assert names in line
    assert "short77" not in line
