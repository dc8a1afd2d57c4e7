"""What one more batch would break: a pure rule that every job store shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.errors import DailyLimitReached, DailyTotalReached, PersonalQueueFull, QueueFull

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rushes.domain import Limits
    from rushes.errors import LimitReached

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """How many jobs wait, in all and of one owner, and when jobs were asked for lately.

    Both `asked` have the moments of the last DAY, oldest first; nobody needs them without a limit.
    """

    waiting: int
    waiting_of_owner: int
    asked: Sequence[datetime]
    asked_by_owner: Sequence[datetime]


def keep_limits(limits: Limits, standing: Standing, more: int, *, now: datetime) -> None:
    """Refuse a batch of `more` jobs that would break a limit; raises LimitReached."""
    total, own = limits.queued_total, limits.queued_per_owner
    if standing.waiting + more > total:
        raise QueueFull(f"at most {total} jobs can wait here", limit=total)
    if standing.waiting_of_owner + more > own:
        raise PersonalQueueFull(f"at most {own} of your jobs can wait here", limit=own)
    _keep_day(DailyLimitReached, limits.daily_per_owner, standing.asked_by_owner, more, now)
    _keep_day(DailyTotalReached, limits.daily_total, standing.asked, more, now)


def _keep_day(
    refusal: type[LimitReached],
    daily: int | None,
    asked: Sequence[datetime],
    more: int,
    now: datetime,
) -> None:
    if daily is None or len(asked) + more <= daily:
        return
    too_many = len(asked) + more - daily
    # Enough of the oldest must have left the day; a batch larger than a day never fits.
    wait = asked[too_many - 1] + DAY - now if too_many <= len(asked) else None
    message = f"at most {daily} jobs can be asked for in 24 hours"
    raise refusal(message, limit=daily, retry_after=wait)
