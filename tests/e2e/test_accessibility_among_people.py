"""The screens of a site with accounts: no axe violation, nothing sideways at 320 px."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import expect

from tests.e2e.servers import wait_for
from tests.e2e.test_accessibility import ASKED, LIBRARY, report
from tests.e2e.test_users import ANNS, BOBS, USERS, entered, signed_in, user, wide

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.e2e.servers import Program, Programs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SHOWN = {"audience": "everyone"}


def shown_clip(site: Program) -> tuple[str, str]:
    """Let Ann make a clip that everyone sees; return its page and a link for guests."""
    with signed_in(site, "ann", ANNS) as ann:
        made = ann.post("/jobs", data={"prompt": "a clip to be shown", **ASKED})
        address = made.headers["location"]
        wait_for(lambda: ann.get(f"/api/v1{address}").json()["status"] == "completed", at_most=40)
        assert ann.post(f"{address}/visibility", data=SHOWN).status_code == 303
        page = ann.post(f"{address}/shares", data={"days": "7", "prompt": "1"}).text
    return address, "/s/" + page.partition("/s/")[2].partition("<")[0]


def visited(page: Page, site: Program, addresses: dict[str, str]) -> Iterator[str]:
    for name, address in addresses.items():
        page.goto(site.url + address, wait_until="domcontentloaded")
        expect(page.locator("main")).to_be_visible()
        yield name


@pytest.fixture
def peopled(programs: Programs, mock: Program) -> Program:
    """A site of Ann, who runs it, and Bob."""
    user(programs.folder, "add", "ann", "--admin", typed=f"{ANNS}\n")
    user(programs.folder, "add", "bob", typed=f"{BOBS}\n")
    return programs.site(mock, RUSHES_ADMIN_MAY_READ="yes", **USERS)


def test_screens_of_people_are_sound_and_fit_a_small_phone(
    peopled: Program, browser: Browser
) -> None:
    address, link = shown_clip(peopled)
    with (
        entered(browser, peopled, "ann", ANNS) as ann,
        entered(browser, peopled, "bob", BOBS) as bob,
    ):
        people = {
            ann: {
                "account": "/account",
                "saved": f"{address}?saved=1",
                "read by an administrator": f"/admin{address}",
            },
            bob: {"shown": address, "shown to me": "/library?state=shown", "guest": link},
        }
        found: dict[str, Any] = {}
        for who, addresses in people.items():
            state = who.context.storage_state()
            for language in sorted(LIBRARY):
                for scheme in SCHEMES:
                    context = browser.new_context(
                        storage_state=state,
                        locale=language,
                        color_scheme=scheme,
                        viewport={"width": 320, "height": 640},
                    )
                    page = context.new_page()
                    for name in visited(page, peopled, addresses):
                        found[f"{name}, {language}, {scheme}"] = (wide(page), report(page))
                    context.close()

    assert {name: bad for name, bad in found.items() if bad != (320, "")} == {}
    assert len(found) == 6 * 3 * 2
