"""The composer with several backends: who they are, and what a browser would send of it."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from html import unescape
from typing import TYPE_CHECKING

from rushes.domain import Capabilities, Catalogue, Price
from tests.web.pages import Page
from tests.web.stage import Stage, a_backend

if TYPE_CHECKING:
    import httpx

    from rushes.jobs.directory import ConfiguredBackend

Form = dict[str, str]

CINEMA = Capabilities(
    durations=(4.0, 8.0, 12.0),
    aspect_ratios=("21:9", "16:9"),
    resolutions=("720p", "1080p"),
    negative_prompt=True,
    n_max=2,
    prompt_max=2000,
)
SKETCH = Capabilities(durations=(2.0,), prompt_max=100)
PRICE = Price(
    "USD", date(2026, 11, 1), per_second=Decimal("0.1"), per_second_at={"1080p": Decimal("0.3")}
)
PROMPT = 'a "kite" & <dunes>\nsecond line {{x}}'


def cinema(**changes: object) -> ConfiguredBackend:
    given = {
        "name": "Cinema",
        "host": "cinema.test",
        "catalogue": Catalogue({"film": CINEMA, "sketch": SKETCH}, default="film"),
        "defaults": {"duration_s": 8.0, "resolution": "540p", "negative_prompt": "blur"},
        "prices": {"": PRICE},
    }
    return a_backend("cinema", **(given | changes))


def a_stage(*backends: ConfiguredBackend) -> Stage:
    return Stage(backends=backends or (a_backend(), cinema()))


def composer(html: str) -> str:
    return html.partition('id="composer"')[2].partition("</form>")[0]


def sent_by(html: str) -> Form:
    """Return what a browser would send of the composer as it stands."""
    form, sent, select = composer(html), {}, ""
    for tag, attributes in Page(f"<form {form}").elements:
        name, value = attributes.get("name", ""), attributes.get("value", "")
        if tag == "select":
            select = name
        elif tag == "option" and (select not in sent or "selected" in attributes):
            sent[select] = value
        elif tag == "input" and name and attributes.get("type") != "file":
            is_ticked = attributes.get("type") not in {"radio", "checkbox"}
            if is_ticked or "checked" in attributes:
                sent[name] = value
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", form, re.DOTALL)
    assert text is not None
    return sent | {"prompt": unescape(text[1])}


async def chosen(client: httpx.AsyncClient, form: Form, **changes: str) -> str:
    """Change fields of a form, and let it be drawn anew."""
    answer = await client.post("/compose", data=form | changes)
    assert answer.status_code == 200
    return answer.text


async def opened(client: httpx.AsyncClient) -> Form:
    return sent_by((await client.get("/")).text)
