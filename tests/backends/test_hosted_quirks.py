"""What only one of the hosted services of the second round does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import respx

from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, VideoRequest
from rushes.errors import NotSent, RejectedByModeration, RemoteJobNotFound
from rushes.ports import Severity
from tests.backends.hosted import HOST, JOB_ID, KEY, hosted, polled, submitted

if TYPE_CHECKING:
    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

VIDEO = {"Content-Type": "video/mp4"}
BYTES = {"Content-Type": "application/octet-stream"}
SIGNED = "https://cdn.test/1?signature=s"


async def clip_of(backend: VideoBackend, remote: RemoteJob) -> bytes:
    async with backend.open_clip(remote) as source:
        return b"".join([chunk async for chunk in source.chunks()])


# --- MiniMax V2 ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status_and_words", [(500, "record not found (1000)"), (400, "invalid task_id (2013)")]
)
async def test_minimax_s_ways_to_say_that_it_knows_no_such_job(
    status_and_words: tuple[int, str],
) -> None:
    status, words = status_and_words
    error = {"type": "server_error", "message": words, "http_code": str(status)}

    with pytest.raises(RemoteJobNotFound):
        await polled("minimax-v2", {"type": "error", "error": error}, status)


async def test_minimax_tells_the_prompt_that_it_made_of_ours() -> None:
    content = {"url": SIGNED, "prompt": "a red kite, wide shot"}
    job = await polled("minimax-v2", {"task": {"status": "succeeded", "content": content}})

    assert job.status is RemoteStatus.COMPLETED
    assert job.effective_prompt == "a red kite, wide shot"


async def test_minimax_is_told_a_shape_and_not_left_to_choose_2k() -> None:
    with respx.mock() as wire:
        route = wire.post(f"{HOST}/v2/video_generation").respond(200, json={"task_id": "1"})
        await hosted("minimax-v2").submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)

    sent = json.loads(route.calls.last.request.content)
    assert (sent["ratio"], sent["resolution"]) == ("16:9", "768P")


# --- Ark ----------------------------------------------------------------------------------------


async def test_the_number_of_a_request_is_not_told_where_a_job_of_ark_failed() -> None:
    message = "The request failed. Request id: 0217abc."
    error = {"code": "InternalServiceError", "message": message}
    job = await polled("ark", {"status": "failed", "error": error})

    assert job.failure is not None
    assert job.failure.message == "The request failed."


# --- OpenRouter ---------------------------------------------------------------------------------


async def test_a_signed_clip_of_openrouter_is_fetched_without_the_key() -> None:
    backend = hosted("openrouter")
    answer = {"id": "1", "status": "completed", "urls": [SIGNED], "unsigned_urls": [f"{HOST}/u"]}
    with respx.mock() as wire:
        wire.get(f"{HOST}/videos/1").respond(200, json=answer)
        signed = wire.get(SIGNED).respond(200, content=b"clip", headers=VIDEO)
        got = await clip_of(backend, await backend.poll(RemoteJob("1")))

    assert got == b"clip"
    assert "authorization" not in signed.calls.last.request.headers


async def test_a_clip_of_openrouter_without_a_signed_address_is_fetched_with_the_key() -> None:
    with respx.mock() as wire:
        below = wire.get(f"{HOST}/videos/gen-1/content?index=0")
        below.respond(200, content=b"clip", headers=VIDEO)
        got = await clip_of(hosted("openrouter"), RemoteJob("gen-1"))

    assert got == b"clip"
    assert below.calls.last.request.headers["authorization"] == f"Bearer {KEY}"


async def test_a_clip_of_openrouter_that_expired_is_asked_for_anew() -> None:
    answer = {"id": "1", "status": "completed", "urls": [SIGNED]}
    with respx.mock() as wire:
        wire.get("https://cdn.test/old").respond(403)
        wire.get(f"{HOST}/videos/1").respond(200, json=answer)
        wire.get(SIGNED).respond(200, content=b"clip", headers=VIDEO)
        old = RemoteJob("1", urls={"clip": "https://cdn.test/old"})
        got = await clip_of(hosted("openrouter"), old)

    assert got == b"clip"


# --- LTX ----------------------------------------------------------------------------------------


async def test_ltx_v1_answers_with_the_clip_itself() -> None:
    backend = hosted("ltx-v1")
    with respx.mock() as wire:
        route = wire.post(f"{HOST}/v1/text-to-video").respond(200, content=b"mp4", headers=BYTES)
        submission = await backend.submit(
            VideoRequest(prompt="a kite", audio=False), idempotency_key=JOB_ID
        )
        assert submission.clip is not None
        async with submission.clip as source:
            got = b"".join([chunk async for chunk in source.chunks()])

    assert got == b"mp4"
    assert submission.remote.status is RemoteStatus.COMPLETED
    assert json.loads(route.calls.last.request.content) == {
        "prompt": "a kite",
        "model": "maker/model/text-to-video",
        "duration": 6,
        "resolution": "1920x1080",
        "generate_audio": False,
    }


async def test_a_job_of_ltx_v2_is_gone_after_a_day() -> None:
    with pytest.raises(RemoteJobNotFound):
        await polled("ltx-v2", {"type": "error", "error": {"type": "not_found_error"}}, 404)


# --- Higgsfield ---------------------------------------------------------------------------------


async def test_higgsfield_is_followed_at_our_address_whatever_host_its_answers_name() -> None:
    elsewhere = "https://platform.elsewhere.test/requests/r/status"
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(
            200, json={"request_id": "r", "status": "queued", "status_url": elsewhere}
        )
        wire.get(f"{HOST}/requests/r/status").respond(200, json={"status": "in_progress"})
        backend = hosted("higgsfield")
        job = await backend.poll(await submitted("higgsfield"))

    assert job.status is RemoteStatus.IN_PROGRESS


async def test_higgsfield_executes_a_key_once_and_the_catalogue_says_so() -> None:
    takes = (await hosted("higgsfield").describe()).capabilities(None)

    assert takes is not None
    assert takes.idempotency


# --- WaveSpeed ----------------------------------------------------------------------------------


async def test_wavespeed_is_not_followed_to_a_foreign_address() -> None:
    with respx.mock() as wire, pytest.raises(NotSent):
        await hosted("wavespeed").poll(RemoteJob("1", urls={"get": "https://evil.test/s"}))

    assert not wire.calls


async def test_a_prompt_that_wavespeed_refuses_inside_a_200_is_told_as_that() -> None:
    with respx.mock() as wire:
        wire.post(url__startswith=HOST).respond(200, json={"code": 1200, "message": "sensitive"})
        with pytest.raises(RejectedByModeration):
            await submitted("wavespeed")


# --- SiliconFlow --------------------------------------------------------------------------------


async def test_siliconflow_is_asked_how_a_job_stands_with_a_post() -> None:
    video = {"url": SIGNED}
    answer = {"status": "Succeed", "reason": "", "results": {"videos": [video], "seed": 7}}
    with respx.mock() as wire:
        route = wire.post(f"{HOST}/v1/video/status").respond(200, json=answer)
        job = await hosted("siliconflow").poll(RemoteJob("r-1"))

    assert json.loads(route.calls.last.request.content) == {"requestId": "r-1"}
    assert (job.status, job.urls) == (RemoteStatus.COMPLETED, {"clip": SIGNED})


# --- all of them --------------------------------------------------------------------------------

CONFIRMED, STOPPED_WAITING = CancelOutcome.CONFIRMED, CancelOutcome.STOPPED_WAITING
TASK = "/contents/generations/tasks/1"
CANCELS: list[tuple[str, str, str, int, dict[str, Any] | None, CancelOutcome]] = [
    ("minimax-v2", "DELETE", "/v2/video_generation/1", 200, {"status": "cancelled"}, CONFIRMED),
    ("minimax-v2", "DELETE", "/v2/video_generation/1", 200, {"status": "deleted"}, STOPPED_WAITING),
    ("minimax-v2", "DELETE", "/v2/video_generation/1", 400, {"type": "error"}, STOPPED_WAITING),
    ("higgsfield", "POST", "/requests/1/cancel", 202, None, STOPPED_WAITING),
    ("higgsfield", "POST", "/requests/1/cancel", 400, {"detail": "running"}, STOPPED_WAITING),
]


@pytest.mark.parametrize(("name", "method", "path", "status", "answer", "outcome"), CANCELS)
async def test_a_cancel_claims_no_more_than_the_answer(
    name: str,
    method: str,
    path: str,
    status: int,
    answer: dict[str, Any] | None,
    outcome: CancelOutcome,
) -> None:
    with respx.mock() as wire:
        wire.request(method, f"{HOST}{path}").respond(status, json=answer)
        told = await hosted(name).cancel(RemoteJob("1"))

    assert told is outcome


@pytest.mark.parametrize("name", ["openrouter", "ltx-v2", "wavespeed", "siliconflow"])
async def test_what_cannot_be_cancelled_is_not_asked_to_stop(name: str) -> None:
    with respx.mock() as wire:
        told = await hosted(name).cancel(RemoteJob("1"))

    assert told is STOPPED_WAITING
    assert not wire.calls


FORGETS = [
    ("minimax-v2", "/v2/video_generation/1"),
    ("ark", TASK),
    ("luma-dream-machine", "/generations/1"),
]


@pytest.mark.parametrize(("name", "path"), FORGETS)
async def test_what_has_ended_is_deleted_over_there(name: str, path: str) -> None:
    with respx.mock() as wire:
        wire.delete(f"{HOST}{path}").respond(200, json={"status": "deleted"})

        assert await hosted(name).forget(RemoteJob("1"))


CHECKS: list[tuple[str, str, int, dict[str, Any]]] = [
    ("minimax-v2", "/v2/query/video_generation?page_num=1&page_size=1", 200, {"items": []}),
    ("ark", "/contents/generations/tasks?page_num=1&page_size=1", 200, {"items": [], "total": 0}),
    ("wavespeed", "/api/v3/balance", 200, {"code": 200, "data": {"balance": 1.5}}),
    ("siliconflow", "/v1/models", 200, {"data": []}),
    ("luma-dream-machine", "/credits", 200, {"credit_balance": 0}),
]


@pytest.mark.parametrize(("name", "path", "status", "answer"), CHECKS)
async def test_a_check_asks_one_harmless_thing(
    name: str, path: str, status: int, answer: dict[str, Any]
) -> None:
    with respx.mock() as wire:
        wire.get(f"{HOST}{path}").respond(status, json=answer)
        (finding,) = await hosted(name).check()

    assert finding.severity is Severity.OK


NOT_FOUND = {"detail": "Not Found"}


@pytest.mark.parametrize("name", ["luma", "fal", "huggingface", "huggingface+novita", "higgsfield"])
async def test_a_bare_not_found_proves_neither_server_nor_key(name: str) -> None:
    with respx.mock() as wire:
        wire.get(url__startswith=HOST).respond(404, json=NOT_FOUND)
        (finding,) = await hosted(name).check()

    assert finding.severity is Severity.WARNING
    assert "only a clip tells" in finding.message
    assert "rushes check --generate" in (finding.remedy or "")
    assert ("ends in /v1" in (finding.remedy or "")) == (name == "luma")


OWN_WORDS: list[tuple[str, dict[str, Any], Severity]] = [
    ("ltx-v2", {"type": "error", "error": {"type": "not_found_error"}}, Severity.OK),
    ("openrouter", {"error": {"code": 404, "message": "no such job"}}, Severity.OK),
    ("together", {"error": {"code": "not_found", "message": "no"}}, Severity.OK),
    ("together", {"error": "Not Found"}, Severity.WARNING),
    ("ltx-v2", NOT_FOUND, Severity.ERROR),
    ("together", NOT_FOUND, Severity.ERROR),
]


@pytest.mark.parametrize(("name", "answer", "severity"), OWN_WORDS)
async def test_a_not_found_in_a_service_s_own_words_is_believed(
    name: str, answer: dict[str, Any], severity: Severity
) -> None:
    with respx.mock() as wire:
        wire.get(url__startswith=HOST).respond(404, json=answer)
        (finding,) = await hosted(name).check()

    assert finding.severity is severity
