"""The two sides of the contract suite: what a server can be told to do, and what holds of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rushes.domain import CancelOutcome

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

WORDS = {
    "#fail": "the job runs and fails",
    "#error": "the job breaks down while it runs",
    "#refuse": "the submit is refused by content rules, and nothing is executed",
    "#reject": "the clip is made and then withheld by content rules",
    "#busy": "the submit is turned away, and nothing is executed",
    "#lost-answer": "the submit is executed, and the connection drops before the answer",
    "#html-answer": "the submit is executed, and the answer is a page of HTML",
    "#bare-answer": "the submit is executed, and the answer is an empty JSON object",
    "#html": "one poll is answered with a page of HTML",
    "#bare": "one poll is answered with an empty JSON object",
    "#odd-word": "one poll of the unfinished job tells a state that nobody knows",
    "#slow": "the job runs long enough for several polls",
    "#stall": "the job runs until it is cancelled",
    "#expired": "the job is done, and its clip is gone when it is fetched",
}
"""What a server does when a prompt holds one of these words."""


class Server(Protocol):
    """The other side: a server that misbehaves when a word in a prompt asks it to."""

    words: Collection[str]
    """The WORDS it knows. What needs another one is skipped, and says so."""

    def executed(self, prompt: str) -> int:
        """Return how many submits of exactly this prompt were executed."""
        ...

    def sha256(self, prompt: str) -> str:
        """Return the digest of the one clip that was made of this prompt, in hex."""
        ...

    def picture(self, prompt: str) -> str | None:
        """Return the digest of the picture that came with this prompt, where any is taken."""
        ...

    def spoilt(self, prompt: str) -> int:
        """Return how many answers were spoilt because of this prompt."""
        ...


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What is true of a backend and its server together."""

    asks: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a request beside the prompt."""
    is_synchronous: bool = False
    """Whether a submit is answered with the clip."""
    has_progress: bool = False
    takes_picture: bool = False
    """Whether a clip can begin with a picture."""
    cancel: CancelOutcome | None = CancelOutcome.STOPPED_WAITING
    """Of a job that has not ended; None where it depends on the moment."""
    rewrites: bool = False
    """Whether the prompt as the backend rewrote it is told."""
    busy: tuple[str, bool] = ("rate_limited", True)
    """What being turned away is called, and whether it may be tried again."""
    says_when: bool = True
    """Whether being turned away comes with a Retry-After."""
    wrong_key: str = "unauthorized"
    refused: str = "rejected_by_moderation"
    """What a prompt is called that the server does not take."""
    withheld: str = "rejected_by_moderation"
    """What a clip that was made and withheld is called."""
    is_provable: bool = True
    """Whether a check can tell that all is well; else it warns that only a clip can."""
