"""What the tests of self-hosted servers share: one host, and a request that asks for a lot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushes.backends import BackendConfig, load_backend
from rushes.domain import VideoRequest
from rushes.net import Secret

if TYPE_CHECKING:
    from rushes.ports import VideoBackend

HOST = "https://video.example"
CDN = "https://cdn.example/1.mp4"
KEY = "family-canary-0123456789"
JOB_ID = "d" * 26
MODEL = "maker/model"
CLIP = b"\0\0\0\x20ftypisom" + bytes(range(256)) * 9
MP4 = {"Content-Type": "video/mp4"}
WIDE = {"aspect_ratio": "16:9", "resolution": "720p", "duration_s": 5, "seed": 7}
RULES = "Cosmos Guardrail detected unsafe text in the prompt."


def family(profile: str, url: str = HOST, models: tuple[str, ...] = (MODEL,)) -> VideoBackend:
    config = BackendConfig(name="it", url=url, key=Secret(KEY), profile=profile, models=models)
    return load_backend(config)


def asked(**fields: Any) -> VideoRequest:  # noqa: ANN401 - request fields
    return VideoRequest(**({"prompt": "a {kite}"} | WIDE | fields))
