"""Live news of jobs: a stream for browsers that can, the same items by polling for the others.

The store is the only truth; a stream is a loop of "wait, then ask what changed". What changed is
rendered and encoded once for all who look with the same eyes: owner, role and language.

The store's own revision counts what everybody does: it wakes streams and is told to nobody. What is
told is how far the reader's own jobs have come, at moments that others have no part in.
"""

import asyncio
import json
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import format_sse_event
from starlette.exceptions import HTTPException

from rushes.domain import Job, Viewer
from rushes.web.cards import around
from rushes.web.clips.streaming import Stream
from rushes.web.dependencies import (
    CurrentLanguage,
    CurrentViewer,
    CurrentVisit,
    Site,
    over_of,
    seat_of,
)

HEARTBEAT = timedelta(seconds=15)
LIFETIME = timedelta(minutes=10)
"""A stream ends by itself after this, so that whoever reads it is asked for again who they are."""
PATIENCE = timedelta(seconds=30)
RETRY_MS = 3_000
BATCH_MAX = 200
"""More news than this is not told one by one: the page is to be loaded anew."""
KEPT_BATCHES = 64

ALIVE = format_sse_event(comment="alive")
BYE = format_sse_event(event="bye", data_str="{}")
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Eyes:
    """All that decides how a job looks to somebody."""

    viewer: Viewer
    language: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What changed up to `revision`, encoded both ways."""

    revision: int
    """The highest among the reader's own jobs."""
    events: bytes
    """One server-sent event a job; after a gap, a snapshot that says so."""
    document: str
    """`{"revision", "gap", "health", "items"}`; with a gap the page is to be loaded anew.

    `health` is another one once a backend goes, comes back or is held.
    """
    health: str


@dataclass(slots=True)
class Feed:
    """Encodes news once, and counts the open streams."""

    site: Site
    batches: OrderedDict[tuple[Eyes, int | None, int, str], asyncio.Task[Batch]] = field(
        default_factory=OrderedDict
    )
    streams: Counter[str] = field(default_factory=Counter)
    heartbeat: timedelta = HEARTBEAT
    lifetime: timedelta = LIFETIME
    batch_max: int = BATCH_MAX

    async def news(self, eyes: Eyes, after: int | None, seen: int) -> Batch:
        """Return what changed after a revision, None being now, once the store has reached `seen`.

        Turns in line change with others' jobs: what was encoded at another moment is not used.
        """
        health = self.site.jobs.backends.health()
        key = (eyes, after, seen, health)
        task = self.batches.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self.batches[key] = asyncio.create_task(self._encode(eyes, after, health))
            while len(self.batches) > KEPT_BATCHES:
                self.batches.popitem(last=False)
        return await asyncio.shield(task)

    async def _encode(self, eyes: Eyes, after: int | None, health: str) -> Batch:
        own = await self.site.jobs.newest(eyes.viewer)
        after = own if after is None else after
        changed = [] if after >= own else await self.site.jobs.changes(eyes.viewer, after)
        reached = max([own, *(job.revision for job in changed)])
        # A page that knows more than its own jobs tell knew one that is forgotten by now: no
        # reason to load anew what somebody is typing into. One that knows nothing shows nothing
        # yet, so that the newest are enough for it.
        is_gap = after > 0 and len(changed) > self.batch_max
        told = [] if is_gap else changed[-self.batch_max :]
        items = [await self._item(job, eyes) for job in told]
        facts = {"revision": reached, "gap": is_gap, "health": health}
        head = json.dumps(facts, separators=(",", ":"))
        document = f'{head[:-1]},"items":[{",".join(items)}]}}'
        if is_gap:
            return Batch(reached, _snapshot(reached, document), document, health)
        events = (
            format_sse_event(data_str=item, id=str(job.revision))
            for job, item in zip(told, items, strict=True)
        )
        return Batch(reached, b"".join(events), document, health)

    async def _item(self, job: Job, eyes: Eyes) -> str:
        if job.deleted_at is not None:
            return json.dumps({"id": job.id, "revision": job.revision, "deleted": True})
        beside = await around(self.site, [job])
        html = self.site.renderer.job_card(
            job,
            language=eyes.language,
            viewer=eyes.viewer,
            turn=beside["turns"].get(job.id),
            has_poster=job.id in beside["posters"],
        )
        return json.dumps(
            {
                "id": job.id,
                "revision": job.revision,
                "status": job.status,
                "final": job.is_final,
                "html": html,
            }
        )

    async def stream(self, eyes: Eyes, after: int | None) -> AsyncGenerator[bytes]:
        """Yield a snapshot of what changed after a revision, then each change as it comes.

        Without a revision it begins with now: the page was loaded a moment ago.
        """
        jobs, clock = self.site.jobs, asyncio.get_running_loop().time
        until = clock() + self.lifetime.total_seconds()
        seen = await jobs.revision()
        batch = await self.news(eyes, after, seen)
        yield _snapshot(batch.revision, batch.document)
        alive_at = clock() + self.heartbeat.total_seconds()
        while (now := clock()) < until:
            seen = await jobs.wait_changed(seen, timedelta(seconds=min(alive_at, until) - now))
            before, batch = batch.health, await self.news(eyes, batch.revision, seen)
            is_same = batch.health == before
            told = batch.events if is_same else _snapshot(batch.revision, batch.document)
            if told or clock() >= alive_at:
                yield told or ALIVE
                alive_at = clock() + self.heartbeat.total_seconds()


def _snapshot(revision: int, document: str) -> bytes:
    return format_sse_event(event="snapshot", data_str=document, id=str(revision), retry=RETRY_MS)


def feed_of(request: Request) -> Feed:
    """Return the site's one feed."""
    return cast("Feed", request.app.state.feed)


CurrentFeed = Annotated[Feed, Depends(feed_of)]


async def seat(
    feed: CurrentFeed, viewer: CurrentViewer, visit: CurrentVisit
) -> AsyncIterator[None]:
    """Hold one of the bounded number of streams for as long as the answer lasts."""
    config = feed.site.config
    who = seat_of(viewer, visit)
    if feed.streams.total() >= config.streams_max or feed.streams[who] >= config.streams_per_viewer:
        raise HTTPException(503, "too many live pages are open", {"Retry-After": "5"})
    feed.streams[who] += 1
    try:
        yield
    finally:
        feed.streams[who] -= 1


def known_revision(request: Request, after: str = "") -> int | None:
    """Return the revision that the reader knows already: of its last event, else of its page."""
    told = request.headers.get("last-event-id") or after
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= 18 else None


KnownRevision = Annotated[int | None, Depends(known_revision)]


@router.get("/events", dependencies=[Depends(seat)])
async def events(
    feed: CurrentFeed,
    viewer: CurrentViewer,
    visit: CurrentVisit,
    language: CurrentLanguage,
    after: KnownRevision,
) -> Response:
    """Stream the viewer's changes."""
    return Stream(
        feed.stream(Eyes(viewer, language), after),
        stop=feed.site.stop,
        over=over_of(visit),
        patience=PATIENCE,
        farewell=BYE,
        headers=HEADERS,
    )


@router.api_route("/api/v1/changes", methods=["GET", "HEAD"])
async def changes(
    feed: CurrentFeed, viewer: CurrentViewer, language: CurrentLanguage, after: KnownRevision
) -> Response:
    """Return the same news at once, for pages whose stream does not get through."""
    seen = await feed.site.jobs.revision()
    batch = await feed.news(Eyes(viewer, language), after, seen)
    return Response(batch.document, media_type="application/json")
