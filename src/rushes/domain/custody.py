"""What becomes of a prompt and a clip at the service that made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True)
class Custody:
    """What a service says of what it keeps, and whether it can be asked to delete a job.

    `keeps` is the service's own statement, as it stood on `stated_on`; empty where it says
    nothing that we know of.
    """

    keeps: str = ""
    stated_on: date | None = None
    forgets: bool = False
