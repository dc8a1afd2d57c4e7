"""What the tests of hosted services share: one made-up host, and a backend of any profile there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import respx

from rushes.backends import BackendConfig, load_backend
from rushes.domain import RemoteJob, VideoRequest
from rushes.net import Secret

if TYPE_CHECKING:
    from rushes.ports import VideoBackend

HOST = "https://api.example"
KEY = "hosted-canary-0123456789"
JOB_ID = "d" * 26
MODEL = "maker/model/text-to-video"
WIDE: dict[str, Any] = {
    "aspect_ratio": "16:9",
    "resolution": "720p",
    "duration_s": 5,
    "seed": 7,
}


def hosted(profile: str, *, models: tuple[str, ...] = (MODEL,)) -> VideoBackend:
    return load_backend(
        BackendConfig(name=profile, url=HOST, key=Secret(KEY), profile=profile, models=models)
    )


async def submitted(profile: str, **fields: Any) -> RemoteJob:  # noqa: ANN401 - request fields
    request = VideoRequest(**({"prompt": "x"} | WIDE | fields))
    return (await hosted(profile).submit(request, idempotency_key=JOB_ID)).remote


async def polled(profile: str, answer: dict[str, Any], status: int = 200) -> RemoteJob:
    """Ask once how a job stands and get just this answer."""
    urls = {"get": f"{HOST}/s"} if profile == "wavespeed" else {}
    with respx.mock() as wire:
        wire.route(url__startswith=HOST).respond(status, json=answer)
        return await hosted(profile).poll(RemoteJob("1", urls=urls))
