"""`backends.toml`: every key arrives where it belongs, every mistake is told by its place."""

from __future__ import annotations

import os
import re
from datetime import date, timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import respx

from rushes.app import configured_backends
from rushes.backends import ENVIRONMENT
from rushes.backends.language.capabilities import Takes
from rushes.backends_file import (
    BackendTable,
    Defaults,
    Model,
    PriceTable,
    SecretPlace,
    read_backends,
)
from rushes.domain import Price, Setting, VideoRequest
from rushes.errors import Unauthorized
from rushes.net import Secret
from rushes.settings import BadSetting, load_settings

if TYPE_CHECKING:
    from pydantic import BaseModel

    from rushes.backends import BackendConfig

PAGE = (Path(__file__).parent.parent / "docs" / "adding-a-backend.md").read_text("utf-8")
GRAPH = '{"1": {"class_type": "SaveVideo", "inputs": {"text": "{{prompt}}"}}}'
EVERY_KEY = """\
[runway]
url = "https://api.example/v1/"
name = "Runway"
profile = "runway"
key = { env = "RUNWAY_KEY" }
headers = { "X-Team" = "video", Authorization = { env = "RUNWAY_TOKEN" } }
cookies = { session = { file = "secrets/cookie" } }
extras = { account = { file = "secrets/account" }, region = "eu" }
models = ["small", { name = "large", takes = { durations = [5, 10], n_max = 2 } }]
takes = { resolutions = ["720p"], prompt_max = 1000, seed = false }
defaults = { model = "large", duration_s = 5, aspect_ratio = "9:16", resolution = "720p" }
concurrency = 3
rate = 10
deadline = 45
hold = true
result_hosts = ["files.lan:8443"]
max_clip_mb = 300
options = { api = "video" }

[runway.price]
currency = "USD"
as_of = 2026-11-20
per_clip = 0.05
per_second = 0.1
per_second_at = { "1080p" = 0.25 }

[plain]
url = "http://127.0.0.1:8091/v1"
"""


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("RUSHES_"):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backends.toml"


def read(file: Path, text: str) -> dict[str, BackendTable]:
    file.write_text(text, "utf-8")
    return read_backends(file)


def config_of(file: Path, rest: str, env_file: Path | None = None) -> BackendConfig:
    table = read(file, f'[a]\nurl = "http://a.example"\n{rest}')["a"]
    return table.config(load_settings(env_file), file, "a")


# --- what is there ------------------------------------------------------------------------------


def test_every_key_arrives(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWAY_KEY", "key-1\n")
    monkeypatch.setenv("RUNWAY_TOKEN", "Bearer t")
    (file.parent / "secrets").mkdir()
    (file.parent / "secrets" / "cookie").write_text("crumb\n")
    (file.parent / "secrets" / "account").write_text("acc")
    runway = read(file, EVERY_KEY)["runway"]
    config = runway.config(load_settings(None), file, "runway")

    assert (config.name, config.url, config.profile) == (
        "Runway",
        "https://api.example/v1",
        "runway",
    )
    assert config.key == Secret("key-1")
    assert config.headers == {"X-Team": Secret("video"), "Authorization": Secret("Bearer t")}
    assert config.cookies == {"session": Secret("crumb")}
    assert config.extras == {"account": Secret("acc"), "region": Secret("eu")}
    assert config.models == ("small", "large")
    assert config.result_hosts == ("files.lan:8443",)
    assert config.options == {"api": "video"}
    assert (config.folder, config.max_clip_bytes) == (file.parent, 300_000_000)
    assert (runway.concurrency, runway.rate, runway.hold) == (3, 10, True)
    assert runway.deadline_span == timedelta(minutes=45)
    assert runway.overrides() == {
        "": {"resolutions": ("720p",), "prompt_max": 1000, "seed": False},
        "small": {},
        "large": {"durations": (5.0, 10.0), "n_max": 2},
    }
    assert runway.prices() == {
        "": Price(
            "USD",
            date(2026, 11, 20),
            Decimal("0.05"),
            Decimal("0.1"),
            {"1080p": Decimal("0.25")},
        )
    }


def test_a_table_needs_an_address_and_nothing_else(file: Path) -> None:
    tables = read(file, EVERY_KEY)
    plain = tables["plain"]
    config = plain.config(load_settings(None), file, "plain")

    assert list(tables) == ["runway", "plain"]
    assert (config.name, config.profile, config.key) == ("127.0.0.1:8091", "openai-videos", None)
    assert (plain.concurrency, plain.rate, plain.hold) == (2, None, False)
    assert plain.prices() == {}


def test_each_model_may_have_a_price_of_its_own(file: Path) -> None:
    price = '{ currency = "EUR", as_of = 2026-11-01, per_clip = 1 }'
    models = f'[a]\nurl = "http://a.example"\nmodels = [{{ name = "m", price = {price} }}]'

    assert read(file, models)["a"].prices() == {"m": Price("EUR", date(2026, 11, 1), Decimal(1))}


# --- secrets ------------------------------------------------------------------------------------


def test_a_secret_may_stand_in_the_env_file(file: Path) -> None:
    env_file = file.with_name(".env")
    env_file.write_text("MY_KEY=from-the-file\n")

    assert config_of(file, 'key = { env = "MY_KEY" }', env_file).key == Secret("from-the-file")


def test_the_environment_wins_over_the_env_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file = file.with_name(".env")
    env_file.write_text("MY_KEY=from-the-file\n")
    monkeypatch.setenv("MY_KEY", "from-the-environment")

    found = config_of(file, 'key = { env = "MY_KEY" }', env_file).key

    assert found == Secret("from-the-environment")


def test_a_path_of_a_secret_begins_beside_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file.with_name("key").write_text("beside\n")
    absolute = tmp_path_factory.mktemp("keys") / "key"
    absolute.write_text("elsewhere\n")
    monkeypatch.chdir(absolute.parent)

    assert config_of(file, 'key = { file = "key" }').key == Secret("beside")
    assert config_of(file, f'key = {{ file = "{absolute}" }}').key == Secret("elsewhere")


def configured_error(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(BadSetting) as caught:
        configured_backends(load_settings(None, backends_file=file))
    return str(caught.value).replace(str(file.parent), "DIR")


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ('{ env = "NO_SUCH" }', "NO_SUCH is not set: put it into the environment or into .env"),
        ('{ file = "empty" }', "DIR/empty is empty"),
        ('{ file = "nowhere" }', "the secret cannot be read: "),
    ],
)
def test_a_secret_that_is_not_there_names_line_key_and_place(
    file: Path, place: str, says: str
) -> None:
    file.with_name("empty").write_text("\n")

    told = configured_error(file, f'[a]\nurl = "http://a.example"\nkey = {place}')

    assert told.startswith(f"DIR/backends.toml:3: a.key: {says}")


