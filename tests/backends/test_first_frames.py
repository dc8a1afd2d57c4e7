"""How each backend is handed the picture that a clip begins with: exactly so, and no otherwise."""

from __future__ import annotations

import base64
import json
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.backends.language.files import load_profile, shipped_choices
from rushes.backends.language.templating import TemplateError, form_parts, render
from rushes.domain import VideoRequest
from rushes.errors import BackendError, BackendUnavailable, BadBackendResponse, RefusedByBackend
from rushes.net import Secret, Upload
from tests.backends.graphs import COMFY, graph, made
from tests.backends.hosted import HOST, JOB_ID, KEY, WIDE, hosted

if TYPE_CHECKING:
    from pathlib import Path

    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

PICTURE = b"\x89PNG\r\n\x1a\n\0 a picture \xff\r\n--"
BARE = base64.b64encode(PICTURE).decode()
DATA = f"data:image/png;base64,{BARE}"
LTX = WIDE | {"resolution": "1080p"}
HD = {"duration": 5, "resolution": "1920x1080"}
SEEDLESS = {name: WIDE[name] for name in WIDE if name != "seed"}

PARTS = [
    {"type": "text", "text": "x"},
    {"type": "image_url", "role": "first_frame", "image_url": {"url": DATA}},
]
FRAME = {"type": "image_url", "frame_type": "first_frame", "image_url": {"url": DATA}}

# What is sent beside the rest, or in its place.
ONE_PART_MORE: list[tuple[str, dict[str, Any]]] = [
    ("ark", {"content": PARTS}),
    ("fal", {"image_url": DATA}),
    ("lightx2v", {"image_path": DATA}),
    ("localai", {"start_image": BARE}),
    ("minimax-v1", {"first_frame_image": DATA}),
    ("minimax-v2", {"content": PARTS}),
    ("openai-videos+dynamo", {"input_reference": DATA}),
    ("openrouter", {"frame_images": [FRAME]}),
    ("sd-server", {"init_image": DATA}),
    ("siliconflow", {"image": DATA}),
    ("wavespeed", {"image": DATA}),
    ("xai", {"image": {"url": DATA}}),
]
# The path, and the whole body.
ANOTHER_REQUEST: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "dashscope",
        "/api/v1/services/aigc/video-generation/video-synthesis",
        WIDE,
        {
            "model": "m",
            "input": {"prompt": "x", "img_url": DATA},
            "parameters": {"resolution": "720P", "duration": 5, "seed": 7},
        },
    ),
    (
        "gemini-omni",
        "/interactions",
        WIDE,
        {
            "model": "m",
            "background": True,
            "store": True,
            "input": [
                {"type": "image", "mime_type": "image/png", "data": BARE},
                {"type": "text", "text": "x"},
            ],
            "response_format": {
                "type": "video",
                "aspect_ratio": "16:9",
                "resolution": "720p",
                "duration": "5s",
                "delivery": "uri",
            },
            "generation_config": {"seed": 7, "video_config": {"task": "image_to_video"}},
        },
    ),
    (
        "kling+image",
        "/v1/videos/image2video",
        {"duration_s": 5},
        {
            "model_name": "m",
            "image": BARE,
            "prompt": "x",
            "duration": "5",
            "external_task_id": JOB_ID,
        },
    ),
    ("ltx-v1", "/v1/image-to-video", LTX, HD | {"prompt": "x", "model": "m", "image_uri": DATA}),
    (
        "ltx-v2+image",
        "/v2/image-to-video",
        LTX,
        HD | {"prompt": "x", "model": "m", "image_uri": DATA},
    ),
    (
        "luma",
        "/generations",
        SEEDLESS,
        {
            "type": "video",
            "model": "m",
            "prompt": "x",
            "aspect_ratio": "16:9",
            "video": {
                "duration": "5s",
                "resolution": "720p",
                "start_frame": {"data": BARE, "media_type": "image/png"},
            },
        },
    ),
    (
        "replicate",
        "/models/m/predictions",
        {},
        {"input": {"prompt": "x", "image": DATA}},
    ),
    ("cog", "/predictions", {}, {"id": JOB_ID, "input": {"prompt": "x", "image": DATA}}),
    (
        "runway",
        "/v1/image_to_video",
        WIDE,
        {
            "model": "m",
            "promptText": "x",
            "promptImage": DATA,
            "ratio": "1280:720",
            "duration": 5,
            "seed": 7,
        },
    ),
]
AS_A_FILE = [
    ("openai-videos", "/videos", "input_reference"),
    ("openai-videos+tensorrt-llm", "/videos", "input_reference"),
    ("sync-bytes", "/videos/sync", "input_reference"),
    ("stability", "/v2beta/image-to-video", "image"),
]
BY_DEFAULT = {
    *("ark", "gemini-omni", "kling+image", "localai", "ltx-v1", "ltx-v2+image", "luma"),
    *("minimax-v1", "minimax-v2", "openrouter", "runway", "stability", "xai"),
}
"""What offers a picture without a word in backends.toml: there it is no matter of the model."""
ANSWER = {
    **dict.fromkeys(("id", "task_id", "request_id", "requestId"), "1"),
    "data": {"id": "1", "task_id": "1"},
    "output": {"task_id": "1"},
}
WELL = {"kling+image": {"code": 0}, "wavespeed": {"code": 200}}
CLIP = httpx.Response(200, content=b"m", headers={"content-type": "video/mp4"})


