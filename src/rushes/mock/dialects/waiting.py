"""What dialects share that answer a submit after the work: the wait, and the clip inside JSON."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

from rushes.mock.dialects.fields import Fields, text
from rushes.mock.dialects.hosted import clip_url
from rushes.mock.refusal import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

    from rushes.mock.dialects.dialect import Dialect, Json
    from rushes.mock.jobs import MockJob, Standing


async def ended(dialect: Dialect, job: MockJob) -> Standing:
    """Return how a job ended, when it has; raises Refusal 504 where that is late."""
    try:
        async with asyncio.timeout(dialect.config.sync_timeout_s):
            return await dialect.rehearsal.ended(job)
    except TimeoutError as error:
        raise Refusal(504, "The generation timed out") from error


async def in_base64(dialect: Dialect, job: MockJob) -> str:
    """Return a finished clip as text, no sooner than the set rate allows."""
    path = await dialect.rehearsal.clip(job)
    dialect.rehearsal.downloads[job.id] += 1
    clip = await asyncio.to_thread(path.read_bytes)
    await asyncio.sleep(len(clip) / dialect.rehearsal.bytes_per_s(len(clip)))
    return base64.b64encode(clip).decode()


async def item(dialect: Dialect, request: Request, job: MockJob, fields: Fields) -> Json:
    """Return a finished clip as `response_format` wants it: its address, or itself."""
    if text(fields, "response_format") == "b64_json":
        return {"b64_json": await in_base64(dialect, job)}
    return {"url": clip_url(request, job)}
