"""What operators see and switch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from rushes.domain import (
    EVERY_BACKEND,
    LOCAL_VIEWER,
    Clip,
    Hold,
    JobStatus,
    Limits,
    Stage,
    Viewer,
)
from rushes.errors import InvalidRequest, NotAllowed, Unauthorized
from rushes.jobs.directory import ConfiguredBackend, Directory
from rushes.jobs.operating import OperatorService
from tests.fakes import MemoryJobs, ScriptedBackend, StoppedClock, a_job
from tests.fakes.accounts import accounts_in_memory
from tests.fakes.operators import MemoryDisk, MemoryOperators

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rushes.domain import Job

pytestmark = pytest.mark.anyio

ADA = Viewer("ada", is_operator=True, is_known=True)
BOB = Viewer("bob", is_known=True)


def a_backend(id_: str, **changes: object) -> ConfiguredBackend:
    there = ConfiguredBackend(id_, id_.title(), f"{id_}.test", ScriptedBackend(), is_probed=True)
    return replace(there, **changes)  # type: ignore[arg-type] # its fields


@dataclass
class Desk:
    """An operator's desk over memory."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    deeds: MemoryOperators = field(default_factory=MemoryOperators)

    def __post_init__(self) -> None:
        self.accounts = accounts_in_memory(self.clock)
        self.store = MemoryJobs(self.clock)
        self.backends = Directory.of([a_backend("fast"), a_backend("slow", held=True)])
        self.service = OperatorService(
            self.store,
            self.deeds,
            self.backends,
            MemoryDisk(),
            accounts=self.accounts,
            clock=self.clock,
        )

    def held(self) -> dict[str, bool]:
        return {backend.id: backend.is_held for backend in self.backends.all()}

    def audit(self) -> list[tuple[str, str, str]]:
        return [(line.who, line.what, line.about) for line in self.deeds.lines]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def names(desk: Desk) -> dict[str, bool]:
    """Return everybody with an account, and whether it is open."""
    return {each.name: each.disabled_at is None for each in await desk.accounts.all()}


async def keep(desk: Desk, *jobs: Job) -> None:
    for job in jobs:
        await desk.store.add([job], Limits())


# --- holds --------------------------------------------------------------------------------------


async def test_a_hold_is_kept_applied_at_once_and_audited(desk: Desk) -> None:
    await desk.service.hold(ADA, "fast")

    assert desk.backends.get("fast").hold == Hold("fast", "ada", desk.clock())
    assert not desk.backends.get("fast").takes_jobs
    assert await desk.deeds.holds() == [Hold("fast", "ada", desk.clock())]
    assert desk.audit() == [("ada", "hold", "fast")]


async def test_a_release_lets_jobs_go_again(desk: Desk) -> None:
    await desk.service.hold(ADA, "fast")
    await desk.service.release(ADA, "fast")

    assert desk.backends.get("fast").takes_jobs
    assert desk.audit() == [("ada", "hold", "fast"), ("ada", "release", "fast")]


async def test_one_switch_holds_every_backend(desk: Desk) -> None:
    await desk.service.hold(ADA, EVERY_BACKEND)

    assert desk.held() == {"fast": True, "slow": True}
    assert (await desk.service.overview(ADA)).all_held == Hold("*", "ada", desk.clock())


async def test_releasing_all_releases_what_was_held_on_its_own_too(desk: Desk) -> None:
    await desk.service.hold(ADA, "fast")
    await desk.service.hold(ADA, EVERY_BACKEND)
    await desk.service.release(ADA, EVERY_BACKEND)

    assert not desk.held()["fast"]


async def test_what_the_file_holds_no_switch_releases(desk: Desk) -> None:
    await desk.service.hold(ADA, "slow")
    await desk.service.release(ADA, "slow")

    assert desk.held() == {"fast": False, "slow": True}


async def test_holds_outlive_a_restart(desk: Desk) -> None:
    await desk.service.hold(ADA, "fast")
    again = Desk(deeds=desk.deeds)

    again.backends.apply(await again.deeds.holds())

    assert again.backends.get("fast").is_held


async def test_an_unknown_backend_cannot_be_held(desk: Desk) -> None:
    with pytest.raises(InvalidRequest):
        await desk.service.hold(ADA, "nowhere")

    assert desk.audit() == []
    assert await desk.deeds.holds() == []


# --- people -------------------------------------------------------------------------------------


async def test_closing_and_opening_an_account_is_audited(desk: Desk) -> None:
    await desk.accounts.add("bob", "long enough")
    await desk.service.disable(ADA, "bob")
    closed = await names(desk)
    await desk.service.enable(ADA, "bob")

    assert (closed, await names(desk)) == ({"bob": False}, {"bob": True})
    assert desk.audit() == [("ada", "user_disabled", "bob"), ("ada", "user_enabled", "bob")]


