"""What every app here does with a prompt: one clip, no other has its bytes, and a note beside it.

Runs in the server's own environment, so it needs nothing but the standard library. The folder is
named by `REAL_FOLDER` and holds `base.mp4`; a clip is that and a `free` box with words of its own
(ISO/IEC 14496-12, 8.1.2), and the note says what its sha256 and size are.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = 5
STEP_S = 0.1
SLOW_STEP_S = 0.6
HELD_S = 60.0
REFUSAL = "NSFW content detected. Try running it again, or try a different prompt."


class Refused(Exception):
    """The prompt is one that the model does not take."""


def work(prompt: str) -> Iterator[int]:
    """Yield the number of each step as it begins; raises where the prompt asks for it."""
    if "#refuse" in prompt:
        raise Refused(REFUSAL)
    if "#held" in prompt:
        _held()
    for step in range(STEPS):
        yield step
        time.sleep(SLOW_STEP_S if "#slow" in prompt else STEP_S)
        if "#fail" in prompt and step == STEPS // 2:
            raise RuntimeError("out of memory (pretend)")


def _held() -> None:
    """Wait until the folder has a file `go`, at most `HELD_S`."""
    go = Path(os.environ["REAL_FOLDER"]) / "go"
    ends = time.monotonic() + HELD_S
    while not go.exists() and time.monotonic() < ends:
        time.sleep(0.05)


def clip_for(prompt: str, **asked: object) -> Path:
    """Make a clip and its note, and return where the clip is."""
    folder = Path(os.environ["REAL_FOLDER"])
    words = f"{uuid.uuid4().hex} {prompt}".encode()
    data = (folder / "base.mp4").read_bytes() + _box(b"free", words)
    path = folder / f"{uuid.uuid4().hex}.mp4"
    path.write_bytes(data)
    note = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    told = json.dumps({"prompt": prompt, "asked": asked, **note})
    path.with_suffix(".json").write_text(told, encoding="utf-8")
    return path


def _box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content
