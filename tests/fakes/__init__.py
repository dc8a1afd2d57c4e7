"""Stores in memory, a backend by script, a clock by hand: for tests of what stands on them."""

from __future__ import annotations

from tests.fakes.backend import Call, ScriptedBackend, ScriptedClip
from tests.fakes.clips import MemoryClips
from tests.fakes.jobs import BusyJobs, MemoryJobs, StoppedClock, a_job

__all__ = [
    "BusyJobs",
    "Call",
    "MemoryClips",
    "MemoryJobs",
    "ScriptedBackend",
    "ScriptedClip",
    "StoppedClock",
    "a_job",
]
