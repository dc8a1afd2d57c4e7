"""Writes a data folder as this version does: the origin of each folder under `fixtures`."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import av

from rushes.domain import (
    Account,
    ApiToken,
    CancelOutcome,
    Clip,
    Download,
    Failure,
    Job,
    JobStatus,
    Limits,
    RemoteJob,
    RemoteStatus,
    Share,
    Stage,
    TokenScope,
    VideoRequest,
)
from rushes.storage.local_clips import LocalClips
from rushes.storage.sql_jobs import SqlJobs
from tests.fakes import StoppedClock, a_job

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "rushes.db"
CLIPS = "clips"
TOKEN, SHARE = "digest of a token", "digest of a link"


def id_of(status: JobStatus) -> str:
    """Return the fixture's job in that state."""
    return status.value.replace("_", "").ljust(26, "a")


async def write_data_folder(folder: Path) -> None:
    """Write one job of each status, all fields in use somewhere, one clip, and somebody."""
    clock = StoppedClock()
    store = SqlJobs(folder / DATABASE, clock)
    await store.open()
    try:
        for status in JobStatus:
            await store.add([_job(status, clock)], Limits())
            clock.advance(minutes=1)
        completed = await store.get(id_of(JobStatus.COMPLETED))
        clip = await _write_clip(folder / CLIPS, f"{completed.id}-1")
        claimed = await store.claim("first", timedelta(seconds=30), lambda _: [completed.id])
        await store.save(claimed.jobs[0].completed(clip, now=clock.now))
        await store.mark(completed.id, starred=True, title="Élan")
        await _write_people(store, completed.id, clock)
    finally:
        await store.close()


async def _write_people(store: SqlJobs, job_id: str, clock: StoppedClock) -> None:
    now, later = clock.now, clock.now + timedelta(days=30)
    makers = frozenset({"makers"})
    await store.accounts().put(Account("ann", now, "$argon2id$", True, makers, seen_at=now))
    await store.accounts().put(Account("bob", now, disabled_at=later))
    token = ApiToken(job_id, "ann", "backup", TokenScope.READ, now, later, used_at=now)
    await store.accounts().add_token(token, TOKEN)
    await store.shares().add(Share(job_id, job_id, "local", now, later, with_prompt=True), SHARE)
    await store.sessions().begin("digest of a session", "ann", later)


def _job(status: JobStatus, clock: StoppedClock) -> Job:
    now = clock.now
    born = a_job(
        id=id_of(status),
        batch=id_of(status),
        submit_token=f"form:{status}",
        created_at=now,
        request=VideoRequest(
            prompt=f"A paper boat, {status}", model="small", duration_s=4, seed=7, extra={"k": [1]}
        ),
    )
    remote = RemoteJob("far-1", RemoteStatus.IN_PROGRESS, 40, urls={"poll": "http://b.test/1"})
    failure = Failure("outcome_unknown", Stage.SUBMIT, "no answer", retry_after=timedelta(days=1))
    sent = born.submitting(now=now, deadline=timedelta(minutes=30))
    accepted = sent.accepted(remote, next_at=now)
    fetching = accepted.fetching(remote, next_at=now)
    return {
        JobStatus.QUEUED: replace(born, setback=failure, attempt=1),
        JobStatus.SUBMITTING: sent,
        JobStatus.IN_PROGRESS: accepted,
        JobStatus.FETCHING: fetching.arriving(Download("k-1", 10, '"v"')),
        JobStatus.COMPLETED: fetching,
        JobStatus.FAILED: accepted.failed(failure, now=now),
        JobStatus.CANCELLED: born.cancelled(CancelOutcome.NOTHING_SPENT, now=now),
        JobStatus.UNKNOWN: sent.unknown(failure, next_at=None),
    }[status]


async def _write_clip(folder: Path, key: str) -> Clip:
    clips = LocalClips(folder)
    await clips.prepare()
    async with clips.receive(key, fence=1, resume=False) as writer:
        await writer.write(_one_frame())
        blob = await writer.finish("video/mp4")
    return Clip(key, "video/mp4", blob.size, blob.sha256, width=64, height=64, duration_s=0.04)


def _one_frame() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    return buffer.getvalue()
