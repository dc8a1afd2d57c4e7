"""Hosted profiles against the rehearsal backend: what each service does in its own way."""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - pytest reads fixtures' hints
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.backends.contract import Traits, bytes_of, failure_of, followed, submit
from rushes.domain import RemoteStatus, new_id
from rushes.errors import NotSent
from rushes.net import Secret
from tests.mock.driving import QUICK, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rushes.ports import VideoBackend

pytestmark = pytest.mark.anyio

KEY = "rehearsed-canary-0123456789"
ASKS = Traits()
BASES = {
    "dashscope": "/dashscope",
    "fal": "/fal",
    "gemini-omni": "/gemini/v1beta",
    "huggingface": "/huggingface",
    "huggingface+together": "/huggingface",
    "huggingface+wavespeed": "/huggingface",
    "kling": "/kling",
    "ltx-v2": "/ltx",
    "openai-videos": "/openai/v1",
    "replicate": "/replicate",
    "runway": "/runway",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(replace(QUICK, key=KEY, folder=tmp_path_factory.mktemp("hosted"))) as client:
        yield str(client.base_url).rstrip("/")


@asynccontextmanager
async def at(profile: str, address: str, *result_hosts: str) -> AsyncIterator[VideoBackend]:
    config = BackendConfig(
        name=profile,
        url=f"{address}{BASES[profile]}",
        key=Secret(KEY),
        profile=profile,
        models=("maker/rehearsal",),
        result_hosts=result_hosts,
    )
    backend = load_backend(config)
    try:
        yield backend
    finally:
        await backend.aclose()


KINDS = [
    ("kling", "#crowded", ("concurrency_limited", True)),
    ("kling", "#no-credit", ("quota_exhausted", False)),
    ("kling", "#forbidden", ("forbidden", False)),
    ("ltx-v2", "#overloaded", ("backend_unavailable", True)),
    ("ltx-v2", "#crowded", ("concurrency_limited", True)),
    ("dashscope", "#no-credit", ("quota_exhausted", False)),
    ("replicate", "#no-credit", ("quota_exhausted", False)),
    ("fal", "#refuse", ("rejected_by_moderation", False)),
    ("fal", "#reject", ("rejected_by_moderation", False)),
    ("huggingface", "#refuse", ("rejected_by_moderation", False)),
    ("huggingface", "#reject", ("rejected_by_moderation", False)),
    ("huggingface+wavespeed", "#refuse", ("rejected_by_moderation", False)),
    ("huggingface+wavespeed", "#reject", ("rejected_by_moderation", False)),
    ("huggingface+together", "#refuse", ("rejected_by_moderation", False)),
    ("openai-videos", "#refuse", ("rejected_by_moderation", False)),
    ("runway", "#refuse", ("rejected_by_moderation", False)),
]


@pytest.mark.parametrize(("profile", "word", "expected"), KINDS)
async def test_each_service_says_no_in_its_own_way_and_is_understood(
    address: str, profile: str, word: str, expected: tuple[str, bool]
) -> None:
    async with at(profile, address) as backend:
        told = await failure_of(backend, ASKS, f"{word} {new_id()}")

    assert told == expected


async def test_a_suspended_job_waits_again_and_is_done_in_the_end(address: str) -> None:
    async with at("dashscope", address) as backend:
        submission = await submit(backend, ASKS, "#paused")
        told = [job.status for job in await followed(backend, submission.remote)]

    begun = told.index(RemoteStatus.IN_PROGRESS)
    assert RemoteStatus.QUEUED in told[begun:]
    assert told[-1] is RemoteStatus.COMPLETED


async def test_a_clip_of_replicate_in_a_list_is_fetched(address: str) -> None:
    async with at("replicate", address) as backend:
        clip = await bytes_of(backend, await submit(backend, ASKS, "#list"))

    assert clip[4:8] == b"ftyp"


async def test_what_replicate_gave_up_is_cancelled_and_what_it_removed_is_gone(
    address: str,
) -> None:
    async with at("replicate", address) as backend:
        aborted = await followed(backend, (await submit(backend, ASKS, "#aborted")).remote)
        removed = await failure_of(backend, ASKS, "#removed")

    assert aborted[-1].status is RemoteStatus.CANCELLED
    assert removed == ("result_expired", False)


async def test_an_address_of_runway_that_is_over_is_asked_for_anew(address: str) -> None:
    async with at("runway", address) as backend:
        done = (await followed(backend, (await submit(backend, ASKS, "a ferry")).remote))[-1]
        await backend.poll(done)  # from here on the address in `done` is an old one
        async with backend.open_clip(done) as source:
            clip = b"".join([chunk async for chunk in source.chunks()])

    assert clip[4:8] == b"ftyp"


async def test_fal_is_not_followed_to_another_host(address: str) -> None:
    async with at("fal", address, f"localhost:{httpx.URL(address).port}") as backend:
        submission = await submit(backend, ASKS, "#foreign")
        with pytest.raises(NotSent, match="is not an allowed address"):
            await backend.poll(submission.remote)


async def test_the_key_of_gemini_does_not_follow_a_file_to_another_host(address: str) -> None:
    elsewhere = f"localhost:{httpx.URL(address).port}"
    async with at("gemini-omni", address, elsewhere) as backend:
        clip = await bytes_of(backend, await submit(backend, ASKS, "#foreign"))

    assert clip[4:8] == b"ftyp"  # over there a key is refused


async def test_openai_is_asked_again_when_it_says(address: str) -> None:
    async with at("openai-videos", address) as backend:
        submission = await submit(backend, ASKS, "#stall")
        job = await backend.poll(submission.remote)

    assert job.next_poll == timedelta(seconds=1)


async def test_a_reseller_s_address_is_fetched_in_place_of_the_bytes(address: str) -> None:
    async with at("openai-videos", address) as backend:
        clip = await bytes_of(backend, await submit(backend, ASKS, "#address"))

    assert clip[4:8] == b"ftyp"
