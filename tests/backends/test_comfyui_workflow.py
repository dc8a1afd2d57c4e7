"""The workflow file of the comfyui backend: what it may be, and what comes into it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import respx

from rushes.backends import BackendConfig, load_backend
from rushes.domain import Setting
from rushes.errors import NotConfigured
from tests.backends.following import submit
from tests.backends.graphs import COMFY, GRAPH, graph, made

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB = "j" * 26
TAKEN = {"prompt_id": "0c2bb2f4-58dd-5b8e-a0ab-0cf9ea0f4f5a", "number": 3, "node_errors": {}}


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=COMFY, assert_all_mocked=True, assert_all_called=False) as router:
        yield router


BROKEN: list[tuple[Any, str]] = [
    ({"nodes": [], "links": []}, "Export"),
    ([], "no table of nodes"),
    ({}, "no table of nodes"),
    ({"1": {"inputs": {}}}, "no table of nodes"),
    ({"1": {"class_type": "X"}}, "no table of nodes"),
    (graph(x=("2", "text", "no placeholder")), "has no {{prompt}}"),
    (graph(x=("3", "text", "{{promt}}")), "{{promt}} is no field"),
    (graph(x=("3", "text", "{{prompt|shout}}")), "no filter 'shout'"),
]


@pytest.mark.parametrize(("workflow", "complaint"), BROKEN)
def test_a_workflow_that_cannot_be_used_is_refused_at_start(
    tmp_path: Path,
    workflow: Any,  # noqa: ANN401 - any JSON
    complaint: str,
) -> None:
    with pytest.raises(NotConfigured) as caught:
        made(tmp_path, workflow=workflow)

    assert complaint in caught.value.message


def test_a_file_that_is_no_json_or_not_there_is_named(tmp_path: Path) -> None:
    options = {"workflow": tmp_path / "none.json"}
    config = BackendConfig(name="comfy", url=COMFY, profile="comfyui", options=options)
    with pytest.raises(NotConfigured, match="cannot be read"):
        load_backend(config)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(NotConfigured, match=r"bad\.json is not JSON"):
        load_backend(replace(config, options={"workflow": tmp_path / "bad.json"}))
    with pytest.raises(NotConfigured, match=r"options\.workflow"):
        load_backend(replace(config, options={}))
    with pytest.raises(NotConfigured, match=r"options\.steps"):
        load_backend(replace(config, options={"workflow": "x", "steps": 3}))


@pytest.mark.anyio
async def test_placeholders_stand_in_texts_and_their_tables_but_in_no_link(
    wire: respx.MockRouter, tmp_path: Path
) -> None:
    nested = {"format": "mp4", "title": "{{prompt}} at {{seed}}", "deep": {"n": "{{ seed }}"}}
    workflow = GRAPH | {
        "8": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["{{seed}}", 0], "codec": nested, "note": "{prompt} {{{{prompt}}"},
        }
    }
    route = wire.post("/prompt").respond(200, json=TAKEN)
    backend = made(tmp_path, workflow=workflow)

    await submit(backend, JOB, prompt="x {{seed}}", seed=5, duration_s=1)
    await backend.aclose()

    inputs = json.loads(route.calls.last.request.content)["prompt"]["8"]["inputs"]
    assert inputs == {
        "video": ["{{seed}}", 0],
        "codec": {"format": "mp4", "title": "x {{seed}} at 5", "deep": {"n": 5}},
        "note": "{prompt} {{x {{seed}}",
    }


@pytest.mark.anyio
async def test_what_can_be_asked_is_what_the_workflow_has_room_for(
    tmp_path: Path,
) -> None:
    backend = made(tmp_path)
    fixed = graph(a=("4", "width", 832), b=("4", "height", 480), c=("4", "length", 81))
    bare = made(tmp_path, workflow=fixed | {"3": GRAPH["1"]})

    wide, narrow = await backend.describe(), await bare.describe()
    await bare.aclose()
    await backend.aclose()

    takes, little = wide.models[""], narrow.models[""]
    assert (takes.durations, takes.resolutions) == ((2.0, 3.0, 4.0, 5.0), ("480p", "720p"))
    assert (takes.seed, takes.negative_prompt, takes.idempotency) == (True, True, False)
    assert (little.durations, little.resolutions, little.aspect_ratios) == ((), (), ())
    assert little.negative_prompt is False


@pytest.mark.anyio
async def test_a_placeholder_is_what_makes_a_setting(tmp_path: Path) -> None:
    more = graph(a=("4", "steps", "{{steps}}"), b=("4", "cfg", "{{guidance}}"))
    backend = made(tmp_path, workflow=more)
    takes = (await backend.describe()).models[""]
    await backend.aclose()

    assert (takes.steps, takes.guidance) == (Setting("integer"), Setting("number"))
    assert (takes.fps, takes.audio, takes.pixels) == (None, False, True)
