"""The openai-videos profile: what a check tells, and what a bad configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.errors import (
    NotConfigured,
)
from rushes.net import Secret
from rushes.ports import Severity, VideoBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

    import respx

from tests.backends.wire import BASE, KEY, error_body

pytestmark = pytest.mark.anyio

URL, KEY_NAME, PROFILE = "RUSHES_BACKEND_URL", "RUSHES_BACKEND_KEY", "RUSHES_BACKEND_PROFILE"

CHECKS: list[tuple[httpx.Response | Exception, Severity, str, str]] = [
    (httpx.Response(200, json={"data": []}), Severity.OK, URL, ""),
    (
        httpx.Response(400, json=error_body("400", "LLM Provider?")),
        Severity.OK,
        URL,
        "",
    ),
    (httpx.Response(500, json=error_body("500")), Severity.ERROR, URL, "look into its log"),
    (httpx.Response(401, json={"error": "Unauthorized"}), Severity.ERROR, KEY_NAME, "correct it"),
    (httpx.Response(403, json={"detail": "no"}), Severity.ERROR, KEY_NAME, "correct it"),
    (httpx.Response(404, json={"detail": "Not Found"}), Severity.ERROR, PROFILE, "openai-videos"),
    (httpx.Response(404, html="<html>"), Severity.ERROR, URL, "no video API"),
    (httpx.Response(200, html="<html>"), Severity.ERROR, URL, "no video API"),
    (httpx.Response(200, json={"version": 1}), Severity.ERROR, PROFILE, "openai-videos"),
    (httpx.Response(502, html="<html>"), Severity.ERROR, URL, "look into its log"),
    (httpx.Response(301, headers={"Location": "https://x/"}), Severity.ERROR, URL, "points to"),
    (httpx.ConnectError("refused"), Severity.ERROR, URL, "start the backend"),
    (httpx.ReadError("reset"), Severity.ERROR, URL, "another program"),
]


@pytest.mark.parametrize(("answer", "severity", "setting", "remedy"), CHECKS)
async def test_a_check_names_the_setting_the_host_and_the_next_step(
    backend: VideoBackend,
    wire: respx.MockRouter,
    answer: httpx.Response | Exception,
    severity: Severity,
    setting: str,
    remedy: str,
) -> None:
    effects: Sequence[httpx.Response | Exception] = [answer]
    route = wire.get("/videos", params={"limit": "1"}).mock(side_effect=effects)

    (finding,) = await backend.check()

    assert (finding.severity, finding.subject) == (severity, setting)
    assert remedy in (finding.remedy or "")
    assert "video.test:8000" in finding.message
    assert route.calls.last.request.headers["authorization"] == f"Bearer {KEY}"


async def test_a_check_proposes_the_end_of_the_address(wire: respx.MockRouter) -> None:
    wire.get("http://video.test:8000/videos").respond(404, json={"detail": "Not Found"})
    backend = load_backend(BackendConfig(name="main", url="http://video.test:8000"))

    (finding,) = await backend.check()
    await backend.aclose()

    assert (finding.subject, finding.remedy) == (URL, "let RUSHES_BACKEND_URL end in /v1")


async def test_a_check_without_a_key_asks_for_one(wire: respx.MockRouter) -> None:
    wire.get("/videos").respond(401, json={"error": "Unauthorized"})
    backend = load_backend(BackendConfig(name="main", url=BASE))

    (finding,) = await backend.check()
    await backend.aclose()

    assert "set it" in (finding.remedy or "")


# --- configuration ---


@pytest.mark.parametrize(
    "url", ["", "video.test", "ftp://video.test/v1", "http://me:pw@video.test/v1", "http://x/?a=1"]
)
def test_a_bad_address_is_a_configurationerror_body(url: str) -> None:
    with pytest.raises(NotConfigured):
        load_backend(BackendConfig(name="main", url=url))


@pytest.mark.parametrize("key", ["line\nbreak", "snow☃man"])
def test_a_key_that_no_header_can_carry_is_a_configurationerror_body(key: str) -> None:
    with pytest.raises(NotConfigured, match=r"^key: has a character that no") as caught:
        load_backend(BackendConfig(name="main", url=BASE, key=Secret(key)))

    assert key not in caught.value.message


def test_an_unknown_profile_tells_where_the_known_ones_are_listed() -> None:
    with pytest.raises(NotConfigured, match="`rushes profile list` prints those that are shipped"):
        load_backend(BackendConfig(name="main", url=BASE, profile="carrier-pigeon"))


def test_a_configuration_prints_no_key() -> None:
    config = BackendConfig(name="main", url=BASE, key=Secret(KEY), headers={"x": Secret(KEY)})

    assert KEY not in f"{config!r} {config.key} {config.key:>30}"
