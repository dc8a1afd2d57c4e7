"""Behind proxies with a portal that asks who is there, set up as docs/hosting.md says."""

from __future__ import annotations

import re
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.fronts import Front, House, Street, street
from tests.e2e.portals import ASKING, LOCATION_WITH_401, SETS, Portal, Recipe, block
from tests.e2e.proxies import Layout, enabled
from tests.e2e.servers import wait_for
from tests.e2e.test_browser import SOON

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Program

pytestmark = pytest.mark.slow

KNOWN = {"Cookie": "portal=ann"}
MALLORY = "mallory"
VIEWERS = (
    "# raise MaxRequestWorkers in mods-available/mpm_event.conf when there are more viewers.\n"
)
ASKED_FOR = "/library?q=a+crane&state=done"


@pytest.fixture(scope="module")
def portal() -> Generator[Portal]:
    with Portal() as portal:
        Thread(target=portal.serve_forever, daemon=True).start()
        yield portal
        portal.shutdown()


@pytest.fixture(scope="module")
def built(mock: Program, tmp_path_factory: pytest.TempPathFactory) -> Generator[Street]:
    with street(tmp_path_factory.mktemp("portals"), mock) as built:
        yield built


@pytest.fixture(scope="module")
def houses() -> dict[str, House]:
    """One site for each set of headers."""
    return {}


def house_of(built: Street, houses: dict[str, House], kind: str) -> House:
    user, groups = SETS[kind]
    if kind not in houses:
        settings = {
            "RUSHES_AUTH": "proxy",
            "RUSHES_AUTH_HEADER": user,
            "RUSHES_AUTH_GROUPS_HEADER": groups,
            "RUSHES_ADMIN_GROUP": "admins",
        }
        houses[kind] = built.build("/video", settings)
    return houses[kind]


@contextmanager
def standing(
    built: Street, houses: dict[str, House], portal: Portal, proxy: str, kind: str, answer: int
) -> Generator[Front]:
    """Stand a proxy with a portal before the site; the portal answers strangers as asked."""
    portal.play(kind, answer)
    changes = Recipe(kind, portal).changes(proxy)
    house = house_of(built, houses, kind)
    with built.front(proxy, Layout.KEPT, changes, house=house, is_whole=False) as front:
        wait_for(lambda: is_asking(front), at_most=20)
        yield front


def is_asking(front: Front) -> bool:
    """Whether the proxy is there and knows its ways: Traefik listens before it does."""
    assert front.proxy.process.poll() is None, front.proxy.printed()
    try:
        with front.client() as client:
            return client.get(front.address("/static/app.css")).status_code == 200
    except httpx.TransportError:
        return False


def made_token(client: httpx.Client, front: Front, **known: Any) -> str:  # noqa: ANN401 - httpx's own
    made = client.post(front.address("/account/tokens"), data={"label": "x"}, **known)
    assert made.status_code == 200, made.text
    (token,) = re.findall(r'id="new-token">(rushes_[^<]+)<', made.text)
    return str(token)


def test_the_documents_name_four_portals() -> None:
    assert list(SETS) == ["Authelia", "Authentik", "oauth2-proxy", "Keycloak"]


@pytest.mark.parametrize("answer", [302, 401])
@pytest.mark.parametrize("proxy", ASKING)
@pytest.mark.parametrize("kind", list(SETS))
def test_only_the_portal_says_who_somebody_is(
    built: Street, houses: dict[str, House], portal: Portal, kind: str, proxy: str, answer: int
) -> None:
    user, groups = SETS[kind]
    twins = [user.replace("-", "_"), user.replace("-", ".")]
    forged = [
        {user: MALLORY},
        {user: MALLORY, groups: "admins"},
        *({twin: MALLORY} for twin in twins),
    ]
    with (
        standing(built, houses, portal, proxy, kind, answer) as front,
        front.client() as client,
    ):
        strangers = [client.get(front.address("/account"), headers=lie) for lie in ({}, *forged)]
        post = client.post(front.address("/jobs"), data={"prompt": "x"})
        page = client.get(front.address("/account"), headers=KNOWN)
        lies = [client.get(front.address("/account"), headers=KNOWN | lie) for lie in forged]
        portal.told = ((user, "ann"),)
        plain = client.get(front.address("/account"), headers=KNOWN | {groups: "admins"})
        portal.told = ()
        nobody = client.get(front.address("/account"), headers=KNOWN | {user: MALLORY})

    led = 302 if proxy == "nginx" else answer  # nginx leads to the portal by itself
    assert {answered.status_code for answered in (*strangers, post)} == {led}
    if led == 302:
        assert strangers[0].headers["location"].startswith(f"http://{portal.address}/login?rd=")
    assert page.status_code == 200
    assert "<dd>ann</dd>" in page.text
    assert "<dd>admins, makers</dd>" in page.text
    assert "Administrator" in page.text
    for lie in lies:
        assert lie.status_code in {200, 400}
        assert MALLORY not in lie.text
    assert plain.status_code == 200
    assert "<dd>Administrator</dd>" not in plain.text
    assert nobody.status_code in {400, 401}


