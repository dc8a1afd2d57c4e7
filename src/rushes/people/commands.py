"""What `rushes user` can do, to people in the store at hand: each answers with lines to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushes.domain import LOCAL_OWNER, AuditLine
from rushes.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rushes.domain import Account
    from rushes.people.accounts import Accounts
    from rushes.ports import JobStore, OperatorStore


COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class UserCommands:
    """The commands, over a server's people and jobs. Raises InvalidRequest and StorageError."""

    accounts: Accounts
    jobs: JobStore
    deeds: OperatorStore

    def table(self) -> dict[str, Callable[[Mapping[str, str]], Awaitable[list[str]]]]:
        """Return each command by its name."""
        return {
            "user add": self.add,
            "user list": self.tell,
            "user password": self.password,
            "user disable": self.disable,
            "user enable": self.enable,
            "user adopt": self.adopt,
        }

    async def add(self, asked: Mapping[str, str]) -> list[str]:
        """Begin an account."""
        is_operator = asked.get("is_operator") == "yes"
        account = await self.accounts.add(
            asked.get("name", ""), asked.get("password", ""), is_operator=is_operator
        )
        await self._note("user_added", account.name)
        return [f"{account.name} can sign in{' as administrator' if is_operator else ''}"]

    async def tell(self, _: Mapping[str, str]) -> list[str]:
        """Tell who there is."""
        return [_told(account) for account in await self.accounts.all()] or ["there is nobody yet"]

    async def password(self, asked: Mapping[str, str]) -> list[str]:
        """Give somebody a new password."""
        name = asked.get("name", "")
        await self.accounts.change_password(name, asked.get("password", ""))
        await self._note("user_password", name)
        return [f"{name} has a new password; their sessions and tokens have ended"]

    async def disable(self, asked: Mapping[str, str]) -> list[str]:
        """Close an account."""
        name = asked.get("name", "")
        await self.accounts.disable(name)
        await self._note("user_disabled", name)
        return [
            f"{name} is out and cannot come in; their tokens have ended",
            "their jobs and clips stay; links to their clips open nothing",
        ]

    async def enable(self, asked: Mapping[str, str]) -> list[str]:
        """Open an account again."""
        name = asked.get("name", "")
        await self.accounts.enable(name)
        await self._note("user_enabled", name)
        return [f"{name} may come in again"]

    async def adopt(self, asked: Mapping[str, str]) -> list[str]:
        """Give somebody the jobs from the time when nobody had a name."""
        name = asked.get("name", "")
        if await self.accounts.find(name) is None:
            raise InvalidRequest("There is nobody called {name}.", field="name", name=name)
        count = await self.jobs.adopt(LOCAL_OWNER, name)
        await self._note("jobs_adopted", name)
        return [f"jobs given to {name}: {count}"]

    async def _note(self, deed: str, name: str) -> None:
        await self.deeds.note(AuditLine(self.accounts.clock(), COMMAND_LINE, deed, name))


def _told(account: Account) -> str:
    facts = [
        "administrator" if account.is_operator else "",
        "" if account.password else "no password",
        f"disabled {account.disabled_at:%Y-%m-%d}" if account.disabled_at else "",
        f"last seen {account.seen_at:%Y-%m-%d}" if account.seen_at else "never seen",
    ]
    return f"{account.name}  ({', '.join(fact for fact in facts if fact)})"
