"""The About page."""

from __future__ import annotations

import pytest

from rushes.web.dependencies import WebConfig
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio


async def test_the_operators_own_words_are_shown_as_text() -> None:
    stage = Stage(WebConfig(about="Ask <b>us</b> first.\n\nBe kind."))

    async with stage.client() as client:
        page = (await client.get("/about")).text

    assert "Ask &lt;b&gt;us&lt;/b&gt; first." in page
    assert "Be kind." in page


async def test_it_says_where_prompts_go() -> None:
    stage = Stage()
    backend = stage.site().jobs.backends.default

    async with stage.client() as client:
        page = (await client.get("/about")).text

    assert backend.name in page
    assert backend.host in page
