"""The dialects of the rehearsal backend, by base path: one file each, one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushes.mock.dialects.comfyui import ComfyUI, ComfyUI3
from rushes.mock.dialects.gradio import Gradio4, Gradio5, Gradio6
from rushes.mock.dialects.litellm import LiteLLM
from rushes.mock.dialects.sglang import SGLang
from rushes.mock.dialects.sora_video_gen import SoraVideoGen
from rushes.mock.dialects.vllm_omni import VLLMOmni

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
}
