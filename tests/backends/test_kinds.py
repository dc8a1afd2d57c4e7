"""Which code speaks: ours, a profile, or what an installed package offers by an entry point."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.backends.gradio.backend import GradioBackend
from rushes.backends.profiled import ProfiledBackend
from rushes.errors import NotConfigured

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://video.test:8000"
MODULE = """
from rushes.backends.profiled import from_config
from dataclasses import replace

def mine(config):
    return from_config(replace(config, name="by the package", profile="openai-videos"))

def lame(config):
    backend = mine(config)
    del backend.finds, backend.custody
    return backend
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages with one that offers several kinds, some of them broken."""
    (tmp_path / "carrier_pigeon.py").write_text(MODULE, "utf-8")
    add_package(
        tmp_path,
        "carrier-pigeon",
        "pigeon = carrier_pigeon:mine",
        "lame = carrier_pigeon:lame",
        "lost = carrier_pigeon:nowhere",
        "gone = no_such_module:mine",
        "gradio = carrier_pigeon:mine",
        "fal = carrier_pigeon:mine",
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def add_package(folder: Path, name: str, *lines: str) -> None:
    facts = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    listed = "\n".join(["[rushes.backends]", *lines])
    (facts / "entry_points.txt").write_text(listed, "utf-8")


def config(profile: str, folder: Path | None = None) -> BackendConfig:
    return BackendConfig(name="mine", url=URL, profile=profile, profiles_dir=folder)


def test_a_package_brings_a_kind_of_its_own(installed: Path) -> None:
    assert load_backend(config("pigeon")).name == "by the package"


def test_what_is_ours_cannot_be_taken(installed: Path) -> None:
    assert isinstance(load_backend(config("gradio")), GradioBackend)
    assert load_backend(config("fal")).name == "mine"


def test_a_profile_of_one_s_own_goes_before_a_package(installed: Path) -> None:
    (installed / "pigeon.toml").write_text("no profile", "utf-8")

    with pytest.raises(NotConfigured, match=r"pigeon\.toml: no TOML"):
        load_backend(config("pigeon", installed))


@pytest.mark.parametrize("name", ["lost", "gone"])
def test_a_broken_package_is_named_and_stops_nothing_else(installed: Path, name: str) -> None:
    with pytest.raises(NotConfigured, match="the package carrier-pigeon cannot be loaded"):
        load_backend(config(name))

    assert isinstance(load_backend(config("openai-videos")), ProfiledBackend)


@pytest.mark.usefixtures("installed")
def test_what_a_backend_of_a_package_lacks_is_named() -> None:
    with pytest.raises(NotConfigured, match=r"^the backend 'lame' lacks custody, finds$"):
        load_backend(config("lame"))


def test_a_name_that_two_packages_offer_is_refused(installed: Path) -> None:
    add_package(installed, "other-pigeon", "pigeon = carrier_pigeon:mine")

    with pytest.raises(NotConfigured, match=r"carrier-pigeon and the package other-pigeon"):
        load_backend(config("pigeon"))


def test_the_program_never_imports_the_contract_suite() -> None:
    said = "import rushes.cli, rushes.mock.app, sys; print('pytest' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "False"
