"""The sockets: what the workflow needs of a backend, of a job store and of a clip store.

Each protocol has one contract suite in `tests/contract/` that every implementation must pass.
"""

from __future__ import annotations

from rushes.ports.backends import ClipSource, Finding, Severity, Submission, VideoBackend
from rushes.ports.clips import (
    BlobStat,
    BlobState,
    ClipReader,
    ClipStore,
    ClipWriter,
    Location,
    StoredBlob,
)
from rushes.ports.jobs import Choose, Claimed, JobStore, Lane, Queue, QueuedJob, QueueRow, QueueView
from rushes.ports.people import (
    AccountStore,
    KeptSession,
    OperatorStore,
    Pause,
    SessionStore,
    ShareStore,
)
from rushes.ports.room import Disk, Room

__all__ = [
    "AccountStore",
    "BlobStat",
    "BlobState",
    "Choose",
    "Claimed",
    "ClipReader",
    "ClipSource",
    "ClipStore",
    "ClipWriter",
    "Disk",
    "Finding",
    "JobStore",
    "KeptSession",
    "Lane",
    "Location",
    "OperatorStore",
    "Pause",
    "Queue",
    "QueueRow",
    "QueueView",
    "QueuedJob",
    "Room",
    "SessionStore",
    "Severity",
    "ShareStore",
    "StoredBlob",
    "Submission",
    "VideoBackend",
]
