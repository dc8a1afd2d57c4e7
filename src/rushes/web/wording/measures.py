"""Times, lengths and sizes as people say them."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

    from rushes.jobs.forecast import Range

A_FEW = timedelta(seconds=90)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def span(length: timedelta, text: NullTranslations) -> str:
    """Say a length of time, to the second."""
    minutes, seconds = divmod(max(0, round(length.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return text.gettext("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    if minutes and not seconds:
        return text.gettext("%(minutes)d min") % {"minutes": minutes}
    if minutes:
        sentence = text.gettext("%(minutes)d min %(seconds)d s")
        return sentence % {"minutes": minutes, "seconds": seconds}
    return text.gettext("%(seconds)d\u00a0s") % {"seconds": seconds}


def seconds_words(length: float, text: NullTranslations) -> str:
    """Say a clip's length in seconds, without idle zeros."""
    mark = text.pgettext("decimal mark", ".")
    return text.gettext("%(seconds)s\u00a0s") % {"seconds": f"{length:g}".replace(".", mark)}


def size(count: int, text: NullTranslations) -> str:
    """Say a number of bytes, in kilo-, mega- and gigabytes of thousands."""
    mark = text.pgettext("decimal mark", ".")
    if count < 1_000_000:
        return text.gettext("%(amount)s kB") % {"amount": round(count / 1000)}
    if count < 1_000_000_000:
        amount = f"{count / 1_000_000:.1f}".replace(".", mark)
        return text.gettext("%(amount)s MB") % {"amount": amount}
    amount = f"{count / 1_000_000_000:.1f}".replace(".", mark)
    return text.gettext("%(amount)s GB") % {"amount": amount}


def roughly(length: timedelta, text: NullTranslations) -> str:
    """Say a length of time that nobody knows for certain: in tens of seconds, then in minutes."""
    step = timedelta(seconds=10) if length <= A_FEW else timedelta(minutes=1)
    return span(max(1, ceil(length / step)) * step, text)


def between(time: Range, text: NullTranslations) -> str:
    """Say how long something takes that nobody knows to the second: from when to when."""
    if time.high <= A_FEW:
        step = 1 if time.high < timedelta(seconds=10) else 5
        sentence = text.gettext("%(low)d to %(high)d s")
        return _between(time, timedelta(seconds=step), step, sentence, text)
    if time.high <= 3 * HOUR:
        return _between(time, MINUTE, 1, text.gettext("%(low)d to %(high)d min"), text)
    return _between(time, HOUR, 1, text.gettext("%(low)d to %(high)d h"), text)


def _between(time: Range, step: timedelta, each: int, sentence: str, text: NullTranslations) -> str:
    low, high = max(1, time.low // step), max(1, ceil(time.high / step))
    if low == high:
        return span(high * step, text)
    return sentence % {"low": low * each, "high": high * each}
