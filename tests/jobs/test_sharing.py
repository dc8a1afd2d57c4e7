"""Who else may watch a clip, and what a link to it opens."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.domain import (
    Account,
    AuditLine,
    Clip,
    Job,
    JobQuery,
    JobStatus,
    Limits,
    RemoteJob,
    RemoteStatus,
    Scope,
    VideoRequest,
    Viewer,
    new_id,
)
from rushes.errors import InvalidRequest, JobConflict, JobNotFound, ShareNotFound
from rushes.jobs.directory import Directory
from rushes.jobs.oversight import Oversight
from rushes.jobs.service import JobService
from rushes.jobs.sharing import LINKS_MAX, LIVES, Sharing, digest_of
from tests.fakes import StoppedClock
from tests.fakes.accounts import MemoryAccounts
from tests.fakes.operators import MemoryOperators
from tests.fakes.shares import MemoryShares
from tests.web.memory import BreakableJobs, WatchedClips
from tests.web.stage import a_backend

if TYPE_CHECKING:
    from rushes.ports import JobStore

pytestmark = pytest.mark.anyio

ANN = Viewer("ann", groups=frozenset({"film"}), is_known=True)
BOB = Viewer("bob", groups=frozenset({"film", "press"}), is_known=True)
CYD = Viewer("cyd", groups=frozenset({"press"}), is_known=True)
ROOT = Viewer("root", is_operator=True, is_known=True)
STRANGER = Viewer("local")
CLIP = Clip("k-1", "video/mp4", 9, "0" * 64, 1280, 720, 8.0)


@dataclass
class Neighbours:
    """People who share a server."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    store: BreakableJobs = field(default_factory=BreakableJobs)
    shares: MemoryShares = field(default_factory=MemoryShares)
    operators: MemoryOperators = field(default_factory=MemoryOperators)
    accounts: MemoryAccounts = field(default_factory=MemoryAccounts)

    def __post_init__(self) -> None:
        directory = Directory.of([a_backend()])
        self.jobs = JobService(self.store, WatchedClips(), directory, Limits(), self.clock)
        self.sharing = Sharing(self.jobs, self.shares, self.clock, self.accounts)

    def oversight(self, *, may_read: bool) -> Oversight:
        store: JobStore = self.store
        return Oversight(store, self.operators, may_read, self.clock)

    async def job(self, **changes: object) -> Job:
        job = Job(
            id=new_id(),
            batch=new_id(),
            place=0,
            owner="ann",
            backend="stage",
            request=VideoRequest(prompt="a secret plan", negative_prompt="no spies"),
            submit_token=new_id(),
            created_at=self.clock.now,
            status=JobStatus.COMPLETED,
            clip=CLIP,
            title="The plan",
            remote=RemoteJob("r", RemoteStatus.COMPLETED, effective_prompt="a secret plan, 35 mm"),
        )
        return await self.store.write(replace(job, **changes))  # type: ignore[arg-type] # its fields


# --- people who sign in -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audience", "watchers"),
    [("", {"ann"}), ("group:film", {"ann", "bob"}), ("everyone", {"ann", "bob", "cyd", "root"})],
)
async def test_a_clip_is_watched_by_its_audience_alone(audience: str, watchers: set[str]) -> None:
    there = Neighbours()
    job = await there.job()
    await there.sharing.show(ANN, job.id, audience)

    assert {
        who.owner for who in (ANN, BOB, CYD, ROOT, STRANGER) if await sees(there, who, job)
    } == (watchers)
    assert {who.owner for who in (BOB, CYD, ROOT) if await lists(there, who)} == watchers - {"ann"}


async def sees(there: Neighbours, viewer: Viewer, job: Job) -> bool:
    try:
        return (await there.jobs.look(viewer, job.id)).id == job.id
    except JobNotFound:
        return False


async def lists(there: Neighbours, viewer: Viewer) -> bool:
    query = JobQuery(Scope(viewer.owner), starred=True)
    return bool((await there.sharing.shown(viewer, query)).jobs)


