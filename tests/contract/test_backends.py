"""What every profile promises, against the rehearsal backend's dialect of it, over a socket."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator  # noqa: TC003 - pytest reads fixtures' hints
from dataclasses import replace
from typing import Any

import httpx
import pytest

from rushes.backends import Backend, load_backend
from rushes.domain import RemoteJob, RemoteStatus, VideoRequest, new_id
from rushes.errors import BackendError, OutcomeUnknown, RejectedByModeration
from rushes.ports import Severity, Submission
from tests.contract.rows import CRUMB, KEY, ROWS, Row
from tests.mock.driving import QUICK, serving

pytestmark = pytest.mark.anyio

ENDED = {RemoteStatus.COMPLETED, RemoteStatus.FAILED, RemoteStatus.CANCELLED}
AT_MOST_S = 20
ASKS = {row.profile: row.asks for row in ROWS}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, str]]:
    """Two mocks: one that wants a key, one that wants headers and cookies."""
    keyed = replace(QUICK, key=KEY, folder=tmp_path_factory.mktemp("keyed"))
    crumbs = replace(
        QUICK,
        headers={"x-sentinel": KEY},
        cookies={"session": CRUMB},
        folder=tmp_path_factory.mktemp("crumbs"),
    )
    with serving(keyed) as one, serving(crumbs) as other:
        yield {True: str(one.base_url), False: str(other.base_url)}


def _named(row: Row) -> Any:  # noqa: ANN401 - pytest's own
    name = f"{row.profile}{row.base.replace('/', '-')}"
    marks = () if row.in_every_run else (pytest.mark.slow,)
    return pytest.param(row, id=name, marks=marks)


@pytest.fixture(params=[_named(row) for row in ROWS])
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


@pytest.fixture
def address(row: Row, locked: dict[bool, str]) -> str:
    return locked[row.with_key].rstrip("/")


@pytest.fixture
async def backend(row: Row, address: str) -> AsyncIterator[Backend]:
    loaded = load_backend("profile", row.config(address))
    yield loaded
    await loaded.aclose()


async def submit(backend: Backend, prompt: str) -> Submission:
    request = VideoRequest(prompt=prompt, **ASKS[backend.name])
    return await backend.submit(request, idempotency_key=new_id())


async def followed(backend: Backend, remote: RemoteJob) -> list[RemoteJob]:
    """Poll to the end and return all that was told on the way."""
    told = [remote]
    async with asyncio.timeout(AT_MOST_S):
        while told[-1].status not in ENDED:
            await asyncio.sleep(0.03)
            told.append(await backend.poll(told[-1]))
    return told


async def bytes_of(backend: Backend, submission: Submission) -> bytes:
    if submission.clip is None:
        opened = backend.open_clip((await followed(backend, submission.remote))[-1])
    else:
        opened = submission.clip
    async with opened as source:
        return b"".join([chunk async for chunk in source.chunks()])


async def failure_of(backend: Backend, prompt: str) -> str | None:
    """Return the kind of failure that a prompt ends with, wherever it is told."""
    try:
        submission = await submit(backend, prompt)
    except BackendError as error:
        return error.kind
    failure = (await followed(backend, submission.remote))[-1].failure
    return failure.kind if failure else None


def jobs_at(address: str, prompt: str) -> list[str]:
    """Return the ids under which the mock executed a prompt."""
    jobs = httpx.get(f"{address}/_mock/jobs", trust_env=False).json()
    return [job["id"] for job in jobs if job["prompt"] == prompt]


def sha256_sent(address: str, prompt: str) -> str:
    (job_id,) = jobs_at(address, prompt)
    facts = httpx.get(f"{address}/_mock/clips/{job_id}", trust_env=False, timeout=20).json()
    return str(facts["sha256"])


async def test_a_prompt_comes_back_as_exactly_the_bytes_that_were_sent(
    row: Row, backend: Backend, address: str
) -> None:
    prompt = f"bytes as sent {new_id()}"

    clip = await bytes_of(backend, await submit(backend, prompt))

    digest = await asyncio.to_thread(sha256_sent, address, prompt)
    assert hashlib.sha256(clip).hexdigest() == digest


async def test_progress_is_told_where_there_is_any(row: Row, backend: Backend) -> None:
    if row.is_synchronous:
        return

    told = await followed(backend, (await submit(backend, "#slow on its way")).remote)

    assert told[-1].status is RemoteStatus.COMPLETED
    seen = [job.progress for job in told if job.progress is not None]
    assert seen == sorted(seen)
    assert any(0 < progress < 100 for progress in seen) is row.has_progress


async def test_the_prompt_as_the_backend_rewrote_it_is_kept(row: Row, backend: Backend) -> None:
    submission = await submit(backend, "a ferry in fog")
    if submission.clip is not None:
        async with submission.clip:
            return

    rewritten = (await followed(backend, submission.remote))[-1].effective_prompt

    assert ("a ferry in fog" in (rewritten or "")) is row.rewrites


async def test_a_refused_prompt_is_told_as_that_and_not_executed(
    row: Row, backend: Backend, address: str
) -> None:
    prompt = f"#refuse {new_id()}"

    with pytest.raises(RejectedByModeration) as caught:
        await submit(backend, prompt)

    assert caught.value.retryable is False
    assert await asyncio.to_thread(jobs_at, address, prompt) == []


async def test_a_failed_job_is_told_as_failed(row: Row, backend: Backend) -> None:
    assert await failure_of(backend, "#fail") == "generation_failed"


async def test_a_lost_answer_leaves_the_outcome_unknown_and_is_sent_once(
    row: Row, backend: Backend, address: str
) -> None:
    prompt = f"#lost-answer {new_id()}"

    with pytest.raises(OutcomeUnknown) as caught:
        await submit(backend, prompt)

    assert caught.value.retryable is False
    assert len(await asyncio.to_thread(jobs_at, address, prompt)) == 1


async def test_a_busy_backend_says_that_nothing_was_executed(row: Row, backend: Backend) -> None:
    with pytest.raises(BackendError) as caught:
        await submit(backend, f"#busy {new_id()}")

    assert (caught.value.kind, caught.value.retryable) == row.busy
    assert caught.value.retry_after is not None


async def test_a_wrong_key_is_told_without_showing_it(row: Row, address: str) -> None:
    stranger = load_backend("profile", row.config(address, secret="wrong-key-0123456789"))
    with pytest.raises(BackendError) as caught:
        await submit(stranger, "let me in")
    findings = await stranger.check()
    await stranger.aclose()

    told = f"{caught.value.message} {caught.value.detail} {findings}"
    assert caught.value.kind == row.wrong_key
    assert caught.value.retryable is False
    assert "wrong-key" not in told


async def test_a_check_of_a_backend_that_is_well_is_well(row: Row, backend: Backend) -> None:
    findings = await backend.check()

    assert [finding.severity for finding in findings] == [Severity.OK]


async def test_a_cancel_tells_the_truth(row: Row, backend: Backend) -> None:
    submission = await submit(backend, "nobody waits" if row.is_synchronous else "#stall")

    outcome = await backend.cancel(submission.remote)

    assert row.cancel in {None, outcome}
    if submission.clip is not None:
        async with submission.clip:
            pass


PROMPTS = [
    "he said \"now\" and 'then' \\n",
    "two\nlines",
    "a kite 🪁 over Größe and 東京",
    "{{x}} {id} {key} {",
    "=x",
    "=prompt|upper",
    "long " * 800,
]


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: repr(prompt[:12]))
async def test_a_prompt_arrives_as_it_was_typed(
    row: Row, backend: Backend, address: str, prompt: str
) -> None:
    before = len(await asyncio.to_thread(jobs_at, address, prompt))

    submission = await submit(backend, prompt)
    if submission.clip is not None:
        async with submission.clip:
            pass

    assert len(await asyncio.to_thread(jobs_at, address, prompt)) == before + 1
