"""The folder of clips: names, bits, limits of the machine."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rushes.errors import ClipNotFound, LeaseLost, StorageError, StorageFull
from rushes.ports import Location
from rushes.storage.border import file_errors
from rushes.storage.local_clips import READ_MAX, LocalClips

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

MEBIBYTE = 1024 * 1024
MP4 = "video/mp4"


@pytest.fixture
async def clips(tmp_path: Path) -> LocalClips:
    clips = LocalClips(tmp_path / "clips")
    await clips.prepare()
    return clips


async def put(clips: LocalClips, key: str, data: bytes) -> None:
    async with clips.receive(key, fence=1, resume=False) as writer:
        await writer.write(data)
        await writer.finish(MP4)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_nobody_else_may_read_the_files(clips: LocalClips, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    async with clips.receive("one", fence=4, resume=False) as writer:
        await writer.write(b"123")
        arriving = names(folder)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        await writer.finish(MP4)

    assert arriving == {"one.4.part"}
    assert names(folder) == {"one.mp4"}
    assert modes == {0o600}
    assert stat.S_IMODE((folder / "one.mp4").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("key", ["", "..", "../one", "a/b", "A", "a.b", "a" * 81, "one\n", "é"])
async def test_a_key_that_is_no_file_name_is_not_found(clips: LocalClips, key: str) -> None:
    with pytest.raises(ClipNotFound):
        async with clips.open(key):
            pass
    with pytest.raises(ClipNotFound):
        async with clips.receive(key, fence=1, resume=False):
            pass
    with pytest.raises(ClipNotFound):
        await clips.delete(key)
    with pytest.raises(ClipNotFound):
        await clips.location(key)


async def test_links_are_not_followed(clips: LocalClips, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    (tmp_path / "clips" / "one.mp4").symlink_to(secret)
    (tmp_path / "clips" / "two.1.part").symlink_to(secret)

    with pytest.raises(StorageError):
        async with clips.open("one"):
            pass
    with pytest.raises(StorageError):
        async with clips.receive("two", fence=1, resume=False):
            pass

    assert secret.read_text() == "key"


async def test_a_web_server_can_be_told_where_a_whole_clip_is(
    clips: LocalClips, tmp_path: Path
) -> None:
    await put(clips, "one", b"123")

    assert await clips.location("one") == Location(path=tmp_path / "clips" / "one.mp4")
    assert await clips.location("two") is None


async def test_one_read_brings_no_more_than_half_a_mebibyte(clips: LocalClips) -> None:
    await put(clips, "one", bytes(MEBIBYTE))

    async with clips.open("one") as reader:
        assert len(await reader.read(0, MEBIBYTE)) == READ_MAX == MEBIBYTE // 2


async def test_what_was_not_synced_is_not_trusted(clips: LocalClips, tmp_path: Path) -> None:
    async with clips.receive("one", fence=1, resume=False) as writer:
        await writer.write(b"certain")
    with (tmp_path / "clips" / "one.1.part").open("ab") as part:
        part.write(b"\0" * 100)

    async with clips.receive("one", fence=2, resume=True) as writer:
        assert writer.position == len(b"certain")


@pytest.mark.parametrize("note", ["", "many", "99999999"])
async def test_a_note_that_cannot_be_true_is_not_believed(
    clips: LocalClips, tmp_path: Path, note: str
) -> None:
    (tmp_path / "clips" / "one.1.part").write_bytes(b"12345")
    (tmp_path / "clips" / "one.1.synced").write_text(note)

    async with clips.receive("one", fence=2, resume=True) as writer:
        assert writer.position == (5 if note.isdigit() else 0)


async def test_the_longest_of_several_parts_is_taken(clips: LocalClips, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    for fence, data in ((1, b"1234"), (2, b"123456"), (3, b"12")):
        (folder / f"one.{fence}.part").write_bytes(data)
        (folder / f"one.{fence}.synced").write_text(str(len(data)))

    async with clips.receive("one", fence=9, resume=True) as writer:
        assert writer.position == 6
        assert names(folder) == {"one.9.part", "one.9.synced"}


async def test_a_part_of_a_later_fence_is_not_touched(clips: LocalClips, tmp_path: Path) -> None:
    (tmp_path / "clips" / "one.7.part").write_bytes(b"12345")

    with pytest.raises(LeaseLost):
        async with clips.receive("one", fence=6, resume=True):
            pass

    assert names(tmp_path / "clips") == {"one.7.part"}


async def test_another_media_type_replaces_the_file(clips: LocalClips, tmp_path: Path) -> None:
    await put(clips, "one", b"123")
    async with clips.receive("one", fence=2, resume=True) as writer:
        await writer.finish("video/webm")

    assert names(tmp_path / "clips") == {"one.webm"}


async def test_the_sweep_takes_only_parts_that_nobody_wants(
    clips: LocalClips, tmp_path: Path
) -> None:
    await put(clips, "whole", b"123")
    for key in ("wanted", "orphan"):
        async with clips.receive(key, fence=1, resume=False) as writer:
            await writer.write(b"123")

    await clips.sweep({"wanted"})

    assert names(tmp_path / "clips") == {"whole.mp4", "wanted.1.part", "wanted.1.synced"}


async def test_a_delete_takes_every_file_of_its_key_alone(
    clips: LocalClips, tmp_path: Path
) -> None:
    await put(clips, "one", b"123")
    await put(clips, "one-1", b"123")
    async with clips.receive("one", fence=2, resume=False) as writer:
        await writer.write(b"123")

    await clips.delete("one")

    assert names(tmp_path / "clips") == {"one-1.mp4"}


async def test_a_clip_deleted_while_it_arrives_leaves_nothing(
    clips: LocalClips, tmp_path: Path
) -> None:
    async with clips.receive("one", fence=1, resume=False) as writer:
        await writer.write(b"123")
        await clips.delete("one")
        with pytest.raises(LeaseLost):
            await writer.write(b"456")

    assert names(tmp_path / "clips") == set()


async def test_a_cancelled_writer_leaves_a_part_to_go_on_with(clips: LocalClips) -> None:
    begun = asyncio.Event()

    async def bring() -> None:
        async with clips.receive("one", fence=1, resume=False) as writer:
            for _ in range(10_000):
                await writer.write(b"0123456789" * 1000)
                begun.set()

    bringing = asyncio.create_task(bring())
    await begun.wait()
    bringing.cancel()
    await asyncio.wait([bringing])

    async with clips.receive("one", fence=2, resume=True) as writer:
        assert writer.position >= 10_000
        assert writer.position % 10_000 == 0


async def test_cancelled_readers_leave_no_file_open(clips: LocalClips) -> None:
    await put(clips, "one", bytes(MEBIBYTE))
    before = len(os.listdir("/proc/self/fd"))

    async def watch() -> None:
        async with clips.open("one") as reader:
            while True:
                await reader.read(0, MEBIBYTE)

    watching = [asyncio.create_task(watch()) for _ in range(20)]
    await asyncio.sleep(0.05)
    for task in watching:
        task.cancel()
    await asyncio.wait(watching)

    for _ in range(100):
        if len(os.listdir("/proc/self/fd")) <= before:
            break
        await asyncio.sleep(0.02)
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_apart(number: int) -> None:
    with (
        pytest.raises(StorageFull, match="the clip cannot be written"),
        file_errors("the clip cannot be written"),
    ):
        raise OSError(number, os.strerror(number), "/some/path")


def output_of(script: str, folder: Path) -> str:
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_file_that_may_not_grow_is_a_storage_error(tmp_path: Path) -> None:
    script = """
