"""A clip at the backend's own host that wants the key, where the profile says to send none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.domain import RemoteJob, Stage
from rushes.errors import BackendError, ResultExpired, Unauthorized
from rushes.net import Secret
from rushes.web.wording.troubles import trouble_of
from tests.backends.test_profile_language import BASE, KEY, ORIGIN, clip_of, made, wire

if TYPE_CHECKING:
    from pathlib import Path

    import respx

__all__ = ["wire"]
pytestmark = pytest.mark.anyio

CASES: list[tuple[str, RemoteJob, str]] = [
    ("", RemoteJob("1", urls={"clip": f"{ORIGIN}/v1/c"}), "url_auth"),
    ('path = "/c"\nauth = "never"', RemoteJob("1"), "auth"),
]


@pytest.mark.parametrize(("result", "remote", "key"), CASES)
async def test_the_key_of_the_profile_is_named(
    tmp_path: Path, wire: respx.MockRouter, result: str, remote: RemoteJob, key: str
) -> None:
    wire.get("/c").respond(401, json={"detail": "who?"})
    extract = 'id = ["/id"]\nurls = { clip = ["/clip"] }'

    with pytest.raises(Unauthorized) as caught:
        await clip_of(made(tmp_path, extract=extract, result=result), remote)

    detail = caught.value.detail or ""
    assert detail.startswith("RUSHES_BACKEND_PROFILE: let the profile made-up say ")
    assert f'[result] {key} = "same_origin"' in detail
    assert "answered 401" in detail
    assert "authorization" not in wire.calls.last.request.headers


async def test_a_refused_address_is_asked_for_anew_and_then_named(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    wire.get("/c").respond(403, json={"detail": "no"})
    told = {"id": "1", "status": "completed", "clip": f"{ORIGIN}/v1/c"}
    poll = wire.get("/jobs/1").respond(200, json=told)
    extract = 'id = ["/id"]\nurls = { clip = ["/clip"] }'

    remote = RemoteJob("1", urls={"clip": f"{ORIGIN}/v1/c"})

    with pytest.raises(ResultExpired) as caught:
        await clip_of(made(tmp_path, extract=extract, result=""), remote)

    assert poll.call_count == 1
    assert '[result] url_auth = "same_origin"' in (caught.value.detail or "")


@pytest.mark.parametrize(
    "remote",
    [RemoteJob("1", urls={"clip": "https://elsewhere.test/c"}), RemoteJob("1")],
)
async def test_it_is_not_named_where_it_would_change_nothing(
    tmp_path: Path, wire: respx.MockRouter, remote: RemoteJob
) -> None:
    wire.get("https://elsewhere.test/c").respond(401)
    wire.get("/c").respond(401)
    extract = 'id = ["/id"]\nurls = { clip = ["/clip"] }'

    with pytest.raises(Unauthorized) as caught:
        await clip_of(made(tmp_path, extract=extract, result='path = "/c"'), remote)

    assert "same_origin" not in (caught.value.detail or "")


async def test_it_is_named_for_an_answer_with_an_address_too(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    wire.get(f"{BASE}/c").respond(401)
    config = BackendConfig(name="main", url=BASE, key=Secret(KEY), profile="sync-json")

    with pytest.raises(BackendError, match="401") as caught:
        await clip_of(load_backend(config), RemoteJob("1", urls={"clip": f"{BASE}/c"}))

    assert 'sync-json say [result] url_auth = "same_origin"' in (caught.value.detail or "")


@pytest.mark.parametrize("kind", ["unauthorized", "forbidden"])
def test_a_clip_that_is_not_handed_over_can_be_checked_again(kind: str) -> None:
    assert trouble_of(kind, Stage.RESULT).may_recover
    assert not trouble_of(kind).may_recover
    assert "fetch" in trouble_of(kind, Stage.RESULT).sentence
