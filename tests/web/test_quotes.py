"""Who reads a backend's own words about the account that it is used with: whoever runs it."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from rushes.domain import Failure, JobStatus
from rushes.domain import Stage as Step
from tests.web.crowd import Crowd, browser
from tests.web.stage import CANARY

pytestmark = pytest.mark.anyio

SAID = {
    "unauthorized": f"the key sk-...9f3a of {CANARY} is not known",
    "forbidden": f"{CANARY} may not use this model",
    "quota_exhausted": f"organization {CANARY} has no balance left",
    "generation_failed": f"Traceback (most recent call last):\\n  File {CANARY}",
}


async def ways_out(kind: str, said: str, owner: str) -> dict[str, str]:
    """Return everything that tells `owner` about a job of theirs that failed so, by its name."""
    stage = Crowd()
    await stage.gather()
    failure = Failure(kind, Step.SUBMIT, said)
    job = await stage.job(owner=owner, status=JobStatus.FAILED, failure=failure)
    paths = {
        "the job's page": f"/jobs/{job.id}",
        "the studio": "/",
        "the library": "/library",
        "one job's JSON": f"/api/v1/jobs/{job.id}",
        "the list's JSON": "/api/v1/jobs",
    }
    async with await browser(stage, owner) as client:
        told = {
            name: (await client.get(path, headers={"Accept": "*/*"})).text
            for name, path in paths.items()
        }
        export = await client.post("/export")
    archive = zipfile.ZipFile(io.BytesIO(export.content))
    return told | {"the export": json.dumps(json.loads(archive.read("jobs.json")))}


@pytest.mark.parametrize("kind", SAID)
async def test_who_does_not_run_the_server_reads_our_sentence_alone(kind: str) -> None:
    told = await ways_out(kind, SAID[kind], "ann")

    assert [way for way, text in told.items() if CANARY in text] == []
    assert f'"kind": "{kind}"' in told["the export"]


async def test_who_runs_the_server_reads_it_everywhere() -> None:
    told = await ways_out("quota_exhausted", SAID["quota_exhausted"], "root")

    assert [way for way, text in told.items() if CANARY not in text] == []


async def test_what_is_about_the_clip_is_quoted_to_whoever_asked_for_it() -> None:
    told = await ways_out("refused_by_backend", f"no such size ({CANARY})", "ann")

    assert [way for way, text in told.items() if CANARY not in text] == []