async def test_beginning_an_account_and_a_new_password_are_audited(desk: Desk) -> None:
    await desk.service.add(ADA, "bob", "long enough")
    await desk.service.give_password(ADA, "bob", "another one")

    assert await desk.accounts.recognise("bob", "another one") == "bob"
    assert await desk.accounts.recognise("bob", "long enough") is None
    assert desk.audit() == [("ada", "user_added", "bob"), ("ada", "user_password", "bob")]


async def test_nobody_closes_their_own_account(desk: Desk) -> None:
    await desk.accounts.add("ada", "long enough")
    with pytest.raises(InvalidRequest):
        await desk.service.disable(ADA, "ada")

    assert await names(desk) == {"ada": True}


async def test_people_are_those_with_an_account_and_those_with_jobs(desk: Desk) -> None:
    for name in ("bob", "cleo"):
        await desk.accounts.add(name, "long enough")
    clip = Clip("key-1", "video/mp4", 500, "0" * 64)
    await keep(
        desk,
        a_job(owner="bob"),
        a_job(owner="bob", status=JobStatus.IN_PROGRESS),
        a_job(owner="bob", status=JobStatus.FETCHING),
        a_job(owner="dora", status=JobStatus.COMPLETED, clip=clip),
    )

    people = {each.name: each for each in (await desk.service.overview(ADA)).people}

    assert list(people) == ["bob", "cleo", "dora"]
    assert (people["bob"].waiting, people["bob"].running, people["bob"].done) == (1, 2, 0)
    assert (people["dora"].done, people["dora"].clip_bytes) == (1, 500)
    assert people["dora"].account is None


# --- what is seen -------------------------------------------------------------------------------


async def test_a_backends_figures_count_what_its_jobs_kept_of_it(desk: Desk) -> None:
    await keep(
        desk,
        a_job(backend="fast"),
        a_job(backend="Fast", status=JobStatus.IN_PROGRESS),
        a_job(backend="fast.test", status=JobStatus.SUBMITTING),
        a_job(backend="slow", status=JobStatus.FETCHING),
        a_job(backend="gone"),
    )

    fast, slow = (await desk.service.overview(ADA)).backends

    assert (fast.busy, fast.waiting) == (2, 1)
    assert (slow.busy, slow.waiting) == (0, 0), "what is being fetched holds no slot"


async def test_the_record_is_of_this_backend_alone(desk: Desk) -> None:
    ended: dict[str, Any] = {"submitted_at": desk.clock(), "finished_at": desk.clock()}
    await keep(
        desk,
        a_job(backend="fast", status=JobStatus.COMPLETED, **ended),
        a_job(backend="slow", status=JobStatus.FAILED, **ended),
    )

    fast, slow = (await desk.service.overview(ADA)).backends

    assert (fast.record.jobs, fast.record.success) == (1, 1.0)
    assert (slow.record.jobs, slow.record.success) == (1, 0.0)


async def test_a_backend_that_is_well_again_still_tells_its_last_trouble() -> None:
    backend = a_backend("fast")
    backend.answered()
    first = backend.up_since
    backend.answered()
    backend.stumbled(Unauthorized("key"), Stage.SUBMIT)

    assert first is not None
    assert backend.up_since is None
    assert backend.down_since is not None

    backend.answered()

    assert backend.up_since is not None
    assert backend.up_since >= first
    assert backend.last_trouble is not None
    assert backend.last_trouble.kind == "unauthorized"


async def test_room_below_the_floor_is_low(desk: Desk) -> None:
    low = replace(desk.service, floor=100 * 10**9)

    assert not (await desk.service.overview(ADA)).is_room_low
    assert (await low.overview(ADA)).is_room_low


@pytest.mark.parametrize(
    "deed",
    [
        lambda service: service.overview(BOB),
        lambda service: service.audit(BOB),
        lambda service: service.hold(BOB, "fast"),
        lambda service: service.release(BOB, "fast"),
        lambda service: service.disable(BOB, "ada"),
        lambda service: service.enable(BOB, "ada"),
        lambda service: service.add(BOB, "eve", "long enough"),
        lambda service: service.give_password(BOB, "ada", "long enough"),
    ],
    ids=["overview", "audit", "hold", "release", "disable", "enable", "add", "password"],
)
async def test_nobody_else_can_do_any_of_it(
    desk: Desk, deed: Callable[[OperatorService], Awaitable[object]]
) -> None:
    with pytest.raises(NotAllowed):
        await deed(desk.service)

    assert desk.audit() == []
    assert await names(desk) == {}


async def test_without_accounts_there_is_nobody_to_close(desk: Desk) -> None:
    alone = replace(desk.service, accounts=None)

    assert (await alone.overview(LOCAL_VIEWER)).people == []
    with pytest.raises(InvalidRequest):
        await alone.disable(LOCAL_VIEWER, "bob")
