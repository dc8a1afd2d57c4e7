"""Draws every page in every state, without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request

from rushes.domain import (
    LOCAL_VIEWER,
    Capabilities,
    Catalogue,
    Failure,
    Job,
    JobEvent,
    Price,
    Stage,
)
from rushes.jobs.directory import ConfiguredBackend, Directory
from rushes.web.forms import ComposerState, values_of
from rushes.web.library import Filters, Shelf
from rushes.web.prefix import Addresses
from rushes.web.rendering import Renderer, folder
from tests.web.pages import NOW, Page, completed, queued, running, states

if TYPE_CHECKING:
    from pathlib import Path

    from rushes.ports import VideoBackend

ABLE = Capabilities(
    durations=(4.0, 8.0),
    aspect_ratios=("16:9", "9:16", "1:1"),
    resolutions=("480p", "720p"),
    seed=True,
    negative_prompt=True,
    n_max=4,
)
JOBS = states()
LISTED = [
    replace(job, id=f"{'abcdefghijklmnopqrstuvwxy'}{letter}")
    for job, letter in zip(JOBS.values(), "abcdefghijklmnopqrstuvwxyz", strict=False)
]


def backend(**changes: object) -> ConfiguredBackend:
    catalogue = Catalogue({"": ABLE, "large": ABLE})
    there = ConfiguredBackend(
        "a", "Backend A", "gpu.example.org", cast("VideoBackend", None), catalogue=catalogue
    )
    return replace(there, **cast("dict[str, Any]", changes))


PRICE = Price(
    "USD", date(2026, 11, 1), per_second=Decimal("0.1"), per_second_at={"720p": Decimal("0.2")}
)
OTHER = backend(
    id="b", name="Backend B", held=True, defaults={"duration_s": 8.0}, prices={"": PRICE}
)


def make_renderer(locales: Path, *, down: bool = False, prefix: str = "/video") -> Renderer:
    there = backend()
    if down:
        there.trouble = Failure("unauthorized", Stage.POLL, "no", detail="RUSHES_BACKEND_KEY")
        there.down_since = NOW
    return Renderer(
        templates=folder("templates"),
        locales=locales,
        addresses=Addresses(prefix),
        default_language="en",
        rehearsal=True,
        directory=Directory.of([there]),
        fresh_token=lambda: "token",
    )


def request(language: str = "en", method: str = "GET") -> Request:
    return Request(
        {
            "type": "http",
            "method": method,
            "path": "/video/",
            "query_string": b"after=x",
            "headers": [(b"accept-language", language.encode()), (b"host", b"127.0.0.1")],
            "server": ("127.0.0.1", 8000),
            "scheme": "http",
        }
    )


def studio(renderer: Renderer, language: str = "en", **changes: Any) -> Page:  # noqa: ANN401
    context: dict[str, Any] = {
        "composer": ComposerState("token", {}, {}),
        "backend": backend(),
        "jobs": LISTED,
        "aheads": {LISTED[0].id: 2},
        "posters": frozenset(),
        "next": "cursor",
        "revision": 9,
    }
    context |= changes
    context.setdefault("backends", [context["backend"]])
    context["composer"] = context["composer"].standing_at(context["backend"])
    response = renderer.page("studio.html", request=request(language), **context)
    return Page(bytes(response.body).decode())


def job_page(renderer: Renderer, job: Job, language: str = "en", **changes: Any) -> Page:  # noqa: ANN401
    context: dict[str, Any] = {
        "job": job,
        "events": [JobEvent(NOW, "queued"), JobEvent(NOW, job.status.value)],
        "jobs": [job],
        "number": 1,
        "aheads": {job.id: 1},
        "posters": frozenset(),
        "watch": True,
        "origin": queued("The first try"),
        "revision": 9,
        "viewer": LOCAL_VIEWER,
    }
    response = renderer.page("job.html", request=request(language), **(context | changes))
    return Page(bytes(response.body).decode())


def filled(job: Job) -> ComposerState:
    return ComposerState("token", values_of(job), {}, job)


def library(renderer: Renderer, language: str = "en", **changes: Any) -> Page:  # noqa: ANN401
    context: dict[str, Any] = {
        "jobs": [replace(job, deleted_at=NOW) for job in LISTED],
        "aheads": {},
        "posters": frozenset({LISTED[0].id}),
        "filters": Filters("rain", Shelf.DONE, starred=True),
        "backends": [backend(), OTHER],
        "next": "cursor",
        "revision": 9,
    }
    response = renderer.page("library.html", request=request(language), **(context | changes))
    return Page(bytes(response.body).decode())


def every_page(renderer: Renderer, language: str = "en") -> dict[str, Page]:
    def other(template: str, **context: Any) -> Page:  # noqa: ANN401
        response = renderer.page(template, request=request(language), **context)
        return Page(bytes(response.body).decode())

    wrong = {"seed": "Not a number", "prompt": "Too long", "form": "Full", "duration": "No"}
    return {
        "studio": studio(renderer, language),
        "empty": studio(renderer, language, jobs=[], next=None),
        "refused": studio(renderer, language, composer=ComposerState("t", {"seed": "x"}, wrong)),
        "silent backend": studio(renderer, language, backend=backend(catalogue=None)),
        "two backends": studio(renderer, language, backend=OTHER, backends=[backend(), OTHER]),
        "remix": studio(renderer, language, composer=filled(completed()), undo=completed()),
        "batch": job_page(renderer, LISTED[0], language, jobs=LISTED),
        "library": library(renderer, language),
        "deleted": library(renderer, language, filters=Filters(shelf=Shelf.DELETED)),
        "nothing found": library(renderer, language, jobs=[], filters=Filters("x")),
        "delete": other("confirm_delete.html", job=running()),
        "error": other("error.html", status=404, title="No", message="Gone", request_id="r1"),
        **{name: job_page(renderer, job, language) for name, job in JOBS.items()},
    }