@pytest.mark.parametrize("answer", [302, 401])
@pytest.mark.parametrize("kind", list(SETS))
def test_behind_nginx_people_come_back_to_what_they_asked_for(
    built: Street, houses: dict[str, House], portal: Portal, kind: str, answer: int
) -> None:
    with (
        standing(built, houses, portal, "nginx", kind, answer) as front,
        front.client() as client,
    ):
        wanted = front.address(ASKED_FOR)
        led = client.get(wanted)
    (back,) = parse_qs(urlsplit(led.headers["location"]).query)["rd"]

    has_own_way = answer == 302 or kind in (*LOCATION_WITH_401, "oauth2-proxy")
    cut = wanted.replace("+", " ").partition("&")[0]  # nginx cannot encode: the documents say so
    assert back == (wanted if has_own_way else cut)


@pytest.mark.parametrize("answer", [302, 401])
@pytest.mark.parametrize("proxy", ASKING)
def test_links_files_and_tokens_pass_the_portal_and_name_nobody(
    built: Street, houses: dict[str, House], portal: Portal, proxy: str, answer: int
) -> None:
    kind = "Authelia"
    user, groups = SETS[kind]
    lie = {user: MALLORY, groups: "admins"}
    with (
        standing(built, houses, portal, proxy, kind, answer) as front,
        front.client() as client,
    ):
        token = made_token(client, front, headers=KNOWN)
        good = lie | {"Authorization": f"Bearer {token}"}
        api = client.get(front.address("/api/v1/jobs"), headers=good)
        wrong = lie | {"Authorization": "Bearer rushes_none"}
        barred = [
            client.get(front.address(path), headers=wrong)
            for path in ("/api/v1/jobs", "/api/v1/changes?after=0", "/account", "/admin")
        ]
        page = client.get(front.address("/account"), headers=good)
        link = client.get(front.address("/s/none-such"), headers=lie)
        file = client.get(front.address("/static/app.css"), headers=lie)
        asked = client.get(front.address("/api/v1/jobs"), headers=lie)
        known = client.get(front.address("/api/v1/jobs"), headers=KNOWN)
        told = [head.get(user.lower()) for head in front.relay.heads("GET /video/api/v1/jobs")]

    assert (api.status_code, known.status_code) == (200, 200)
    assert {answered.status_code for answered in barred} == {401}
    assert page.status_code in {401, 403}
    assert (link.status_code, file.status_code) == (404, 200)
    assert asked.status_code == (302 if proxy == "nginx" else answer)
    assert MALLORY not in told


def test_apache_names_whom_its_module_signed_in(built: Street, houses: dict[str, House]) -> None:
    told = re.sub(r"^ *OIDC.*\n", "", block("apache", "OIDCProvider"), flags=re.MULTILINE)
    basic = "AuthType Basic\nAuthName x\nAuthBasicProvider anon\nAnonymous ann"
    modules = enabled("a2enmod auth_basic authn_core authn_anon authz_user")
    changes = {
        VIEWERS: f"{VIEWERS}Define modules /usr/lib/apache2/modules\n{modules}\n",
        "</VirtualHost>": told.replace("AuthType openid-connect", basic) + "</VirtualHost>",
    }
    lie, house = {"Remote-User": MALLORY}, house_of(built, houses, "Authelia")
    with (
        built.front("apache", Layout.KEPT, changes, house=house, is_whole=False) as front,
        front.client() as client,
    ):
        client.headers.update(lie)
        page = client.get(front.address("/account"), auth=("ann", "ann@example.org"))
        token = made_token(client, front, auth=("ann", "ann@example.org"))
        stranger = client.get(front.address("/account"))
        good, wrong = ({"Authorization": f"Bearer {each}"} for each in (token, "rushes_none"))
        api = client.get(front.address("/api/v1/jobs"), headers=good)
        barred = client.get(front.address("/api/v1/jobs"), headers=wrong)
        link = client.get(front.address("/s/none-such"))
        file = client.get(front.address("/static/app.css"))

    assert "<dd>ann</dd>" in page.text
    assert stranger.status_code == 401
    assert stranger.headers["www-authenticate"].startswith("Basic ")
    assert (api.status_code, barred.status_code) == (200, 401)
    assert "Basic " not in barred.headers.get("www-authenticate", "")
    assert (link.status_code, file.status_code) == (404, 200)


@pytest.mark.browser
@pytest.mark.parametrize("proxy", ASKING)
def test_what_was_typed_is_sent_after_the_portal_let_one_in_again(
    built: Street, houses: dict[str, House], portal: Portal, browser: Browser, proxy: str
) -> None:
    text = f"a heron behind {proxy}"
    with standing(built, houses, portal, proxy, "Authelia", 302) as front:
        context = browser.new_context(locale="en", ignore_https_errors=True)
        page = context.new_page()
        page.goto(front.address("/"))
        prompt = page.get_by_role("textbox", name="Describe your video")
        prompt.fill(text)
        context.clear_cookies()
        page.get_by_role("button", name="Create video").click()
        again = page.get_by_role("link", name="Sign in again")
        expect(again).to_be_visible()
        expect(prompt).to_have_value(text)
        with context.expect_page() as opened:
            again.click()

        expect(page.locator("#jobs").get_by_text(text).first).to_be_visible(timeout=SOON)
        expect(again).to_be_hidden()
        answer = opened.value.request.get(front.address(f"/api/v1/jobs?q={proxy}"))
        assert [job["request"]["prompt"] for job in answer.json()["jobs"]] == [text]
        context.close()
