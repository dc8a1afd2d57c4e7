"""What a clip will cost, as far as the operator wrote it down."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - read at run time, as all annotations here
from dataclasses import dataclass, field
from datetime import date  # noqa: TC003
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """A price list of one model: so much for each clip, so much for each second of it.

    `per_second_at` has the price of a second by resolution and goes before `per_second`. What it
    says was true on `as_of`; nobody promises more.
    """

    currency: str
    as_of: date
    per_clip: Decimal = Decimal(0)
    per_second: Decimal = Decimal(0)
    per_second_at: Mapping[str, Decimal] = field(default_factory=dict)

    def at(self, resolution: str | None, duration_s: float | None) -> Decimal | None:
        """Return the price of one clip; None where it depends on a length that nobody told."""
        second = self.per_second_at.get(resolution or "", self.per_second)
        if not second:
            return self.per_clip
        return None if duration_s is None else self.per_clip + second * Decimal(str(duration_s))
