from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from rushes.web.wording.language import choose_language, load_translations

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("cookie", "accepted", "chosen"),
    [
        ("it", "fr", "it"),
        ("xx", "fr", "fr"),
        (None, "fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        (None, "de, it;q=0.5, en;q=0.7", "en"),
        (None, "IT-it", "it"),
        (None, "fr;q=0, it;q=0.1", "it"),
        (None, "fr;q=nan, fr;q=inf, it", "it"),
        (None, "*", "en"),
        (None, None, "en"),
        (None, ";;,,q=", "en"),
        ("", "", "en"),
    ],
)
def test_a_choice_wins_over_the_browser_and_that_over_the_default(
    cookie: str | None, accepted: str | None, chosen: str
) -> None:
    assert choose_language(cookie, accepted, "en") == chosen


def test_an_endless_header_is_cut() -> None:
    assert choose_language(None, "xx," * 100_000 + "fr", "it") == "it"


def test_a_missing_catalogue_is_english_and_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        translations = load_translations(tmp_path, "fr")

    assert translations.gettext("Cancel") == "Cancel"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
