"""What one more batch would break: a pure rule that every job store shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rushes.errors import DailyLimitReached, PersonalQueueFull, QueueFull

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rushes.domain import Limits

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """How many jobs wait, in all and of one owner, and when that owner asked for jobs lately.

    `asked` has the moments of the last DAY, oldest first; nobody needs it without a daily limit.
    """

    waiting: int
    waiting_of_owner: int
    asked: Sequence[datetime]


def keep_limits(limits: Limits, standing: Standing, more: int, *, now: datetime) -> None:
    """Refuse a batch of `more` jobs that would break a limit; raises LimitReached."""
    total, own, daily = limits.queued_total, limits.queued_per_owner, limits.daily_per_owner
    if standing.waiting + more > total:
        raise QueueFull(f"at most {total} jobs can wait here", limit=total)
    if standing.waiting_of_owner + more > own:
        raise PersonalQueueFull(f"at most {own} of your jobs can wait here", limit=own)
    if daily is not None and len(standing.asked) + more > daily:
        too_many = len(standing.asked) + more - daily
        # Enough of the oldest must have left the day; a batch larger than a day never fits.
        fits = too_many <= len(standing.asked)
        wait = standing.asked[too_many - 1] + DAY - now if fits else None
        message = f"at most {daily} jobs can be asked for in 24 hours"
        raise DailyLimitReached(message, limit=daily, retry_after=wait)
