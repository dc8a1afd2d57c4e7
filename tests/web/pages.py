"""Jobs in every state a person can meet, made by the domain's own moves, and what reads a page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

from rushes.domain import (
    CancelOutcome,
    Clip,
    Download,
    Failure,
    Job,
    RemoteJob,
    RemoteStatus,
    Stage,
    VideoRequest,
)

NOW = datetime(2026, 11, 23, 13, 14, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
JOB_ID = "abcdefghijklmnopqrstuvwxyz"
DEADLINE = timedelta(minutes=30)
VOID = frozenset({"meta", "link", "input", "br", "img", "use", "rect"})


def queued(prompt: str = "A red crane lands on a lake", **asked: object) -> Job:
    request = VideoRequest.model_validate(
        {"prompt": prompt, "aspect_ratio": "16:9", "resolution": "720p", "duration_s": 8} | asked
    )
    return Job(
        id=JOB_ID,
        batch=JOB_ID,
        place=0,
        owner="local",
        backend="Backend A",
        request=request,
        submit_token="token",
        created_at=NOW - timedelta(minutes=5),
        next_at=NOW,
        revision=7,
    )


def failure(kind: str, message: str = "", detail: str | None = None) -> Failure:
    return Failure(kind, Stage.POLL, message, detail=detail)


def submitting(job: Job | None = None) -> Job:
    return (job or queued()).submitting(now=NOW - timedelta(seconds=80), deadline=DEADLINE)


def running(progress: int | None = 42, status: RemoteStatus = RemoteStatus.IN_PROGRESS) -> Job:
    return submitting().accepted(RemoteJob("r1", status, progress), next_at=SOON)


def fetching() -> Job:
    return running().fetching(RemoteJob("r1", RemoteStatus.COMPLETED, 100), next_at=SOON)


def arriving(size: int | None = 9_000) -> Job:
    return fetching().arriving(Download("k-1", size, media_type="video/mp4"))


def completed(width: int = 1280, height: int = 720, effective_prompt: str | None = None) -> Job:
    clip = Clip("k-1", "video/mp4", 2_412_345, "0" * 64, width, height, 8.0, 24.0, has_sound=False)
    remote = RemoteJob("r1", RemoteStatus.COMPLETED, 100, effective_prompt=effective_prompt)
    return running().fetching(remote, next_at=SOON).completed(clip, now=NOW)


def wished_too_late(job: Job) -> Job:
    return replace(job, cancel_requested_at=NOW, cancel_outcome=CancelOutcome.TOO_LATE)


def states() -> dict[str, Job]:
    """Every state and derived word, by name."""
    busy = failure("rate_limited", "slow down")
    return {
        "queued": queued(),
        "queued after a setback": submitting().requeued(busy, next_at=SOON),
        "submitting": submitting(),
        "starting": running(None, RemoteStatus.QUEUED),
        "running with progress": running(42),
        "running without progress": running(None),
        "running after a setback": running().set_back(failure("backend_unavailable"), next_at=SOON),
        "cancelling": replace(running(), cancel_requested_at=NOW),
        "fetching": fetching(),
        "fetching, wished too late": wished_too_late(fetching()),
        "fetching after a setback": fetching().set_back(failure("result_lost"), next_at=SOON),
        "arriving": arriving(),
        "arriving, size unknown": arriving(None),
        "completed": completed(),
        "completed, wished too late": wished_too_late(completed()),
        "completed, as differs": completed(640, 360, effective_prompt="A red crane, 35 mm"),
        "starred": replace(completed(), starred=True),
        "failed": running().failed(failure("generation_failed", "out of memory"), now=NOW),
        "unknown": submitting().unknown(failure("outcome_unknown"), next_at=SOON),
        "unknown, asked in vain": submitting()
        .unknown(failure("outcome_unknown"), next_at=NOW)
        .wondering(next_at=SOON),
        "withheld": running().failed(failure("rejected_by_moderation"), now=NOW),
        "too late": running().unknown(failure("timeout"), next_at=None),
        **{
            f"cancelled, {outcome}": running().cancelled(outcome, now=NOW)
            for outcome in CancelOutcome
            if outcome is not CancelOutcome.TOO_LATE
        },
    }


@dataclass
class Page(HTMLParser):
    """What tests ask of a page: its elements with their attributes, and its text."""

    html: str
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]
