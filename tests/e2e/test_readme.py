"""Every shell block of the documents, run as a reader would."""

from __future__ import annotations

import contextlib
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
HOSTING = (ROOT / "docs" / "hosting.md").read_text()


def shell_lines(text: str) -> list[str]:
    """Return every line of a document's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines()]


LINES = shell_lines(README)
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
SERVE = [".venv/bin/rushes", "serve"]
PASSWORD = "correct horse battery"
HERE = (
    *("make run", "curl ", ".venv/bin/rushes check", ".venv/bin/rushes serve"),
    *(".venv/bin/rushes password > ", ".venv/bin/rushes user add "),
)
ELSEWHERE = {
    "rushes doctor": "tests/e2e/test_doctor.py",
    "(set -a; . /etc/rushes.env;": "tests/e2e/test_doctor.py",  # and these settings from a file
    "docker compose ": "tests/e2e/test_container.py",  # its steps, without an engine
    "make ": "tests/test_makefile.py",
}
"""What begins so is run by other tests, or as far as it can be."""


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


@contextlib.contextmanager
def running(checkout: Path, line: list[str]) -> Generator[str]:
    """Run a line that starts the site, on a port of its own, until the end of the block."""
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RUSHES_")}
    with (checkout / "run.log").open("wb") as log:
        process = subprocess.Popen(
            line,
            cwd=checkout,
            env=environment | {"PORT": port, "RUSHES_PORT": port},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: is_up(url), at_most=30)
        yield url
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_the_two_commands_lead_to_a_clip(checkout: Path) -> None:
    assert "make run" in LINES
    (curl,) = (line for line in LINES if line.startswith("curl "))

    with running(checkout, ["make", "run"]) as url:
        sent = subprocess.run(  # noqa: S602 - a reader types it into a shell
            curl.replace("http://127.0.0.1:8000", url),
            shell=True,
            cwd=checkout,
            capture_output=True,
            text=True,
            check=True,
        )
        job = re.search(r"location: (/jobs/[a-z2-7]{26})", sent.stdout)
        assert job, sent.stdout
        shown = f"{url}/api/v1{job.group(1)}"
        wait_for(lambda: httpx.get(shown).json()["status"] == "completed", at_most=40)
        clip = httpx.get(f"{url}{job.group(1)}/clip").content

    assert clip[4:8] == b"ftyp"


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


@pytest.mark.slow
def test_the_line_that_serves_does(checkout: Path, mock: Program) -> None:
    assert ".venv/bin/rushes serve" in LINES
    (settings,) = re.findall(r"```ini\n(.*?)```", README, re.DOTALL)
    (checkout / ".env").write_text(settings.replace("http://127.0.0.1:8091", mock.url))

    with running(checkout, SERVE) as url:
        sent = httpx.post(f"{url}/jobs", data={"prompt": "typed into the site of three lines"})
        shown = f"{url}/api/v1{sent.headers['location']}"
        wait_for(lambda: httpx.get(shown).json()["status"] == "completed", at_most=40)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "typed", "form"),
    [
        (".venv/bin/rushes password > password.hash", PASSWORD, {"password": PASSWORD}),
        (
            ".venv/bin/rushes user add ann --admin",
            PASSWORD,
            {"name": "ann", "password": PASSWORD},
        ),
    ],
    ids=["password", "user"],
)
def test_the_line_and_the_settings_below_it_ask_people_to_sign_in(
    checkout: Path, mock: Program, line: str, typed: str, form: dict[str, str]
) -> None:
    assert line in shell_lines(HOSTING)
    below = HOSTING.split(line)[1]
    settings = re.findall(r"```ini\n(.*?)```", below, re.DOTALL)[0]
    subprocess.run(  # noqa: S602 - a reader types it into a shell
        line, shell=True, cwd=checkout, input=f"{typed}\n", text=True, check=True, timeout=30
    )
    (checkout / ".env").write_text(f"{settings}\nRUSHES_BACKEND_URL={mock.url}/v1\n")

    with (
        running(checkout, SERVE) as url,
        httpx.Client(base_url=url, headers={"Origin": url}) as client,
    ):
        out = client.get("/library")
        client.post("/login", data=form)
        inside = client.get("/library")

    assert (out.status_code, inside.status_code) == (303, 200)


@pytest.mark.parametrize("document", ["README.md", *DOCUMENTS])
def test_every_shell_line_is_one_that_a_test_runs(document: str) -> None:
    lines = shell_lines((ROOT / document).read_text())

    assert [line for line in lines if not line.startswith((*HERE, *ELSEWHERE))] == []
    assert all((ROOT / test).is_file() for test in ELSEWHERE.values())
