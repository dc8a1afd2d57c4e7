"""Every knob of the rehearsal backend."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class MockConfig:
    """How a rehearsal goes. Times in seconds, sizes in bytes.

    Without a `folder` jobs live in memory and clips in a temporary folder; with one, a restarted
    mock still knows both.
    """

    folder: Path | None = None
    key: str | None = None
    """When set, every dialect wants it as `Authorization: Bearer`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the `sora-video-gen` dialect wants of every request."""
    cookies: Mapping[str, str] = field(default_factory=dict)
    """The same, for cookies."""
    model: str = "rehearsal"
    queue_s: float = 1.0
    work_s: float = 6.0
    send_s: float = 2.0
    """How long the bytes of one whole clip take, whatever its size."""
    bytes_per_s: float | None = None
    """A fixed rate instead of `send_s`."""
    busy_answers: int = 2
    """How often a `#busy` prompt is turned away before it is taken."""
    retry_after_s: int = 2
    sync_timeout_s: float = 600.0
    """How long a request that waits for its clip may wait."""
    slow_factor: float = 5.0
    big_bytes: int = 90_000_000
    cache_bytes: int = 1_000_000_000
    workers: int = 2
    jobs_kept: int = 10_000
