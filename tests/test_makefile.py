"""`make` on a machine that lacks something: one line that says what to do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOVED = (".ci", "Makefile", "pyproject.toml", "hatch_build.py", "requirements.lock")
TOO_OLD = '#!/bin/sh\n[ "$1" = -V ] && { echo Python 3.9.1; exit 0; }\nexit 1\n'
NO_VENV = '#!/bin/sh\ncase "$2" in *venv*) exit 1;; esac\nexit 0\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in MOVED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def make_run(checkout: Path, python: str) -> list[str]:
    """Run `make run` with a Python and return what it says, without make's own line."""
    done = subprocess.run(
        ["make", "run", f"PYTHON={python}"],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


def test_no_python_is_one_line(checkout: Path) -> None:
    (line,) = make_run(checkout, "/nowhere/python3")

    assert "install Python 3.11 or newer" in line


@pytest.mark.parametrize(
    ("script", "says"),
    [(TOO_OLD, "Python 3.9.1 is too old"), (NO_VENV, "apt install python3-venv")],
)
def test_a_python_that_will_not_do_is_one_line(checkout: Path, script: str, says: str) -> None:
    python = checkout / "python"
    python.write_text(script)
    python.chmod(0o755)

    (line,) = make_run(checkout, "./python")

    assert says in line
