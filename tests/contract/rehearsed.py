"""The rehearsal backend as the other side of the contract suite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True)
class MockServer:
    """See rushes.backends.contract.Server. `address` is the mock's, without a dialect's path."""

    address: str
    words: Collection[str]

    def executed(self, prompt: str) -> int:
        return len(self._jobs(prompt))

    def sha256(self, prompt: str) -> str:
        (job_id,) = self._jobs(prompt)
        return str(self._told(f"clips/{job_id}")["sha256"])

    def picture(self, prompt: str) -> str | None:
        (found,) = [job for job in self._told("jobs") if job["prompt"] == prompt]
        picture: str | None = found["picture"]
        return picture

    def spoilt(self, prompt: str) -> int:
        return int(self._told("stats")["spoilt"].get(prompt, 0))

    def _jobs(self, prompt: str) -> list[str]:
        return [job["id"] for job in self._told("jobs") if job["prompt"] == prompt]

    def _told(self, what: str) -> Any:  # noqa: ANN401 - JSON
        return httpx.get(f"{self.address}/_mock/{what}", trust_env=False, timeout=20).json()
