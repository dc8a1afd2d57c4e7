"""The made-up app behind the Gradio dialects: its documents, and what its function is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushes.mock.dialects.dialect import Json
from rushes.mock.spec import LARGEST_SIDE, LONGEST_S, ClipSpec

if TYPE_CHECKING:
    from collections.abc import Callable

FPS = 24
FUNCTION = 7
"""The number of `generate` among the app's functions; numbers are no places."""
SEED_MOST = 2_147_483_647

Input = tuple[str, str, str, Json, object]

INPUTS: tuple[Input, ...] = (
    ("", "", "state", {}, None),
    ("prompt", "Prompt", "textbox", {"type": "string"}, None),
    ("negative_prompt", "Negative prompt", "textbox", {"type": "string"}, ""),
    ("seed", "Seed", "slider", {"type": "number"} | {"between": (0, SEED_MOST)}, 42),
    ("randomize_seed", "Randomize seed", "checkbox", {"type": "boolean"}, False),
    ("width", "Width", "slider", {"type": "number"} | {"between": (64, LARGEST_SIDE)}, 512),
    ("height_ui", "Height", "slider", {"type": "number"} | {"between": (64, LARGEST_SIDE)}, 320),
    ("duration", "Duration (s)", "slider", {"type": "number"} | {"between": (1, LONGEST_S)}, 4),
    ("image", "First frame", "image", {"type": "object", "title": "ImageData"}, None),
)
"""Name, label, component, schema and value of each; the first is a State, no caller's business."""


def config(version: str, prefix: str) -> Json:
    """Return what `/config` tells; before 5.0 it knows no prefix."""
    components: list[Json] = [
        {"id": number, "type": kind, "props": {"name": kind}, "skip_api": kind == "state"}
        for number, (_, _, kind, _, _) in enumerate(INPUTS, 10)
    ]
    components += [
        {"id": 30, "type": "textbox", "props": {"name": "textbox"}, "skip_api": False},
        {"id": 31, "type": "video", "props": {"name": "video"}, "skip_api": False},
    ]
    ids = list(range(10, 10 + len(INPUTS)))
    told: Json = {
        "version": version,
        "mode": "blocks",
        "components": components,
        "dependencies": [
            {"id": 3, "api_name": "clear", "inputs": [11], "outputs": [30], "queue": True},
            {"id": FUNCTION, "api_name": "generate", "inputs": ids, "outputs": [30, 31]},
        ],
        "protocol": "sse_v3",
    }
    return told | {"api_prefix": prefix} if prefix else told


def info() -> Json:
    """Return what `/info` tells."""
    named = [_parameter(*told) for told in INPUTS if told[2] != "state"]
    text = {"label": "Log", "type": {"type": "string"}, "component": "Textbox"}
    video = {"label": "Clip", "type": {"type": "string"}, "component": "Video"}
    return {
        "named_endpoints": {
            "/clear": {"parameters": named[:1], "returns": [text], "show_api": True},
            "/generate": {"parameters": named, "returns": [text, video], "show_api": True},
        },
        "unnamed_endpoints": {},
    }


def arguments(data: list[Any], *, may_skip: bool) -> dict[str, Any] | None:
    """Return the arguments by name; None where there are too few. 6.x lets a State be skipped."""
    names = [name for name, _, _, _, _ in INPUTS]
    if may_skip and len(data) == len(names) - 1:
        data = [None, *data]
    return dict(zip(names, data, strict=False)) if len(data) >= len(names) else None


def spec_of(given: dict[str, Any], deal_seed: Callable[[str], int], weight: int) -> ClipSpec:
    """Return the clip that the function makes; raises TypeError for null among the numbers."""
    prompt = given["prompt"]
    seed = deal_seed(prompt) if given["randomize_seed"] else int(given["seed"])
    return ClipSpec(
        prompt=prompt,
        width=int(given["width"]),
        height=int(given["height_ui"]),
        fps=FPS,
        frames=round(given["duration"] * FPS),
        seed=seed,
        weight=weight,
    )


def about(word: str, eta: float | None) -> Json:
    """Return a message of the queue that tells no more than its name, and how long it will take."""
    if word == "estimation":
        return {"msg": word, "rank": 0, "queue_size": 1, "rank_eta": eta}
    return {"msg": word, "eta": eta}


def progress(percent: int) -> Json:
    """Return the message of a progress bar."""
    unit = {"index": percent, "length": 100, "unit": "steps", "progress": None, "desc": "Sampling"}
    return {"msg": "progress", "progress_data": [unit]}


def _parameter(name: str, label: str, kind: str, schema: Json, value: object) -> Json:
    told = {key: part for key, part in schema.items() if key != "between"}
    bounds = schema.get("between")
    if isinstance(bounds, tuple):
        told["description"] = f"numeric value between {bounds[0]} and {bounds[1]}"
    return {
        "label": label,
        "parameter_name": name,
        "parameter_has_default": value is not None,
        "parameter_default": value,
        "type": told,
        "component": kind.capitalize(),
        "example_input": "Hello!!" if schema["type"] == "string" else 3,
    }
