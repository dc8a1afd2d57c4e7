"""docs/backends.md is what the profiles say, and says of none more than is known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rushes.backends.language.files import load_profile, shipped_profiles
from rushes.backends.overview import backends_page
from rushes.cli import main

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "backends.md"
REAL = ROOT / "tests" / "real"


def test_the_page_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "list"]) == 0

    printed = capsys.readouterr().out
    assert printed == backends_page()
    assert PAGE.read_text("utf-8") == printed, "rushes profile list > docs/backends.md"


@pytest.mark.parametrize("name", shipped_profiles())
def test_each_profile_tells_its_limits(name: str) -> None:
    head = load_profile(name).profile

    assert head.limits
    assert f"| `{head.name}` | {head.service} |" in backends_page()


def test_what_claims_a_run_is_run_by_a_test() -> None:
    rows = [row.split(" | ") for row in backends_page().splitlines() if row.startswith("| `")]
    run = {row[0].strip("| `") for row in rows if row[3] == "run"}

    tests = "".join(path.read_text("utf-8") for path in REAL.glob("test_*.py"))
    assert run == set(re.findall(r'\bprofile="([\w-]+)"', tests))
    assert all(row[3] in {"run", "documented"} for row in rows)