async def sent(profile: str, path: str | None = None, **fields: Any) -> httpx.Request:  # noqa: ANN401
    """Return the request that a submit becomes."""
    backend = hosted(profile, models=("m",))
    is_followed = load_profile(profile).submit.answer == "job"
    answer = httpx.Response(200, json=ANSWER | WELL.get(profile, {})) if is_followed else CLIP
    where = {"url": f"{HOST}{path}"} if path else {"url__startswith": HOST}
    with respx.mock() as wire:
        route = wire.post(**where).mock(return_value=answer)
        request = VideoRequest(prompt="x", **fields)
        submission = await backend.submit(request, idempotency_key=JOB_ID)
        if submission.clip is not None:
            async with submission.clip:
                pass
    await backend.aclose()
    found: httpx.Request = route.calls.last.request
    return found


@pytest.mark.parametrize(("name", "part"), ONE_PART_MORE)
async def test_a_picture_is_one_part_more(name: str, part: dict[str, Any]) -> None:
    plain = json.loads((await sent(name, **WIDE)).content)
    with_picture = json.loads((await sent(name, first_frame=DATA, **WIDE)).content)

    assert {**with_picture, "seed": None} == {**plain, "seed": None} | part


@pytest.mark.parametrize(("name", "path", "fields", "body"), ANOTHER_REQUEST)
async def test_a_picture_makes_another_request(
    name: str, path: str, fields: dict[str, Any], body: dict[str, Any]
) -> None:
    assert json.loads((await sent(name, path, first_frame=DATA, **fields)).content) == body


@pytest.mark.parametrize(("name", "path", "field"), AS_A_FILE)
async def test_a_picture_is_a_file_of_the_form_byte_for_byte(
    name: str, path: str, field: str
) -> None:
    part = parts_of(await sent(name, path, first_frame=DATA))[field]

    assert part.content == PICTURE
    assert (part.name, part.media_type) == ("picture.png", "image/png")


@pytest.mark.parametrize("name", ["kling+image", "ltx-v2+image", "stability"])
async def test_where_every_clip_begins_with_a_picture_nothing_is_sent_without_one(
    name: str,
) -> None:
    with pytest.raises(RefusedByBackend, match="first_frame is needed"), respx.mock() as wire:
        await hosted(name).submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)

    assert not wire.calls


def test_a_form_offers_a_picture_where_it_is_no_matter_of_the_model() -> None:
    offered = {name for name in shipped_choices() if load_profile(name).capabilities.first_frame}

    assert offered == BY_DEFAULT


# --- the filters ----------------------------------------------------------------------------------


def test_a_data_uri_comes_apart_into_type_bytes_and_file() -> None:
    template = {"type": "=first_frame|mime", "data": "=first_frame|b64", "f": "=first_frame|file"}

    made_of = render(dict(template), {"first_frame": DATA}, {})

    assert made_of == {
        "type": "image/png",
        "data": BARE,
        "f": Upload("picture.png", "image/png", PICTURE),
    }
    assert render(dict(template), {}, {}) == {}
    assert form_parts(made_of) == made_of


