"""Answers that go wrong on their way out, as words in prompts ask: a bad proxy, a changed server.

Every dialect stands behind this, so that no dialect needs to know of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from rushes.mock.words import Word, words_in

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import JsonValue
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rushes.mock.jobs import MockJob
    from rushes.mock.rehearsal import Rehearsal

ODD_WORD = "pondering"
PAGE = "<!doctype html><title>502</title><h1>The proxy has lost its way (rehearsed)</h1>"
OF_SUBMITS = frozenset({Word.HTML_ANSWER, Word.BARE_ANSWER})
OF_POLLS = frozenset({Word.HTML, Word.BARE, Word.ODD_WORD})
TROUBLE = OF_SUBMITS | OF_POLLS | {Word.EXPIRED}


class Troubled:
    """An application whose JSON and clips are spoilt; all other answers pass as they are.

    The first answer that names a job is the one to its submit; each later JSON is one to a poll.
    Both are spoilt once per job, a clip that has expired stays gone.
    """

    def __init__(self, app: ASGIApp, rehearsal: Rehearsal, state_keys: Collection[str]) -> None:
        self._app = app
        self._rehearsal = rehearsal
        self._state_keys = state_keys
        self._seen: set[str] = set()
        self._done: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold each head back until it is known whether its body is to be spoilt."""
        head: Message | None = None
        spoilt: Response | None = None

        async def spoiling(message: Message) -> None:
            nonlocal head, spoilt
            if message["type"] == "http.response.start" and _kind_of(message) != "other":
                head = message
                return
            if head is not None:
                held, head = head, None
                spoilt = self._spoilt(scope, held, message.get("body", b""))
                await (spoilt(scope, receive, send) if spoilt else send(held))
            if spoilt is None:
                await send(message)

        await self._app(scope, receive, spoiling)

    def _spoilt(self, scope: Scope, head: Message, body: bytes) -> Response | None:
        """Return what goes out in an answer's place."""
        is_clip = _kind_of(head) == "clip"
        named = "\n".join(
            [
                scope["path"],
                scope["query_string"].decode("latin-1"),
                *(value.decode("latin-1") for _, value in head["headers"]),
                "" if is_clip else body.decode(),
            ]
        )
        for job in self._rehearsal.in_trouble(TROUBLE):
            if job.key in named or job.id in named:
                words = words_in(job.spec.prompt)
                answer = self._gone(words) if is_clip and job.id in self._seen else None
                answer = answer or self._once(job, words, head["status"], body)
                if answer is not None:
                    self._rehearsal.spoilt[job.spec.prompt] += 1
                    return answer
        return None

    def _gone(self, words: frozenset[Word]) -> Response | None:
        return PlainTextResponse("Not Found", 404) if Word.EXPIRED in words else None

    def _once(
        self, job: MockJob, words: frozenset[Word], status: int, body: bytes
    ) -> Response | None:
        words &= OF_POLLS if job.id in self._seen else OF_SUBMITS
        self._seen.add(job.id)
        if job.id in self._done or not words:
            return None
        answer = self._wrong(job, words, status, body)
        if answer is not None:
            self._done.add(job.id)
        return answer

    def _wrong(
        self, job: MockJob, words: frozenset[Word], status: int, body: bytes
    ) -> Response | None:
        if words & {Word.HTML, Word.HTML_ANSWER}:
            return HTMLResponse(PAGE)
        if words & {Word.BARE, Word.BARE_ANSWER}:
            return _json({}, status)
        if self._rehearsal.standing(job).ended_at is not None:
            return None
        told = json.loads(body)
        odd = _oddly(told, job, self._state_keys)
        return None if odd == told else _json(odd, status)


def _kind_of(head: Message) -> str:
    """Return `json`, `clip` or `other`."""
    told = dict(head["headers"]).get(b"content-type", b"")
    if told.startswith(b"application/json"):
        return "json"
    return "clip" if told.startswith(b"video/") else "other"


def _json(document: JsonValue, status: int) -> Response:
    return Response(json.dumps(document), status, media_type="application/json")


def _oddly(found: JsonValue, job: MockJob, state_keys: Collection[str]) -> JsonValue:
    """Return a document in which the job's state is a word that nobody knows."""
    if isinstance(found, list):
        return [_oddly(item, job, state_keys) if _names(item, job) else item for item in found]
    if not isinstance(found, dict):
        return found
    return {
        key: ODD_WORD
        if key in state_keys and isinstance(value, str)
        else _oddly(value, job, state_keys)
        for key, value in found.items()
    }


def _names(found: JsonValue, job: MockJob) -> bool:
    told = json.dumps(found)
    return job.key in told or job.id in told
