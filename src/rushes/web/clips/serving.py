"""The clip out: one address for a finished clip and for one that is still arriving."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from rushes.domain import Job, JobStatus, Viewer
from rushes.errors import ClipNotFound, ClipNotReady, ResultLost
from rushes.ports import BlobState, ClipReader
from rushes.web.clips.keepsakes import keepsake
from rushes.web.clips.names import EXTENSIONS, clip_name, disposition, keepsake_name
from rushes.web.clips.ranges import Selection, select
from rushes.web.clips.streaming import Stream, without_body
from rushes.web.dependencies import (
    CurrentSite,
    CurrentViewer,
    CurrentVisit,
    SeenJob,
    Site,
    over_of,
)
from rushes.web.headers import CLIP_POLICY
from rushes.web.receipts import Receipt, receipt_of

READ = 512 * 1024
PATIENCE = timedelta(minutes=15)
"""How long a paused player may take nothing; it keeps a connection, but no thread."""
GO_ON = timedelta(seconds=60)
"""How long whoever watches waits for a download that was cut to go on."""
LOOK = timedelta(seconds=0.5)
FOR_EVER = "private, max-age=31536000, immutable"
WHILE_SHOWN = "private, no-cache"
"""For others' eyes: asked for anew each time, since the owner may have taken it back."""

NOT_YET = "the clip has not begun to arrive"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class OpenClip:
    """A clip that is held open for as long as its answer lasts, deleted or not."""

    job: Job
    key: str
    reader: ClipReader
    kept: str = FOR_EVER
    """What caches are told of a whole clip."""

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are here."""
        return self.reader.state is BlobState.WHOLE


async def open_clip(
    job: SeenJob, site: CurrentSite, viewer: CurrentViewer
) -> AsyncIterator[OpenClip]:
    """Hold the clip of a job open that the viewer may watch."""
    kept = FOR_EVER if job.owner == viewer.owner else WHILE_SHOWN
    async with holding(job, site, kept) as held:
        yield held


@asynccontextmanager
async def holding(job: Job, site: Site, kept: str) -> AsyncIterator[OpenClip]:
    """Hold the job's clip open; raises ClipNotFound or ClipNotReady."""
    key = clip_key(job)
    async with AsyncExitStack() as stack:
        try:
            reader = await stack.enter_async_context(site.clips.open(key))
        except ClipNotFound as error:
            if job.clip is None:
                raise ClipNotReady(NOT_YET) from error
            raise
        yield OpenClip(job, key, reader, kept)


def clip_key(job: Job) -> str:
    """Return the key of a job's clip, whole or arriving; raises ClipNotFound or ClipNotReady."""
    if job.clip is not None:
        return job.clip.key
    if job.download is not None and job.status is JobStatus.FETCHING:
        return job.download.key
    if not job.is_final:
        raise ClipNotReady(NOT_YET)
    raise ClipNotFound("this job has no clip")


@router.api_route("/jobs/{job_id}/clip", methods=["GET", "HEAD"])
async def clip(
    request: Request,
    site: CurrentSite,
    viewer: CurrentViewer,
    visit: CurrentVisit,
    held: Annotated[OpenClip, Depends(open_clip)],
    download: str = "",
    beside: Annotated[Literal["", "recipe"], Query(alias="with")] = "",
) -> Response:
    """Answer with the clip or the part of it that was asked for, or with a zip of it."""
    if beside:
        job = await site.jobs.get(viewer, held.job.id)  # the recipe is the owner's alone
        receipt = await receipt_of(request, site, viewer, job)
        return _zip(request, site, held, receipt, over_of(visit))
    return sent(request, site, held, is_download=bool(download), over=over_of(visit))


