"""What a clip costs, as far as the operator wrote it down."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from rushes.domain import Price

BY_SECOND = Price(
    "USD",
    date(2026, 11, 1),
    per_clip=Decimal("0.05"),
    per_second=Decimal("0.1"),
    per_second_at={"1080p": Decimal("0.25")},
)


@pytest.mark.parametrize(
    ("resolution", "seconds", "costs"),
    [
        ("720p", 5, "0.55"),
        (None, 5, "0.55"),
        ("1080p", 5, "1.30"),
        ("720p", 2.5, "0.30"),
        ("720p", None, None),
    ],
)
def test_so_much_for_a_clip_and_so_much_for_each_second(
    resolution: str | None, seconds: float | None, costs: str | None
) -> None:
    told = BY_SECOND.at(resolution, seconds)

    assert told == (None if costs is None else Decimal(costs))


def test_a_price_by_the_clip_needs_no_length() -> None:
    assert Price("EUR", date(2026, 11, 1), Decimal(2)).at("720p", None) == 2


def test_a_resolution_may_cost_nothing_by_the_second() -> None:
    free = Price(
        "EUR",
        date(2026, 11, 1),
        per_second=Decimal(1),
        per_second_at={"360p": Decimal(0)},
    )

    assert free.at("360p", 9) == 0
    assert free.at("360p", None) == 0
