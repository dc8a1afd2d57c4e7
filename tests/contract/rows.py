"""The backends that the contract suite is run on: a new profile is a new row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rushes.backends import BackendConfig
from rushes.domain import CancelOutcome
from rushes.net import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "contract-key-5f1d20"
CRUMB = "contract-crumb-77"
SMALL = {"width": 128, "height": 72, "duration_s": 1}


@dataclass(frozen=True)
class Row:
    """One profile at one dialect, and what is true of the two together."""

    profile: str
    base: str
    models: tuple[str, ...] = ()
    with_key: bool = True
    has_progress: bool = False
    cancel: CancelOutcome | None = CancelOutcome.STOPPED_WAITING
    """None where it depends on the moment; then the profile's own tests tell."""
    wrong_key: str = "unauthorized"
    rewrites: bool = False
    busy: tuple[str, bool] = ("rate_limited", True)
    """What being turned away is called, and whether it may be tried again."""
    asks: Mapping[str, Any] = field(default_factory=lambda: SMALL)
    """Fields beside the prompt."""
    in_every_run: bool = False
    """Whether the fast suite has it too."""

    @property
    def is_synchronous(self) -> bool:
        return self.profile == "sync-bytes"

    def config(self, address: str, *, secret: str = KEY) -> BackendConfig:
        headers = {} if self.with_key else {"X-Sentinel": Secret(secret)}
        return BackendConfig(
            name=self.profile,
            url=f"{address}{self.base}",
            key=Secret(secret) if self.with_key else None,
            profile=self.profile,
            models=self.models,
            headers=headers,
            cookies={} if self.with_key else {"session": Secret(CRUMB)},
        )


ROWS = [
    Row("openai-videos", "/v1", in_every_run=True, cancel=CancelOutcome.CONFIRMED),
    Row("openai-videos", "/sglang/v1", in_every_run=True, has_progress=True),
    Row(
        "openai-videos",
        "/litellm/v1",
        in_every_run=True,
        models=("rehearsal",),
        has_progress=True,
        wrong_key="refused_by_backend",
    ),
    Row(
        "sora-video-gen",
        "/sora",
        in_every_run=True,
        with_key=False,
        has_progress=True,
        rewrites=True,
    ),
    Row("sync-bytes", "/v1", in_every_run=True),
    Row("fal", "/fal", models=("fal-ai/rehearsal/text-to-video",)),
    Row(
        "replicate",
        "/replicate",
        models=("maker/rehearsal",),
        has_progress=True,
        cancel=CancelOutcome.CONFIRMED,
    ),
    Row("minimax-v1", "/minimax"),
    Row(
        "runway",
        "/runway",
        has_progress=True,
        cancel=CancelOutcome.CONFIRMED,
        busy=("quota_exhausted", False),
        asks={"duration_s": 2},
    ),
    Row("luma", "/luma", asks={}),
    Row("kling", "/kling", asks={}),
    Row("dashscope", "/dashscope", rewrites=True, cancel=None),
    Row("together", "/together"),
    Row("xai", "/xai", has_progress=True),
]
