"""The dialects of the rehearsal backend, by base path: one file each, one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushes.mock.dialects.comfyui import ComfyUI, ComfyUI3
from rushes.mock.dialects.dashscope import DashScope
from rushes.mock.dialects.fal import Fal
from rushes.mock.dialects.gradio import Gradio4, Gradio5, Gradio6
from rushes.mock.dialects.kling import Kling
from rushes.mock.dialects.litellm import LiteLLM
from rushes.mock.dialects.luma import Luma
from rushes.mock.dialects.minimax import MiniMaxV1
from rushes.mock.dialects.replicate import Replicate
from rushes.mock.dialects.runway import Runway
from rushes.mock.dialects.sglang import SGLang
from rushes.mock.dialects.sora_video_gen import SoraVideoGen
from rushes.mock.dialects.together import Together
from rushes.mock.dialects.vllm_omni import VLLMOmni
from rushes.mock.dialects.xai import XAI

if TYPE_CHECKING:
    from rushes.mock.dialects.dialect import Dialect

DIALECTS: dict[str, type[Dialect]] = {
    "/v1": VLLMOmni,
    "/sglang/v1": SGLang,
    "/litellm/v1": LiteLLM,
    "/sora": SoraVideoGen,
    "/comfyui": ComfyUI,
    "/comfyui3": ComfyUI3,
    "/gradio": Gradio6,
    "/gradio5": Gradio5,
    "/gradio4": Gradio4,
    "/fal": Fal,
    "/replicate": Replicate,
    "/minimax": MiniMaxV1,
    "/runway": Runway,
    "/luma": Luma,
    "/kling": Kling,
    "/dashscope": DashScope,
    "/together": Together,
    "/xai": XAI,
}
