"""The manifest: every address in it is below the prefix, and nobody has to sign in for it."""

from __future__ import annotations

import pytest

from rushes.web.dependencies import LOOPBACK_HOSTS, WebConfig
from rushes.web.prefix import Addresses, PublicAddress
from tests.web.guarded import Guarded
from tests.web.pages import Page
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("prefix", ["", "/video"])
async def test_every_address_is_below_the_prefix(prefix: str) -> None:
    async with Stage(
        WebConfig(
            public=PublicAddress.parse(f"https://x.test{prefix}"), allowed_hosts=LOOPBACK_HOSTS
        )
    ).client() as client:
        page = Page((await client.get(f"{prefix}/")).text)
        (link,) = [tag for tag in page.all("link") if tag.get("rel") == "manifest"]
        answer = await client.get(link["href"])
        told = answer.json()
        icon = await client.get(told["icons"][0]["src"])

    assert link["href"] == Addresses(prefix).manifest()
    assert answer.headers["content-type"] == "application/manifest+json"
    assert told["start_url"] == told["scope"] == f"{prefix}/"
    assert icon.headers["content-type"].startswith("image/svg+xml")


async def test_browsers_ask_for_it_without_a_cookie() -> None:
    async with Guarded().browser() as client:
        assert (await client.get("/manifest.webmanifest")).status_code == 200
