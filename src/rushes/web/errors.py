"""Trouble as HTTP: the one table from error classes to status codes, and the answers."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from jinja2 import TemplateError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from rushes import errors
from rushes.web.dependencies import Translate, current_translate, site_of
from rushes.web.wording.troubles import is_for_operators

logger = logging.getLogger(__name__)

# Looked up along a class's ancestors. A backend's 401 or 403 is never ours.
STATUS: Mapping[type[errors.RushesError], int] = {
    errors.RushesError: 500,
    errors.RequestError: 400,
    errors.InvalidRequest: 422,
    errors.NotAllowed: 403,
    errors.AccountClosed: 403,
    errors.JobNotFound: 404,
    errors.ClipNotFound: 404,
    errors.ClipNotReady: 404,
    errors.ShareNotFound: 404,
    errors.JobConflict: 409,
    errors.LimitReached: 429,
    errors.QueueFull: 429,
    errors.PersonalQueueFull: 429,
    errors.DailyLimitReached: 429,
    errors.DailyTotalReached: 429,
    errors.BackendError: 502,
    errors.BackendTimeout: 504,
    errors.StorageError: 503,
}

# Seconds after which it makes sense to ask again.
RETRY_AFTER: Mapping[type[errors.RushesError], int] = {
    errors.ClipNotReady: 2,
    errors.QueueFull: 30,
    errors.PersonalQueueFull: 30,
    errors.StorageError: 5,
}

# What can go wrong inside a template or on the way to one.
RENDER_ERRORS = (TemplateError, AttributeError, LookupError, OSError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal, before it becomes a page or a JSON document (RFC 9457).

    `message` is for programs, in English; people read `told`.
    """

    status: int
    kind: str
    message: str = ""
    where: str | None = None
    """The field to blame, where there is one."""
    headers: Mapping[str, str] = field(default_factory=dict)
    error: errors.RushesError | None = None

    @classmethod
    def of(cls, error: errors.RushesError) -> "Problem":
        """Tell an error without what is meant for operators alone."""
        ancestors = type(error).__mro__
        wait = next((RETRY_AFTER[c] for c in ancestors if c in RETRY_AFTER), None)
        if isinstance(error, errors.LimitReached) and error.retry_after is not None:
            wait = ceil(error.retry_after.total_seconds())
        return cls(
            status=next(STATUS[c] for c in ancestors if c in STATUS),
            kind=error.kind,
            message=_safe_message(error),
            where=getattr(error, "field", None),
            headers={} if wait is None else {"Retry-After": str(wait)},
            error=error,
        )

    @classmethod
    def of_status(cls, status: int, message: str = "", **headers: str) -> "Problem":
        """Tell a bare HTTP refusal; its kind is the status in words."""
        kind = HTTPStatus(status).name.lower()
        return cls(status, kind, message, headers=headers)

    def told(self, translate: Translate) -> str:
        """Return what is wrong, in the language that `translate` speaks."""
        if isinstance(self.error, errors.InvalidRequest):
            return self.error.told(translate)
        if isinstance(self.error, errors.LimitReached):
            return _limit(self.error, translate)
        return _of_kind(translate).get(self.kind) or _words(self.status, translate)[1]


def _safe_message(error: errors.RushesError) -> str:
    is_theirs = isinstance(error, errors.BackendError)
    return "" if is_theirs and is_for_operators(error.kind, error.message) else error.message


def wants_json(scope: Scope) -> bool:
    """Whether a program is asking: an address of its own, or JSON in `Accept` and no HTML."""
    if "/api/v1/" in scope["path"] or scope["path"].endswith("/events"):
        return True
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    return b"json" in accepted and b"text/html" not in accepted


def plain_answer(scope: Scope, problem: Problem) -> Response:
    """Answer without a template: a problem document, or a line of text."""
    if wants_json(scope):
        return JSONResponse(
            _document(problem, scope),
            problem.status,
            dict(problem.headers),
            media_type="application/problem+json",
        )
    words = problem.message or HTTPStatus(problem.status).phrase
    return PlainTextResponse(f"{problem.status} {words}\n", problem.status, dict(problem.headers))


def answer(request: Request, problem: Problem) -> Response:
    """Answer a program with a problem document and a person with a page."""
    if wants_json(request.scope):
        return plain_answer(request.scope, problem)
    try:
        response = _page(request, problem)
    except RENDER_ERRORS:
        logger.exception("the error page itself cannot be rendered")
        return plain_answer(request.scope, problem)
    response.headers.update(problem.headers)
    return response


