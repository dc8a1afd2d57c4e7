"""AccountStore, ShareStore and OperatorStore in the jobs' database."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import delete, insert, select, update

from rushes.domain import Account, ApiToken, AuditLine, Hold, Share
from rushes.storage.tables import accounts, audit, holds, shares, tokens

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, RowMapping, Select, Table

    from rushes.storage.embedded import EmbeddedDatabase

T = TypeVar("T")


def _is_dead(table: Table, before: datetime) -> ColumnElement[bool]:
    return (table.c.expires_at < before) | (table.c.revoked_at < before)


class SqlPeople:
    """What is kept of people beside their jobs; one class, three ports."""

    def __init__(self, database: EmbeddedDatabase) -> None:
        self._database = database

    async def _read(self, kind: type[T], statement: Select[Any]) -> list[T]:
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type] # a dataclass
        rows = await self._database.uncut(self._rows(statement))
        return [kind(**{name: row[name] for name in names}) for row in rows]

    async def _rows(self, statement: Select[Any]) -> Sequence[RowMapping]:
        async with self._database.reading() as connection:
            rows: Sequence[RowMapping] = (await connection.execute(statement)).mappings().all()
        return rows


class SqlAccounts(SqlPeople):
    """See ports.AccountStore."""

    async def get(self, name: str) -> Account | None:
        """See ports.AccountStore."""
        found = await self._read(Account, select(accounts).where(accounts.c.name == name))
        return found[0] if found else None

    async def all(self) -> list[Account]:
        """See ports.AccountStore."""
        return await self._read(Account, select(accounts).order_by(accounts.c.name))

    async def put(self, account: Account) -> None:
        """See ports.AccountStore."""
        values = {field.name: getattr(account, field.name) for field in fields(account)}
        await self._database.write(
            delete(accounts).where(accounts.c.name == account.name),
            insert(accounts).values(**values),
        )

    async def add_token(self, token: ApiToken, digest: str) -> None:
        """See ports.AccountStore."""
        await self._database.write(insert(tokens).values(**asdict(token), digest=digest))

    async def find_token(self, digest: str) -> ApiToken | None:
        """See ports.AccountStore."""
        found = await self._read(ApiToken, select(tokens).where(tokens.c.digest == digest))
        return found[0] if found else None

    async def tokens_of(self, owner: str) -> list[ApiToken]:
        """See ports.AccountStore."""
        newest = select(tokens).where(tokens.c.owner == owner).order_by(tokens.c.created_at.desc())
        return await self._read(ApiToken, newest)

    async def mark_token(
        self, token_id: str, *, used_at: datetime | None = None, revoked_at: datetime | None = None
    ) -> None:
        """See ports.AccountStore."""
        given = {"used_at": used_at, "revoked_at": revoked_at}
        values = {name: moment for name, moment in given.items() if moment is not None}
        if values:
            await self._database.write(
                update(tokens).where(tokens.c.id == token_id).values(**values)
            )

    async def drop_tokens(self, owner: str) -> int:
        """See ports.AccountStore."""
        count = len(await self.tokens_of(owner))
        await self._database.write(delete(tokens).where(tokens.c.owner == owner))
        return count

    async def forget_tokens(self, before: datetime) -> None:
        """See ports.AccountStore."""
        await self._database.write(delete(tokens).where(_is_dead(tokens, before)))


class SqlShares(SqlPeople):
    """See ports.ShareStore."""

    async def add(self, share: Share, digest: str) -> None:
        """See ports.ShareStore."""
        await self._database.write(insert(shares).values(**asdict(share), digest=digest))

    async def find(self, digest: str) -> Share | None:
        """See ports.ShareStore."""
        found = await self._read(Share, select(shares).where(shares.c.digest == digest))
        return found[0] if found else None

    async def of_job(self, job_id: str) -> list[Share]:
        """See ports.ShareStore."""
        newest = (
            select(shares).where(shares.c.job_id == job_id).order_by(shares.c.created_at.desc())
        )
        return await self._read(Share, newest)

    async def revoke(self, share_id: str, at: datetime) -> None:
        """See ports.ShareStore."""
        await self._database.write(
            update(shares).where(shares.c.id == share_id).values(revoked_at=at)
        )

    async def forget(self, before: datetime) -> None:
        """See ports.ShareStore."""
        await self._database.write(delete(shares).where(_is_dead(shares, before)))


class SqlOperators(SqlPeople):
    """See ports.OperatorStore."""

    async def note(self, line: AuditLine) -> None:
        """See ports.OperatorStore."""
        await self._database.write(insert(audit).values(**asdict(line)))

    async def audit(self, *, limit: int) -> list[AuditLine]:
        """See ports.OperatorStore."""
        return await self._read(AuditLine, select(audit).order_by(audit.c.id.desc()).limit(limit))

    async def holds(self) -> list[Hold]:
        """See ports.OperatorStore."""
        return await self._read(Hold, select(holds).order_by(holds.c.backend))

    async def hold(self, hold: Hold) -> None:
        """See ports.OperatorStore."""
        is_there = select(holds.c.backend).where(holds.c.backend == hold.backend)
        if not await self._read_any(is_there):
            await self._database.write(insert(holds).values(**asdict(hold)))

    async def _read_any(self, statement: Select[Any]) -> bool:
        return bool(await self._database.uncut(self._rows(statement)))

    async def release(self, backend: str) -> None:
        """See ports.OperatorStore."""
        await self._database.write(delete(holds).where(holds.c.backend == backend))
