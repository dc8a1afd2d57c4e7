"""A data folder that a finished version wrote opens in every later one.

When the schema changes, write the next folder with `data_folder.write_data_folder` of the version
that is being left, and never touch the older ones.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from rushes.domain import EVERYONE, JobQuery, JobStatus, TokenScope, utc_now
from rushes.storage.local_clips import LocalClips
from rushes.storage.sql_jobs import SqlJobs
from tests.storage.data_folder import (
    CLIPS,
    DATABASE,
    SHARE,
    TOKEN,
    id_of,
    write_data_folder,
)

pytestmark = pytest.mark.anyio

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(params=["v1", "v2", "v3", "as written now"])
async def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    copy = tmp_path / "data"
    if request.param == "as written now":
        await write_data_folder(copy)
    else:
        shutil.copytree(FIXTURES / request.param, copy)
    return copy


async def test_every_job_and_its_history_is_there(folder: Path) -> None:
    store = SqlJobs(folder / DATABASE, utc_now)
    await store.open()
    try:
        page = await store.search(JobQuery(EVERYONE, text="paper BOAT"))
        histories = [await store.history(job.id) for job in page.jobs]
        failed = await store.get(id_of(JobStatus.FAILED))
        last = await store.revision()
    finally:
        await store.close()

    assert {job.status for job in page.jobs} == set(JobStatus)
    assert [job.id for job in page.jobs] == [id_of(status) for status in reversed(JobStatus)]
    assert [history[-1].what for history in histories] == [job.status for job in page.jobs]
    assert failed.failure is not None
    assert failed.failure.kind == "outcome_unknown"
    assert last == max(job.revision for job in page.jobs)


async def test_the_clip_is_what_its_row_says(folder: Path) -> None:
    store = SqlJobs(folder / DATABASE, utc_now)
    await store.open()
    job = await store.get(id_of(JobStatus.COMPLETED))
    await store.close()
    clips = LocalClips(folder / CLIPS)
    await clips.prepare()

    assert job.clip is not None
    assert (job.title, job.starred) == ("Élan", True)
    async with clips.open(job.clip.key) as reader:
        data = await reader.read(0, job.clip.size)

    assert (reader.media_type, reader.size) == (job.clip.media_type, job.clip.size)
    assert hashlib.sha256(data).hexdigest() == job.clip.sha256


@pytest.mark.parametrize("folder", ["v3", "as written now"], indirect=True)
async def test_people_their_tokens_and_links_are_there(folder: Path) -> None:
    store = SqlJobs(folder / DATABASE, utc_now)
    await store.open()
    try:
        ann, bob = await store.accounts().all()
        token = await store.accounts().find_token(TOKEN)
        share = await store.shares().find(SHARE)
    finally:
        await store.close()

    assert (ann.name, ann.password, ann.is_operator) == ("ann", "$argon2id$", True)
    assert ann.groups == frozenset({"makers"})
    assert bob.disabled_at is not None
    assert token is not None
    assert (token.owner, token.scope, token.revoked_at) == ("ann", TokenScope.READ, None)
    assert share is not None
    assert (share.job_id, share.with_prompt) == (id_of(JobStatus.COMPLETED), True)
