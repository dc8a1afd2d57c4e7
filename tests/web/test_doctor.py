"""The doctor's probes: silent without the key, truthful with it."""

from __future__ import annotations

import httpx
import pytest

from rushes.domain import Viewer
from rushes.web.dependencies import WebConfig, current_viewer
from rushes.web.operators.diagnosis import BODY, BYTES, EVENTS, FORGED_NAME
from rushes.web.operators.doctor import KEY_HEADER, forgeable
from rushes.web.prefix import PublicAddress
from tests.web.stage import Stage

pytestmark = pytest.mark.anyio

PROBES = [
    ("GET", "/doctor/seen"),
    ("GET", "/api/v1/doctor/seen"),
    ("GET", "/doctor/cookie"),
    ("GET", "/doctor/redirect"),
    ("GET", "/doctor/events"),
    ("GET", "/doctor/bytes"),
    ("POST", "/doctor/body"),
]
OWN = {"Sec-Fetch-Site": "same-origin"}


def with_key(stage: Stage) -> dict[str, str]:
    return {KEY_HEADER: stage.config.doctor_key}


@pytest.mark.parametrize("key", [{}, {KEY_HEADER: ""}, {KEY_HEADER: "guess"}], ids=str)
@pytest.mark.parametrize(("method", "path"), PROBES)
async def test_without_the_key_nothing_is_there(
    method: str, path: str, key: dict[str, str]
) -> None:
    async with Stage().client(headers=key) as client:
        answer = await client.request(method, path, files={"picture": b"x"} if key else None)

    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


async def test_every_site_has_a_key_of_its_own() -> None:
    keys = {Stage().config.doctor_key for _ in range(3)}

    assert len(keys) == 3
    assert min(map(len, keys)) >= 43


async def test_seen_tells_how_the_request_came() -> None:
    stage = Stage()
    forged = {"Remote-User": FORGED_NAME, "X-Forwarded-User": "ada", "X-Forwarded-Proto": "https"}
    async with stage.client(headers=with_key(stage) | forged) as client:
        told = (await client.get("/doctor/seen")).json()

    assert told == {
        "scheme": "http",
        "host": "localhost",
        "path": "/doctor/seen",
        "client": "127.0.0.1",
        "peer": "127.0.0.1",
        "is_proxied": True,
        "is_trusted": False,
        "forged": ["remote-user"],
    }


async def test_the_header_that_is_believed_is_forged_too() -> None:
    assert forgeable("X-Our-Person", "X-Our-Clubs")[:2] == ("x-our-person", "x-our-clubs")
    assert forgeable("Remote-User") == forgeable()


async def test_below_the_api_a_request_is_seen_as_anywhere() -> None:
    stage = Stage()
    headers = with_key(stage) | {"X-Auth-Username": FORGED_NAME, "Authorization": "Bearer rushes_x"}
    async with stage.client(headers=headers) as client:
        told = (await client.get("/api/v1/doctor/seen")).json()

    assert (told["path"], told["forged"]) == ("/api/v1/doctor/seen", ["x-auth-username"])


async def test_what_a_probe_is_told_of_is_cut() -> None:
    stage = Stage()
    async with stage.client(headers=with_key(stage)) as client:
        answer = await client.get("/doctor/seen", headers={"Host": "localhost:12345"})
        long = await client.get(f"/doctor/{'x' * 500}")

    assert answer.json()["host"] == "localhost:12345"
    assert long.status_code == 404


async def test_the_cookie_lies_below_the_prefix() -> None:
    stage = Stage(WebConfig(public=PublicAddress.parse("https://clips.test/video")))
    async with stage.client(headers=with_key(stage)) as client:
        first = await client.get("/video/doctor/cookie")
        second = await client.get("/video/doctor/cookie", headers={"cookie": "rushes_doctor=1"})
        led = await client.get("/video/doctor/redirect")

    assert "; Path=/video/; " in first.headers["set-cookie"]
    assert first.headers["set-cookie"].endswith("; Secure")
    assert (first.json(), second.json()) == ({"came_back": False}, {"came_back": True})
    assert (led.status_code, led.headers["location"]) == (303, "/video/")


async def test_bytes_come_as_asked_for() -> None:
    stage = Stage()
    async with stage.client(headers=with_key(stage)) as client:
        part = await client.get("/doctor/bytes", headers={"Range": "bytes=0-1"})
        whole = await client.get("/doctor/bytes")

    assert (part.status_code, part.content) == (206, b"\0\0")
    assert part.headers["content-range"] == f"bytes 0-1/{BYTES}"
    assert (whole.status_code, len(whole.content)) == (200, BYTES)


async def test_events_and_a_body_arrive_whole() -> None:
    stage = Stage()
    async with stage.client(headers=with_key(stage)) as client:
        events = await client.get("/doctor/events")
        counted = await client.post("/doctor/body", files={"picture": bytes(BODY)})
        empty = await client.post("/doctor/body", data={"picture": "a text"})

    assert events.headers["content-type"].startswith("text/event-stream")
    assert events.text.count("data:") == EVENTS
    assert counted.json() == {"bytes": BODY}
    assert empty.json() == {"bytes": 0}


# --- the page -----------------------------------------------------------------------------------


async def asked_for_the_page(stage: Stage, viewer: Viewer) -> list[httpx.Response]:
    app = stage.app()
    app.dependency_overrides[current_viewer] = lambda: viewer
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=OWN
    ) as client:
        return [
            await client.get("/admin/doctor"),
            await client.post("/admin/doctor/verdict?page=http://localhost/", json={}),
        ]


async def test_the_page_is_for_operators() -> None:
    stage = Stage()
    page, verdict = await asked_for_the_page(stage, Viewer("local", is_operator=True))

    assert page.status_code == 200
    assert stage.config.doctor_key in page.text
    assert [finding["subject"] for finding in verdict.json()] == ["reachable"]


@pytest.mark.parametrize(
    ("is_on_purpose", "severity"), [(False, "error"), (True, "warning")], ids=str
)
async def test_the_page_says_that_others_reach_an_open_site(
    is_on_purpose: bool, severity: str
) -> None:
    stage = Stage(WebConfig(is_open_on_purpose=is_on_purpose))
    async with stage.client(headers=with_key(stage) | OWN) as client:
        seen = (await client.get("/doctor/seen")).json()
        judged = await client.post(
            "/admin/doctor/verdict?page=http://clips.test/", json={"seen": seen}
        )

    (found,) = [each for each in judged.json() if each["subject"] == "sign-in"]
    assert found["severity"] == severity
    assert "clips.test leads here" in found["message"]


async def test_to_others_there_is_no_page_and_no_key() -> None:
    stage = Stage()
    answers = await asked_for_the_page(stage, Viewer("somebody"))

    assert [answer.status_code for answer in answers] == [404, 404]
    assert not any(stage.config.doctor_key in answer.text for answer in answers)


@pytest.mark.parametrize(
    "observed", [{"seen": {}}, {"other": 1}, {"events_ms": [0] * 51}, {"refused": "x" * 51}]
)
async def test_odd_observations_are_refused(observed: dict[str, object]) -> None:
    async with Stage().client(headers=OWN) as client:
        answer = await client.post("/admin/doctor/verdict?page=http://localhost/", json=observed)

    assert answer.status_code == 422
