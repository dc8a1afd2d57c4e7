"""Who may come in, and how they show who they are: built from the settings over the store."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rushes.domain import utc_now
from rushes.errors import InvalidRequest
from rushes.net import Secret
from rushes.people.accounts import Accounts, typed_name
from rushes.people.commands import UserCommands
from rushes.people.first_password import FirstPassword
from rushes.people.lock import Lock
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
    from contextlib import AbstractAsyncContextManager

    from rushes.control import Command
    from rushes.settings import Settings
    from rushes.storage.sql_jobs import SqlJobs

logger = logging.getLogger(__name__)

OWN_LOCK = "accounts"
NOBODY = "RUSHES_AUTH=users, but there is nobody who could sign in"
NO_ADMINISTRATOR = "nobody who can sign in is an administrator"
IS_TAKEN = ", and RUSHES_ADMIN_NAME is somebody's name already and makes none of them"
ADD_ONE = "run `rushes user add NAME --admin`, or `rushes user enable NAME`"
FIRST_ADMINISTRATOR = "RUSHES_ADMIN_NAME and RUSHES_ADMIN_PASSWORD_FILE"


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
    lock: Lock | None = None
    """None where there is no one password."""

    def watched(self) -> AbstractAsyncContextManager[None]:
        """Return what ends open streams soon after the one password has changed, while open."""
        return nullcontext() if self.lock is None else self.lock.watched()

    async def begin(self) -> None:
        """Tell or make what the first to come signs in with, once the data folder is held.

        Raises BadSetting where nobody could sign in, and StorageError.
        """
        if self.password is not None:
            self.password.tell()
        if self.settings.auth == "users":
            await self._require_an_administrator()

    async def _require_an_administrator(self) -> None:
        """Make the administrator of the settings where none can sign in; refuse if nobody could."""
        everybody = await self.accounts.all()
        able = [person for person in everybody if person.password and person.disabled_at is None]
        if any(person.is_operator for person in able):
            return
        name = self.settings.admin_name
        names = {person.name.casefold() for person in everybody}
        is_taken = name is not None and typed_name(name).casefold() in names
        if name is not None and not (able and is_taken):
            await self._make_administrator(name)
        elif able:
            logger.warning("%s", f"{NO_ADMINISTRATOR}{IS_TAKEN if is_taken else ''}: {ADD_ONE}")
        else:
            raise BadSetting(f"{NOBODY}: {ADD_ONE}, or set {FIRST_ADMINISTRATOR}")

    async def _make_administrator(self, name: str) -> None:
        try:
            await self.accounts.add(name, self.settings.admin_password(), is_operator=True)
        except InvalidRequest as error:
            cause = "NAME" if error.field == "name" else "PASSWORD_FILE"
            raise BadSetting(f"RUSHES_ADMIN_{cause}: {error.message}") from error
        logger.info("made the account of RUSHES_ADMIN_NAME: no administrator could sign in")


def entrance_of(settings: Settings, store: SqlJobs) -> Entrance:
    """Return the ways in that the settings ask for; raises BadSetting."""
    presence = Presence()
    accounts = Accounts(store.accounts(), store.sessions(), presence, Passwords())
    commands = UserCommands(accounts, store, store.operators()).table()
    if settings.auth == "open":
        return Entrance(settings, accounts, None, None, commands)
    longest = LONGEST_VOUCHED if settings.auth == "proxy" else None
    tokens = Tokens(store.accounts(), presence, longest=longest)
    if settings.auth == "password":
        return _with_one_password(settings, store, accounts, tokens, commands)
    people = People(tokens, presence, accounts, _identity(settings))
    door = None
    if settings.auth == "users":
        # People have passwords of their own: a new one ends its owner's sessions by name.
        door = Door(store.sessions(), accounts.recognise, lambda: OWN_LOCK, utc_now, True, presence)
    return Entrance(settings, accounts, people, door, commands)


def _with_one_password(
    settings: Settings,
    store: SqlJobs,
    accounts: Accounts,
    tokens: Tokens,
    commands: Mapping[str, Command],
) -> Entrance:
    made, presence = _made_password(settings), accounts.presence
    password = _password(settings, made)
    lock = Lock(lambda: password().encoded, presence)

    async def recognise(name: str, typed: str) -> str | None:
        return await password().recognise(name, typed)

    people = People(replace(tokens, lock=lock.mark), presence)
    door = Door(store.sessions(), recognise, lock, utc_now, presence=presence)
    return Entrance(settings, accounts, people, door, commands, made, lock)


def _made_password(settings: Settings) -> FirstPassword | None:
    if settings.password_file is not None or settings.password_hash is not None:
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
