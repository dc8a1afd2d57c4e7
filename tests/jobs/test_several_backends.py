"""Several backends: ids apart from names, defaults, one prompt to several, rate and hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from rushes.domain import (
    LOCAL_VIEWER,
    Capabilities,
    Catalogue,
    JobStatus,
    Limits,
    Price,
    RemoteJob,
    RemoteStatus,
    VideoRequest,
)
from rushes.errors import InvalidRequest
from rushes.jobs.directory import ConfiguredBackend, Directory
from rushes.jobs.service import JobService
from rushes.jobs.worker import Worker
from tests.fakes import MemoryClips, MemoryJobs, ScriptedBackend, StoppedClock
from tests.fakes.jobs import a_job
from tests.jobs.stage import LEASE, REQUEST, arriving

if TYPE_CHECKING:
    from rushes.domain import Job

pytestmark = pytest.mark.anyio

RUNNING = RemoteJob("r-1", RemoteStatus.IN_PROGRESS, next_poll=timedelta(milliseconds=10))
DONE = RemoteJob("r-1", RemoteStatus.COMPLETED, progress=100)
WIDE = Capabilities(
    durations=(5, 10), aspect_ratios=("16:9", "9:16"), resolutions=("720p",), seed=True, n_max=4
)
SQUARE = Capabilities(durations=(4, 8), aspect_ratios=("1:1",), resolutions=("480p",), n_max=2)


def a_backend(id_: str, takes: Capabilities | None = None, **changes: Any) -> ConfiguredBackend:  # noqa: ANN401 - its fields
    given = {
        "backend": ScriptedBackend(),
        "catalogue": Catalogue({"": takes}) if takes else None,
        "is_probed": True,
        **changes,
    }
    return ConfiguredBackend(id_, given.pop("name", id_.upper()), f"{id_}.test", **given)


class Scene:
    """A service and a worker over some backends, and a clock that only the test moves."""

    def __init__(self, *backends: ConfiguredBackend) -> None:
        self.clock = StoppedClock()
        self.store = MemoryJobs(self.clock)
        self.clips = MemoryClips()
        self.configure(*backends)

    def configure(self, *backends: ConfiguredBackend) -> None:
        """Start anew with these backends, as after a restart."""
        self.directory = Directory.of(backends)
        self.service = JobService(self.store, self.clips, self.directory, Limits(), self.clock)
        self.worker = Worker(self.store, self.clips, self.directory, clock=self.clock)

    async def submit(self, request: VideoRequest = REQUEST, **options: Any) -> list[Job]:  # noqa: ANN401 - as the service
        return await self.service.submit(LOCAL_VIEWER, request, **options)

    async def round(self) -> list[Job]:
        """Let the worker claim once and carry what it got one step."""
        claimed = await self.store.claim("w", LEASE, self.worker._choose(self.worker.capacity))
        for job in claimed.jobs:
            self.worker._pick_up(job)
        await asyncio.gather(*(carried.task for carried in self.worker.carried.values()))
        await asyncio.sleep(0)  # the tasks say that they are done
        return list(claimed.jobs)

    async def run(self, job: Job, *statuses: JobStatus, rounds: int = 12) -> Job:
        """Go on until a job is in one of the states."""
        for _ in range(rounds):
            job = await self.store.get(job.id)
            if job.status in statuses:
                break
            self.clock.advance(seconds=61)
            await self.round()
        return job


# --- one prompt to several ----------------------------------------------------------------------


async def test_one_prompt_to_several_is_one_batch_with_recipes_that_fit() -> None:
    scene = Scene(a_backend("a", WIDE), a_backend("b", SQUARE))
    asked = VideoRequest(
        prompt="a kite", duration_s=5, aspect_ratio="9:16", resolution="720p", seed=7
    )

    jobs = await scene.submit(asked, also=["b"])

    fitted = VideoRequest(prompt="a kite", duration_s=4, aspect_ratio="1:1", resolution="480p")
    assert [(job.backend, job.request, job.place) for job in jobs] == [
        ("a", asked, 0),
        ("b", fitted, 1),
    ]
    assert len({job.batch for job in jobs}) == 1


async def test_each_gets_as_many_variations_as_it_takes() -> None:
    scene = Scene(a_backend("a", WIDE), a_backend("b", SQUARE), a_backend("c"))

    jobs = await scene.submit(count=3, also=["b", "c"])

    assert [job.backend for job in jobs] == ["a", "a", "a", "b", "b", "c", "c", "c"]


async def test_nobody_is_asked_twice_for_being_named_twice() -> None:
    scene = Scene(a_backend("a"), a_backend("b"))

    jobs = await scene.submit(backend="b", also=["a", "b", "a", "A"])

    assert [job.backend for job in jobs] == ["b", "a"]


async def test_one_that_cannot_take_it_leaves_nothing_behind_and_is_named() -> None:
    short = replace(WIDE, prompt_max=5)
    scene = Scene(a_backend("a", WIDE), a_backend("b", short, name="Short one"))

    with pytest.raises(InvalidRequest) as caught:
        await scene.submit(also=["b"])

    assert caught.value.field == "prompt"
    assert caught.value.told(str) == "Short one takes prompts of up to 5 characters."
    assert await scene.round() == []


async def test_a_stranger_among_them_is_refused() -> None:
    scene = Scene(a_backend("a"))

    with pytest.raises(InvalidRequest, match="no backend of that name"):
        await scene.submit(also=["nobody"])


async def test_the_same_press_is_the_same_batch_and_another_choice_another() -> None:
    scene = Scene(a_backend("a"), a_backend("b"))

    first = await scene.submit(also=["b"], token="t")
    again = await scene.submit(also=["b"], token="t")
    fewer = await scene.submit(token="t")

    assert [job.id for job in again] == [job.id for job in first]
    assert {job.batch for job in fewer} != {job.batch for job in first}


async def test_a_key_of_ones_own_holds_for_the_recipe_as_it_was_asked() -> None:
    scene = Scene(a_backend("a"), a_backend("b"))
    asked = VideoRequest(prompt="a kite", duration_s=5)

    async def once(request: VideoRequest, *also: str) -> list[str]:
        batch = await scene.service.submit_once(LOCAL_VIEWER, request, also=also, key="k")
        return [job.id for job in batch]

    first = await once(asked, "b")
    await scene.directory.get("b").describe()  # now it is known that it takes no length
    scene.directory.get("a").defaults = {"resolution": "720p"}

    assert await once(asked, "b") == first
    for other in (asked.model_copy(update={"seed": 1}), asked.model_copy(update={"prompt": "b"})):
        with pytest.raises(InvalidRequest, match="used before"):
            await once(other, "b")
    with pytest.raises(InvalidRequest, match="used before"):
        await once(asked)


# --- defaults -----------------------------------------------------------------------------------


async def test_defaults_fill_what_nobody_said() -> None:
    defaults = {"duration_s": 10.0, "aspect_ratio": "9:16", "negative_prompt": "blur"}
    scene = Scene(a_backend("a", replace(WIDE, negative_prompt=True), defaults=defaults))

    (job,) = await scene.submit(VideoRequest(prompt="a kite", duration_s=5))

    assert job.request == VideoRequest(
        prompt="a kite", duration_s=5, aspect_ratio="9:16", negative_prompt="blur"
    )


async def test_a_default_that_the_model_refuses_is_not_asked_for() -> None:
    defaults = {"duration_s": 7.0, "aspect_ratio": "9:16", "negative_prompt": "x", "model": "gone"}
    scene = Scene(a_backend("a", WIDE, defaults=defaults))

    (job,) = await scene.submit()

    assert job.request == REQUEST.model_copy(update={"aspect_ratio": "9:16"})


async def test_what_comes_nearest_is_measured_by_the_model_that_is_used() -> None:
    catalogue = Catalogue({"first": WIDE, "usual": SQUARE}, default="first")
    there = a_backend("b", catalogue=catalogue, defaults={"model": "usual"})
    scene = Scene(a_backend("a", WIDE), there)

    _, job = await scene.submit(VideoRequest(prompt="a kite", duration_s=10), also=["b"])

    assert job.request == VideoRequest(prompt="a kite", model="usual", duration_s=8)


def test_a_price_is_that_of_the_model_else_the_common_one() -> None:
    cheap, dear = (Price("USD", date(2026, 11, 1), Decimal(amount)) for amount in (1, 9))
    catalogue = Catalogue({"s": WIDE, "l": WIDE}, default="s")
    there = a_backend("a", catalogue=catalogue, prices={"": cheap, "l": dear})

    assert (there.price("l"), there.price("s"), there.price(None)) == (dear, cheap, cheap)
    assert replace(there, defaults={"model": "l"}).price(None) == dear
    assert a_backend("b").price(None) is None


# --- rate and hold ------------------------------------------------------------------------------


async def test_a_rate_holds_back_and_lets_go_after_a_minute() -> None:
    slow = a_backend("a", backend=ScriptedBackend(submit=[RUNNING], poll=[RUNNING]))
    slow.slots, slow.rate = 10, 2
    scene = Scene(slow)
    jobs = await scene.submit(count=5)

    async def waiting() -> int:
        now = [await scene.store.get(job.id) for job in jobs]
        return sum(job.status is JobStatus.QUEUED for job in now)

    left = []
    for seconds in (0, 30, 29, 2, 59, 2):
        scene.clock.advance(seconds=seconds)
        await scene.round()
        left.append(await waiting())

    assert left == [3, 3, 3, 1, 1, 0]


async def test_a_rate_counts_only_what_is_handed_over() -> None:
    slow = a_backend("a", backend=ScriptedBackend(submit=[RUNNING]), rate=1)
    scene = Scene(slow)
    (unwanted,) = await scene.submit()
    await scene.store.mark(unwanted.id, cancel_requested_at=scene.clock())
    await scene.round()
    (job,) = await scene.submit()

    await scene.round()

    assert (await scene.store.get(unwanted.id)).status is JobStatus.CANCELLED
    assert (await scene.store.get(job.id)).status is JobStatus.IN_PROGRESS


async def test_one_that_is_slow_does_not_hold_up_another() -> None:
    scene = Scene(
        a_backend("a", backend=ScriptedBackend(submit=[RUNNING]), rate=1),
        a_backend("b", backend=ScriptedBackend(submit=[RUNNING])),
    )
    await scene.submit(count=2, also=["b"])

    first = await scene.round()

    assert sorted(job.backend for job in first) == ["a", "b", "b"]


async def test_a_backend_on_hold_keeps_new_jobs_here_and_follows_the_old_ones() -> None:
    script = ScriptedBackend(submit=[RUNNING], poll=[RUNNING])
    scene = Scene(a_backend("a", backend=script))
    (out,) = await scene.submit()
    await scene.round()
    scene.configure(a_backend("a", backend=script, held=True))
    (new,) = await scene.submit()

    followed = await scene.run(new, JobStatus.SUBMITTING, JobStatus.IN_PROGRESS, rounds=3)

    assert followed.status is JobStatus.QUEUED
    assert script.count("submit") == 1
    assert script.count("poll") == 3
    assert (await scene.store.get(out.id)).status is JobStatus.IN_PROGRESS
    scene.configure(a_backend("a", backend=script))
    assert (await scene.run(new, JobStatus.IN_PROGRESS)).status is JobStatus.IN_PROGRESS


# --- names, and backends that go ----------------------------------------------------------------


async def test_another_name_changes_nothing_for_its_jobs() -> None:
    script = ScriptedBackend(submit=[RUNNING], poll=[DONE], open_clip=[arriving()])
    scene = Scene(a_backend("a", backend=script, name="Before"))
    (job,) = await scene.submit()
    await scene.round()
    scene.configure(a_backend("b"), a_backend("a", backend=script, name="After"))

    done = await scene.run(job, JobStatus.COMPLETED)

    assert (done.status, done.backend) == (JobStatus.COMPLETED, "a")
    assert scene.directory.label(done.backend) == "After"
    assert script.count("submit") == 1
    statuses = {event.what for event in await scene.store.history(job.id)}
    assert JobStatus.UNKNOWN not in statuses


async def test_without_its_table_a_running_job_is_unknown_and_comes_back_with_it() -> None:
    script = ScriptedBackend(submit=[RUNNING], poll=[DONE], open_clip=[arriving()])
    mine, other = a_backend("a", backend=script), a_backend("b")
    scene = Scene(mine, other)
    (job,) = await scene.submit()
    await scene.round()
    (waiting,) = await scene.submit()

    scene.configure(other)
    lost = await scene.run(job, JobStatus.UNKNOWN)
    still = await scene.run(waiting, JobStatus.UNKNOWN, JobStatus.COMPLETED, rounds=3)
    scene.configure(mine, other)
    found = await scene.run(job, JobStatus.COMPLETED)

    assert lost.status is JobStatus.UNKNOWN
    assert lost.failure is not None
    assert lost.failure.kind == "not_configured"
    assert scene.directory.label("gone") == "gone"
    assert still.status is JobStatus.QUEUED
    assert found.status is JobStatus.COMPLETED
    assert (await scene.run(waiting, JobStatus.COMPLETED)).status is JobStatus.COMPLETED
    assert script.count("submit") == 2


@pytest.mark.parametrize("kept", ["a", "Studio", "a.test"])
async def test_a_job_is_found_again_by_whatever_was_kept_of_its_backend(kept: str) -> None:
    script = ScriptedBackend(poll=[DONE], open_clip=[arriving()])
    scene = Scene(a_backend("b"), a_backend("a", backend=script, name="Studio"))
    (queued,) = await scene.store.add([a_job(backend=kept)], Limits())
    assert scene.directory.label(kept) == "Studio"

    done = await scene.run(queued, JobStatus.COMPLETED)

    assert done.status is JobStatus.COMPLETED
    assert script.count("submit") == 1


def test_ids_go_before_names_and_names_before_hosts() -> None:
    first = a_backend("b", name="Other")
    second = replace(a_backend("a", name="b"), host="Other")
    directory = Directory.of([first, second])

    assert directory.find("b") is first
    assert directory.find("Other") is first


def test_a_host_that_two_have_in_common_names_neither() -> None:
    one, two = (replace(a_backend(id_), host="same.test") for id_ in ("a", "b"))

    assert Directory.of([one, two]).find("same.test") is None


async def test_a_retry_goes_to_the_default_with_what_it_takes_where_the_old_one_is_gone() -> None:
    scene = Scene(a_backend("a", WIDE))
    asked = VideoRequest(prompt="a kite", duration_s=5, seed=3, resolution="720p")
    (job,) = await scene.submit(asked)
    scene.configure(a_backend("b", SQUARE, defaults={"aspect_ratio": "1:1"}))

    again = await scene.service.retry(LOCAL_VIEWER, job.id)

    assert (again.backend, again.origin) == ("b", job.id)
    assert again.request == VideoRequest(
        prompt="a kite", duration_s=4, resolution="480p", aspect_ratio="1:1"
    )
