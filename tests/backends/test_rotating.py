"""Secrets in files: a changed file is in use from the next call on, without a restart."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import httpx
import pytest

from rushes.app import configured_backends
from rushes.backends import BackendConfig
from rushes.backends.overview import known_of
from rushes.backends.profiled import ProfiledBackend
from rushes.backends.rotating import following
from rushes.errors import BackendError
from rushes.net import Secret
from rushes.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import respx

pytestmark = pytest.mark.anyio

URL = "http://127.0.0.1:9/v1"
OLD, NEW = "canary-old-5f1e", "canary-new-77aa"


def put(file: Path, text: str) -> None:
    """Put a new file in the place of another, as those who rotate secrets do."""
    part = file.with_suffix(".new")
    part.write_text(text)
    part.replace(file)


def reading(file: Path) -> Callable[[], BackendConfig]:
    return lambda: BackendConfig("one", URL, key=Secret(file.read_text()))


@pytest.fixture
def asked(respx_mock: respx.MockRouter) -> respx.Route:
    """What the backend was asked; it answers each question with the keys that it was ever told."""

    def answer(request: httpx.Request) -> httpx.Response:
        told = [str(call.request.headers.get("authorization")) for call in route.calls]
        told.append(str(request.headers.get("authorization")))
        return httpx.Response(500, text=" and ".join(told))

    route = respx_mock.route(host="127.0.0.1")
    route.side_effect = answer
    return route


def keys(asked: respx.Route) -> list[str]:
    return [call.request.headers["authorization"] for call in asked.calls]


async def test_a_new_key_is_sent_from_the_next_call_on(tmp_path: Path, asked: respx.Route) -> None:
    file = tmp_path / "key"
    put(file, OLD)
    backend = following([file], reading(file))

    await backend.check()
    put(file, NEW)
    await backend.check()
    await backend.aclose()

    assert set(keys(asked)) == {f"Bearer {OLD}", f"Bearer {NEW}"}
    assert keys(asked)[-1] == f"Bearer {NEW}"


async def test_what_was_a_secret_stays_hidden(tmp_path: Path, asked: respx.Route) -> None:
    file = tmp_path / "key"
    put(file, OLD)
    backend = following([file], reading(file))
    told = repr(await backend.check())
    for key in ("canary-mid-0000", NEW):
        put(file, key)
        told += repr(await backend.check())
    await backend.aclose()

    assert "***" in told
    assert "canary" not in told


@pytest.mark.parametrize("spoilt", ["", "k\xe9y"])
async def test_a_file_that_cannot_be_used_changes_nothing(
    tmp_path: Path, asked: respx.Route, spoilt: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "key"
    put(file, OLD)
    settings = load_settings(None, backend_url=URL, backend_key_file=file)
    (configured,) = configured_backends(settings)

    put(file, spoilt)
    await configured.backend.check()
    file.unlink()
    await configured.backend.check()
    put(file, NEW)
    await configured.backend.check()
    await configured.backend.aclose()

    sent = keys(asked)
    assert set(sent[:-1]) == {f"Bearer {OLD}"}
    assert sent[-1] == f"Bearer {NEW}"
    assert "keeps its old secrets" in caplog.text
    assert "canary" not in caplog.text


async def test_files_of_headers_and_cookies_are_followed_too(
    tmp_path: Path, asked: respx.Route
) -> None:
    file = tmp_path / "headers.json"
    put(file, '{"X-Key": "one"}')
    file.chmod(0o600)
    settings = load_settings(None, backend_url=URL, backend_headers=str(file))
    (configured,) = configured_backends(settings)

    await configured.backend.check()
    part = tmp_path / "part"
    part.touch(0o600)
    part.write_text('{"X-Key": "two"}')
    part.replace(file)
    await configured.backend.check()
    await configured.backend.aclose()

    sent = [call.request.headers["x-key"] for call in asked.calls]
    assert (sent[0], sent[-1]) == ("one", "two")


async def test_in_a_table_the_variables_are_kept_while_a_file_changes(
    tmp_path: Path, asked: respx.Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "key", OLD)
    (tmp_path / "backends.toml").write_text(
        f'[main]\nurl = "{URL}"\nkey = {{ file = "key" }}\n'
        'headers = { "X-Tenant" = { env = "CANARY_TENANT" } }\n'
    )
    monkeypatch.setenv("CANARY_TENANT", "seven")
    settings = load_settings(None, backends_file=tmp_path / "backends.toml")
    (configured,) = configured_backends(settings)

    put(tmp_path / "key", NEW)
    await configured.backend.check()
    await configured.backend.aclose()

    assert "CANARY_TENANT" not in os.environ
    assert keys(asked)[-1] == f"Bearer {NEW}"
    assert asked.calls.last.request.headers["x-tenant"] == "seven"


async def test_a_backend_without_files_is_the_backend_itself() -> None:
    backend = following([], lambda: BackendConfig("one", URL))

    assert type(backend).__name__ == "ProfiledBackend"
    await backend.aclose()


def test_a_first_file_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    put(file, "k\xe9y")

    with pytest.raises(BackendError, match="no header can carry"):
        following([file], reading(file))


async def test_it_passes_for_the_backend_that_it_stands_for(tmp_path: Path) -> None:
    put(tmp_path / "key", OLD)
    backend = following([tmp_path / "key"], reading(tmp_path / "key"))

    assert isinstance(backend, ProfiledBackend)
    assert dict(known_of(backend))["evidence"] == "documented"
    await backend.aclose()


async def test_of_a_kind_in_code_as_much_is_known_while_its_key_stands_in_a_file(
    tmp_path: Path,
) -> None:
    put(tmp_path / "key", OLD)
    backend = following([tmp_path / "key"], lambda: BackendConfig("one", URL, profile="gradio"))

    assert dict(known_of(backend))["evidence"] == "run"
    await backend.aclose()
