"""What the documents say is true of the tree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rushes.errors import BackendError
from rushes.settings import setting_names
from rushes.web.wording.troubles import TROUBLES

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "bench").glob("*.md"),
]
TEXT = {document: document.read_text() for document in DOCUMENTS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", TEXT[document])

    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_that_is_named_exists(document: Path) -> None:
    named = set(re.findall(r"\bRUSHES_[A-Z_]+[A-Z]\b", TEXT[document]))

    assert named - set(setting_names()) == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_is_named_exists(document: Path) -> None:
    for file, name in re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", TEXT[document]):
        assert (ROOT / file).is_file(), file
        assert not name or f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for text in TEXT.values() for target in re.findall(r"`make ([\w-]+)`", text)}

    assert named - targets == set()


def test_every_room_is_on_the_plan() -> None:
    plan = TEXT[ROOT / "docs" / "architecture.md"]
    package = ROOT / "src" / "rushes"
    rooms = [
        f"{path.name}/" if path.is_dir() else path.name
        for path in package.iterdir()
        if not path.name.startswith("__") and path.name != "locales"
    ]

    assert [room for room in rooms if f"`{room}`" not in plan] == []


def test_every_kind_of_trouble_has_words() -> None:
    def tree(error: type[BackendError]) -> set[str]:
        return {error.kind}.union(*(tree(child) for child in error.__subclasses__()))

    assert tree(BackendError) - {"backend"} <= set(TROUBLES)
