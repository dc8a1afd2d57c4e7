"""`rushes doctor`: each fault planted in a proxy is named, with the line that mends it."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from tests.e2e.fronts import Front, Street, street
from tests.e2e.proxies import PASSWORD, PROXIES, Layout, Words

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Program, Programs

KEY = "doctor.key"
SUBJECT = re.compile(r"^(OK|WARNING|ERROR) +([a-z ]+): ", re.MULTILINE)
BY_HEADER = {
    "RUSHES_AUTH": "proxy",
    "RUSHES_AUTH_HEADER": "Remote-User",
    "RUSHES_ADMIN_NAME": "ada",
}


@dataclass(frozen=True)
class Fault:
    """A proxy's file with something wrong, and what the doctor makes of it."""

    subject: str
    changes: Words
    line: str
    auth: Words = field(default_factory=dict)
    is_whole: bool = True
    """Whether the site is to be seen all the same."""


PASS = "proxy_pass http://rushes;            # with a slash at its end the prefix is stripped"
HOST = "proxy_set_header Host              $http_host;      # $host would lose the port"
SENDER = "proxy_set_header X-Forwarded-For   $remote_addr;"
NO_STATIC = r"    location ~ \.css$ { return 404; }"
VERSION = "proxy_http_version 1.1;"
REMOTE_USER = f'proxy_set_header {"Remote-User":33} "";'
REMOTE_GROUPS = f'proxy_set_header {"Remote-Groups":33} "";'
OF_PROGRAMS = """\
    location /video/api/v1/ {
        proxy_pass http://rushes;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
    }
"""
"""What seems to let programs past a portal, and lets anybody be anybody."""


def also(*lines: str) -> Words:
    """Return the change that adds lines to the file."""
    return {VERSION: "\n        ".join([VERSION, *lines])}


FAULTS = {
    "a Host that is nobody's": Fault("host", {HOST: ""}, "Host $http_host;", is_whole=False),
    "a Host without its port": Fault(
        "host", {HOST: "proxy_set_header Host $host;"}, "Host $http_host;"
    ),
    "the wrong scheme": Fault(
        "scheme", {"X-Forwarded-Proto $scheme": "X-Forwarded-Proto http"}, "Proto https;"
    ),
    "another path": Fault(
        "prefix",
        {PASS: "proxy_pass http://rushes/films/; #"},
        "; # in location /video/",
        is_whole=False,
    ),
    "a sender that is believed": Fault(
        "sender",
        {SENDER: "proxy_set_header X-Forwarded-For $http_x_forwarded_for;"},
        "X-Forwarded-For $remote_addr;",
    ),
    "a name that anybody can give": Fault(
        "identity headers",
        {REMOTE_USER: ""},
        'Remote-User "";',
        BY_HEADER,
    ),
    "a name that programs can give": Fault(
        "identity headers",
        {"    location /video/ {": f"{OF_PROGRAMS}    location /video/ {{"},
        'Remote-User "";',
        BY_HEADER,
    ),
    "groups that anybody can give": Fault(
        "identity headers",
        {REMOTE_GROUPS: ""},
        'Remote-Groups "";',
        BY_HEADER | {"RUSHES_AUTH_GROUPS_HEADER": "Remote-Groups"},
    ),
    "redirects led elsewhere": Fault(
        "redirects", also("proxy_redirect / /elsewhere/;"), "proxy_redirect off;"
    ),
    "a cookie for elsewhere": Fault(
        "cookies", also("proxy_cookie_path /video/ /films/;"), "proxy_cookie_path off;"
    ),
    "no static files": Fault(
        "static files",
        {"    location /video/ {": f"{NO_STATIC}\n    location /video/ {{"},
        "location ^~ /video/",
    ),
    "compressed events": Fault("compression", {"gzip off;": "gzip on;"}, "gzip off;"),
    "events held back": Fault(
        "events", also("proxy_ignore_headers X-Accel-Buffering;"), "proxy_buffering off;"
    ),
    "no ranges": Fault("ranges", also('proxy_set_header Range "";'), "Range $http_range;"),
    "small bodies only": Fault(
        "uploads", {"client_max_body_size 32m;": "client_max_body_size 1m;"}, "size 32m;"
    ),
}


@pytest.fixture(scope="module")
def built(mock: Program, tmp_path_factory: pytest.TempPathFactory) -> Generator[Street]:
    with street(tmp_path_factory.mktemp("street"), mock) as built:
        yield built


