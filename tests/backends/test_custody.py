"""What services say of what they keep, and which of them can be asked to delete."""

from __future__ import annotations

import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.backends.language.files import load_profile, shipped_profiles

pytestmark = pytest.mark.anyio

URL = "http://video.test:8000/v1"


@pytest.mark.parametrize(
    ("profile", "keeps", "forgets"),
    [
        ("openai-videos", "", True),
        ("replicate", "after an hour", False),
        ("ark", "for 7 days", True),
        ("sync-bytes", "", False),
        ("gradio", "", False),
    ],
)
async def test_a_backend_says_what_its_profile_knows(
    profile: str, keeps: str, forgets: bool
) -> None:
    backend = load_backend(BackendConfig("b", URL, profile=profile, models=("m",)))
    custody = backend.custody
    await backend.aclose()

    assert keeps in custody.keeps
    assert bool(custody.keeps) is bool(keeps)
    assert custody.forgets is forgets


def test_a_statement_is_one_sentence_with_the_date_of_its_profile() -> None:
    told = [load_profile(name).profile for name in shipped_profiles()]
    statements = [head for head in told if head.keeps]

    assert len(statements) >= 5
    assert all(head.keeps.endswith(".") and len(head.keeps) < 120 for head in statements)
