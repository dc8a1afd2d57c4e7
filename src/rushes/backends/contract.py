"""What every backend promises, as tests that whoever wrote one can run against its server.

    from rushes.backends.contract import BackendContract

    class TestMine(BackendContract):
        @pytest.fixture
        def server(self): ...
        @pytest.fixture
        async def backend(self, server): ...

Needs pytest and anyio's plugin for it; the program never imports this module. For asserts that
explain themselves call `pytest.register_assert_rewrite("rushes.backends.contract")` in a conftest.
"""

# ruff: noqa: S101, D102 - tests assert, and their names are sentences
from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from rushes.backends.traits import WORDS, Server, Traits
from rushes.domain import CancelOutcome, RemoteJob, RemoteStatus, VideoRequest, new_id
from rushes.errors import BackendError, OutcomeUnknown, RemoteJobNotFound, ResultExpired
from rushes.ports import Severity, VideoBackend

if TYPE_CHECKING:
    from rushes.ports import Submission

__all__ = ["PICTURE", "WORDS", "WRONG_KEY", "BackendContract", "Server", "Traits"]

PROMPTS = (
    "he said \"now\" and 'then' \\n",
    "two\nlines",
    "a kite 🪁 over Größe and 東京",
    "{{x}} {id} {key} {",
    "=x",
    "=prompt|upper",
    "long " * 800,
)
PICTURE = (
    "data:image/webp;base64,UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="  # a WebP of one pixel
)
WRONG_KEY = "wrong-key-0123456789"
ENDED = frozenset({RemoteStatus.COMPLETED, RemoteStatus.FAILED, RemoteStatus.CANCELLED})
PAUSE_S = 0.03
AT_MOST_S = 20
ERRORS_AT_MOST = 3


