"""SessionStore in the jobs' database: who has signed in, and who guesses."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from rushes.ports import KeptSession
from rushes.storage.tables import guesses, sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from rushes.storage.embedded import EmbeddedDatabase

A_DAY = timedelta(days=1)
NO_TIME = timedelta()


class SqlSessions:
    """Sessions in an open database; see ports.SessionStore."""

    def __init__(self, database: EmbeddedDatabase, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, digest: str, owner: str, ends_at: datetime) -> None:
        """See ports.SessionStore."""
        await self._database.write(
            delete(sessions).where(sessions.c.ends_at <= self._clock()),
            insert(sessions).values(digest=digest, owner=owner, ends_at=ends_at),
        )

    async def find(self, digest: str) -> KeptSession | None:
        """See ports.SessionStore."""
        return await self._database.uncut(self._find(digest))

    async def prolong(self, digest: str, ends_at: datetime) -> None:
        """See ports.SessionStore."""
        lives = (sessions.c.digest == digest, sessions.c.ends_at > self._clock())
        await self._database.write(update(sessions).where(*lives).values(ends_at=ends_at))

    async def end(self, digest: str) -> None:
        """See ports.SessionStore."""
        await self._database.write(delete(sessions).where(sessions.c.digest == digest))

    async def end_all(self, owner: str) -> list[str]:
        """See ports.SessionStore."""
        return await self._database.uncut(self._end_all(owner))

    async def count_try(
        self, names: Sequence[str], pause: Callable[[str, int], timedelta]
    ) -> timedelta:
        """See ports.SessionStore."""
        return await self._database.uncut(self._count_try(names, pause))

    async def excuse(self, names: Sequence[str]) -> None:
        """See ports.SessionStore."""
        tried = (guesses.c.who.in_(names), guesses.c.tries > 0)
        await self._database.write(update(guesses).where(*tried).values(tries=guesses.c.tries - 1))

    async def forgive(self, names: Sequence[str]) -> None:
        """See ports.SessionStore."""
        await self._database.write(delete(guesses).where(guesses.c.who.in_(names)))

    async def _find(self, digest: str) -> KeptSession | None:
        lives = (sessions.c.digest == digest, sessions.c.ends_at > self._clock())
        async with self._database.reading() as connection:
            statement = select(sessions.c.owner, sessions.c.ends_at).where(*lives)
            row = (await connection.execute(statement)).one_or_none()
        return KeptSession(*row) if row is not None else None

    async def _end_all(self, owner: str) -> list[str]:
        statement = delete(sessions).where(sessions.c.owner == owner).returning(sessions.c.digest)
        async with self._database.writing() as connection:
            return list((await connection.execute(statement)).scalars())

    async def _count_try(
        self, names: Sequence[str], pause: Callable[[str, int], timedelta]
    ) -> timedelta:
        now = self._clock()
        async with self._database.writing() as connection:
            await connection.execute(delete(guesses).where(guesses.c.last_at <= now - A_DAY))
            statement = select(guesses).where(guesses.c.who.in_(names))
            rows = (await connection.execute(statement)).all()
            # A clock that was set back must not make anybody wait for longer.
            waits = [min(row.last_at, now) + pause(row.who, row.tries) - now for row in rows]
            wait = max(waits, default=NO_TIME)
            if wait > NO_TIME:
                return wait
            tries = dict.fromkeys(names, 0) | {row.who: row.tries for row in rows}
            await _replace(connection, {name: tries[name] + 1 for name in names}, now)
        return NO_TIME


async def _replace(connection: AsyncConnection, tries: dict[str, int], now: datetime) -> None:
    await connection.execute(delete(guesses).where(guesses.c.who.in_(tries)))
    rows = [{"who": who, "tries": count, "last_at": now} for who, count in tries.items()]
    await connection.execute(insert(guesses), rows)