import asyncio, pathlib, resource, sys
from rushes.errors import StorageError
from rushes.storage.local_clips import LocalClips

async def main():
    clips = LocalClips(pathlib.Path(sys.argv[1]))
    await clips.prepare()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    async with clips.receive("one", fence=1, resume=False) as writer:
        try:
            await writer.write(bytes(150_000))
        except StorageError as error:
            print(writer.position, error)

asyncio.run(main())
"""

    assert output_of(script, tmp_path) == "100000 the clip cannot be written: File too large\n"


def test_a_large_clip_and_its_watchers_cost_little_memory(tmp_path: Path) -> None:
    script = """
import asyncio, pathlib, resource, sys
from rushes.storage.local_clips import READ_MAX, LocalClips

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

async def follow(clips):
    async with clips.open("large") as reader:
        position = 0
        while part := await reader.read(position, position + READ_MAX):
            position += len(part)
    return position

async def main():
    clips, chunk = LocalClips(pathlib.Path(sys.argv[1])), bytes(65_536)
    await clips.prepare()
    before = peak()
    async with clips.receive("large", fence=1, resume=False) as writer:
        await writer.write(chunk)
        await writer.release("video/mp4", None)
        followers = [asyncio.create_task(follow(clips)) for _ in range(3)]
        for _ in range(1023):
            await writer.write(chunk)
        await writer.finish("video/mp4")
        print(*await asyncio.gather(*followers))
    print(peak() - before)

asyncio.run(main())
"""
    followed, kibibytes = output_of(script, tmp_path).splitlines()

    assert followed.split() == [str(64 * MEBIBYTE)] * 3
    assert int(kibibytes) < 16 * 1024
