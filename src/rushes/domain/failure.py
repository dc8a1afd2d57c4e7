"""What goes wrong with a job, as a value that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta  # noqa: TC003 - pydantic reads the annotations
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rushes.errors import BackendError


class Stage(StrEnum):
    """Where on a job's way something went wrong."""

    SUBMIT = "submit"
    POLL = "poll"
    RESULT = "result"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended or waits. `kind` is translated for people, `message` is quoted.

    `message` is in the backend's own words, empty where it said nothing; `detail` is for the
    operator alone: what we say of it, setting, host, status, first characters received.
    """

    kind: str
    stage: Stage
    message: str = ""
    retryable: bool = False
    retry_after: timedelta | None = None
    remote_code: str | None = None
    detail: str | None = None

    @classmethod
    def from_error(cls, error: BackendError, stage: Stage) -> Failure:
        """Keep what a backend error says, for the row and the page."""
        return cls(
            kind=error.kind,
            stage=stage,
            message=error.said,
            retryable=error.retryable,
            retry_after=error.retry_after,
            remote_code=error.remote_code,
            detail=_for_operators(error),
        )


def _for_operators(error: BackendError) -> str | None:
    ours = "" if error.said or error.message in (error.detail or "") else error.message
    return " · ".join(part for part in (ours, error.detail) if part) or None