def sent(
    request: Request,
    site: Site,
    held: OpenClip,
    *,
    is_download: bool,
    over: asyncio.Event | None = None,
) -> Response:
    """Answer with an open clip, or the part of it that was asked for, until `over` is set."""
    is_get = request.method == "GET"
    etag = f'"{held.key}"'
    selection = select(
        size=held.reader.size,
        etag=etag,
        ranges=request.headers.get("range") if is_get else None,  # RFC 9110 14.2: GET alone
        if_range=request.headers.get("if-range"),
        if_none_match=request.headers.get("if-none-match"),
    )
    headers = clip_headers(held, selection, is_download=is_download) | {"ETag": etag}
    if not is_get:
        return without_body(headers, selection.status)
    if selection.status in {304, 416}:
        return Response(status_code=selection.status, headers=headers)
    return Stream(
        follow(site, held, selection.start, selection.stop),
        stop=site.stop,
        over=over,
        patience=PATIENCE,
        status_code=selection.status,
        headers=headers,
    )


def _zip(
    request: Request,
    site: Site,
    held: OpenClip,
    receipt: Receipt,
    over: asyncio.Event | None,
) -> Response:
    """Answer with the clip and its recipe in one file, made while it is sent."""
    if not held.is_whole or held.job.clip is None:
        raise ClipNotReady("the clip is still on its way")
    name = keepsake_name(held.job)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": disposition(name, is_attachment=True),
        "Content-Type": "application/zip",
    }
    if request.method != "GET":
        return without_body(headers)
    chunks = keepsake(held.job, held.job.clip, receipt, relay(held.reader, 0, held.reader.size))
    return Stream(chunks, stop=site.stop, over=over, patience=PATIENCE, headers=headers)


def clip_headers(held: OpenClip, selection: Selection, *, is_download: bool) -> dict[str, str]:
    """Return what is said of the clip; its type is ours, never the backend's."""
    size = held.reader.size
    headers = {
        "Cache-Control": held.kept if held.is_whole else "no-store",
        "Content-Security-Policy": CLIP_POLICY,
    }
    if size is not None:
        headers["Accept-Ranges"] = "bytes"
    if selection.status == 416:
        return headers | {"Content-Range": f"bytes */{size}"}
    if selection.status == 304:
        return headers
    if selection.status == 206:
        headers["Content-Range"] = f"bytes {selection.start}-{(selection.stop or 0) - 1}/{size}"
    if selection.stop is not None:
        headers["Content-Length"] = str(selection.stop - selection.start)
    is_known = held.reader.media_type in EXTENSIONS
    return headers | {
        "Content-Type": held.reader.media_type if is_known else "application/octet-stream",
        "Content-Disposition": disposition(
            clip_name(held.job, held.reader.media_type),
            is_attachment=is_download or not is_known,
        ),
    }


async def relay(reader: ClipReader, start: int, stop: int | None) -> AsyncGenerator[bytes]:
    """Yield the bytes from `start` up to `stop` (None: the end), as they come."""
    position = start
    while stop is None or position < stop:
        ahead = position + READ
        chunk = await reader.read(position, ahead if stop is None else min(ahead, stop))
        if not chunk:
            return
        position += len(chunk)
        yield chunk


async def follow(site: Site, held: OpenClip, start: int, stop: int | None) -> AsyncGenerator[bytes]:
    """Relay a clip; where its download is cut and goes on under the same key, so does this.

    Raises ResultLost, ClipNotFound or JobNotFound when nothing more will come.
    """
    position, reader = start, held.reader
    async with AsyncExitStack() as reopened:
        while True:
            try:
                async for chunk in relay(reader, position, stop):
                    position += len(chunk)
                    site.counts.clip_bytes_out += len(chunk)
                    yield chunk
            except ResultLost:
                await reopened.aclose()
                reader = await _reopen(site, held, reopened)
            else:
                return


async def _reopen(site: Site, held: OpenClip, stack: AsyncExitStack) -> ClipReader:
    for _ in range(GO_ON // LOOK):
        await asyncio.sleep(LOOK.total_seconds())
        job = await site.jobs.get(Viewer(held.job.owner), held.job.id)
        if clip_key(job) != held.key:
            break
        with suppress(ClipNotFound, ClipNotReady):
            return await stack.enter_async_context(site.clips.open(held.key))
    raise ResultLost("the clip does not go on arriving")
