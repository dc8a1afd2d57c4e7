"""The composer on a phone: at the thumb, half a screen high, its button never out of sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_accessibility import ASKED

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser, Locator, Page

    from tests.e2e.servers import Program, Programs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOWHERE = "http://127.0.0.1:9/v1"
KEYBOARD_CLOSED, KEYBOARD_OPEN = (375, 667), (375, 360)
THREE_LINES = "A first line of what is seen\nA second one\nAnd how the camera moves"

IS_ON_TOP = """element => {
  const { x, y, width, height } = element.getBoundingClientRect();
  const places = [[x + 4, y + height / 2], [x + width - 4, y + height / 2]];
  return places.every(([left, top]) => element.contains(document.elementFromPoint(left, top)));
}"""


@pytest.fixture(scope="module")
def phoned(shared: Programs, mock: Program) -> Program:
    """A site with a clip on it, so that the composer waits at the bottom."""
    site = shared.site(mock, data="phoned")
    site.wait_job(site.submit("a storm #refuse", **ASKED), "failed")
    return site


@pytest.fixture(scope="module")
def down(shared: Programs) -> Program:
    """A site whose backend cannot be reached, and one job that waits for it."""
    site = shared.site(None, data="down", RUSHES_BACKEND_URL=NOWHERE)
    site.submit("one that waits")
    return site


@pytest.fixture
def phone(browser: Browser, request: pytest.FixtureRequest) -> Generator[Page]:
    (width, height), language = request.param
    with browser.new_context(
        locale=language, viewport={"width": width, "height": height}, has_touch=True
    ) as context:
        yield context.new_page()


def in_sight(page: Page, element: Locator) -> bool:
    """Whether an element is inside the screen as a whole, and nothing lies over it."""
    box, screen = element.bounding_box(), page.viewport_size
    assert box is not None
    assert screen is not None
    is_inside = box["y"] >= 0 and box["y"] + box["height"] <= screen["height"]
    return is_inside and bool(element.evaluate(IS_ON_TOP))


def height(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["height"]


def width(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["width"]


SIZES = [(size, lang) for size in (KEYBOARD_CLOSED, KEYBOARD_OPEN) for lang in ("en", "fr", "it")]


@pytest.mark.parametrize("phone", SIZES, indirect=True, ids=str)
def test_the_button_is_in_sight_while_one_types(phoned: Program, phone: Page) -> None:
    phone.goto(phoned.url)
    composer, button = phone.locator("#composer"), phone.locator("#composer-send")
    seen = [in_sight(phone, button)]
    phone.locator("#prompt").focus()
    seen.append(in_sight(phone, button))
    phone.keyboard.type(THREE_LINES)
    seen.append(in_sight(phone, button))
    grown = height(composer)
    phone.locator("#composer input[name=resolution]").first.focus()
    seen.append(in_sight(phone, button))
    phone.locator(".more summary").click()
    seen.append(in_sight(phone, button))

    screen = phone.viewport_size
    assert screen is not None
    assert seen == [True] * 5
    assert grown <= screen["height"] / 2
    assert height(composer) > grown, "with More open there is more to see"


@pytest.mark.parametrize("phone", SIZES, indirect=True, ids=str)
def test_what_is_typed_stays_in_sight_too(phoned: Program, phone: Page) -> None:
    phone.goto(phoned.url)
    prompt, button = phone.locator("#prompt"), phone.locator("#composer-send")
    prompt.focus()
    phone.keyboard.type(THREE_LINES)
    field, below = prompt.bounding_box(), button.bounding_box()

    assert field is not None
    assert below is not None
    assert field["y"] >= 0
    assert field["y"] + field["height"] <= below["y"]


@pytest.mark.parametrize(
    "phone", [((width, 640), lang) for width in (320, 375) for lang in ("en", "fr", "it")],
    indirect=True, ids=str,
)  # fmt: skip
def test_a_long_button_leaves_the_prompt_its_room(down: Program, phone: Page) -> None:
    phone.goto(down.url)
    phone.locator("section[aria-label] .icon").first.wait_for()  # the notice of the outage
    screen = phone.viewport_size
    assert screen is not None

    assert width(phone.locator("#prompt")) > width(phone.locator("#composer-send"))
    assert width(phone.locator("#prompt")) >= 0.45 * screen["width"]
    assert in_sight(phone, phone.locator("#composer-send"))


@pytest.mark.parametrize("phone", SIZES, indirect=True, ids=str)
def test_on_the_first_visit_the_button_stays_in_sight_as_well(
    shared: Programs, mock: Program, phone: Page
) -> None:
    site = shared.site(mock, data="never used")
    phone.goto(site.url)
    phone.locator("#prompt").focus()
    phone.keyboard.type(THREE_LINES)
    is_seen = in_sight(phone, phone.locator("#composer-send"))
    site.stop()

    assert is_seen