def _document(problem: Problem, scope: Scope) -> dict[str, Any]:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "kind": problem.kind,
        "detail": problem.message or problem.told(str),
        "request_id": scope["state"]["request_id"],
    }
    return document | ({"field": problem.where} if problem.where else {})


def _page(request: Request, problem: Problem) -> Response:
    translate = current_translate(request)
    title, _ = _words(problem.status, translate)
    return site_of(request).renderer.page(
        "error.html",
        request=request,
        status_code=problem.status,
        status=problem.status,
        title=title,
        message=problem.told(translate),
        request_id=request.state.request_id,
    )


def _limit(reached: errors.LimitReached, _: Translate) -> str:
    """Say which limit it is, and when there is room again."""
    if isinstance(reached, errors.QueueFull):
        return _("Too many jobs are waiting already. Please try again later.")
    if isinstance(reached, errors.PersonalQueueFull):
        sentence = _("At most {limit} of your clips can wait at once. Try again when some began.")
        return sentence.format(limit=reached.limit)
    told = _("Each person can ask for {limit} clips in 24 hours.")
    if isinstance(reached, errors.DailyTotalReached):
        told = _("All people together can ask for {limit} clips in 24 hours.")
    told = told.format(limit=reached.limit)
    if reached.retry_after is None:
        return told
    hours, minutes = divmod(ceil(reached.retry_after.total_seconds() / 60), 60)
    again = _("There is room for this in {hours} h {minutes} min.")
    return f"{told} {again.format(hours=hours, minutes=minutes)}"


def _of_kind(_: Translate) -> dict[str, str]:
    """Return a sentence for each kind that says more than its status."""
    return {
        "account_closed": _("This account is closed. Whoever runs this server can open it."),
        errors.ClipNotReady.kind: _("The clip is not here yet. Please try again in a moment."),
        errors.ClipNotFound.kind: _("There is no clip here, or it was removed."),
        errors.JobConflict.kind: _("The job has moved on meanwhile: this cannot be done now."),
        errors.ShareNotFound.kind: _("This link opens nothing: it has ended, or the clip is gone."),
        errors.StorageFull.kind: _("This server has no room left."),
    }


def _words(status: int, _: Translate) -> tuple[str, str]:
    """Return a page's title, and a sentence for when nothing better is known."""
    return {
        400: (_("Not understood"), _("This request cannot be read.")),
        403: (_("Not allowed"), _("This is not yours to do.")),
        404: (_("Nothing here"), _("There is no such page, or it was removed.")),
        405: (_("Not like this"), _("This address cannot be used in this way.")),
        409: (_("Not possible now"), _("Things have changed. Look at the page again.")),
        413: (_("Too large"), _("This is more than can be taken at once.")),
        422: (_("Please change something"), _("A value cannot be used.")),
        429: (_("Not so many at once"), _("This is more than can be taken at the moment.")),
        502: (_("Trouble with the backend"), _("The backend gave no useful answer.")),
        503: (_("Busy"), _("This does not work at the moment. Please try again.")),
        504: (_("Trouble with the backend"), _("The backend took too long.")),
    }.get(status, (_("Something went wrong"), _("This is our fault. Nothing was lost.")))


# --- handlers -----------------------------------------------------------------------------------


async def on_rushes_error(request: Request, error: errors.RushesError) -> Response:
    """Answer an error of our own tree."""
    return answer(request, Problem.of(error))


async def on_http_error(request: Request, error: HTTPException) -> Response:
    """Answer what the framework refuses: no such route, no such method, a broken form."""
    kind = HTTPStatus(error.status_code).name.lower()
    message = error.detail if error.detail != HTTPStatus(error.status_code).phrase else ""
    return answer(
        request, Problem(error.status_code, kind, message, headers=dict(error.headers or {}))
    )


async def on_invalid_input(request: Request, error: RequestValidationError) -> Response:
    """Answer a value of the wrong form; an address of the wrong form is simply not there."""
    first = error.errors()[0]
    if first["loc"][0] == "path":
        return answer(request, Problem.of_status(404))
    if first["type"] == "json_invalid":
        return answer(request, Problem(422, errors.InvalidRequest.kind, "the body is not JSON"))
    where = ".".join(str(part) for part in first["loc"][1:])
    return answer(request, Problem(422, errors.InvalidRequest.kind, first["msg"], where or None))


async def on_crash(request: Request, _error: Exception) -> Response:
    """Answer a bug: an id to look it up by, and nothing of what happened."""
    return answer(request, Problem.of_status(500))
