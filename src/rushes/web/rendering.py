"""Templates to pages, and the one partial of a job to the fragment that a live page swaps in."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from functools import partial
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

import rushes
from rushes.domain import Viewer, new_id, utc_now
from rushes.web.wording import made, measures, states
from rushes.web.wording.history import folded, line_words
from rushes.web.wording.language import LANGUAGES, language_of, load_translations
from rushes.web.wording.prices import price_list, price_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from gettext import NullTranslations

    from starlette.requests import Request
    from starlette.responses import Response

    from rushes.domain import Job, VideoRequest
    from rushes.jobs.directory import Directory
    from rushes.jobs.forecast import Turn
    from rushes.web.prefix import Addresses


class Access(StrEnum):
    """How far somebody got: nobody has to sign in, or they still have to, or how they have."""

    OPEN = "open"
    STRANGER = "stranger"
    SIGNED_IN = "signed in"
    VOUCHED_FOR = "vouched for"
    """By a proxy, whose business signing out is too."""
    BY_TOKEN = "by token"  # noqa: S105 - no secret


NOBODY = Viewer(owner="")
"""Who looks when nobody says: never an operator."""
TITLE_LENGTH = 60


def folder(name: str) -> Path:
    """Find `templates`, `static` or `locales`: beside the package if there, else in its repository.

    An installed wheel has them inside the package; a checkout has the first two at its root.
    """
    package = Path(rushes.__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parents[1] / name


class Renderer:
    """Renders pages and fragments in each language; what is on a page is always escaped."""

    def __init__(
        self,
        *,
        templates: Path,
        locales: Path,
        addresses: Addresses,
        default_language: str,
        rehearsal: bool,
        directory: Directory,
        logout_url: str = "",
        clock: Callable[[], datetime] = utc_now,
        fresh_token: Callable[[], str] = new_id,
    ) -> None:
        self._directory = directory
        self._default_language = default_language
        self._translations = {code: load_translations(locales, code) for code in LANGUAGES}
        shared = {
            "label": directory.label,
            "is_held": directory.is_held,
            "finds": directory.finds,
            "has_several_backends": len(directory.all()) > 1,
            "to": addresses,
            "rehearsal": rehearsal,
            "logout_url": logout_url,
            "now": clock,
            "languages": LANGUAGES,
            "fresh_token": fresh_token,
        }
        self._environments = {
            code: _environment(templates, translations, shared | {"language": code})
            for code, translations in self._translations.items()
        }

    def page(
        self,
        template: str,
        *,
        request: Request,
        status_code: int = 200,
        viewer: Viewer = NOBODY,
        **context: object,
    ) -> Response:
        """Render a whole page in the language of the request."""
        language = language_of(request, self._default_language)
        access = getattr(request.state, "access", Access.OPEN)
        around = {
            "viewer": viewer,
            "me": getattr(request.state, "viewer", None),
            "here": here(request),
            "access": access,
            "health_mark": self._directory.health(),
            "down": [] if access is Access.STRANGER else self._down(),
        }
        html = self._environments[language].get_template(template).render(**around, **context)
        headers = {"Content-Language": language, "Vary": "Cookie, Accept-Language"}
        return HTMLResponse(html, status_code=status_code, headers=headers)

    def job_card(
        self, job: Job, *, language: str, viewer: Viewer, turn: Turn | None, has_poster: bool
    ) -> str:
        """Render the card that lists show; the same partial as on a full load."""
        beside = {"turn": turn, "has_poster": has_poster}
        return self._fragment("_job_card.html", language, job=job, viewer=viewer, **beside)

    def text(self, language: str) -> Callable[[str], str]:
        """Return the translation of single messages into a language of ours."""
        return self._translations[language].gettext

    def _fragment(self, template: str, language: str, **context: object) -> str:
        return self._environments[language].get_template(template).render(**context).strip()

    def _down(self) -> list[object]:
        return [backend for backend in self._directory.all() if not backend.is_up]


def _environment(
    templates: Path, translations: NullTranslations, shared: dict[str, Any]
) -> Environment:
    """Build one environment per language: overlays share their globals, translations included."""
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(shared)
    _teach_words(environment, translations, shared)
    environment.install_gettext_translations(  # type: ignore[attr-defined] # added by jinja2.ext.i18n
        translations, newstyle=True
    )
    return environment


def _teach_words(
    environment: Environment, translations: NullTranslations, shared: dict[str, Any]
) -> None:
    """Let templates say states, times, sizes and prices in one language."""
    known = {name: shared[name] for name in ("label", "is_held", "finds")}
    environment.globals["words"] = partial(states.job_words, text=translations, **known)
    environment.globals["comparisons"] = partial(made.comparisons, text=translations)
    environment.globals["price_words"] = partial(price_words, text=translations)
    environment.globals["outage_words"] = partial(states.outage_words, text=translations)
    environment.filters.update(
        utc=utc,
        iso=iso,
        plain=plain,
        price_list=price_list,
        title=title,
        frame=frame,
        clip_key=clip_key,
        clip_format=made.clip_format,
        is_plain=made.is_plain,
        is_picture=made.is_picture,
        brief=partial(states.brief, text=translations),
        between=partial(measures.between, text=translations),
        size=partial(measures.size, text=translations),
        seconds=partial(measures.seconds_words, text=translations),
        span=partial(measures.span, text=translations),
        folded=folded,
        line_words=partial(line_words, text=translations),
    )


def here(request: Request) -> str:
    """Return the path and query that a form sends along to come back to this very page.

    Empty on the answer to a post: its address shows nothing by itself.
    """
    if request.method not in {"GET", "HEAD"}:
        return ""
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def utc(moment: datetime) -> str:
    """Write a moment for everybody alike; a script makes it the reader's own time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def iso(moment: datetime) -> str:
    """Write a moment for machines, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def plain(value: float | str) -> str:
    """Write a number without idle zeros, as 8 or 2.5; words stay as they are."""
    return value if isinstance(value, str) else f"{value:g}"


def title(job: Job) -> str:
    """Return what a job is called: its own title, else the first words of its prompt."""
    text = " ".join((job.title or job.request.prompt).split())
    if len(text) <= TITLE_LENGTH:
        return text
    head, _, _ = text[: TITLE_LENGTH + 1].rpartition(" ")
    return f"{(head or text[:TITLE_LENGTH]).rstrip(' ,.;:')}…"


def clip_key(job: Job) -> str:
    """Return what tells one clip from another, the same while it arrives and after; or ""."""
    if job.clip is not None:
        return job.clip.key
    return job.download.key if job.is_watchable and job.download is not None else ""


def frame(asked: VideoRequest) -> tuple[int, int]:
    """Return the proportions that a clip's place keeps from the first moment on: as asked."""
    if asked.width and asked.height:
        shared = gcd(asked.width, asked.height)
        return asked.width // shared, asked.height // shared
    across, _, down = (asked.aspect_ratio or "16:9").partition(":")
    return int(across), int(down)
