"""What the ComfyUI dialects understand of a graph: enough to refuse it, or to make a clip of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushes.mock.refusal import Refusal
from rushes.mock.spec import ClipSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from rushes.mock.dialects.dialect import Json

MODEL = "rehearsal-t2v.safetensors"
LOADERS = {"UNETLoader": "unet_name", "CheckpointLoaderSimple": "ckpt_name"}
OUTPUTS = frozenset({"SaveVideo", "SaveWEBM"})
KNOWN = frozenset(
    {
        *LOADERS,
        *OUTPUTS,
        *("CLIPLoader", "CLIPTextEncode", "CreateVideo", "EmptyHunyuanLatentVideo", "KSampler"),
        *("KSamplerAdvanced", "LoadImage", "ModelSamplingSD3", "VAEDecode", "VAELoader"),
    }
)
FPS = 16


class Refused(Refusal):
    """A graph that is not taken; `body` is the whole answer."""

    def __init__(self, error: Json, node_errors: Json | None = None) -> None:
        super().__init__(400, str(error["message"]))
        self.body: Json = {"error": error, "node_errors": node_errors or {}}


def check_graph(graph: dict[str, Any], pictures: Collection[str]) -> None:
    """Raise Refused for an unknown node, a graph without output, or a file that is not there."""
    for node_id, node in graph.items():
        if node.get("class_type") not in KNOWN:
            raise Refused(_missing(node_id, node))
    if not any(node["class_type"] in OUTPUTS for node in graph.values()):
        raise Refused(_error("prompt_no_outputs", "Prompt has no outputs", {}))
    wrong: Json = {
        node_id: told
        for node_id, node in graph.items()
        if (told := _wrong_model(node) or _wrong_picture(node, pictures))
    }
    if wrong:
        error = _error("prompt_outputs_failed_validation", "Prompt outputs failed validation", {})
        raise Refused(error, wrong)


def prompt_in(graph: dict[str, Any]) -> str:
    """Return the positive prompt: the text that a sampler's `positive` leads to."""
    for node in graph.values():
        link = node["inputs"].get("positive")
        if isinstance(link, list):
            text = graph.get(str(link[0]), {}).get("inputs", {}).get("text")
            if isinstance(text, str):
                return text
    return next(_inputs(graph, "text"), "")


def picture_name(graph: dict[str, Any]) -> str | None:
    """Return the name of the picture that the graph loads."""
    return next(_inputs(graph, "image"), None)


def spec_in(graph: dict[str, Any], weight: int) -> ClipSpec:
    """Return the clip that the graph makes; raises ValueError or TypeError for odd numbers."""
    seeds = (*_inputs(graph, "seed"), *_inputs(graph, "noise_seed"), 0)
    return ClipSpec(
        prompt=prompt_in(graph),
        width=int(next(_inputs(graph, "width"), 832)),
        height=int(next(_inputs(graph, "height"), 480)),
        fps=int(next(_inputs(graph, "fps"), FPS)),
        frames=int(next(_inputs(graph, "length"), 33)),
        seed=int(seeds[0]) & 0x7FFFFFFF,
        weight=weight,
    )


def node_of(graph: dict[str, Any], *kinds: str) -> tuple[str, str]:
    """Return number and kind of the first node of these kinds."""
    found = ((n, str(node["class_type"])) for n, node in graph.items())
    return next((pair for pair in found if pair[1] in kinds), ("1", kinds[0]))


def _inputs(graph: dict[str, Any], name: str) -> Iterator[Any]:
    for node in graph.values():
        if name in node["inputs"] and not isinstance(node["inputs"][name], list):
            yield node["inputs"][name]


def _missing(node_id: str, node: dict[str, Any]) -> Json:
    kind = node.get("class_type")
    title = node.get("_meta", {}).get("title", kind)
    extra = {"node_id": node_id, "class_type": kind, "node_title": title}
    message = f"Node '{title}' not found. The custom node may not be installed."
    return _error("missing_node_type", message, extra)


def _wrong_model(node: dict[str, Any]) -> Json | None:
    name = LOADERS.get(node["class_type"])
    value = node["inputs"].get(name) if name else None
    if name is None or value == MODEL:
        return None
    told = {
        "type": "value_not_in_list",
        "message": "Value not in list",
        "details": f"{name}: '{value}' not in ['{MODEL}']",
        "extra_info": {"input_name": name, "received_value": value},
    }
    return {"errors": [told], "dependent_outputs": ["8"], "class_type": node["class_type"]}


def _wrong_picture(node: dict[str, Any], pictures: Collection[str]) -> Json | None:
    if node["class_type"] != "LoadImage" or node["inputs"].get("image") in pictures:
        return None
    told = {
        "type": "custom_validation_failed",
        "message": "Custom validation failed for node",
        "details": f"image - Invalid image file: {node['inputs'].get('image')}",
        "extra_info": {"input_name": "image"},
    }
    return {"errors": [told], "dependent_outputs": ["8"], "class_type": "LoadImage"}


def _error(kind: str, message: str, extra: Json) -> Json:
    return {"type": kind, "message": message, "details": "", "extra_info": extra}
