"""The backends that the contract suite is run on: a new profile is a new row."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from rushes.backends import KINDS, BackendConfig
from rushes.backends.contract import PICTURE, WORDS, Traits
from rushes.backends.language.files import load_profile
from rushes.domain import CancelOutcome
from rushes.net import Secret
from tests.backends.graphs import graph, write_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

KEY = "contract-key-5f1d20"
CRUMB = "contract-crumb-77"
SMALL = {"width": 128, "height": 72, "duration_s": 1}
SHORT = {"duration_s": 1}
"""For profiles that have no words for a size of one's own."""


@dataclass(frozen=True)
class Row(Traits):
    """One profile or kind of backend at one dialect, and what is true of the two together."""

    profile: str
    base: str
    _: KW_ONLY
    models: tuple[str, ...] = ()
    with_key: bool = True
    asks: Mapping[str, Any] = field(default_factory=lambda: SMALL)
    options: Callable[[Path], Mapping[str, object]] = lambda _: {}
    """A code backend's own, whose files may go into a folder."""
    cannot: tuple[str, ...] = ()
    """Words that this dialect has no answer to play on."""
    in_every_run: bool = False
    """Whether the fast suite has it too."""

    @property
    def words(self) -> set[str]:
        return set(WORDS) - set(self.cannot)

    @property
    def least(self) -> Mapping[str, Any]:
        """What to ask for: as small as the profile can say it."""
        if self.asks is not SMALL or self.profile in KINDS:
            return self.asks
        return SMALL if load_profile(self.profile).takes().pixels else SHORT

    def config(self, address: str, folder: Path, *, secret: str = KEY) -> BackendConfig:
        headers = {} if self.with_key else {"X-Sentinel": Secret(secret)}
        return BackendConfig(
            name=self.profile,
            url=f"{address}{self.base}",
            key=Secret(secret) if self.with_key else None,
            profile=self.profile,
            models=self.models,
            headers=headers,
            cookies={} if self.with_key else {"session": Secret(CRUMB)},
            options=self.options(folder),
        )


LOAD_IMAGE = {"class_type": "LoadImage", "inputs": {"image": "{{first_frame|default:example.png}}"}}
WITH_PICTURE = graph(text=("2", "text", "{{prompt}}")) | {"11": LOAD_IMAGE}


def comfyui(base: str, *cannot: str) -> Row:
    return Row(
        "comfyui",
        base,
        options=lambda folder: {"workflow": write_graph(folder, WITH_PICTURE)},
        has_progress=True,
        takes_picture=True,
        cancel=CancelOutcome.CONFIRMED,
        refused="refused_by_backend",  # it has no content rules
        withheld="generation_failed",
        cannot=cannot,
    )


def gradio(base: str) -> Row:
    return Row(
        "gradio",
        base,
        has_progress=True,
        takes_picture=True,
        busy=("concurrency_limited", True),
        says_when=False,
        cannot=("#html", "#bare", "#odd-word"),  # a stream of events tells how it stands
    )


