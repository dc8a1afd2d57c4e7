"""Words in a prompt that rehearse trouble."""

from __future__ import annotations

import re
from enum import StrEnum


class Word(StrEnum):
    """A magic word; `MEANING` says what it does."""

    FAIL = "#fail"
    REFUSE = "#refuse"
    REJECT = "#reject"
    SLOW = "#slow"
    BUSY = "#busy"
    ERROR = "#error"
    LOST_ANSWER = "#lost-answer"
    STALL = "#stall"
    BIG = "#big"


MEANING = {
    Word.FAIL: "the job runs to its end and then fails, with a reason",
    Word.REFUSE: "the prompt is refused at once, as by content rules",
    Word.REJECT: "the clip is made and then withheld, as by content rules",
    Word.SLOW: "everything takes five times as long",
    Word.BUSY: "“too many requests, try again” twice, then the job is taken",
    Word.ERROR: "the job breaks down while it runs",
    Word.LOST_ANSWER: "the job is taken, but the connection drops before the answer",
    Word.STALL: "the job runs for ever and never ends",
    Word.BIG: "the clip weighs about 90 MB",
}


def words_in(prompt: str) -> frozenset[Word]:
    """Return the magic words of a prompt; case does not matter, `#failure` is not `#fail`."""
    found = re.findall(r"(?<![\w#])#[a-z]+(?:-[a-z]+)*", prompt.lower())
    return frozenset(word for word in Word if word in found)
