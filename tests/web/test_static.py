from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import pytest

from rushes.web.rendering import folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STATIC = folder("static")
SCRIPTS = sorted(STATIC.glob("*.js"))
SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|parseFromString|\beval\b|new Function"
    r"|createContextualFragment|srcdoc|setHTMLUnsafe"
)
IMPORT = re.compile(r'^import .* from "(.+)";$', re.MULTILINE)


def packed(files: Iterable[Path]) -> int:
    return sum(len(gzip.compress(file.read_bytes())) for file in files)


def loaded(entry: Path) -> set[Path]:
    """Return a script of a page and all that it imports."""
    found: set[Path] = set()
    waiting = [entry]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += [
                STATIC / name.removeprefix("./") for name in IMPORT.findall(file.read_text())
            ]
    return found


def test_scripts_and_styles_stay_small() -> None:
    pages = [loaded(STATIC / entry) for entry in ("app.js", "doctor.js")]

    assert all(0 < packed(files) < 20_000 for files in pages)
    assert set.union(*pages) == set(SCRIPTS)
    assert 0 < packed(STATIC.glob("*.css")) < 12_000


def test_markup_enters_by_one_door() -> None:
    with_sinks = [file.name for file in SCRIPTS if SINKS.search(file.read_text())]

    assert with_sinks == ["markup.js"]


def test_one_trusted_types_policy_is_made() -> None:
    made = re.findall(r'createPolicy\??\.?\(\s*"(\w+)"', "".join(f.read_text() for f in SCRIPTS))

    assert made == ["rushes"]


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_scripts_import_only_their_neighbours(file: object) -> None:
    (script,) = [path for path in SCRIPTS if path == file]

    for address in IMPORT.findall(script.read_text()):
        assert address.startswith("./")
        assert (STATIC / address).is_file()


def test_nothing_is_loaded_from_elsewhere() -> None:
    for file in STATIC.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"(?m)(^|\s)//.*$", "", text), file.name