async def test_what_was_shown_can_be_taken_back_and_put_away() -> None:
    there = Neighbours()
    taken, deleted = await there.job(), await there.job()
    for job in (taken, deleted):
        await there.sharing.show(ANN, job.id, "everyone")

    await there.sharing.show(ANN, taken.id, "")
    await there.jobs.delete(ANN, deleted.id)

    assert not await sees(there, BOB, taken)
    assert not await sees(there, BOB, deleted)
    assert not await lists(there, BOB)


@pytest.mark.parametrize("audience", ["group:press", "group:", "ann", "EVERYONE", "local"])
async def test_nobody_shows_to_an_audience_that_is_not_theirs(audience: str) -> None:
    there = Neighbours()
    job = await there.job()

    with pytest.raises(InvalidRequest):
        await there.sharing.show(ANN, job.id, audience)
    assert (await there.store.get(job.id)).shared_with is None


async def test_only_the_owner_decides_and_only_over_a_clip() -> None:
    there = Neighbours()
    job = await there.job(shared_with="everyone")
    unfinished = await there.job(clip=None, status=JobStatus.QUEUED)

    with pytest.raises(JobNotFound):
        await there.sharing.show(BOB, job.id, "")
    with pytest.raises(JobNotFound):
        await there.sharing.link(BOB, job.id, days=7, with_prompt=True)
    with pytest.raises(JobConflict):
        await there.sharing.show(ANN, unfinished.id, "everyone")
    with pytest.raises(JobConflict):
        await there.sharing.link(ANN, unfinished.id, days=7, with_prompt=False)


async def test_where_nobody_is_known_there_is_nobody_to_show_to() -> None:
    there = Neighbours()
    job = await there.job(owner="local")
    await there.job(shared_with="everyone")

    with pytest.raises(InvalidRequest):
        await there.sharing.show(STRANGER, job.id, "everyone")
    assert not await lists(there, STRANGER)


async def test_a_search_cannot_borrow_somebody_elses_audience() -> None:
    there = Neighbours()
    await there.job(shared_with="group:film")

    with pytest.raises(JobNotFound):
        await there.jobs.search(CYD, JobQuery(Scope("cyd"), audiences=frozenset({"group:film"})))


async def test_every_move_on_a_shown_clip_stays_its_owners() -> None:
    there = Neighbours()
    job = await there.job(shared_with="everyone")
    moves = [
        there.jobs.get(BOB, job.id),
        there.jobs.history(BOB, job.id),
        there.jobs.star(BOB, job.id, starred=True),
        there.jobs.rename(BOB, job.id, "mine"),
        there.jobs.retry(BOB, job.id),
        there.jobs.cancel(BOB, job.id),
        there.jobs.check_again(BOB, job.id),
        there.jobs.give_up(BOB, job.id),
        there.jobs.delete(BOB, job.id),
        there.jobs.restore(BOB, job.id),
    ]

    for move in moves:
        with pytest.raises(JobNotFound):
            await move
    assert await there.store.get(job.id) == job


# --- links --------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", LIVES)
async def test_a_link_opens_one_clip_until_it_ends(days: int) -> None:
    there = Neighbours()
    job = await there.job()
    token = await there.sharing.link(ANN, job.id, days=days, with_prompt=True)

    there.clock.advance(hours=24 * days - 1)
    share, opened = await there.sharing.opened(token)
    there.clock.advance(hours=1)

    assert opened == job
    assert (share.owner, share.job_id) == ("ann", job.id)
    assert await there.sharing.links_to(job) == []
    with pytest.raises(ShareNotFound):
        await there.sharing.opened(token)


async def test_without_the_owners_wish_a_guest_reads_no_word_of_theirs() -> None:
    there = Neighbours()
    job = await there.job()
    token = await there.sharing.link(ANN, job.id, days=7, with_prompt=False)

    _, opened = await there.sharing.opened(token)

    assert opened.clip == CLIP
    for word in ("secret", "spies", "plan", "35 mm"):
        assert word not in repr(opened)


async def test_a_token_is_long_random_and_not_kept() -> None:
    there = Neighbours()
    job = await there.job()
    tokens = {await there.sharing.link(ANN, job.id, days=7, with_prompt=False) for _ in range(50)}

    assert len(tokens) == 50
    assert all(re.fullmatch(r"[\w-]{22}", token, re.ASCII) for token in tokens)
    assert set(there.shares.kept) == {digest_of(token) for token in tokens}
    assert not any(token in repr(there.shares.kept) for token in tokens)


