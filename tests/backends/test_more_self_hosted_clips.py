"""Where the clips of more servers of one's own lie, and of two odd services."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.domain import RemoteJob, RemoteStatus, VideoRequest
from rushes.errors import BackendError, OutcomeUnknown, ResultExpired
from rushes.net import Secret
from rushes.ports import Severity, VideoBackend
from tests.backends.following import follow
from tests.backends.test_hosted_profiles import HOST, JOB_ID, KEY, MODEL, OURS, hosted
from tests.mock.driving import QUICK, probe, serving

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from rushes.ports import Submission

pytestmark = pytest.mark.anyio

ASKS = {"width": 1280, "height": 720, "duration_s": 5, "seed": 7}
CLIP = bytes(range(256)) * 8192
TEXT = base64.b64encode(CLIP).decode()
BEARER = {"authorization": f"Bearer {KEY}"}
MODERATED, FAILED = "rejected_by_moderation", "generation_failed"


async def submitted(backend: VideoBackend, **fields: Any) -> Submission:  # noqa: ANN401
    request = VideoRequest(**({"prompt": "a {kite}"} | fields))
    return await backend.submit(request, idempotency_key=JOB_ID)


async def fetched(backend: VideoBackend, remote: RemoteJob) -> bytes:
    async with backend.open_clip(remote) as source:
        return b"".join([chunk async for chunk in source.chunks()])


def sent(request: httpx.Request) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(request.content)


INTERACTION = {"id": "1", "status": "completed"}


def steps(*content: dict[str, Any]) -> dict[str, Any]:
    told = [{"type": "thought"}, {"type": "model_output", "content": list(content)}]
    return INTERACTION | {"steps": told}


# --- where the clip is --------------------------------------------------------------------------


async def test_the_clip_of_sd_server_stands_before_the_word_that_it_is_done() -> None:
    result = {"b64_json": TEXT, "fps": 16, "frame_count": 81, "mime_type": "video/webm"}
    told = {"error": None, "id": "1", "kind": "vid_gen", "result": result, "status": "completed"}
    backend = hosted("sd-server")
    with respx.mock() as wire:
        wire.get(f"{HOST}/sdcpp/v1/jobs/1").respond(200, json=told)
        job = await backend.poll(RemoteJob("1"))
        got = await fetched(backend, job)

    assert (job.status, job.context) == (RemoteStatus.COMPLETED, None)
    assert got == CLIP


async def test_a_job_of_sd_server_that_has_expired_is_gone() -> None:
    backend = hosted("sd-server")
    with respx.mock() as wire:
        wire.get(f"{HOST}/sdcpp/v1/jobs/1").respond(410, json={"error": "job expired"})
        with pytest.raises(BackendError) as caught:
            await backend.poll(RemoteJob("1"))

    assert (caught.value.kind, caught.value.retryable) == ("job_not_found", False)


async def test_the_answer_of_stability_that_says_done_is_the_clip() -> None:
    backend = hosted("stability")
    with respx.mock() as wire:
        route = wire.get(f"{HOST}/v2beta/image-to-video/result/1")
        route.respond(200, content=CLIP, headers=OURS)
        job = await backend.poll(RemoteJob("1"))
        got = await fetched(backend, job)

    assert job.status is RemoteStatus.COMPLETED
    assert got == CLIP
    assert [call.request.headers["accept"] for call in route.calls] == ["video/*"] * 2


async def test_the_result_of_a_task_lies_behind_its_id() -> None:
    backend = hosted("bentoml-task")
    with respx.mock() as wire:
        wire.get(f"{HOST}/generate/get?task_id=a%2F1").respond(200, content=CLIP, headers=OURS)

        assert await fetched(backend, RemoteJob("a/1")) == CLIP


async def test_a_clip_of_comfy_is_known_by_its_content_type() -> None:
    outputs = [
        {"type": "image", "content_type": "image/png", "url": f"{HOST}/api/v2/assets/p/content"},
        {"type": "image", "content_type": "video/mp4", "url": f"{HOST}/api/v2/assets/v/content"},
    ]
    backend = hosted("comfy-api-v2")
    with respx.mock() as wire:
        wire.get(f"{HOST}/api/v2/jobs/1").respond(
            200, json={"id": "1", "status": "succeeded", "outputs": outputs}
        )
        route = wire.get(f"{HOST}/api/v2/assets/v/content")
        route.respond(200, content=CLIP, headers=OURS)
        got = await fetched(backend, await backend.poll(RemoteJob("1")))

    assert got == CLIP
    assert route.calls.last.request.headers["authorization"] == BEARER["authorization"]


async def test_the_key_of_gemini_goes_to_its_file_and_not_where_that_leads() -> None:
    uri = f"{HOST}/files/f1:download?alt=media"
    told = steps({"type": "text", "text": "Here."}, {"type": "video", "uri": uri})
    backend = hosted("gemini-omni")
    with respx.mock() as wire:
        wire.get(f"{HOST}/interactions/1").respond(200, json=told)
        file = wire.get(uri).respond(302, headers={"Location": "https://cdn.test/f1"})
        clip = wire.get("https://cdn.test/f1").respond(200, content=CLIP, headers=OURS)
        got = await fetched(backend, await backend.poll(RemoteJob("1")))

    assert got == CLIP
    assert file.calls.last.request.headers["x-goog-api-key"] == KEY
    assert "x-goog-api-key" not in clip.calls.last.request.headers


async def test_a_clip_that_gemini_sends_inline_is_decoded_where_it_lies() -> None:
    told = steps({"type": "text", "text": "Here."}, {"type": "video", "data": TEXT})
    backend = hosted("gemini-omni")
    with respx.mock() as wire:
        wire.get(f"{HOST}/interactions/1").respond(200, json=told)
        job = await backend.poll(RemoteJob("1"))
        got = await fetched(backend, job)

    assert (job.status, job.urls, got) == (RemoteStatus.COMPLETED, {}, CLIP)


async def test_a_file_of_gemini_that_is_gone_is_asked_for_once_more() -> None:
    told = steps({"type": "video", "uri": f"{HOST}/files/f1"})
    backend = hosted("gemini-omni")
    with respx.mock() as wire:
        poll = wire.get(f"{HOST}/interactions/1").respond(200, json=told)
        wire.get(f"{HOST}/files/f1").respond(404, json={"error": {"status": "NOT_FOUND"}})
        job = await backend.poll(RemoteJob("1"))
        with pytest.raises(ResultExpired):
            await fetched(backend, job)

    assert poll.call_count == 2


# --- answered after the work --------------------------------------------------------------------


async def clip_in(submission: Submission) -> bytes:
    assert submission.clip is not None
    async with submission.clip as source:
        return b"".join([chunk async for chunk in source.chunks()])


async def test_bentoml_answers_with_the_clip() -> None:
    with respx.mock() as wire:
        route = wire.post(f"{HOST}/generate").respond(200, content=CLIP, headers=OURS)
        got = await clip_in(await submitted(hosted("bentoml"), **ASKS))

    assert got == CLIP
    assert sent(route.calls.last.request) == {
        "prompt": "a {kite}",
        "width": 1280,
        "height": 720,
        "num_frames": 80,
        "seed": 7,
    }


async def test_xinference_answers_with_the_clip_as_text() -> None:
    told = {"created": 1, "data": [{"url": None, "b64_json": TEXT}]}
    with respx.mock() as wire:
        route = wire.post(f"{HOST}/v1/video/generations").respond(200, json=told)
        got = await clip_in(await submitted(hosted("xinference"), **ASKS))
        await clip_in(await submitted(hosted("xinference")))

    first, bare = (sent(call.request) for call in route.calls)
    assert got == CLIP
    assert json.loads(first.pop("kwargs")) == {"width": 1280, "height": 720}
    assert first == bare
    assert bare == {
        "model": MODEL,
        "prompt": "a {kite}",
        "n": 1,
        "response_format": "b64_json",
    }


SWARM = f"{HOST}/API/GenerateText2Image"
SESSION = {"session_id": "9D35", "user_id": "local"}


async def test_swarmui_wants_a_session_first_and_tells_where_the_clip_lies() -> None:
    backend = hosted("swarmui")
    with respx.mock() as wire:
        session = wire.post(f"{HOST}/API/GetNewSession").respond(200, json=SESSION)
        route = wire.post(SWARM).respond(200, json={"images": ["View/local/raw/a kite.mp4"]})
        view = wire.get(f"{HOST}/View/local/raw/a%20kite.mp4")
        view.respond(200, content=CLIP, headers=OURS)
        submission = await submitted(backend, **ASKS)
        got = await fetched(backend, submission.remote)

    assert got == CLIP
    assert sent(session.calls.last.request) == {}
    assert sent(route.calls.last.request) == {
        "session_id": "9D35",
        "images": 1,
        "prompt": "a {kite}",
        "model": MODEL,
        "width": 1280,
        "height": 720,
        "seed": 7,
        "text2videoframes": 80,
        "videofps": 16,
        "videoformat": "h264-mp4",
    }
    for call in (session, route, view):
        assert call.calls.last.request.headers["cookie"] == f"swarm_user_token={KEY}"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"error": "ComfyUI execution error: out of memory"}, FAILED),
        ({"error": "Invalid model value for param Model"}, "refused_by_backend"),
        ({"error_id": "invalid_session_id", "error": "Invalid session ID."}, "refused_by_backend"),
        ({"images": []}, OutcomeUnknown.kind),
    ],
)
async def test_an_error_of_swarmui_comes_with_200(answer: dict[str, Any], kind: str) -> None:
    with respx.mock() as wire:
        wire.post(f"{HOST}/API/GetNewSession").respond(200, json=SESSION)
        wire.post(SWARM).respond(200, json=answer)
        with pytest.raises(BackendError) as caught:
            await submitted(hosted("swarmui"))

    assert caught.value.kind == kind


async def test_a_session_that_swarmui_refuses_submits_nothing() -> None:
    with respx.mock(assert_all_called=False) as wire:
        wire.post(f"{HOST}/API/GetNewSession").respond(200, json={"error": "log in first"})
        route = wire.post(SWARM)
        with pytest.raises(BackendError, match="log in first"):
            await submitted(hosted("swarmui"))

    assert not route.called


@pytest.mark.slow
async def test_a_picture_comes_back_as_the_clip_that_was_made_of_it(tmp_path: Path) -> None:
    """What the contract's cases show of all others, whose prompts are sent."""
    with serving(replace(QUICK, key=KEY, folder=tmp_path)) as client:
        url = f"{str(client.base_url).rstrip('/')}/stability"
        backend = load_backend(
            BackendConfig(name="stability", url=url, key=Secret(KEY), profile="stability")
        )
        submission = await submitted(backend, first_frame="data:image/png;base64,AAAA", seed=7)
        done = await follow(backend, submission.remote)
        clip = await fetched(backend, done[-1])
        (finding,) = await backend.check()
        await backend.aclose()

    assert {job.status for job in done} >= {RemoteStatus.IN_PROGRESS, RemoteStatus.COMPLETED}
    assert probe(clip).frames > 0
    assert finding.severity is Severity.OK
