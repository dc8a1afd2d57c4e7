"""What whoever runs the server sees of it, and can switch: backends, people, room.

Operators see how many jobs somebody has, never what was asked.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rushes.domain import (
    EVERY_BACKEND,
    RUNNING,
    AuditLine,
    BackendRecord,
    Hold,
    JobStatus,
    utc_now,
)
from rushes.errors import InvalidRequest, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from rushes.domain import Account, JobCount, Viewer
    from rushes.jobs.directory import ConfiguredBackend, Directory
    from rushes.ports import Disk, JobStore, OperatorStore, Room

RECORD_JOBS = 200
"""So many of a backend's newest jobs make its record."""
AUDIT_LINES = 200
HOLDS_SLOT = frozenset({JobStatus.SUBMITTING, JobStatus.IN_PROGRESS})


class Register(Protocol):
    """The accounts, as far as operators keep them."""

    async def all(self) -> list[Account]:
        """Return everybody, by name."""
        ...

    async def add(self, name: str, password: str, *, is_operator: bool = False) -> Account:
        """Begin an account; raises InvalidRequest for a name or a password that cannot be."""
        ...

    async def change_password(self, name: str, password: str) -> None:
        """Give somebody a new password; sessions and tokens end. InvalidRequest for nobody's."""
        ...

    async def disable(self, name: str) -> None:
        """Close an account; its sessions and streams end. Raises InvalidRequest for nobody's."""
        ...

    async def enable(self, name: str) -> None:
        """Open an account again; raises InvalidRequest for nobody's."""
        ...


@dataclass(frozen=True, slots=True)
class BackendView:
    """One backend: how it is, how many jobs it has and waits for, and how it did lately."""

    backend: ConfiguredBackend
    busy: int
    waiting: int
    record: BackendRecord


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with jobs, an account, or both: counts, and bytes of clips."""

    name: str
    waiting: int
    running: int
    done: int
    clip_bytes: int
    account: Account | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it at one moment."""

    backends: list[BackendView]
    people: list[Person]
    room: Room
    floor: int
    """Below so many free bytes a clip may find no room."""
    all_held: Hold | None
    """The hold on every backend, if there is one."""

    @property
    def is_room_low(self) -> bool:
        """Whether it is time to make room."""
        return self.room.free < self.floor


