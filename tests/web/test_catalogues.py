from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from hatch_build import compile_catalogue
from rushes.web.rendering import folder
from rushes.web.wording.language import LANGUAGES, SOURCE, load_translations

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message

ROOT = Path(__file__).parents[2]
OTHERS = sorted(set(LANGUAGES) - {SOURCE})
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|\{\w+\}")

Key = tuple[str | None, str | tuple[str, ...]]


def wanted() -> set[Key]:
    """Every message that templates and pages ask for: its context and its text or texts."""
    with (ROOT / "babel.cfg").open() as lines:
        methods, options = parse_mapping_cfg(lines)  # type: ignore[no-untyped-call]
    found = extract_from_dir(
        ROOT, methods, options, DEFAULT_KEYWORDS | {"mark": None, "InvalidRequest": None}
    )
    return {(context, text) for _file, _line, text, _comments, context in found}


def catalogue(language: str) -> Catalog:
    with (folder("locales") / f"{language}.po").open("rb") as lines:
        return read_po(lines, locale=language, abort_invalid=True)


def texts(told: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (told,) if isinstance(told, str) else tuple(told or ())


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


def messages(language: str) -> list[Message]:
    return [message for message in catalogue(language) if message.id]


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated_and_none_is_left_over(language: str) -> None:
    have = {(message.context, texts(message.id)) for message in messages(language)}
    want = {(context, texts(text)) for context, text in wanted()}

    assert want - have == set()
    assert have - want == set()


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_empty_or_fuzzy(language: str) -> None:
    bad = [m.id for m in messages(language) if m.fuzzy or not all(texts(m.string))]

    assert bad == []


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_are_those_of_the_source(language: str) -> None:
    for message in messages(language):
        source = placeholders(texts(message.id)[-1])
        for translated in texts(message.string):
            assert placeholders(translated) == source, message.id


@pytest.mark.parametrize("language", OTHERS)
def test_each_plural_has_as_many_forms_as_the_language(language: str) -> None:
    forms = catalogue(language).num_plurals

    counted = [len(texts(m.string)) for m in messages(language) if not isinstance(m.id, str)]

    assert set(counted) == {forms}


def test_french_keeps_narrow_spaces_before_its_double_signs() -> None:
    for message in messages("fr"):
        for translated in texts(message.string):
            assert not re.search(r"[^\u202f(/][:;!?](\s|$)", translated), translated


@pytest.mark.parametrize("language", OTHERS)
def test_a_clip_has_one_word_and_an_apostrophe_one_shape(language: str) -> None:
    for message in messages(language):
        for translated in texts(message.string):
            said = PLACEHOLDER.sub("", translated)
            assert not re.search(r"\bclips?\b|'", said, re.IGNORECASE), translated


def test_compiled_catalogues_speak(tmp_path: Path) -> None:
    for language in OTHERS:
        source = tmp_path / f"{language}.po"
        source.write_bytes((folder("locales") / f"{language}.po").read_bytes())
        compile_catalogue(source)

    said = {code: load_translations(tmp_path, code).gettext("Create video") for code in LANGUAGES}

    assert said == {"en": "Create video", "fr": "Créer la vidéo", "it": "Crea video"}


def test_french_counts_nothing_as_one() -> None:
    with (folder("locales") / "fr.po").open("rb") as lines:
        assert read_po(lines, locale="fr").plural_expr == "(n > 1)"
