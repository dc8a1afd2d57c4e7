"""A Cog model that makes a clip, and says on its way how far it is."""

from __future__ import annotations

import sys

from cog import BaseRunner, Input, Path  # type: ignore[import-not-found]
from making import STEPS, clip_for, work  # type: ignore[import-not-found]


class Runner(BaseRunner):  # type: ignore[misc]
    def run(self, prompt: str = Input(description="Prompt"), seed: int = Input(default=1)) -> Path:
        for step in work(prompt):
            sys.stdout.write(f"step {step + 1}/{STEPS}\n")
        return Path(clip_for(prompt, seed=seed))
