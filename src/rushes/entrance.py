"""Who may come in, and how they show who they are: built from the settings over the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushes.domain import utc_now
from rushes.errors import InvalidRequest
from rushes.net import Secret
from rushes.people.accounts import Accounts
from rushes.people.commands import UserCommands
from rushes.people.first_password import FirstPassword
from rushes.people.passwords import Passwords, SharedPassword
from rushes.people.presence import Presence
from rushes.people.tokens import LONGEST_VOUCHED, Tokens
from rushes.settings import BadSetting
from rushes.watched import Watched
from rushes.web.dependencies import People
from rushes.web.entry.door import Door
from rushes.web.entry.identity import IdentityRules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rushes.control import Command
    from rushes.settings import Settings
    from rushes.storage.sql_jobs import SqlJobs

BY_NAME = ("users", "proxy")
OWN_LOCK = "accounts"
"""Where people have passwords of their own, a new one ends its owner's sessions by name."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """The ways in of one server. `people` and `door` are None where nobody is asked."""

    settings: Settings
    accounts: Accounts
    people: People | None
    door: Door | None
    commands: Mapping[str, Command]
    password: FirstPassword | None = None
    """The one password, where the settings have none."""

    async def begin(self) -> None:
        """Tell or make what the first to come signs in with, once the data folder is held.

        Raises BadSetting where nobody could sign in, and StorageError.
        """
        settings, accounts = self.settings, self.accounts
        if self.password is not None:
            self.password.tell()
        if settings.auth != "users" or any(person.password for person in await accounts.all()):
            return
        if settings.admin_name is None:
            raise BadSetting(
                "RUSHES_AUTH=users, but there is nobody who could sign in: run "
                "`rushes user add NAME --admin`, or set RUSHES_ADMIN_NAME and "
                "RUSHES_ADMIN_PASSWORD_FILE"
            )
        try:
            await accounts.add(settings.admin_name, settings.admin_password(), is_operator=True)
        except InvalidRequest as error:
            cause = "NAME" if error.field == "name" else "PASSWORD_FILE"
            raise BadSetting(f"RUSHES_ADMIN_{cause}: {error.message}") from error


def entrance_of(settings: Settings, store: SqlJobs) -> Entrance:
    """Return the ways in that the settings ask for; raises BadSetting."""
    presence = Presence()
    accounts = Accounts(store.accounts(), store.sessions(), presence, Passwords())
    commands = UserCommands(accounts, store, store.operators()).table()
    if settings.auth == "open":
        return Entrance(settings, accounts, None, None, commands)
    longest = LONGEST_VOUCHED if settings.auth == "proxy" else None
    tokens = Tokens(store.accounts(), presence, longest=longest)
    by_name = accounts if settings.auth in BY_NAME else None
    people = People(tokens, presence, by_name, _identity(settings))
    password = _made_password(settings)
    door = _door(settings, store, accounts, password)
    return Entrance(settings, accounts, people, door, commands, password)


def _made_password(settings: Settings) -> FirstPassword | None:
    is_given = settings.password_file is not None or settings.password_hash is not None
    if settings.auth != "password" or is_given:
        return None
    return FirstPassword.of(settings.data_dir)


def _identity(settings: Settings) -> IdentityRules | None:
    if settings.auth != "proxy" or settings.auth_header is None:
        return None
    return IdentityRules(
        header=settings.auth_header,
        groups_header=settings.auth_groups_header,
        admin_group=settings.admin_group,
        admin_name=settings.admin_name,
        secret=_secret(settings),
    )


def _secret(settings: Settings) -> Callable[[], Secret] | None:
    """Return what tells the proxy's secret, as its file holds it by now."""
    if settings.proxy_secret_file is None:
        return None
    return Watched(settings.proxy_secret_file, lambda: Secret(settings.proxy_secret()))


def _door(
    settings: Settings, store: SqlJobs, accounts: Accounts, made: FirstPassword | None
) -> Door | None:
    sessions, presence = store.sessions(), accounts.presence
    if settings.auth == "users":
        return Door(sessions, accounts.recognise, lambda: OWN_LOCK, utc_now, True, presence)
    if settings.auth == "proxy":
        return None
    password = _password(settings, made)

    async def recognise(name: str, typed: str) -> str | None:
        return await password().recognise(name, typed)

    return Door(sessions, recognise, lambda: password().encoded, utc_now, presence=presence)


def _password(settings: Settings, made: FirstPassword | None) -> Callable[[], SharedPassword]:
    """Return what knows the one password, as its file holds it by now; raises BadSetting."""

    def read() -> SharedPassword:
        try:
            return SharedPassword(made.hashed if made is not None else settings.hashed_password())
        except ValueError as error:
            raise BadSetting(
                f"{_place(settings, made)} holds no argon2id hash: put there what "
                "`rushes password` prints, never the password itself"
            ) from error

    if settings.password_file is not None:
        return Watched(settings.password_file, read)
    password = read()
    return lambda: password


def _place(settings: Settings, made: FirstPassword | None) -> str:
    if made is not None:
        return str(made.file)
    return "RUSHES_PASSWORD_FILE" if settings.password_file else "RUSHES_PASSWORD_HASH"
