"""Nobody is called: in a network of nothing but its own loopback everything works as ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ALONE = ["unshare", "--net", "--map-root-user"]


def _can_be_alone() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_a_clip_is_made_where_no_other_machine_can_be_reached(tmp_path: Path) -> None:
    if not _can_be_alone():
        pytest.skip("this machine lets nobody have a network namespace of their own")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUSHES_")}

    done = subprocess.run(
        [*ALONE, sys.executable, "-m", "tests.e2e.offline", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=clean,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10_000
