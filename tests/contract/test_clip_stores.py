"""What every ClipStore promises."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.errors import ClipNotFound, ClipNotReady, LeaseLost, ResultLost, StorageError
from rushes.ports import BlobState
from rushes.storage.local_clips import LocalClips
from tests.fakes import MemoryClips

if TYPE_CHECKING:
    from pathlib import Path

    from rushes.ports import ClipReader, ClipStore

pytestmark = pytest.mark.anyio

KEY = "abcdefghijklmnopqrstuvwxyz-1"
BYTES = hashlib.shake_256(b"a clip").digest(300_000)
MP4 = "video/mp4"


@pytest.fixture(params=["folder", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> ClipStore:
    if request.param == "memory":
        return MemoryClips()
    clips = LocalClips(tmp_path / "clips")
    await clips.prepare()
    return clips


async def put(store: ClipStore, key: str, data: bytes = BYTES, media_type: str = MP4) -> None:
    async with store.receive(key, fence=1, resume=False) as writer:
        await writer.write(data)
        await writer.finish(media_type)


async def read_all(reader: ClipReader, start: int = 0) -> bytes:
    parts = bytearray()
    while part := await reader.read(start + len(parts), start + len(parts) + 70_000):
        parts += part
    return bytes(parts)


async def bytes_of(store: ClipStore, key: str) -> bytes:
    async with store.open(key) as reader:
        return await read_all(reader)


# --- whole or not at all ------------------------------------------------------------------------


async def test_a_finished_clip_is_what_was_written(store: ClipStore) -> None:
    async with store.receive(KEY, fence=1, resume=False) as writer:
        for start in range(0, len(BYTES), 65_536):
            await writer.write(BYTES[start : start + 65_536])
        blob = await writer.finish(MP4)

    async with store.open(KEY) as reader:
        assert (reader.media_type, reader.size) == (MP4, len(BYTES))
        assert reader.state is BlobState.WHOLE
        assert await read_all(reader) == BYTES
    assert blob.size == len(BYTES)
    assert blob.sha256 == hashlib.sha256(BYTES).hexdigest()


@pytest.mark.parametrize("media_type", ["video/webm", "image/gif", "image/png", "image/jpeg"])
async def test_the_media_type_is_kept(store: ClipStore, media_type: str) -> None:
    await put(store, KEY, media_type=media_type)

    async with store.open(KEY) as reader:
        assert reader.media_type == media_type


async def test_any_piece_can_be_read(store: ClipStore) -> None:
    await put(store, KEY)

    async with store.open(KEY) as reader:
        assert await reader.read(1000, 1010) == BYTES[1000:1010]
        assert await reader.read(len(BYTES) - 3, len(BYTES) + 50) == BYTES[-3:]
        assert await reader.read(len(BYTES), len(BYTES) + 1) == b""


async def test_an_unfinished_clip_is_no_clip(store: ClipStore) -> None:
    async with store.receive(KEY, fence=1, resume=False) as writer:
        await writer.write(BYTES)

    with pytest.raises(ClipNotFound):
        await bytes_of(store, KEY)
    assert [stat async for stat in store.list()] == []
    assert await store.location(KEY) is None


async def test_an_empty_clip_is_whole_too(store: ClipStore) -> None:
    await put(store, KEY, b"")

    assert await bytes_of(store, KEY) == b""


async def test_an_unknown_media_type_lets_nobody_in(store: ClipStore) -> None:
    async with store.receive(KEY, fence=1, resume=False) as writer:
        await writer.write(BYTES)
        with pytest.raises(StorageError):
            await writer.release("text/html", None)

    with pytest.raises(ClipNotFound):
        await bytes_of(store, KEY)


async def test_whole_clips_are_listed(store: ClipStore) -> None:
    await put(store, KEY)
    await put(store, "poster-2", b"png", "image/png")

    found = {stat.key: stat async for stat in store.list()}

    assert {key: stat.size for key, stat in found.items()} == {KEY: len(BYTES), "poster-2": 3}
    age = datetime.now(UTC) - found[KEY].modified_at
    assert timedelta(minutes=-1) < age < timedelta(minutes=1)


async def test_a_deleted_clip_is_gone_and_deleting_again_is_no_error(store: ClipStore) -> None:
    await put(store, KEY)

    await store.delete(KEY)
    await store.delete(KEY)

    with pytest.raises(ClipNotFound):
        await bytes_of(store, KEY)
    assert [stat async for stat in store.list()] == []


# --- going on after a cut -----------------------------------------------------------------------


async def test_after_cuts_anywhere_the_bytes_are_the_same(store: ClipStore) -> None:
    offsets = (1, 4095, 65_536, 65_537, 200_001, 299_999)
    for fence, offset in enumerate(offsets, start=1):
        async with store.receive(KEY, fence=fence, resume=True) as writer:
            await writer.write(BYTES[writer.position : offset])

    async with store.receive(KEY, fence=99, resume=True) as writer:
        assert writer.position == offsets[-1]
        await writer.write(BYTES[writer.position :])
        blob = await writer.finish(MP4)

    assert blob.sha256 == hashlib.sha256(BYTES).hexdigest()
    assert await bytes_of(store, KEY) == BYTES


async def test_the_same_fence_may_go_on_with_its_own_part(store: ClipStore) -> None:
    async with store.receive(KEY, fence=3, resume=False) as writer:
        await writer.write(BYTES[:1000])

    async with store.receive(KEY, fence=3, resume=True) as writer:
        assert writer.position == 1000
        await writer.write(BYTES[1000:])
        await writer.finish(MP4)

    assert await bytes_of(store, KEY) == BYTES


async def test_without_resume_nothing_of_the_old_part_stays(store: ClipStore) -> None:
    async with store.receive(KEY, fence=1, resume=False) as writer:
        await writer.write(b"old" * 1000)

    async with store.receive(KEY, fence=2, resume=False) as writer:
        assert writer.position == 0
        await writer.write(BYTES)
        await writer.finish(MP4)

    assert await bytes_of(store, KEY) == BYTES


async def test_an_abandoned_part_is_not_gone_on_with(store: ClipStore) -> None:
    async with store.receive(KEY, fence=1, resume=False) as writer:
        await writer.write(BYTES)
        await writer.abandon()

    async with store.receive(KEY, fence=2, resume=True) as writer:
        assert writer.position == 0


async def test_a_whole_clip_whose_row_was_not_written_is_gone_on_with(store: ClipStore) -> None:
    await put(store, KEY)

    async with store.receive(KEY, fence=2, resume=True) as writer:
        assert writer.position == len(BYTES)
        blob = await writer.finish(MP4)

    assert blob.sha256 == hashlib.sha256(BYTES).hexdigest()
    assert await bytes_of(store, KEY) == BYTES


async def test_a_stalled_writer_loses_to_its_successor(store: ClipStore) -> None:
    async with store.receive(KEY, fence=1, resume=False) as stalled:
        await stalled.write(b"old")
        async with store.receive(KEY, fence=2, resume=False) as successor:
            await successor.write(BYTES)
            with pytest.raises(LeaseLost):
                await stalled.write(b"more")
            with pytest.raises(LeaseLost):
                await stalled.finish(MP4)
            await successor.finish(MP4)

    assert await bytes_of(store, KEY) == BYTES


async def test_an_older_fence_never_begins_beside_a_newer_one(store: ClipStore) -> None:
    async with store.receive(KEY, fence=5, resume=False) as writer:
        with pytest.raises(LeaseLost):
            async with store.receive(KEY, fence=4, resume=True):
                pass
        await writer.write(BYTES)
        await writer.finish(MP4)

    assert await bytes_of(store, KEY) == BYTES


# --- watching while it arrives ------------------------------------------------------------------


async def test_nobody_is_let_in_before_the_release(store: ClipStore) -> None:
    async with store.receive(KEY, fence=1, resume=False) as writer:
        await writer.write(BYTES[:100])
        with pytest.raises(ClipNotReady):
            await bytes_of(store, KEY)

        await writer.release(MP4, len(BYTES))

        async with store.open(KEY) as reader:
            assert (reader.media_type, reader.size) == (MP4, len(BYTES))
            assert reader.state is BlobState.ARRIVING
            assert await reader.read(40, 50) == BYTES[40:50]


async def test_readers_follow_a_growing_clip_from_anywhere_to_its_end(store: ClipStore) -> None:
    async def follow(start: int) -> tuple[bytes, int | None, BlobState]:
        async with store.open(KEY) as reader:
            return await read_all(reader, start), reader.size, reader.state

    async with store.receive(KEY, fence=1, resume=False) as writer:
        await writer.write(BYTES[:10_000])
        await writer.release(MP4, None)
        starts = [0, 9_999, 10_000, 250_000]
        readers = [asyncio.create_task(follow(start)) for start in starts]
        for start in range(10_000, len(BYTES), 50_000):
            await writer.write(BYTES[start : start + 50_000])
            await asyncio.sleep(0)
        await writer.finish(MP4)
        followed = await asyncio.gather(*readers)

    whole = [(BYTES[start:], len(BYTES), BlobState.WHOLE) for start in starts]
    assert followed == whole


async def test_a_read_waits_for_its_first_byte(store: ClipStore) -> None:
    async with store.receive(KEY, fence=1, resume=False) as writer:
        await writer.write(b"0123")
        await writer.release(MP4, None)
        async with store.open(KEY) as reader:
            waiting = asyncio.create_task(reader.read(4, 100))
            done, _ = await asyncio.wait([waiting], timeout=0.05)
            assert not done

            await writer.write(b"45")

            assert await waiting == b"45"


@pytest.mark.parametrize("how", ["abandoned", "deleted", "superseded"])
async def test_a_reader_is_told_when_the_clip_stops_arriving(store: ClipStore, how: str) -> None:
    async with store.receive(KEY, fence=1, resume=False) as writer:
        await writer.write(BYTES[:100])
        await writer.release(MP4, None)
        async with store.open(KEY) as reader:
            waiting = asyncio.create_task(reader.read(100, 200))
            await asyncio.sleep(0)
            if how == "abandoned":
                await writer.abandon()
            elif how == "deleted":
                await store.delete(KEY)
            else:
                async with store.receive(KEY, fence=2, resume=True):
                    pass

            with pytest.raises(ResultLost):
                await asyncio.wait_for(waiting, 5)
            assert reader.state is BlobState.FAILED


async def test_a_reader_is_told_when_the_writer_leaves_in_the_middle(store: ClipStore) -> None:
    async with AsyncExitStack() as stack:
        async with store.receive(KEY, fence=1, resume=False) as writer:
            await writer.write(BYTES[:100])
            await writer.release(MP4, None)
            reader = await stack.enter_async_context(store.open(KEY))

        with pytest.raises(ResultLost):
            await asyncio.wait_for(reader.read(100, 200), 5)


async def test_an_open_reader_survives_a_delete(store: ClipStore) -> None:
    await put(store, KEY)

    async with store.open(KEY) as reader:
        first = await reader.read(0, 1000)
        await store.delete(KEY)
        rest = await read_all(reader, 1000)

    assert first + rest == BYTES


async def test_an_open_reader_survives_the_end_of_the_writing(store: ClipStore) -> None:
    async with store.receive(KEY, fence=1, resume=False) as writer:
        await writer.write(BYTES)
        await writer.release(MP4, len(BYTES))
        async with store.open(KEY) as reader:
            first = await reader.read(0, 1000)
            await writer.finish(MP4)
            await store.delete(KEY)
            rest = await read_all(reader, 1000)

    assert first + rest == BYTES
