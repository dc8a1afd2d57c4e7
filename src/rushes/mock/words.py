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
    HTML = "#html"
    HTML_ANSWER = "#html-answer"
    BARE = "#bare"
    BARE_ANSWER = "#bare-answer"
    ODD_WORD = "#odd-word"
    EXPIRED = "#expired"
    CROWDED = "#crowded"
    OVERLOADED = "#overloaded"
    NO_CREDIT = "#no-credit"
    FORBIDDEN = "#forbidden"
    PAUSED = "#paused"
    ABORTED = "#aborted"
    REMOVED = "#removed"
    LIST = "#list"
    ADDRESS = "#address"
    FOREIGN = "#foreign"


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
    Word.HTML: "asked how the job stands, a proxy answers once with a page of HTML",
    Word.HTML_ANSWER: "the job is taken, and a proxy answers with a page of HTML",
    Word.BARE: "asked how the job stands, the answer is once an empty object",
    Word.BARE_ANSWER: "the job is taken, and the answer is an empty object",
    Word.ODD_WORD: "while it runs, the job's state is once a word that nobody knows",
    Word.EXPIRED: "the clip is made, and gone when it is fetched",
    Word.CROWDED: "“too many jobs at once” twice, then the job is taken",
    Word.OVERLOADED: "“overloaded, come back later” twice, then the job is taken",
    Word.NO_CREDIT: "the submit is turned away: nothing is left on the account",
    Word.FORBIDDEN: "the submit is turned away: the account may not do this",
    Word.PAUSED: "once begun, the job is told to wait again (DashScope)",
    Word.ABORTED: "the job is given up before it begins (Replicate)",
    Word.REMOVED: "the job is done, and its data have been removed (Replicate)",
    Word.LIST: "the clip's address comes in a list (Replicate)",
    Word.ADDRESS: "asked for the clip's bytes, the answer is JSON with its address (OpenAI)",
    Word.FOREIGN: "an address that is to be followed leads to another host (fal, Gemini)",
}


def rehearsed(said: str, word: Word) -> str:
    """Return what a server says, marked as play: nobody is to take it for that server's word."""
    return f"{said} (rehearsed by {word})"


def words_in(prompt: str) -> frozenset[Word]:
    """Return the magic words of a prompt; case does not matter, `#failure` is not `#fail`."""
    found = re.findall(r"(?<![\w#])#[a-z]+(?:-[a-z]+)*", prompt.lower())
    return frozenset(word for word in Word if word in found)
