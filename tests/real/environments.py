"""A virtual environment for each real server, from its lock and outside the tree.

`python -m tests.real.environments` makes those that are not there yet.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LOCKS = Path(__file__).with_name("locks")
NAMES = tuple(sorted(lock.stem for lock in LOCKS.glob("*.lock")))


def environment(name: str) -> Path:
    """Return the folder of a server's environment, whether or not it is there.

    It is another one for another lock and for another Python.
    """
    digest = hashlib.sha256((LOCKS / f"{name}.lock").read_bytes() + sys.version.encode())
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "rushes-tests" / f"{name}-{digest.hexdigest()[:16]}"


def required(name: str) -> Path:
    """Return a server's environment; under CI its absence is a failure."""
    folder = environment(name)
    if not _made(folder).exists():
        if os.environ.get("CI"):
            pytest.fail(f"{name} is missing; .ci/run installs it")
        pytest.skip(f"{name} is not installed: make real-servers")
    return folder


def make(name: str) -> None:
    """Make a server's environment unless it is there; what broke off is begun anew."""
    folder = environment(name)
    if _made(folder).exists():
        return
    sys.stderr.write(f"Installing {name} into {folder} (once) ...\n")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    quietly = ("--disable-pip-version-check", "--quiet", "--quiet")
    lock = ("--require-hashes", "-r", str(LOCKS / f"{name}.lock"))
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", *quietly, *lock], check=True)
    _made(folder).touch()


def _made(folder: Path) -> Path:
    return folder / "made"


if __name__ == "__main__":
    for each in NAMES:
        make(each)
