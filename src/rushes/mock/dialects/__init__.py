"""The dialects of the rehearsal backend, by base path: one file each, one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushes.mock.dialects.ark import Ark
from rushes.mock.dialects.bentoml import BentoML
from rushes.mock.dialects.cog import Cog
from rushes.mock.dialects.comfy_api_v2 import ComfyApiV2
from rushes.mock.dialects.comfyui import ComfyUI, ComfyUI3
from rushes.mock.dialects.dashscope import DashScope
from rushes.mock.dialects.dynamo import Dynamo
from rushes.mock.dialects.fal import Fal
from rushes.mock.dialects.fastvideo import FastVideo
from rushes.mock.dialects.gemini_omni import GeminiOmni
from rushes.mock.dialects.gradio import Gradio4, Gradio5, Gradio6
from rushes.mock.dialects.higgsfield import Higgsfield
from rushes.mock.dialects.huggingface import HuggingFace
from rushes.mock.dialects.kling import Kling
from rushes.mock.dialects.lightx2v import LightX2V
from rushes.mock.dialects.litellm import LiteLLM
from rushes.mock.dialects.localai import LocalAI
from rushes.mock.dialects.ltx import LTX
from rushes.mock.dialects.luma import Luma
from rushes.mock.dialects.luma_dream_machine import LumaDreamMachine
from rushes.mock.dialects.minimax import MiniMaxV1
from rushes.mock.dialects.minimax_v2 import MiniMaxV2
from rushes.mock.dialects.openai import OpenAI
from rushes.mock.dialects.openrouter import OpenRouter
from rushes.mock.dialects.replicate import Replicate
from rushes.mock.dialects.runway import Runway
from rushes.mock.dialects.sd_server import SdServer
from rushes.mock.dialects.sglang import SGLang
from rushes.mock.dialects.siliconflow import SiliconFlow
from rushes.mock.dialects.sora_video_gen import SoraVideoGen
from rushes.mock.dialects.stability import Stability
from rushes.mock.dialects.swarmui import SwarmUI
from rushes.mock.dialects.sync_json import SyncJson
from rushes.mock.dialects.tensorrt_llm import TensorRTLLM
from rushes.mock.dialects.together import Together
from rushes.mock.dialects.vllm_omni import VLLMOmni
from rushes.mock.dialects.wavespeed import WaveSpeed
from rushes.mock.dialects.xai import XAI
from rushes.mock.dialects.xinference import Xinference

if TYPE_CHECKING:
    from rushes.mock.dialects.dialect import Dialect

DIALECTS: dict[str, type[Dialect]] = {
    "/v1": VLLMOmni,
    "/openai/v1": OpenAI,
    "/sglang/v1": SGLang,
    "/litellm/v1": LiteLLM,
    "/fastvideo/v1": FastVideo,
    "/tensorrt-llm/v1": TensorRTLLM,
    "/dynamo/v1": Dynamo,
    "/localai": LocalAI,
    "/cog": Cog,
    "/sync-json/v1": SyncJson,
    "/huggingface": HuggingFace,
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
    "/minimax2": MiniMaxV2,
    "/ark": Ark,
    "/openrouter": OpenRouter,
    "/ltx": LTX,
    "/higgsfield": Higgsfield,
    "/wavespeed": WaveSpeed,
    "/siliconflow": SiliconFlow,
    "/dream-machine": LumaDreamMachine,
    "/sd-server": SdServer,
    "/lightx2v": LightX2V,
    "/bentoml": BentoML,
    "/xinference": Xinference,
    "/swarmui": SwarmUI,
    "/comfy-api": ComfyApiV2,
    "/stability": Stability,
    "/gemini": GeminiOmni,
}
