"""The jobs of the rehearsal backend: how one stands is a function of its record and the time."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rushes.errors import InvalidRequest
from rushes.mock.spec import ClipSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

STALLS_AT = 42


class Ending(StrEnum):
    """What becomes of a job."""

    COMPLETES = "completes"
    FAILS = "fails"
    CRASHES = "crashes"
    REJECTED = "rejected"
    STALLS = "stalls"


REASONS = {
    Ending.FAILS: "The clip did not come out: the rehearsal was asked to fail (#fail).",
    Ending.REJECTED: "The clip was withheld (rehearsed by #reject).",
    Ending.CRASHES: "CUDA out of memory (rehearsed by #error).",
}


class Status(StrEnum):
    """The four words of the `/v1/videos` shape."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands at one moment; `progress` is 0 to 100, `ended_at` in Unix seconds."""

    status: Status
    progress: int = 0
    reason: str | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class MockJob:
    """One accepted submission. `id` is what the create answer said, `key` names its file."""

    key: str
    id: str
    dialect: str
    model: str
    spec: ClipSpec
    created_at: float
    queue_s: float
    work_s: float
    ending: Ending = Ending.COMPLETES
    idempotency_key: str | None = None
    picture: str | None = None
    """The SHA-256 of the first frame that came with it, in hex."""
    withheld: str = ""
    """What its server says of a clip that breaks content rules, where no code says it."""
    rendered_at: float | None = None
    is_deleted: bool = False

    @property
    def makes_clip(self) -> bool:
        """Whether a clip is needed at all."""
        return self.ending is Ending.COMPLETES

    def standing(self, now: float) -> Standing:
        """Say how the job stands at `now`."""
        begins = self.created_at + self.queue_s
        if now < begins:
            return Standing(Status.QUEUED)
        ends = self._ends_at()
        if ends is None or now < ends:
            return Standing(Status.IN_PROGRESS, self._progress(now - begins))
        reason = REASONS.get(self.ending)
        if reason is not None:
            said = self.withheld if self.ending is Ending.REJECTED else ""
            return Standing(Status.FAILED, self._progress(ends - begins), said or reason, ends)
        return Standing(Status.COMPLETED, 100, None, ends)

    def _ends_at(self) -> float | None:
        planned = self.created_at + self.queue_s + self.work_s
        if self.ending is Ending.STALLS or (self.makes_clip and self.rendered_at is None):
            return None
        if self.ending is Ending.CRASHES:
            return planned - self.work_s / 2
        return max(planned, self.rendered_at or planned)

    def _progress(self, worked_s: float) -> int:
        share = worked_s / self.work_s if self.work_s else 1.0
        most = STALLS_AT if self.ending is Ending.STALLS else 99
        return min(most, int(100 * share))


class JobBook:
    """Remembers accepted submissions, deleted ones too, in a folder of small files or in memory.

    Holds at most `kept` records; the oldest go first.
    """

    def __init__(self, folder: Path | None, *, kept: int) -> None:
        self._folder = folder
        self._kept = kept
        self._jobs: dict[str, MockJob] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._jobs = {job.id: job for job in _read_all(folder)}

    def __iter__(self) -> Iterator[MockJob]:
        """Yield every record, oldest first."""
        return iter(tuple(self._jobs.values()))

    def get(self, job_id: str) -> MockJob | None:
        """Return a record, deleted or not."""
        return self._jobs.get(job_id)

    def keep(self, job: MockJob) -> None:
        """Write a record, new or changed."""
        self._jobs[job.id] = job
        if self._folder is not None:
            draft = self._folder / f"{job.key}.part"
            draft.write_text(json.dumps(asdict(job)), encoding="utf-8")
            draft.replace(self._folder / f"{job.key}.json")
        while len(self._jobs) > self._kept:
            self._drop(next(iter(self._jobs)))

    def update(self, job_id: str, change: Callable[[MockJob], MockJob]) -> None:
        """Write a record anew, if it is still there."""
        current = self._jobs.get(job_id)
        if current is not None:
            self.keep(change(current))

    def clear(self) -> None:
        """Forget everything."""
        for job_id in tuple(self._jobs):
            self._drop(job_id)

    def _drop(self, job_id: str) -> None:
        job = self._jobs.pop(job_id)
        if self._folder is not None:
            (self._folder / f"{job.key}.json").unlink(missing_ok=True)


def _read_all(folder: Path) -> list[MockJob]:
    found = []
    for file in folder.glob("*.json"):
        try:
            found.append(_revived(json.loads(file.read_text(encoding="utf-8"))))
        except (ValueError, TypeError, KeyError, InvalidRequest):
            log.warning("%s is no job of this version, left out", file.name)
    return sorted(found, key=lambda job: job.created_at)


def _revived(record: dict[str, Any]) -> MockJob:
    spec, ending = ClipSpec(**record.pop("spec")), Ending(record.pop("ending"))
    return MockJob(**record, spec=spec, ending=ending)