ROWS = [
    *(gradio(base) for base in ("/gradio", "/gradio5", "/gradio4")),
    comfyui("/comfyui"),
    comfyui("/comfyui3", "#odd-word"),  # its history has no word for how a job stands
    Row(
        "openai-videos",
        "/v1",
        takes_picture=True,
        in_every_run=True,
        cancel=CancelOutcome.CONFIRMED,
    ),
    Row("openai-videos", "/openai/v1", takes_picture=True, has_progress=True),
    Row("openai-videos", "/sglang/v1", takes_picture=True, has_progress=True),
    Row(
        "openai-videos",
        "/litellm/v1",
        takes_picture=True,
        models=("rehearsal",),
        has_progress=True,
    ),
    Row(
        "sora-video-gen",
        "/sora",
        in_every_run=True,
        with_key=False,
        has_progress=True,
        rewrites=True,
    ),
    Row("openai-videos", "/fastvideo/v1", takes_picture=True),
    Row(
        "openai-videos+tensorrt-llm",
        "/tensorrt-llm/v1",
        takes_picture=True,
        cancel=CancelOutcome.CONFIRMED,
    ),
    Row(
        "openai-videos+dynamo",
        "/dynamo/v1",
        takes_picture=True,
        models=("rehearsal",),
        is_synchronous=True,
    ),
    Row("localai", "/localai", takes_picture=True, models=("rehearsal",), is_synchronous=True),
    Row(
        "cog",
        "/cog",
        takes_picture=True,
        is_synchronous=True,
        busy=("concurrency_limited", True),
        says_when=False,
    ),
    Row("sync-json", "/sync-json/v1", is_synchronous=True),
    Row(
        "huggingface", "/huggingface", models=("maker/rehearsal/text-to-video",), is_provable=False
    ),
    Row(
        "huggingface+novita",
        "/huggingface",
        models=("rehearsal",),
        is_synchronous=True,
        is_provable=False,
    ),
    Row(
        "huggingface+replicate",
        "/huggingface",
        models=("maker/r",),
        is_synchronous=True,
        is_provable=False,
    ),
    Row("huggingface+together", "/huggingface", models=("maker/rehearsal",), is_provable=False),
    Row("huggingface+wavespeed", "/huggingface", models=("maker/rehearsal",), is_provable=False),
    Row(
        "sync-bytes",
        "/v1",
        takes_picture=True,
        in_every_run=True,
        is_synchronous=True,
    ),
    Row(
        "fal",
        "/fal",
        takes_picture=True,
        models=("fal-ai/rehearsal/text-to-video",),
        is_provable=False,
    ),
    Row(
        "replicate",
        "/replicate",
        takes_picture=True,
        models=("maker/rehearsal",),
        has_progress=True,
        cancel=CancelOutcome.CONFIRMED,
    ),
    Row("minimax-v1", "/minimax", takes_picture=True),
    Row(
        "runway",
        "/runway",
        takes_picture=True,
        has_progress=True,
        cancel=CancelOutcome.CONFIRMED,
        busy=("quota_exhausted", False),
        asks={"duration_s": 2},
        cannot=("#refuse",),  # it takes the prompt, and its task fails
    ),
    Row("luma", "/luma", takes_picture=True, asks={}, is_provable=False),
    Row("kling", "/kling", asks={}),
    Row("kling+image", "/kling", takes_picture=True, asks={"first_frame": PICTURE}),
    Row("dashscope", "/dashscope", takes_picture=True, rewrites=True, cancel=None),
    Row("together", "/together"),
    Row("xai", "/xai", takes_picture=True, has_progress=True),
    Row("minimax-v2", "/minimax2", takes_picture=True, rewrites=True, cancel=None, asks={}),
    Row("ark", "/ark", takes_picture=True, models=("seedance",), rewrites=True, cancel=None),
    Row("openrouter", "/openrouter", takes_picture=True, models=("maker/rehearsal",)),
    Row(
        "ltx-v1",
        "/ltx",
        takes_picture=True,
        is_synchronous=True,
        cannot=("#html-answer", "#bare-answer"),  # its clips do not say that they are clips
    ),
    Row("ltx-v2", "/ltx"),
    Row("ltx-v2+image", "/ltx", takes_picture=True, asks=SMALL | {"first_frame": PICTURE}),
    Row("higgsfield", "/higgsfield", models=("maker/rehearsal",), is_provable=False),
    Row("wavespeed", "/wavespeed", takes_picture=True, models=("maker/rehearsal",)),
    Row(
        "siliconflow",
        "/siliconflow",
        takes_picture=True,
        models=("rehearsal",),
        asks={},
        cannot=("#html", "#bare", "#odd-word"),  # its polls do not name the job in sight
    ),
    Row("luma-dream-machine", "/dream-machine", asks={}),
    Row(
        "sd-server",
        "/sd-server",
        takes_picture=True,
        cancel=None,
        busy=("concurrency_limited", True),
        says_when=False,
        cannot=("#expired",),  # its clips are in its polls
    ),
    Row(
        "lightx2v",
        "/lightx2v",
        takes_picture=True,
        cancel=CancelOutcome.CONFIRMED,
        busy=("concurrency_limited", True),
        says_when=False,
    ),
    Row("bentoml", "/bentoml", is_synchronous=True),
    Row("bentoml-task", "/bentoml", withheld="generation_failed"),
    Row(
        "xinference",
        "/xinference",
        models=("rehearsal",),
        is_synchronous=True,
        cannot=("#html-answer", "#bare-answer"),  # its answers name no job
    ),
    Row(
        "swarmui",
        "/swarmui",
        models=("rehearsal",),
        is_synchronous=True,
        cannot=("#busy",),  # it turns nobody away
    ),
    Row(
        "comfy-api-v2",
        "/comfy-api",
        models=("rehearsal-t2v.safetensors",),
        has_progress=True,
        cancel=CancelOutcome.CONFIRMED,
    ),
    Row(
        "gemini-omni",
        "/gemini/v1beta",
        takes_picture=True,
        cancel=CancelOutcome.CONFIRMED,
        asks={"duration_s": 1},
    ),
]
