"""Which language a page speaks: the cookie's, else the browser's, else the server's own."""

from __future__ import annotations

import gettext
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from starlette.requests import Request

logger = logging.getLogger(__name__)

COOKIE = "rushes_language"
SOURCE = "en"
LANGUAGES: Mapping[str, str] = {"en": "English", "fr": "Français", "it": "Italiano"}
"""Each language by its own name: nobody has to read English to leave English."""
HEADER_MAX = 200


def language_of(request: Request, default: str) -> str:
    """Return the language code to answer this request in."""
    return choose_language(
        request.cookies.get(COOKIE), request.headers.get("accept-language"), default
    )


def choose_language(cookie: str | None, accepted: str | None, default: str) -> str:
    """Return a code of `LANGUAGES`: a valid cookie wins, then the first accepted, then default."""
    if cookie is not None and cookie in LANGUAGES:
        return cookie
    wanted = (code for code in _by_preference(accepted or "") if code in LANGUAGES)
    return next(wanted, default)


def _by_preference(header: str) -> Iterator[str]:
    """Yield the primary tags of an Accept-Language header, most wanted first (RFC 9110 12.5.4)."""
    weighed = (_weigh(part) for part in header[:HEADER_MAX].split(","))
    for weight, code in sorted(weighed, key=lambda pair: -pair[0]):
        if weight > 0:
            yield code


def _weigh(part: str) -> tuple[float, str]:
    tag, _, parameter = part.partition(";")
    weight = parameter.strip().removeprefix("q=") or "1"
    code = tag.strip().lower().partition("-")[0]
    return (float(weight), code) if _is_weight(weight) else (0.0, code)


def _is_weight(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdigit()


def load_translations(locales: Path, language: str) -> gettext.NullTranslations:
    """Return a language's catalogue; without its `.mo` file the page stays English, logged once."""
    if language == SOURCE:
        return gettext.NullTranslations()
    try:
        return gettext.translation("rushes", locales, [language])
    except FileNotFoundError:
        logger.warning("no compiled catalogue for %s: its pages stay English", language)
        return gettext.NullTranslations()
