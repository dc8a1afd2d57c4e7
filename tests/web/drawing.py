"""Draws every page in every state, without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request

from rushes.domain import (
    LOCAL_VIEWER,
    Capabilities,
    Catalogue,
    Custody,
    Failure,
    Job,
    JobEvent,
    Price,
    Share,
    Stage,
    Viewer,
)
from rushes.jobs.directory import ConfiguredBackend, Directory
from rushes.jobs.erasing import Erasure
from rushes.jobs.forecast import Range, Turn
from rushes.jobs.outlook import Accuracy, BackendLine, QueueState
from rushes.jobs.removing import Answer
from rushes.web.forms import ComposerState, values_of
from rushes.web.library import Filters, Shelf
from rushes.web.prefix import Addresses
from rushes.web.receipts import Receipt
from rushes.web.rendering import Renderer, folder
from tests.web.pages import JOB_ID, NOW, Page, completed, queued, running, states

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
ANN = Viewer("ann", groups=frozenset({"film"}), is_known=True)
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
        "turns": {LISTED[0].id: Turn(3, Range(timedelta(minutes=3), timedelta(minutes=6)))},
        "new_turn": Turn(2, Range(timedelta(minutes=2), timedelta(minutes=4))),
        "posters": frozenset(),
        "next": "cursor",
        "unseen": 0,
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
        "turns": {job.id: Turn(2)},
        "posters": frozenset(),
        "watch": True,
        "origin": queued("The first try"),
        "links": [],
        "has_saved": False,
        "receipt": receipt(),
        "revision": 9,
        "viewer": LOCAL_VIEWER,
    }
    response = renderer.page("job.html", request=request(language), **(context | changes))
    return Page(bytes(response.body).decode())


def receipt(**changes: object) -> Receipt:
    given = Receipt(
        backend="Backend A",
        host="gpu.example.org",
        model="large",
        sent_at=NOW,
        kept=("prompt", "picture", "clip", "poster", "history"),
        seen_by="owner",
        links=0,
        operators_may_read=True,
        custody=Custody("Clips are kept for a day.", NOW.date(), forgets=True),
        has_number=True,
    )
    return replace(given, **cast("dict[str, Any]", changes))


def link(*, with_prompt: bool = False) -> Share:
    id_ = f"share{with_prompt}"
    return Share(id_, JOB_ID, "ann", NOW, NOW + timedelta(days=7), with_prompt)


def filled(job: Job) -> ComposerState:
    return ComposerState("token", values_of(job), {}, job)


def library(renderer: Renderer, language: str = "en", **changes: Any) -> Page:  # noqa: ANN401
    context: dict[str, Any] = {
        "jobs": [replace(job, deleted_at=NOW) for job in LISTED],
        "turns": {},
        "posters": frozenset({LISTED[0].id}),
        "filters": Filters("rain", Shelf.DONE, starred=True),
        "backends": [backend(), OTHER],
        "next": "cursor",
        "revision": 9,
    }
    response = renderer.page("library.html", request=request(language), **(context | changes))
    return Page(bytes(response.body).decode())


def queue(renderer: Renderer, language: str = "en", **changes: Any) -> Page:  # noqa: ANN401
    few = Range(timedelta(minutes=2), timedelta(minutes=4))
    lines = [
        BackendLine(backend(is_probed=True, rate=10), waiting=2, running=1, usual=few),
        BackendLine(OTHER, waiting=1, running=0, usual=None),
        BackendLine(
            backend(
                id="c",
                name="Backend C",
                trouble=Failure("unauthorized", Stage.POLL),
                is_probed=True,
            ),
            waiting=0,
            running=0,
            usual=None,
        ),
        BackendLine(backend(id="d", name="Backend D"), waiting=0, running=0, usual=None),
    ]
    context: dict[str, Any] = {
        "jobs": [running(), queued()],
        "turns": {queued().id: Turn(3, few)},
        "posters": frozenset(),
        "state": QueueState(lines, Accuracy(12, timedelta(seconds=50))),
        "has_more": True,
        "watch": True,
        "revision": 9,
    }
    response = renderer.page("queue.html", request=request(language), **(context | changes))
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
        "queue": queue(renderer, language),
        "empty queue": queue(renderer, language, jobs=[], has_more=False),
        "delete": other("confirm_delete.html", job=running()),
        "erase one": other("confirm_delete.html", job=replace(running(), deleted_at=NOW)),
        "deleted clip": other("deleted.html", job=replace(running(), deleted_at=NOW)),
        "shown shelf": library(
            renderer, language, filters=Filters(shelf=Shelf.SHOWN), viewer=ANN, jobs=[completed()]
        ),
        "own among others": job_page(
            renderer,
            replace(completed(), shared_with="group:film"),
            language,
            viewer=ANN,
            links=[link(), link(with_prompt=True)],
            has_saved=True,
        ),
        "shown": other("shown.html", job=completed(), viewer=ANN, posters=frozenset()),
        "link made": other(
            "shared.html",
            job=completed(),
            viewer=ANN,
            link="https://x/s/t",
            days=7,
            with_prompt=True,
        ),
        "guest": other(
            "guest.html", job=completed(), token="t", share=link(with_prompt=True), has_poster=True
        ),
        "guest, too late": other("guest.html", status_code=404, share=None),
        "read by an administrator": other("read_job.html", job=completed(), viewer=LOCAL_VIEWER),
        "kept to oneself": job_page(
            renderer, queued(), language, receipt=receipt(sent_at=None, custody=Custody())
        ),
        "erase": other(
            "erase.html", problem="Type it", jobs=2, clip_bytes=9, has_tokens=True, viewer=ANN
        ),
        "erased": other(
            "erased.html", erasure=Erasure(4, 2, dict.fromkeys(Answer, 1)), tokens=1, viewer=ANN
        ),
        "error": other("error.html", status=404, title="No", message="Gone", request_id="r1"),
        **{name: job_page(renderer, job, language) for name, job in JOBS.items()},
    }
