"""Everything of somebody's in one zip, made while it is sent."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.exceptions import HTTPException

from rushes.domain import Job, JobEvent, JobQuery, Scope, Viewer, utc_now
from rushes.errors import ClipNotFound, ClipNotReady
from rushes.jobs.posters import poster_key
from rushes.web.clips.keepsakes import as_text, recipe, settings_of
from rushes.web.clips.names import (
    clip_name,
    disposition,
    folder_name,
    picture_name,
    recipe_name,
)
from rushes.web.clips.serving import PATIENCE, relay
from rushes.web.clips.streaming import Stream, without_body
from rushes.web.clips.zipping import SentZip
from rushes.web.dependencies import (
    CurrentSite,
    CurrentViewer,
    CurrentVisit,
    Site,
    over_of,
    seat_of,
)
from rushes.web.receipts import Receipt, receipt_of
from rushes.web.wording.troubles import quotable

PAGE = 50
AT_ONCE = 2
"""Zips for one person: each reads all their clips."""

router = APIRouter(include_in_schema=False)


async def seat(
    site: CurrentSite, viewer: CurrentViewer, visit: CurrentVisit
) -> AsyncIterator[None]:
    """Hold one of somebody's few seats for as long as the zip lasts."""
    who = seat_of(viewer, visit)
    if site.exports[who] >= AT_ONCE:
        raise HTTPException(429, "too many exports are being sent", {"Retry-After": "60"})
    site.exports[who] += 1
    try:
        yield
    finally:
        site.exports[who] -= 1


@router.api_route("/export", methods=["GET", "HEAD", "POST"], dependencies=[Depends(seat)])
async def export(
    request: Request, site: CurrentSite, viewer: CurrentViewer, visit: CurrentVisit
) -> Response:
    """Answer with all that is the viewer's: files for each clip, and every job in jobs.json."""
    now = utc_now()
    name = f"rushes_{now:%Y-%m-%d}.zip"
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": disposition(name, is_attachment=True),
        "Content-Type": "application/zip",
    }
    if request.method == "HEAD":
        return without_body(headers)
    return Stream(
        Export(request, site, viewer).chunks(),
        stop=site.stop,
        over=over_of(visit),
        patience=PATIENCE,
        headers=headers,
    )


@dataclass(frozen=True, slots=True)
class Export:
    """One zip for one viewer. Jobs are read a page at a time, and twice: files first, then words.

    What was put away is told in jobs.json alone.
    """

    request: Request
    site: Site
    viewer: Viewer

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the zip. A clip that is not there any more is left out."""
        archive = SentZip()
        async for job in self._jobs(is_deleted=False):
            async with aclosing(self._files(archive, job)) as parts:
                async for part in parts:
                    yield part
        words = archive.file("jobs.json", utc_now(), self._words())
        async with aclosing(words) as parts:
            async for part in parts:
                yield part
        yield archive.end()

    async def _files(self, archive: SentZip, job: Job) -> AsyncGenerator[bytes]:
        folder, moment = f"clips/{folder_name(job)}", job.finished_at or job.created_at
        if job.clip is not None:
            told = recipe(job, job.clip, await self._receipt(job))
            yield archive.text(f"{folder}/{recipe_name(job)}", moment, as_text(told))
        for what, key in _keys(job).items():
            with suppress(ClipNotFound, ClipNotReady):
                async with aclosing(self._file(archive, job, what, key)) as parts:
                    async for part in parts:
                        yield part

    async def _file(self, archive: SentZip, job: Job, what: str, key: str) -> AsyncGenerator[bytes]:
        async with self.site.clips.open(key) as reader:
            kind, size = reader.media_type, reader.size or 0
            name = clip_name(job, kind) if what == "clip" else picture_name(what, kind)
            path, moment = f"clips/{folder_name(job)}/{name}", job.finished_at or job.created_at
            file = archive.file(path, moment, relay(reader, 0, size), size=size)
            async with aclosing(file) as parts:
                async for part in parts:
                    yield part

    async def _words(self) -> AsyncGenerator[bytes]:
        """Yield the list of all jobs as one JSON document."""
        before = "[\n"
        for is_deleted in (False, True):
            async for job in self._jobs(is_deleted=is_deleted):
                history = await self.site.jobs.store.history(job.id)
                told = _told(job, history, await self._receipt(job), self.viewer)
                yield f"{before}{as_text(told).rstrip()}".encode()
                before = ",\n"
        yield b"[]\n" if before == "[\n" else b"\n]\n"

    async def _receipt(self, job: Job) -> Receipt:
        return await receipt_of(self.request, self.site, self.viewer, job)

    async def _jobs(self, *, is_deleted: bool) -> AsyncGenerator[Job]:
        query = JobQuery(Scope(self.viewer.owner), deleted=is_deleted, limit=PAGE)
        while True:
            page = await self.site.jobs.search(self.viewer, query)
            for job in page.jobs:
                yield job
            if page.next is None:
                return
            query = replace(query, after=page.next)


def _keys(job: Job) -> dict[str, str]:
    """Return what may be kept of a job in the clip store, by what it is."""
    clip = {"clip": job.clip.key, "poster": poster_key(job.id)} if job.clip else {}
    return clip | ({"picture": job.request.first_frame} if job.request.first_frame else {})


def _told(job: Job, history: list[JobEvent], receipt: Receipt, viewer: Viewer) -> dict[str, Any]:
    """Return all that is known of a job, but nothing of its backend's addresses and ids."""
    has_files = job.deleted_at is None and bool(_keys(job))
    return {
        "id": job.id,
        "status": job.status,
        "title": job.title or None,
        "prompt": job.request.prompt,
        "effective_prompt": job.remote.effective_prompt if job.remote else None,
        "settings": settings_of(job),
        "files": f"clips/{folder_name(job)}" if has_files else None,
        "starred": job.starred,
        "batch": job.batch,
        "origin": job.origin,
        "failure": _failure(job, viewer),
        "cancel_outcome": job.cancel_outcome,
        "created_at": job.created_at.isoformat(),
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "deleted_at": job.deleted_at.isoformat() if job.deleted_at else None,
        "history": [
            {"at": event.at.isoformat(), "what": event.what, "kind": event.kind}
            for event in history
        ],
        "receipt": receipt.document(),
    }


def _failure(job: Job, viewer: Viewer) -> dict[str, str] | None:
    failure = job.failure
    if failure is None:
        return None
    return {
        "kind": failure.kind,
        "message": quotable(failure.kind, failure.message, viewer),
    }