@dataclass(frozen=True, slots=True)
class OperatorService:
    """What operators can do. Raises NotAllowed for anybody else, and StorageError."""

    store: JobStore
    deeds: OperatorStore
    backends: Directory
    disk: Disk
    floor: int = 0
    accounts: Register | None = None
    """None where nobody has an account."""
    clock: Callable[[], datetime] = utc_now

    async def restore_holds(self) -> None:
        """Let the holds be in force that were before the server stopped."""
        self.backends.apply(await self.deeds.holds())

    async def overview(self, viewer: Viewer) -> Overview:
        """Return how everything stands."""
        _require(viewer)
        tally = await self.store.tally()
        holds = await self.deeds.holds()
        return Overview(
            backends=[await self._view(backend, tally) for backend in self.backends.all()],
            people=_people(tally, await self.accounts.all() if self.accounts else []),
            room=await self.disk.room(),
            floor=self.floor,
            all_held=next((hold for hold in holds if hold.backend == EVERY_BACKEND), None),
        )

    async def audit(self, viewer: Viewer) -> list[AuditLine]:
        """Return the newest lines of what operators did."""
        _require(viewer)
        return await self.deeds.audit(limit=AUDIT_LINES)

    async def hold(self, viewer: Viewer, backend: str) -> None:
        """Keep new jobs of a backend here, or of all (EVERY_BACKEND); InvalidRequest if unknown."""
        self._require_backend(viewer, backend)
        await self.deeds.hold(Hold(backend, viewer.owner, self.clock()))
        await self._switched(viewer, "hold", backend)

    async def release(self, viewer: Viewer, backend: str) -> None:
        """Take a hold back, or with EVERY_BACKEND all that there are."""
        self._require_backend(viewer, backend)
        holds = await self.deeds.holds() if backend == EVERY_BACKEND else []
        for name in [backend, *(hold.backend for hold in holds)]:
            await self.deeds.release(name)
        await self._switched(viewer, "release", backend)

    async def _switched(self, viewer: Viewer, what: str, backend: str) -> None:
        await self.restore_holds()
        await self._note(viewer, what, backend)

    async def add(
        self, viewer: Viewer, name: str, password: str, *, is_operator: bool = False
    ) -> Account:
        """Begin an account; raises InvalidRequest."""
        account = await self._register(viewer).add(name, password, is_operator=is_operator)
        await self._note(viewer, "user_added", account.name)
        return account

    async def give_password(self, viewer: Viewer, name: str, password: str) -> None:
        """Give somebody else a new password; raises InvalidRequest."""
        accounts = self._register(viewer)
        if name == viewer.owner:
            raise InvalidRequest("Your own password is changed on your account page.", field="name")
        await accounts.change_password(name, password)
        await self._note(viewer, "user_password", name)

    async def disable(self, viewer: Viewer, name: str) -> None:
        """Close an account, but nobody their own; raises InvalidRequest."""
        accounts = self._register(viewer)
        if name == viewer.owner:
            raise InvalidRequest("You cannot close your own account.", field="name")
        await accounts.disable(name)
        await self._note(viewer, "user_disabled", name)

    async def enable(self, viewer: Viewer, name: str) -> None:
        """Open an account again; raises InvalidRequest."""
        await self._register(viewer).enable(name)
        await self._note(viewer, "user_enabled", name)

    def _register(self, viewer: Viewer) -> Register:
        _require(viewer)
        if self.accounts is None:
            raise InvalidRequest("There are no accounts here.", field="name")
        return self.accounts

    async def _note(self, viewer: Viewer, what: str, about: str) -> None:
        await self.deeds.note(AuditLine(self.clock(), viewer.owner, what, about))

    def _require_backend(self, viewer: Viewer, backend: str) -> None:
        _require(viewer)
        if backend not in {EVERY_BACKEND, *self.backends.backends}:
            raise InvalidRequest("There is no backend of that name here.", field="backend")

    async def _view(self, backend: ConfiguredBackend, tally: Iterable[JobCount]) -> BackendView:
        ids = {id_ for id_, known in self.backends.by_any_id().items() if known is backend}
        here = [counted for counted in tally if counted.backend in ids]
        endings = await self.store.endings(ids, limit=RECORD_JOBS)
        return BackendView(
            backend,
            busy=_sum(here, HOLDS_SLOT),
            waiting=_sum(here, {JobStatus.QUEUED}),
            record=BackendRecord.of(endings),
        )


def _require(viewer: Viewer) -> None:
    if not viewer.is_operator:
        raise NotAllowed("only whoever runs this server can do that")


def _people(tally: Iterable[JobCount], accounts: Iterable[Account]) -> list[Person]:
    by_owner: dict[str, list[JobCount]] = defaultdict(list)
    for counted in tally:
        by_owner[counted.owner].append(counted)
    known = {account.name: account for account in accounts}
    return [
        Person(
            name,
            waiting=_sum(by_owner[name], {JobStatus.QUEUED}),
            running=_sum(by_owner[name], RUNNING),
            done=_sum(by_owner[name], {JobStatus.COMPLETED}),
            clip_bytes=sum(counted.clip_bytes for counted in by_owner[name]),
            account=known.get(name),
        )
        for name in sorted({*by_owner, *known})
    ]


def _sum(tally: Iterable[JobCount], statuses: Iterable[JobStatus]) -> int:
    wanted = frozenset(statuses)
    return sum(counted.count for counted in tally if counted.status in wanted)
