"""What the log says of hostile requests: one line each, and nothing that was meant for nobody."""

from __future__ import annotations

import io
import json
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushes import logs
from rushes.web.site import create_site
from tests.web.guarded import Guarded
from tests.web.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

CANARY = "canary-5e3d"
STEERING = "\r\n\x1b[2J\x00\x85\u2028\u2029\u202e"
HOSTILE = st.text(st.sampled_from(f"aé \"'%&=;{STEERING}"), max_size=30)
FORM = "application/x-www-form-urlencoded"
EVENT = {"at", "level", "logger", "message", "request_id", "method", "path", "status", "ms"}


@contextmanager
def logged(form: logging.Formatter) -> Iterator[io.StringIO]:
    """Write all that is ours, from debug on, as the process would."""
    written, logger = io.StringIO(), logging.getLogger(logs.OURS)
    handler = logging.StreamHandler(written)
    handler.setFormatter(form)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


async def send_all(app: FastAPI, odd: str) -> int:
    """Put the canary and odd characters wherever a client can; return how many requests it took."""
    secret = quote(CANARY + odd)
    header = (CANARY + odd).encode().translate(None, b"\r\n\0")
    headers: list[tuple[bytes, bytes]] = [
        (name, header)
        for name in (b"user-agent", b"referer", b"cookie", b"authorization", b"x-forwarded-for")
    ]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("203.0.113.9", 1))
    posts = ("/jobs", "/compose", "/login", "/language", "/admin/hold", "/jobs/x/title")
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in (f"/{quote(odd)}", "/", "/library", "/s/", "/api/v1/jobs", "/admin"):
            shown = f"/s/{secret}" if path == "/s/" else path
            await client.get(f"{shown}?q={secret}&prompt={secret}&from={secret}", headers=headers)
        fields = ("prompt", "password", "name", "language", "backend", "title", "next", "seed")
        form = "&".join(f"{field}={secret}" for field in fields).encode()
        for path in posts:
            await client.post(
                path, content=form, headers=[*headers, (b"content-type", FORM.encode())]
            )
        taken = await client.post("/jobs", data={"prompt": CANARY + odd})
        await client.post("/api/v1/jobs", json={"prompt": CANARY + odd, CANARY: odd})
    assert taken.status_code in {303, 401, 422}
    return 6 + len(posts) + 2


@pytest.mark.parametrize("stage", [Stage, Guarded])
@settings(max_examples=6, deadline=None)
@given(odd=HOSTILE)
def test_json_lines_hold_every_request_and_no_canary(stage: type[Stage], odd: str) -> None:
    with logged(logs.JsonLines()) as written:
        count = anyio.run(send_all, create_site(stage().site()), odd)

    text = written.getvalue()
    events = [json.loads(line) for line in text.splitlines()]
    access = [event for event in events if event["logger"] == "rushes.access"]
    assert text.isascii()
    assert CANARY not in text
    assert len(access) == count
    assert all(event.keys() >= EVENT for event in access)
    assert len({event["request_id"] for event in access}) == count


@settings(max_examples=6, deadline=None)
@given(odd=HOSTILE)
def test_text_lines_hold_no_canary_and_steer_no_terminal(odd: str) -> None:
    with logged(logs.TextLines()) as written:
        count = anyio.run(send_all, create_site(Stage().site()), odd)

    text = written.getvalue()
    assert CANARY not in text
    assert not any(mark in text.replace("\n", "") for mark in STEERING.replace("[2J", ""))
    assert sum("rushes.access" in line for line in text.splitlines()) == count


@pytest.mark.anyio
async def test_a_wrong_password_is_logged_with_its_request_and_without_the_password() -> None:
    app = create_site(Guarded().site())
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 1))
    with logged(logs.JsonLines()) as written:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.post("/login", data={"password": CANARY})

    warning = json.loads(written.getvalue().splitlines()[0])
    assert warning["level"] == "warning"
    assert warning["request_id"] == answer.headers["x-request-id"]
    assert CANARY not in written.getvalue()
