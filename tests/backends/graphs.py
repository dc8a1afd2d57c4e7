"""A text-to-video workflow as ComfyUI's “Export (API)” writes it, with placeholders."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from rushes.backends import BackendConfig, load_backend
from rushes.net import Secret
from tests.backends.following import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from rushes.ports import VideoBackend

COMFY = "http://comfy.test:8188"

GRAPH: dict[str, Any] = {
    "1": {
        "class_type": "UNETLoader",
        "inputs": {"unet_name": "rehearsal-t2v.safetensors", "weight_dtype": "default"},
        "_meta": {"title": "Load model"},
    },
    "2": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "cinematic. {{prompt}}", "clip": ["9", 0]},
        "_meta": {"title": "What to see"},
    },
    "3": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "{{negative_prompt}}", "clip": ["9", 0]},
    },
    "4": {
        "class_type": "EmptyHunyuanLatentVideo",
        "inputs": {
            "width": "{{width|default:832|int}}",
            "height": "{{height|default:480|int}}",
            "length": "{{duration_s|frames:16}}",
            "batch_size": 1,
        },
    },
    "5": {
        "class_type": "KSampler",
        "inputs": {
            "seed": "{{seed}}",
            "steps": 20,
            "model": ["1", 0],
            "positive": ["2", 0],
            "negative": ["3", 0],
            "latent_image": ["4", 0],
        },
        "_meta": {"title": "Sampler"},
    },
    "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["10", 0]}},
    "7": {"class_type": "CreateVideo", "inputs": {"images": ["6", 0], "fps": 16}},
    "8": {
        "class_type": "SaveVideo",
        "inputs": {"video": ["7", 0], "filename_prefix": "video/rushes", "format": "mp4"},
    },
    "9": {"class_type": "CLIPLoader", "inputs": {"clip_name": "umt5.safetensors"}},
    "10": {"class_type": "VAELoader", "inputs": {"vae_name": "wan_vae.safetensors"}},
}


def graph(**changes: tuple[str, str, Any]) -> dict[str, Any]:
    """Return the graph with inputs changed: name=(node, input, value)."""
    changed = copy.deepcopy(GRAPH)
    for node, name, value in changes.values():
        changed[node]["inputs"][name] = value
    return changed


def write_graph(folder: Path, workflow: Any = None) -> Path:  # noqa: ANN401 - any JSON
    path = folder / "workflow.json"
    path.write_text(json.dumps(GRAPH if workflow is None else workflow), encoding="utf-8")
    return path


def made(folder: Path, *, workflow: Any = None, **options: Any) -> VideoBackend:  # noqa: ANN401
    """Return a backend for a server that only a mocked wire knows."""
    told = {"workflow": write_graph(folder, workflow)} | options
    config = BackendConfig(
        name="comfy", url=COMFY, profile="comfyui", key=Secret(KEY), options=told
    )
    return load_backend(config)
