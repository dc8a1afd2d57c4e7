"""Two BentoML services: one answers with the clip, the other's function is a task to follow.

The task returns bytes: the local store of 1.4.39 never ends one that returns a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import bentoml  # type: ignore[import-not-found]
from making import clip_for, work  # type: ignore[import-not-found]

MP4 = bentoml.validators.ContentType("video/mp4")


@bentoml.service(workers=1)
class Clips:
    @bentoml.api  # type: ignore[untyped-decorator]
    def generate(
        self, prompt: str, width: int = 64, height: int = 64, num_frames: int = 8, seed: int = 1
    ) -> Annotated[Path, MP4]:
        return made(prompt, width=width, height=height, num_frames=num_frames, seed=seed)


@bentoml.service(workers=1)
class Tasks:
    @bentoml.task  # type: ignore[untyped-decorator]
    def generate(
        self, prompt: str, width: int = 64, height: int = 64, num_frames: int = 8, seed: int = 1
    ) -> Annotated[bytes, MP4]:
        path = made(prompt, width=width, height=height, num_frames=num_frames, seed=seed)
        return path.read_bytes()


def made(prompt: str, **asked: int) -> Path:
    for _ in work(prompt):
        pass
    return Path(clip_for(prompt, **asked))