@pytest.mark.anyio
class BackendContract:
    """The cases. A subclass overrides `backend` and `server`, and `traits` where they differ."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def traits(self) -> Traits:
        return Traits()

    @pytest.fixture
    def server(self) -> Server:
        pytest.fail("override the fixture `server`")

    @pytest.fixture
    def backend(self) -> VideoBackend:
        pytest.fail("override the fixture `backend`")

    @pytest.fixture
    def stranger(self) -> VideoBackend:
        """Return the same backend with WRONG_KEY for its key."""
        pytest.skip("no backend with a wrong key was given")

    # --- a clip ----------------------------------------------------------------------------------

    async def test_a_prompt_comes_back_as_exactly_the_bytes_that_were_sent(
        self, traits: Traits, backend: VideoBackend, server: Server
    ) -> None:
        prompt = f"bytes as sent {new_id()}"

        clip = await bytes_of(backend, await submit(backend, traits, prompt))

        told = await asyncio.to_thread(server.sha256, prompt)
        assert hashlib.sha256(clip).hexdigest() == told
        assert await executed(server, prompt) == 1

    async def test_a_clip_that_broke_off_goes_on_or_begins_anew(
        self, traits: Traits, backend: VideoBackend
    ) -> None:
        if traits.is_synchronous:
            pytest.skip("a clip that is the answer to its submit cannot be asked for again")
        submission = await submit(backend, traits, "a bridge in wind")
        done = (await followed(backend, submission.remote))[-1]
        async with backend.open_clip(done) as source:
            whole = b"".join([chunk async for chunk in source.chunks()])
            validator = source.validator

        async with backend.open_clip(done, start=100, validator=validator) as source:
            rest = b"".join([chunk async for chunk in source.chunks()])

        assert source.start in {0, 100}
        assert rest == whole[source.start :]

    async def test_progress_is_told_where_there_is_any(
        self, traits: Traits, backend: VideoBackend, server: Server
    ) -> None:
        need(server, "#slow", is_followed(traits))

        told = await followed(backend, (await submit(backend, traits, "#slow on its way")).remote)

        assert told[-1].status is RemoteStatus.COMPLETED
        seen = [job.progress for job in told if job.progress is not None]
        assert seen == sorted(seen)
        assert any(0 < progress < 100 for progress in seen) is traits.has_progress

    async def test_the_prompt_as_the_backend_rewrote_it_is_kept(
        self, traits: Traits, backend: VideoBackend
    ) -> None:
        submission = await submit(backend, traits, "a ferry in fog")
        if submission.clip is not None:
            await left(submission)
            return

        rewritten = (await followed(backend, submission.remote))[-1].effective_prompt

        assert ("a ferry in fog" in (rewritten or "")) is traits.rewrites

    async def test_a_clip_that_is_gone_is_told_as_expired(
        self, traits: Traits, backend: VideoBackend, server: Server
    ) -> None:
        need(server, "#expired", is_followed(traits))
        prompt = f"#expired {new_id()}"
        submission = await submit(backend, traits, prompt)

        with pytest.raises(ResultExpired):
            await bytes_of(backend, submission)

        assert await asyncio.to_thread(server.spoilt, prompt) >= 1

    @pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: repr(prompt[:12]))
    async def test_a_prompt_arrives_as_it_was_typed(
        self, traits: Traits, backend: VideoBackend, server: Server, prompt: str
    ) -> None:
        before = await executed(server, prompt)

        await left(await submit(backend, traits, prompt))

        assert await executed(server, prompt) == before + 1

    async def test_a_picture_arrives_as_it_was(
        self, traits: Traits, backend: VideoBackend, server: Server
    ) -> None:
        if not traits.takes_picture:
            pytest.skip("no clip begins with a picture here")
        prompt = f"from a picture {new_id()}"

        await left(await submit(backend, traits, prompt, first_frame=PICTURE))

        told = await asyncio.to_thread(server.picture, prompt)
        assert told == hashlib.sha256(base64.b64decode(PICTURE.partition(",")[2])).hexdigest()

    # --- what goes wrong -------------------------------------------------------------------------

    async def test_a_refused_prompt_is_told_as_that_and_not_executed(
        self, traits: Traits, backend: VideoBackend, server: Server
    ) -> None:
        need(server, "#refuse")
        prompt = f"#refuse {new_id()}"

        kind, is_retryable = await failure_of(backend, traits, prompt)

        assert (kind, is_retryable) == (traits.refused, False)
        assert await executed(server, prompt) == 0

    @pytest.mark.parametrize("word", ["#fail", "#error", "#reject"])
    async def test_a_failed_job_says_what_it_is(
        self, traits: Traits, backend: VideoBackend, server: Server, word: str
    ) -> None:
        need(server, word)
        prompt = f"{word} {new_id()}"

        kind, _ = await failure_of(backend, traits, prompt)

        assert kind == (traits.withheld if word == "#reject" else "generation_failed")
        assert await executed(server, prompt) == 1

    @pytest.mark.parametrize("word", ["#lost-answer", "#html-answer", "#bare-answer"])
    async def test_a_submit_whose_answer_says_nothing_is_unknown_and_sent_once(
        self, traits: Traits, backend: VideoBackend, server: Server, word: str
    ) -> None:
        need(server, word)
        prompt = f"{word} {new_id()}"

        with pytest.raises(OutcomeUnknown) as caught:
            await submit(backend, traits, prompt)

        assert caught.value.retryable is False
        assert await executed(server, prompt) == 1

    async def test_a_job_whose_answer_was_lost_is_found_where_that_is_promised(
        self, traits: Traits, backend: VideoBackend, server: Server
    ) -> None:
        need(server, "#lost-answer")
        key = new_id()
        request = VideoRequest(prompt=f"#lost-answer {key}", **dict(traits.asks))
        with pytest.raises(OutcomeUnknown):
            await backend.submit(request, idempotency_key=key)

        found = await backend.find(key)

        assert (found is not None) is backend.finds

    @pytest.mark.parametrize("word", ["#html", "#bare", "#odd-word"])
    async def test_one_poll_that_says_nothing_ends_no_job(
        self, traits: Traits, backend: VideoBackend, server: Server, word: str
    ) -> None:
        need(server, word, is_followed(traits))
        prompt = f"{word} {new_id()}"
        submission = await submit(backend, traits, prompt)

        told = await followed(backend, submission.remote)

        assert told[-1].status is RemoteStatus.COMPLETED
        assert await asyncio.to_thread(server.spoilt, prompt) == 1

    async def test_a_busy_backend_says_that_nothing_was_executed(
        self, traits: Traits, backend: VideoBackend, server: Server
    ) -> None:
        need(server, "#busy")
        prompt = f"#busy {new_id()}"

        with pytest.raises(BackendError) as caught:
            await submit(backend, traits, prompt)

        assert (caught.value.kind, caught.value.retryable) == traits.busy
        assert (caught.value.retry_after is not None) is traits.says_when
        assert await executed(server, prompt) == 0

    async def test_a_cancel_tells_the_truth(
        self, traits: Traits, backend: VideoBackend, server: Server
    ) -> None:
        need(server, "#stall")
        prompt = "nobody waits" if traits.is_synchronous else "#stall"
        submission = await submit(backend, traits, prompt)

        outcome = await backend.cancel(submission.remote)

        assert traits.cancel in {None, outcome}
        if outcome is CancelOutcome.CONFIRMED:
            assert await has_stopped(backend, submission.remote)
        await left(submission)

    async def test_cancelling_a_finished_job_is_not_called_a_stop_and_loses_no_clip(
        self, traits: Traits, backend: VideoBackend, server: Server
    ) -> None:
        if not is_followed(traits):
            pytest.skip("a job that is answered with its clip has nothing to cancel")
        prompt = f"too late {new_id()}"
        submission = await submit(backend, traits, prompt)
        told = await followed(backend, submission.remote)

        assert told[-1].status is RemoteStatus.COMPLETED  # the look before a cancel says so,
        async with backend.open_clip(told[-1]) as source:  # and the clip is fetched instead
            clip = b"".join([chunk async for chunk in source.chunks()])
        outcome = await backend.cancel(told[0])  # for a job that ends right after the look

        sha256 = await asyncio.to_thread(server.sha256, prompt)
        assert hashlib.sha256(clip).hexdigest() == sha256
        assert outcome is CancelOutcome.STOPPED_WAITING

    # --- who we are ------------------------------------------------------------------------------

    async def test_a_wrong_key_is_told_without_showing_it(
        self, traits: Traits, stranger: VideoBackend
    ) -> None:
        with pytest.raises(BackendError) as caught:
            await submit(stranger, traits, "let me in")
        findings = await stranger.check()

        told = f"{caught.value.message} {caught.value.detail} {findings}"
        assert caught.value.kind == traits.wrong_key
        assert caught.value.retryable is False
        assert WRONG_KEY[:9] not in told

    async def test_a_check_of_a_backend_that_is_well_is_well(
        self, traits: Traits, backend: VideoBackend
    ) -> None:
        findings = await backend.check()

        expected = Severity.OK if traits.is_provable else Severity.WARNING
        assert [finding.severity for finding in findings] == [expected]


# --- how the cases go about it --------------------------------------------------------------------


def need(server: Server, word: str, is_meant: bool = True) -> None:
    """Skip the case where the server cannot be told to do this, or the backend never meets it."""
    if not is_meant:
        pytest.skip("a job that is answered with its clip is never polled")
    if word not in server.words:
        pytest.skip(f"this server cannot be told by {word}: {WORDS[word]}")


def is_followed(traits: Traits) -> bool:
    """Whether there are polls."""
    return not traits.is_synchronous


async def executed(server: Server, prompt: str) -> int:
    """Ask the server off the event loop, which the backend needs."""
    return await asyncio.to_thread(server.executed, prompt)


async def submit(backend: VideoBackend, traits: Traits, prompt: str, **more: Any) -> Submission:  # noqa: ANN401
    """Submit a prompt once, under a key of its own."""
    request = VideoRequest(prompt=prompt, **dict(traits.asks) | more)
    return await backend.submit(request, idempotency_key=new_id())


async def followed(backend: VideoBackend, remote: RemoteJob) -> list[RemoteJob]:
    """Poll to the end and return all that was told; what may be tried again is, a few times."""
    told, errors = [remote], 0
    async with asyncio.timeout(AT_MOST_S):
        while told[-1].status not in ENDED:
            await asyncio.sleep(PAUSE_S)
            try:
                told.append(await backend.poll(told[-1]))
            except BackendError as error:
                errors += 1
                if not error.retryable or errors > ERRORS_AT_MOST:
                    raise
    return told


async def has_stopped(backend: VideoBackend, remote: RemoteJob) -> bool:
    """Whether the server says so itself: cancelled, or not there any more."""
    try:
        return (await backend.poll(remote)).status is RemoteStatus.CANCELLED
    except RemoteJobNotFound:
        return True


async def bytes_of(backend: VideoBackend, submission: Submission) -> bytes:
    """Return the whole clip, once it is there."""
    clip = submission.clip or backend.open_clip((await followed(backend, submission.remote))[-1])
    async with clip as source:
        return b"".join([chunk async for chunk in source.chunks()])


async def left(submission: Submission) -> None:
    """Leave a job alone; a clip that is on its way must be let go."""
    if submission.clip is not None:
        async with submission.clip:
            pass


async def failure_of(
    backend: VideoBackend, traits: Traits, prompt: str
) -> tuple[str | None, bool | None]:
    """Return the kind of a prompt's failure and whether it may be tried again, wherever told."""
    try:
        submission = await submit(backend, traits, prompt)
        last = (await followed(backend, submission.remote))[-1]
        if last.status is RemoteStatus.COMPLETED:
            await bytes_of(backend, submission)
    except BackendError as error:
        return error.kind, error.retryable
    failure = last.failure
    return (failure.kind, failure.retryable) if failure else (None, None)