def asked(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `rushes doctor`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUSHES_")}
    return subprocess.run(
        [sys.executable, "-m", "rushes", "doctor", *arguments],
        env=clean | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def asked_of(front: Front, built: Street, auth: Words | None = None) -> tuple[int, str]:
    """Run it as the operator of a house would; return its exit code and all that it said."""
    done = asked(
        RUSHES_DATA_DIR=str(front.house.data),
        RUSHES_PORT=front.relay.address.rpartition(":")[2],
        RUSHES_PUBLIC_URL=front.address(""),
        RUSHES_TRUSTED_PROXIES="127.0.0.1",
        SSL_CERT_FILE=str(built.certificate.cert),
        **(auth or {}),
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def wrong(said: str) -> list[str]:
    return [subject for severity, subject in SUBJECT.findall(said) if severity != "OK"]


# --- faults -------------------------------------------------------------------------------------


def mended(text: str, said: str) -> str:
    """Return nginx's file with the printed line put in, as by somebody who reads no further."""
    (line,) = re.findall("in nginx: (.*)", said)
    if line.startswith("location "):
        return text.replace(line.partition(" #")[0].replace("^~ ", ""), line)
    for directive in filter(None, map(str.strip, line.partition("#")[0].split(";"))):
        name, first, *_ = directive.split()
        same = rf"^ *{name} +{first if name == 'proxy_set_header' else ''}[^;]*;"
        if name == "proxy_pass":
            text = re.sub(same, f"        {directive};", text, flags=re.MULTILINE)
        else:
            text = re.sub(same, "", text, flags=re.MULTILINE)
            text = re.sub("( +proxy_pass [^;]+;)", rf"\1 {directive};", text)
    return text


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_named_and_its_line_mends_it(built: Street, fault: Fault) -> None:
    house = built.build("/video", fault.auth) if fault.auth else None
    with built.front(
        "nginx", Layout.KEPT, fault.changes, house=house, is_whole=fault.is_whole
    ) as front:
        code, said = asked_of(front, built, fault.auth)
        file = front.prepared.folder / "nginx.conf"
        file.write_text(mended(file.read_text(), said))
        front.proxy.kill()
        front.restart()
        code_after, said_after = asked_of(front, built, fault.auth)

    assert wrong(said) == [fault.subject], said
    assert "in nginx: " in said
    assert fault.line in said
    assert code == 2
    assert (code_after, wrong(said_after)) == (0, []), said_after


@pytest.mark.slow
def test_a_proxy_that_is_not_trusted_is_named(built: Street) -> None:
    with built.front("nginx", Layout.KEPT) as front:
        inside = front.relay.site
    stranger = also("proxy_bind 127.0.0.2;") | {
        "    server 127.0.0.1:8000;": f"    server 127.0.0.1:{inside};"
    }
    with built.front("nginx", Layout.KEPT, stranger) as front:
        code, said = asked_of(front, built)

    assert wrong(said) == ["trusted proxies"], said
    assert "RUSHES_TRUSTED_PROXIES=127.0.0.2" in said
    assert code == 2


@pytest.mark.slow
def test_a_dead_proxy_is_named(built: Street) -> None:
    with built.front("nginx", Layout.KEPT) as front:
        front.proxy.kill()
        code, said = asked_of(front, built)

    assert (code, wrong(said)) == (2, ["reachable"])


@pytest.mark.slow
@pytest.mark.parametrize("layout", [Layout.KEPT, Layout.STRIPPED])
@pytest.mark.parametrize("name", PROXIES)
def test_the_files_that_we_ship_have_no_fault(built: Street, name: str, layout: Layout) -> None:
    with built.front(name, layout) as front:
        code, said = asked_of(front, built)

    assert wrong(said) == [], said
    assert f"prefix: /video, {layout}" in said
    assert "uploads: a body of 4 MB arrives whole" in said
    assert code == 0


# --- the command --------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_finds_nothing_wrong_with_a_server_of_ones_own(
    programs: Programs, mock: Program
) -> None:
    site = programs.site(mock)
    folder = programs.folder / "data"
    mode = stat.S_IMODE((folder / KEY).stat().st_mode)
    key = (folder / KEY).read_text()

    done = asked(site.url, RUSHES_DATA_DIR=str(folder))
    code = site.stop()
    after = asked(site.url, RUSHES_DATA_DIR=str(folder))

    assert (done.returncode, wrong(done.stdout)) == (0, [])
    assert "events: arrive one by one" in done.stdout
    assert mode == 0o600
    assert (code, (folder / KEY).exists()) == (0, False)
    assert key not in done.stdout + site.printed()
    assert after.returncode == 2
    assert after.stderr == f"rushes: no server runs with {folder}: start it, then ask again\n"


@pytest.mark.slow
def test_an_address_that_is_none_is_one_line(programs: Programs, mock: Program) -> None:
    programs.site(mock)

    done = asked("nonsense", RUSHES_DATA_DIR=str(programs.folder / "data"))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rushes: nonsense: ")
    assert done.stderr.count("\n") == 1


# --- the page -----------------------------------------------------------------------------------


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    """A page that fails its test when the browser reports an error in it."""
    context = browser.new_context(locale="en", ignore_https_errors=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    yield page
    context.close()
    assert errors == []


def examined(page: Page, address: str) -> list[str]:
    """Open the doctor's page and return the subjects that are wrong, once it has looked at all."""
    page.goto(address)
    table = page.get_by_role("table")
    expect(table.get_by_role("row").filter(has_text="uploads")).to_be_visible(timeout=15_000)
    return table.locator(".doctor__error th").all_inner_texts()


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_examines_from_the_browser(site: Program, page: Page) -> None:
    assert examined(page, f"{site.url}/admin/doctor") == []
    assert Axe().run(page).violations_count == 0


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_names_what_a_browser_meets(built: Street, browser: Browser) -> None:
    changes = also("proxy_cookie_path /video/ /films/;", 'proxy_set_header Range "";')
    context = browser.new_context(locale="en", ignore_https_errors=True)
    page = context.new_page()
    with built.front("nginx", Layout.KEPT, changes) as front:
        page.goto(front.address("/login?next=/video/admin/doctor"))
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        found = examined(page, front.address("/admin/doctor"))
        advice = page.get_by_text("in nginx: proxy_set_header Range $http_range;")

        expect(advice).to_be_visible()
    context.close()

    assert found == ["cookies", "ranges"]
