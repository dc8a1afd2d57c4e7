"""Answers to a submit that come after the work, in JSON: with the clip, its address, or neither."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import respx

from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus
from rushes.errors import (
    BackendError,
    BackendUnavailable,
    ConcurrencyLimited,
    GenerationFailed,
    ModelUnavailable,
    OutcomeUnknown,
    RefusedByBackend,
    RejectedByModeration,
    ResultExpired,
    ResultLost,
    Unauthorized,
)
from tests.backends.family import CDN, CLIP, HOST, JOB_ID, KEY, MP4, RULES, asked, family
from tests.net.hostile import hostile, sends

pytestmark = pytest.mark.anyio

TEXT = base64.b64encode(CLIP).decode()


# --- answers that hold the clip -----------------------------------------------------------------

HELD: list[tuple[str, Any]] = [
    ("openai-videos+dynamo", {"status": "completed", "data": [{"b64_json": TEXT}]}),
    ("sync-json", {"created": 1, "data": [{"b64_json": TEXT}]}),
    ("sync-json", {"data": [{"url": None, "b64_json": TEXT}]}),
    ("sync-json", {"data": [{"url": "", "b64_json": TEXT}]}),
    ("sync-json", {"video": f"data:video/mp4;base64,{TEXT}"}),
    ("sync-json", {"output": [TEXT, "more"]}),
    ("localai", {"created": 1, "id": "x", "data": [{"b64_json": TEXT}]}),
    (
        "cog",
        {
            "id": "pred_18ea",
            "logs": "0%|step 0/10\n",
            "metrics": {"predict_time": 2.03},
            "output": f"data:video/mp4;base64,{TEXT}",
            "status": "succeeded",
        },
    ),
    ("cog", {"output": [f"data:video/mp4;base64,{TEXT}"], "status": "succeeded"}),
]


@pytest.mark.parametrize(("name", "answer"), HELD)
async def test_a_clip_inside_the_answer_comes_whole(name: str, answer: Any) -> None:  # noqa: ANN401 - JSON
    backend = family(name)
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(200, json=answer)
        submission = await backend.submit(asked(), idempotency_key=JOB_ID)
        assert submission.clip is not None
        async with submission.clip as source:
            got = b"".join([chunk async for chunk in source.chunks()])

    assert got == CLIP
    assert submission.remote == RemoteJob(JOB_ID, RemoteStatus.COMPLETED)
    assert await backend.cancel(submission.remote) is CancelOutcome.STOPPED_WAITING
    with pytest.raises(ResultLost):
        async with backend.open_clip(submission.remote, start=9):
            pass


async def test_a_clip_inside_the_answer_comes_as_it_is_sent() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    begun = b'{"data": [{"b64_json": "' + TEXT[:800].encode()
    rest = TEXT[800:].encode() + b'"}]}'
    async with hostile(sends(head + begun, b"", rest, pause=0.3)) as peer:
        backend = family("sync-json", peer.url)
        submission = await backend.submit(asked(), idempotency_key=JOB_ID)
        assert submission.clip is not None
        async with submission.clip as source:
            pieces = [chunk async for chunk in source.chunks()]
        await backend.aclose()

    assert pieces[0] == CLIP[: len(pieces[0])]
    assert 0 < len(pieces[0]) <= 600
    assert b"".join(pieces) == CLIP


async def test_a_clip_in_bytes_is_taken_where_json_was_expected() -> None:
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(200, content=CLIP, headers=MP4)
        submission = await family("sync-json").submit(asked(), idempotency_key=JOB_ID)
        assert submission.clip is not None
        async with submission.clip as source:
            assert b"".join([chunk async for chunk in source.chunks()]) == CLIP


# --- answers that tell its address --------------------------------------------------------------

TOLD: list[tuple[str, Any, bool]] = [
    ("openai-videos+dynamo", {"status": "completed", "data": [{"url": CDN}]}, False),
    ("sync-json", {"data": [{"url": CDN}]}, False),
    ("sync-json", {"video": CDN}, False),
    ("sync-json", {"video": {"url": f"{HOST}/files/1.mp4"}}, False),
    ("sync-json", {"output": [CDN]}, False),
    ("localai", {"data": [{"url": CDN}]}, False),
    ("localai", {"data": [{"url": f"{HOST}/generated-videos/1.mp4"}]}, True),
    ("localai", {"data": [{"url": "/generated-videos/1.mp4"}]}, True),
    ("cog", {"output": CDN, "status": "succeeded"}, False),
    ("cog", {"output": [CDN], "status": "succeeded"}, False),
    ("huggingface+novita", {"video": {"video_url": CDN}}, False),
    ("huggingface+replicate", {"output": [CDN], "error": None}, False),
]


@pytest.mark.parametrize(("name", "answer", "with_key"), TOLD)
async def test_a_clip_with_an_address_can_be_fetched_again(
    name: str,
    answer: Any,  # noqa: ANN401 - JSON
    with_key: bool,
) -> None:
    backend = family(name)
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(200, json=answer)
        submission = await backend.submit(asked(), idempotency_key=JOB_ID)
        rest = wire.get(url__regex=r".+/1\.mp4$").respond(
            206,
            content=CLIP[9:],
            headers=MP4 | {"Content-Range": f"bytes 9-{len(CLIP) - 1}/{len(CLIP)}", "ETag": '"v"'},
        )
        async with backend.open_clip(submission.remote, start=9, validator='"v"') as source:
            got = b"".join([chunk async for chunk in source.chunks()])

    assert submission.clip is None
    assert submission.remote.status is RemoteStatus.COMPLETED
    assert (source.start, got) == (9, CLIP[9:])
    assert rest.calls.last.request.headers["range"] == "bytes=9-"
    assert ("authorization" in rest.calls.last.request.headers) is with_key


async def test_a_job_whose_clip_has_an_address_can_be_looked_at_again_without_asking() -> None:
    remote = RemoteJob(JOB_ID, RemoteStatus.COMPLETED, urls={"clip": CDN})
    with respx.mock() as wire:
        assert await family("localai").poll(remote) == remote

    assert not wire.calls


async def test_an_address_that_leads_nowhere_any_more_is_told() -> None:
    remote = RemoteJob(JOB_ID, RemoteStatus.COMPLETED, urls={"clip": CDN})
    with respx.mock() as wire:
        wire.get(CDN).respond(404, json={"error": "gone"})
        with pytest.raises(ResultExpired):
            async with family("localai").open_clip(remote):
                pass


async def test_an_address_that_shows_our_key_is_not_kept() -> None:
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(200, json={"data": [{"url": f"{CDN}?k={KEY}"}]})
        with pytest.raises(OutcomeUnknown):
            await family("localai").submit(asked(), idempotency_key=JOB_ID)


# --- answers that hold none ---------------------------------------------------------------------

INSTEAD: list[tuple[str, int, Any, type[BackendError]]] = [
    ("openai-videos+dynamo", 200, {"status": "failed", "error": "OOM"}, GenerationFailed),
    ("openai-videos+dynamo", 200, {"status": "failed"}, GenerationFailed),
    ("openai-videos+dynamo", 200, {"status": "failed", "error": RULES}, RejectedByModeration),
    ("openai-videos+dynamo", 200, {"status": "completed", "data": []}, OutcomeUnknown),
    ("openai-videos+dynamo", 404, {"message": "no model", "code": 404}, ModelUnavailable),
    ("openai-videos+dynamo", 500, {"message": "worker died", "code": 500}, GenerationFailed),
    ("openai-videos+dynamo", 503, {"message": "no workers", "code": 503}, OutcomeUnknown),
    ("sync-json", 200, {}, OutcomeUnknown),
    ("sync-json", 200, {"data": [{"b64_json": ""}]}, OutcomeUnknown),
    ("sync-json", 400, {"error": {"code": "content_filter"}}, RejectedByModeration),
    ("sync-json", 500, {"error": {"message": "CUDA"}}, GenerationFailed),
    ("sync-json", 504, {"error": {"message": "late"}}, OutcomeUnknown),
    ("localai", 401, {"error": {"code": 401, "message": "no key"}}, Unauthorized),
    ("localai", 400, {"error": {"code": 400, "message": "Bad Request"}}, RefusedByBackend),
    ("localai", 500, {"error": {"code": 500, "message": "rpc error"}}, GenerationFailed),
    ("cog", 200, {"status": "failed", "error": "Prediction failed: OOM"}, GenerationFailed),
    ("cog", 200, {"status": "failed", "error": "NSFW content"}, RejectedByModeration),
    ("cog", 200, {"status": "canceled"}, GenerationFailed),
    ("cog", 409, {"error": "At capacity - all prediction slots busy"}, ConcurrencyLimited),
    ("cog", 422, {"detail": [{"loc": ["body"], "msg": "no", "type": "t"}]}, RefusedByBackend),
    ("cog", 503, {"error": "still starting"}, BackendUnavailable),
    ("huggingface+novita", 401, {"error": "Invalid username or password."}, Unauthorized),
    ("huggingface+novita", 200, {"video": {}}, OutcomeUnknown),
    (
        "huggingface+replicate",
        201,
        {"status": "processing", "output": None, "error": None},
        OutcomeUnknown,
    ),
    ("huggingface+replicate", 201, {"status": "failed", "error": "OOM"}, GenerationFailed),
]


@pytest.mark.parametrize(("name", "status", "answer", "kind"), INSTEAD)
async def test_what_comes_instead_of_a_clip(
    name: str,
    status: int,
    answer: Any,  # noqa: ANN401 - JSON
    kind: type[BackendError],
) -> None:
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(status, json=answer)
        with pytest.raises(BackendError) as caught:
            await family(name).submit(asked(), idempotency_key=JOB_ID)

    assert type(caught.value) is kind
    assert caught.value.retryable is (kind in {BackendUnavailable, ConcurrencyLimited})


@pytest.mark.parametrize("body", [b"<html>", b"[" * 2000, b'{"a": "' + b"x" * 2_000_000])
async def test_what_is_no_sound_json_leaves_the_outcome_unknown(body: bytes) -> None:
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(
            200, content=body, headers={"Content-Type": "application/json"}
        )
        with pytest.raises(OutcomeUnknown):
            await family("sync-json").submit(asked(), idempotency_key=JOB_ID)