@pytest.mark.parametrize("filter_", ["file", "mime", "b64"])
@pytest.mark.parametrize("value", ["https://x.test/a.png", "data:image/png;base64", "AAAA!"])
def test_what_is_no_data_uri_is_refused(filter_: str, value: str) -> None:
    with pytest.raises(TemplateError, match="data URI"):
        render({"f": f"=first_frame|{filter_}"}, {"first_frame": value}, {})


# --- ComfyUI --------------------------------------------------------------------------------------

LOADED = {"class_type": "LoadImage", "inputs": {"image": "{{first_frame}}"}}
TAKEN = {"prompt_id": "0c2bb2f4-58dd-5b8e-a0ab-0cf9ea0f4f5a"}


@pytest.mark.parametrize("subfolder", ["", "of/ours"])
async def test_comfyui_gets_the_file_first_and_its_name_in_the_graph(
    tmp_path: Path, subfolder: str
) -> None:
    backend = made(tmp_path, workflow=graph() | {"11": LOADED})
    with respx.mock(base_url=COMFY) as wire:
        upload = wire.post("/upload/image").respond(
            200, json={"name": "a (1).png", "subfolder": subfolder, "type": "input"}
        )
        prompt = wire.post("/prompt").respond(200, json=TAKEN)
        await submitted(backend, duration_s=2)

    parts = parts_of(upload.calls.last.request)
    assert parts["image"] == Upload(f"rushes-{JOB_ID}.png", "image/png", PICTURE)
    assert parts["overwrite"].content == b"true"
    node = json.loads(prompt.calls.last.request.content)["prompt"]["11"]
    assert node["inputs"]["image"] == (f"{subfolder}/" if subfolder else "") + "a (1).png"


async def test_comfyui_takes_a_picture_where_the_workflow_has_a_place_for_it(
    tmp_path: Path,
) -> None:
    plain, with_place = made(tmp_path), made(tmp_path, workflow=graph() | {"11": LOADED})

    takes = [(await b.describe()).capabilities(None) for b in (plain, with_place)]

    assert [each.first_frame for each in takes if each] == [False, True]


@pytest.mark.parametrize(
    ("answer", "kind", "retryable"),
    [
        (httpx.Response(500), BackendUnavailable, True),
        (httpx.Response(200, json={}), BadBackendResponse, False),
    ],
)
async def test_without_its_picture_comfyui_is_asked_for_nothing(
    tmp_path: Path, answer: httpx.Response, kind: type[BackendError], retryable: bool
) -> None:
    backend = made(tmp_path, workflow=graph() | {"11": LOADED})
    with respx.mock(base_url=COMFY) as wire:  # nothing else is answered
        wire.post("/upload/image").mock(return_value=answer)
        with pytest.raises(kind) as caught:
            await submitted(backend, duration_s=2)

    assert caught.value.retryable is retryable


# --- Gradio ---------------------------------------------------------------------------------------

APP = "https://app.test"
API = "/gradio_api"
PATH = "/tmp/gradio/ab/picture.png"  # noqa: S108 - a name over there
PROMPT = {"parameter_name": "prompt", "type": {"type": "string"}, "component": "Textbox"}
IMAGE = {"parameter_name": "image", "type": {"type": "object"}, "component": "Image"}
ADDRESS = {"parameter_name": "image", "type": {"type": "string"}, "component": "Textbox"}
ODD = {"parameter_name": "x0", "label": "What it begins with"} | {
    "type": {"type": "object"},
    "component": "ImageEditor",
}


def app(wire: respx.MockRouter, *parameters: dict[str, Any], prefix: str = API) -> None:
    """Have an app whose function takes these."""
    end = {"msg": "process_completed", "success": True, "output": {"data": []}}
    told = {"parameters": list(parameters), "returns": [{"component": "Video"}]}
    wire.get("/config").respond(200, json={"api_prefix": prefix} if prefix else {})
    wire.get(f"{prefix}/info").respond(200, json={"named_endpoints": {"/generate": told}})
    wire.post(f"{prefix}/upload").respond(200, json=[PATH])
    wire.post(f"{prefix}/call/generate").respond(200, json={"event_id": "e1"})
    wire.get(f"{prefix}/queue/data").respond(
        200, text=f"data: {json.dumps(end)}\n\n", headers={"content-type": "text/event-stream"}
    )