@pytest.mark.parametrize("days", [0, -1, 2, 31, 365])
async def test_a_link_lasts_no_other_time(days: int) -> None:
    there = Neighbours()
    job = await there.job()

    with pytest.raises(InvalidRequest):
        await there.sharing.link(ANN, job.id, days=days, with_prompt=False)


async def test_what_is_revoked_deleted_or_gone_opens_nothing() -> None:
    there = Neighbours()
    revoked, deleted, gone = [await there.job() for _ in range(3)]
    tokens = [
        await there.sharing.link(ANN, job.id, days=7, with_prompt=False)
        for job in (revoked, deleted, gone)
    ]
    (share,) = await there.sharing.links_to(revoked)

    await there.sharing.revoke(ANN, revoked.id, share.id)
    await there.jobs.delete(ANN, deleted.id)
    await there.store.write(replace(gone, clip=None))
    there.store.jobs.pop(gone.id)

    for token in [*tokens, "", "x" * 22, "é\udcff"]:
        with pytest.raises(ShareNotFound, match="opens nothing"):
            await there.sharing.opened(token)


async def test_a_link_opens_nothing_while_its_owner_is_shut_out() -> None:
    there = Neighbours()
    job = await there.job()
    ann = Account("ann", there.clock.now)
    await there.accounts.put(ann)
    token = await there.sharing.link(ANN, job.id, days=7, with_prompt=False)

    await there.accounts.put(replace(ann, disabled_at=there.clock.now))
    with pytest.raises(ShareNotFound, match=r"^this link opens nothing$"):
        await there.sharing.opened(token)
    await there.accounts.put(ann)

    assert (await there.sharing.opened(token))[1].id == job.id


async def test_only_the_owner_revokes_and_only_links_to_that_clip() -> None:
    there = Neighbours()
    job, other = await there.job(), await there.job()
    token = await there.sharing.link(ANN, job.id, days=7, with_prompt=False)
    (share,) = await there.sharing.links_to(job)

    with pytest.raises(JobNotFound):
        await there.sharing.revoke(BOB, job.id, share.id)
    with pytest.raises(ShareNotFound):
        await there.sharing.revoke(ANN, other.id, share.id)
    assert (await there.sharing.opened(token))[0] == share


# --- operators ----------------------------------------------------------------------------------


async def test_an_operator_reads_where_the_policy_says_so_and_leaves_a_line() -> None:
    there = Neighbours()
    job = await there.job()

    read = await there.oversight(may_read=True).read(ROOT, job.id)

    assert read == job
    line = AuditLine(there.clock.now, "root", "prompt_read", f"{job.id} of ann")
    assert there.operators.lines == [line]


@pytest.mark.parametrize(("viewer", "may_read"), [(ROOT, False), (BOB, True), (ANN, True)])
async def test_nobody_else_reads_and_no_line_is_left(viewer: Viewer, may_read: bool) -> None:
    there = Neighbours()
    job = await there.job()

    with pytest.raises(JobNotFound):
        await there.oversight(may_read=may_read).read(viewer, job.id)
    assert there.operators.lines == []


async def test_an_operator_reads_nothing_that_was_put_away() -> None:
    there = Neighbours()
    job = await there.job(deleted_at=there.clock.now - timedelta(minutes=1))

    with pytest.raises(JobNotFound):
        await there.oversight(may_read=True).read(ROOT, job.id)


async def test_one_clip_has_only_so_many_links_that_work() -> None:
    there = Neighbours()
    job, other = await there.job(), await there.job()
    for _ in range(LINKS_MAX):
        await there.sharing.link(ANN, job.id, days=1, with_prompt=False)

    with pytest.raises(InvalidRequest, match="At most 50"):
        await there.sharing.link(ANN, job.id, days=1, with_prompt=False)
    assert await there.sharing.link(ANN, other.id, days=1, with_prompt=False)
    there.clock.advance(days=2)
    assert await there.sharing.link(ANN, job.id, days=1, with_prompt=False)
