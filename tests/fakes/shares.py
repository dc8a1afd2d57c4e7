"""Share links in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from rushes.domain import Share


class MemoryShares:
    """See ports.ShareStore."""

    def __init__(self) -> None:
        self.kept: dict[str, Share] = {}

    async def add(self, share: Share, digest: str) -> None:
        self.kept[digest] = share

    async def find(self, digest: str) -> Share | None:
        return self.kept.get(digest)

    async def of_job(self, job_id: str) -> list[Share]:
        of_job = [share for share in self.kept.values() if share.job_id == job_id]
        return sorted(of_job, key=lambda share: share.created_at, reverse=True)

    async def revoke(self, share_id: str, at: datetime) -> None:
        for digest, share in self.kept.items():
            if share.id == share_id:
                self.kept[digest] = replace(share, revoked_at=at)

    async def forget(self, before: datetime) -> None:
        self.kept = {
            digest: share
            for digest, share in self.kept.items()
            if min(share.expires_at, share.revoked_at or before) >= before
        }
