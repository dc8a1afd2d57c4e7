"""What clips will cost, in a few words; a script keeps them up while settings are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushes.web.forms import COUNT_MAX, DURATION_MAX, typed_number

if TYPE_CHECKING:
    from gettext import NullTranslations

    from rushes.domain import Price
    from rushes.web.forms import ComposerState


def price_words(price: Price, composer: ComposerState, text: NullTranslations) -> str:
    """Say what the composer's clips cost as it stands; empty where nobody knows."""
    standing = composer.standing
    count = typed_number(standing.get("count", "1"), COUNT_MAX)
    seconds = typed_number(standing.get("duration", ""), DURATION_MAX)
    each = price.at(standing.get("resolution"), seconds)
    if each is None or count is None:
        return ""
    mark = text.pgettext("decimal mark", ".")
    return text.gettext("about {amount} {currency} (price as of {date})").format(
        amount=f"{float(each) * count:.2f}".replace(".", mark),
        currency=price.currency,
        date=price.as_of.isoformat(),
    )


def price_list(price: Price) -> dict[str, Any]:
    """Return a price for the page's script."""
    return {
        "currency": price.currency,
        "date": price.as_of.isoformat(),
        "clip": float(price.per_clip),
        "second": float(price.per_second),
        "at": {name: float(amount) for name, amount in price.per_second_at.items()},
    }