def gradio(**options: Any) -> VideoBackend:  # noqa: ANN401 - the kind's own
    return load_backend(
        BackendConfig(name="app", url=APP, profile="gradio", key=Secret(KEY), options=options)
    )


@pytest.mark.parametrize("prefix", [API, ""])
async def test_gradio_gets_the_file_first_and_its_path_among_the_arguments(prefix: str) -> None:
    backend = gradio()
    with respx.mock(base_url=APP, assert_all_called=False) as wire:
        app(wire, PROMPT, IMAGE, prefix=prefix)
        await submitted(backend)
        await backend.aclose()
        calls = {call.request.url.path.removeprefix(prefix): call.request for call in wire.calls}

    part = parts_of(calls["/upload"])["files"]
    assert part == Upload("picture.png", "image/png", PICTURE)
    assert json.loads(calls["/call/generate"].content)["data"] == ["x", FILE_DATA]


FILE_DATA = {
    "path": PATH,
    "orig_name": "picture.png",
    "mime_type": "image/png",
    "meta": {"_type": "gradio.FileData"},
}


async def test_a_parameter_of_another_kind_is_named_in_the_override() -> None:
    backend = gradio(parameters={"What it begins with": {"background": "=first_frame"}})
    with respx.mock(base_url=APP, assert_all_called=False) as wire:
        app(wire, PROMPT, ODD)
        takes = (await backend.describe()).capabilities(None)
        await submitted(backend)
        await backend.aclose()
        (call,) = [c.request for c in wire.calls if c.request.url.path.endswith("/call/generate")]

    assert takes is not None
    assert takes.first_frame
    assert json.loads(call.content)["data"] == ["x", {"background": FILE_DATA}]


@pytest.mark.parametrize(("parameter", "takes"), [(IMAGE, True), (ADDRESS, False), (ODD, False)])
async def test_gradio_takes_a_picture_where_a_parameter_is_one(
    parameter: dict[str, Any], takes: bool
) -> None:
    with respx.mock(base_url=APP, assert_all_called=False) as wire:
        app(wire, PROMPT, parameter)
        found = (await gradio().describe()).capabilities(None)

    assert found is not None
    assert found.first_frame is takes


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(503), BackendUnavailable),
        (httpx.Response(413, json={"detail": "too large"}), RefusedByBackend),
        (httpx.Response(200, json=[]), BadBackendResponse),
    ],
)
async def test_without_its_picture_gradio_is_asked_for_nothing(
    answer: httpx.Response, kind: type[Exception]
) -> None:
    with respx.mock(base_url=APP, assert_all_called=False) as wire:
        app(wire, PROMPT, IMAGE)
        wire.post(f"{API}/upload").mock(return_value=answer)
        with pytest.raises(kind):
            await submitted(gradio())
        asked = [call.request.url.path for call in wire.calls]

    assert asked == ["/config", f"{API}/info", f"{API}/upload"]


# --------------------------------------------------------------------------------------------------


async def submitted(backend: VideoBackend, **fields: Any) -> None:  # noqa: ANN401 - request fields
    request = VideoRequest(prompt="x", first_frame=DATA, **fields)
    await backend.submit(request, idempotency_key=JOB_ID)


def parts_of(request: httpx.Request) -> dict[str, Upload]:
    """Return the parts of a form as they lie between its boundaries, to the byte."""
    _, _, boundary = request.headers["content-type"].partition("boundary=")
    found = {}
    for part in request.content.split(f"--{boundary}".encode())[1:-1]:
        head, _, body = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        told = BytesParser().parsebytes(head + b"\r\n\r\n")
        name = str(told.get_param("name", header="content-disposition"))
        found[name] = Upload(
            told.get_filename() or "", told.get_content_type(), body.removesuffix(b"\r\n")
        )
    return found
