"""Every shell block of the README, run as a reader would."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Program

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = [block.strip().splitlines() for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)]
LINES = [line for block in BLOCKS for line in block]


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        return str(holder.getsockname()[1])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the working files with the environment that runs these tests."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    venv = tmp_path / ".venv"
    venv.mkdir()
    (venv / "bin").symlink_to(Path(sys.executable).parent)
    for stamp in (".run", ".dev"):
        (venv / stamp).touch()
    return tmp_path


@pytest.fixture
def started(checkout: Path) -> Generator[str]:
    """The line that starts the site, on a port of its own."""
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RUSHES_")}
    with (checkout / "run.log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=checkout,
            env=environment | {"PORT": port},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    yield f"http://127.0.0.1:{port}"
    os.killpg(process.pid, 15)
    process.wait(20)


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_the_two_commands_lead_to_a_clip(started: str, checkout: Path) -> None:
    assert "make run" in LINES
    wait_for(lambda: is_up(started), at_most=30)
    (curl,) = (line for line in LINES if line.startswith("curl "))

    sent = subprocess.run(  # noqa: S602 - a reader types it into a shell
        curl.replace("http://127.0.0.1:8000", started),
        shell=True,
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )

    job = re.search(r"location: (/jobs/[a-z2-7]{26})", sent.stdout)
    assert job, sent.stdout
    shown = f"{started}/api/v1{job.group(1)}"
    wait_for(lambda: httpx.get(shown).json()["status"] == "completed", at_most=40)
    assert httpx.get(f"{started}{job.group(1)}/clip").content[4:8] == b"ftyp"


def test_three_lines_point_it_at_another_backend(checkout: Path, mock: Program) -> None:
    (settings,) = re.findall(r"```ini\n(.*?)```", README, re.DOTALL)
    pointed = settings.replace("http://127.0.0.1:8091", mock.url)
    assert pointed != settings
    (checkout / ".env").write_text(pointed)
    assert ".venv/bin/rushes check" in LINES

    checked = subprocess.run(
        [".venv/bin/rushes", "check"], cwd=checkout, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_shell_line_is_one_that_a_test_runs() -> None:
    known = ("make run", "curl ", ".venv/bin/rushes check", ".venv/bin/rushes serve")

    assert [line for line in LINES if not line.startswith(known)] == []
