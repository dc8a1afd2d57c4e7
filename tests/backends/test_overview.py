"""docs/backends.md is what the profiles say, and says of none more than is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from rushes.backends.overview import backends_page
from rushes.backends.profile_files import load_profile, shipped_profiles
from rushes.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "backends.md"


def test_the_page_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "list"]) == 0

    printed = capsys.readouterr().out
    assert printed == backends_page()
    assert PAGE.read_text("utf-8") == printed, "rushes profile list > docs/backends.md"


@pytest.mark.parametrize("name", shipped_profiles())
def test_each_profile_tells_its_limits_and_claims_no_run(name: str) -> None:
    head = load_profile(name).profile

    assert head.limits
    assert head.evidence == "documented"
    assert f"| `{head.name}` | {head.service} |" in backends_page()