def test_variables_with_secrets_leave_the_environment_once_all_have_read_them(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SHARED", "TOKEN", "CRUMB", "ACCOUNT"):
        monkeypatch.setenv(name, f"{name}-value")
    file.write_text(
        '[a]\nurl = "http://a.example"\nkey = { env = "SHARED" }\n'
        'headers = { X = { env = "TOKEN" } }\n'
        '[b]\nurl = "http://b.example"\nkey = { env = "SHARED" }\n'
        'cookies = { c = { env = "CRUMB" } }\nextras = { d = { env = "ACCOUNT" } }\n'
    )

    backends = configured_backends(load_settings(None, backends_file=file))

    assert [backend.id for backend in backends] == ["a", "b"]
    assert {"SHARED", "TOKEN", "CRUMB", "ACCOUNT"}.isdisjoint(os.environ)


def test_one_backend_by_the_environment_and_a_file_do_not_go_together(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSHES_BACKEND_URL", "http://a.example")
    monkeypatch.setenv("RUSHES_BACKENDS_FILE", str(file))

    with pytest.raises(BadSetting, match="RUSHES_BACKEND_URL or RUSHES_BACKENDS_FILE, not both"):
        load_settings(None)


# --- from the file to the directory -------------------------------------------------------------


def test_the_directory_has_what_the_file_says(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWAY_KEY", "key")
    file.write_text(
        '[main]\nurl = "https://api.example"\nname = "Main"\nkey = { env = "RUNWAY_KEY" }\n'
        'profile = "runway"\nmodels = ["m"]\nconcurrency = 7\nrate = 5\ndeadline = 9\nhold = true\n'
        'defaults = { model = "m", duration_s = 5 }\ntakes = { n_max = 1 }\n'
    )

    (backend,) = configured_backends(load_settings(None, backends_file=file))

    assert (backend.id, backend.name, backend.host) == ("main", "Main", "api.example")
    assert (backend.slots, backend.rate, backend.held) == (7, 5, True)
    assert backend.deadline == timedelta(minutes=9)
    assert backend.defaults == {"model": "m", "duration_s": 5.0}
    assert backend.overrides[""] == {"n_max": 1}


def test_a_profile_may_lie_beside_the_file_and_name_extras(file: Path) -> None:
    shipped = (resources.files("rushes.backends") / "profiles" / "higgsfield.toml").read_text()
    file.with_name("own.toml").write_text(
        shipped.replace("Key {key}", "Key {account}:{key}").replace('"higgsfield"', '"own"', 1)
    )
    table = '[main]\nurl = "http://a.example"\nprofile = "own.toml"\n'

    told = configured_error(file, table)
    file.write_text(table + 'extras = { account = "me" }\n')

    assert told == "DIR/backends.toml:1: main.extras: the profile DIR/own.toml needs 'account'"
    assert len(configured_backends(load_settings(None, backends_file=file))) == 1


def test_the_workflow_of_comfyui_lies_beside_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    (file.parent / "flows").mkdir()
    (file.parent / "flows" / "wan.json").write_text(GRAPH)
    file.write_text(
        '[comfy]\nurl = "http://127.0.0.1:8188"\nprofile = "comfyui"\n'
        'options = { workflow = "flows/wan.json" }\n'
    )

    (backend,) = configured_backends(load_settings(None, backends_file=file))

    assert backend.id == "comfy"


# --- the documents ------------------------------------------------------------------------------


def example() -> str:
    found = re.search(r"^```toml\n(# backends\.toml\n.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_of_the_page_works_as_written(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNWAY_KEY", "key-of-the-example")
    workflow = file.parent / "flows" / "wan.json"
    workflow.parent.mkdir()
    workflow.write_text(GRAPH)
    file.write_text(example(), "utf-8")

    home, runway, comfy = configured_backends(load_settings(None, backends_file=file))

    assert (home.id, home.name) == ("home", "Home GPU")
    assert (runway.slots, runway.rate, runway.default_model) == (1, 10, "veo3.1_fast")
    price = runway.price(None)
    assert price is not None
    assert price.at("1080p", 5) == 1
    assert comfy.held


@pytest.mark.parametrize("table", [BackendTable, Takes, Defaults, PriceTable, Model, SecretPlace])
def test_the_page_names_each_key(table: type[BaseModel]) -> None:
    section = PAGE.partition("## Several backends")[2].partition("\n## ")[0]
    told = set(re.findall(r"\b[a-z_]+\b", " ".join(re.findall(r"`([^`\n]+)`", section))))

    assert set(table.model_fields) - told == set()


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["openai-videos", "sync-bytes", "gradio", "comfyui"])
async def test_whatever_the_kind_a_check_names_the_key_of_the_file(file: Path, kind: str) -> None:
    file.with_name("wan.json").write_text(GRAPH)
    options = 'options = { workflow = "wan.json" }' if kind == "comfyui" else ""
    file.write_text(f'[main]\nurl = "http://127.0.0.1:9"\nprofile = "{kind}"\n{options}\n')
    (backend,) = configured_backends(load_settings(None, backends_file=file))

    (finding,) = await backend.backend.check()
    await backend.backend.aclose()

    url = "backends.toml [main] url"
    assert finding.subject == url
    assert finding.remedy == f"start the backend, or correct host and port in {url}"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("profile", "key"),
    [
        ("openai-videos", "key"),
        ("sora-video-gen", "headers"),
        ("gradio", "key"),
        ("comfyui", "key"),
    ],
)
async def test_a_wrong_key_is_told_by_the_key_of_the_file(
    file: Path, profile: str, key: str
) -> None:
    file.with_name("wan.json").write_text(GRAPH)
    options = 'options = { workflow = "wan.json" }' if profile == "comfyui" else ""
    file.write_text(f'[main]\nurl = "http://a.example"\nprofile = "{profile}"\n{options}\n')
    (backend,) = configured_backends(load_settings(None, backends_file=file))
    with respx.mock() as router:
        router.route().respond(401, json={"error": "who are you"})
        with pytest.raises(Unauthorized) as caught:
            await backend.backend.submit(VideoRequest(prompt="x"), idempotency_key="a" * 26)
    await backend.backend.aclose()

    assert str(caught.value.detail).startswith(f"backends.toml [main] {key}: ")


@pytest.mark.anyio
async def test_settings_of_a_model_and_usual_ones_are_what_the_backend_takes(file: Path) -> None:
    file.write_text(
        '[main]\nurl = "http://127.0.0.1:9"\nprofile = "together"\n'
        'models = ["loud", { name = "mute", takes = { audio = false, steps = { max = 8 } } }]\n'
        "defaults = { audio = true, steps = 20, fps = 24, guidance = 3 }\n"
    )
    (backend,) = configured_backends(load_settings(None, backends_file=file))
    await backend.describe()
    await backend.backend.aclose()
    loud, mute = backend.takes("loud"), backend.takes("mute")

    assert loud is not None
    assert mute is not None
    assert (loud.audio, loud.steps) == (True, Setting("integer"))
    assert (mute.audio, mute.steps) == (False, Setting("integer", max=8))
    assert backend.usual("loud") == {"audio": True, "steps": 20, "fps": 24}
    assert backend.usual("mute") == {"fps": 24}


def test_the_environments_names_are_settings() -> None:
    from_environment = {ENVIRONMENT.url, ENVIRONMENT.key, ENVIRONMENT.headers, ENVIRONMENT.profile}

    assert all(name.startswith("RUSHES_BACKEND_") for name in from_environment)
