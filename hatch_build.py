"""Compile the message catalogues while the package is built: gettext reads only `.mo` files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileCatalogues(BuildHookInterface[Any]):
    """Turns `locales/fr.po` into `locales/fr/LC_MESSAGES/rushes.mo`, for each language."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Run before every build, the editable one included."""
        locales = Path(self.root) / "src" / "rushes" / "locales"
        for source in sorted(locales.glob("*.po")):
            compile_catalogue(source)


def compile_catalogue(source: Path) -> Path:
    """Write the compiled catalogue of one language beside its source and return its path."""
    target = source.with_suffix("") / "LC_MESSAGES" / "rushes.mo"
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as lines:
        catalogue = read_po(lines, locale=source.stem, abort_invalid=True)
    with target.open("wb") as compiled:
        write_mo(compiled, catalogue)
    return target
