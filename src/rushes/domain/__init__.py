"""The nouns: what a person asks for, what a backend says of it, and what we keep.

Everything here is a frozen value. A job moves by methods that return the next job; the arrows
that exist are the table `MOVES`, and any other raises `JobConflict`.
"""

from __future__ import annotations

from rushes.domain.account import (
    EVERY_BACKEND,
    EVERYONE_SIGNED_IN,
    GROUP,
    NAME,
    Account,
    ApiToken,
    AuditLine,
    Hold,
    Share,
    TokenScope,
)
from rushes.domain.clip import Clip, Download
from rushes.domain.custody import Custody
from rushes.domain.failure import Failure, Stage
from rushes.domain.identity import (
    ID_ALPHABET,
    ID_LENGTH,
    ID_PATTERN,
    LOCAL_OWNER,
    derived_id,
    new_id,
    utc_now,
)
from rushes.domain.job import FINAL, MOVES, RUNNING, UNDER_WAY, Job, JobEvent, JobStatus
from rushes.domain.price import Price
from rushes.domain.record import BackendRecord, Ending, JobCount
from rushes.domain.remote import CancelOutcome, RemoteJob, RemoteStatus
from rushes.domain.request import (
    PROMPT_MAX,
    Capabilities,
    Catalogue,
    PromptUnit,
    Resolution,
    Shape,
    VideoRequest,
    Words,
)
from rushes.domain.setting import EXACT_MAX, SETTING_NAME, Setting
from rushes.domain.viewing import EVERYONE, LOCAL_VIEWER, JobPage, JobQuery, Limits, Scope, Viewer

__all__ = [
    "EVERYONE",
    "EVERYONE_SIGNED_IN",
    "EVERY_BACKEND",
    "EXACT_MAX",
    "FINAL",
    "GROUP",
    "ID_ALPHABET",
    "ID_LENGTH",
    "ID_PATTERN",
    "LOCAL_OWNER",
    "LOCAL_VIEWER",
    "MOVES",
    "NAME",
    "PROMPT_MAX",
    "RUNNING",
    "SETTING_NAME",
    "UNDER_WAY",
    "Account",
    "ApiToken",
    "AuditLine",
    "BackendRecord",
    "CancelOutcome",
    "Capabilities",
    "Catalogue",
    "Clip",
    "Custody",
    "Download",
    "Ending",
    "Failure",
    "Hold",
    "Job",
    "JobCount",
    "JobEvent",
    "JobPage",
    "JobQuery",
    "JobStatus",
    "Limits",
    "Price",
    "PromptUnit",
    "RemoteJob",
    "RemoteStatus",
    "Resolution",
    "Scope",
    "Setting",
    "Shape",
    "Share",
    "Stage",
    "TokenScope",
    "VideoRequest",
    "Viewer",
    "Words",
    "derived_id",
    "new_id",
    "utc_now",
]
