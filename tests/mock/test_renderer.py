from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rushes.mock.renderer import Renderer
from rushes.mock.spec import ClipSpec

pytestmark = pytest.mark.anyio

SPEC = ClipSpec("cached", width=64, height=64, frames=6)


async def test_a_spec_is_rendered_once_however_many_want_it(tmp_path: Path) -> None:
    async with Renderer(tmp_path, capacity=10_000_000, workers=1) as renderer:
        paths = await asyncio.gather(*(renderer.clip(SPEC) for _ in range(5)))
        again = await renderer.clip(SPEC)

        assert {*paths, again} == {tmp_path / f"{SPEC.digest}.mp4"}
        assert renderer.rendered == 1

    async with Renderer(tmp_path, capacity=10_000_000, workers=1) as later:
        await later.clip(SPEC)
        assert later.rendered == 0


async def test_the_clip_least_recently_wanted_goes_first(tmp_path: Path) -> None:
    specs = [ClipSpec(f"clip {n}", width=64, height=64, frames=6) for n in range(3)]
    async with Renderer(tmp_path, capacity=10_000_000, workers=1) as renderer:
        first, second = [await renderer.clip(spec) for spec in specs[:2]]
        size, tag = first.stat().st_size, first.stat().st_mtime_ns
        await renderer.clip(specs[0])
        assert first.stat().st_mtime_ns == tag

    async with Renderer(tmp_path, capacity=int(size * 2.5), workers=1) as renderer:
        third = await renderer.clip(specs[2])

    assert first.exists()
    assert third.exists()
    assert not second.exists()


async def test_a_killed_worker_costs_a_second_try_and_leftovers_are_swept(tmp_path: Path) -> None:
    (tmp_path / "stray.part").write_bytes(b"half")
    async with Renderer(tmp_path, capacity=10_000_000, workers=1) as renderer:
        await renderer.clip(SPEC)
        for child in children(os.getpid()):
            os.kill(child, signal.SIGKILL)

        path = await renderer.clip(ClipSpec("after", width=64, height=64, frames=6))

        assert path.exists()
    assert not list(tmp_path.glob("*.part"))


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from rushes.mock.renderer import Renderer\n"
        "from rushes.mock.spec import ClipSpec\n"
        "async def main():\n"
        "    async with Renderer(Path(sys.argv[1]), capacity=1, workers=1) as renderer:\n"
        "        await renderer.clip(ClipSpec('x', width=64, height=64, frames=2))\n"
        "        print('ready', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(program)
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        workers = children(parent.pid)
        assert workers
        parent.kill()

    assert all(ended(worker) for worker in workers)


def children(pid: int) -> list[int]:
    """Return the spawned workers of a process, not the tracker of its semaphores."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    pids = [int(word) for file in found for word in file.read_text().split()]
    return [child for child in pids if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def ended(pid: int) -> bool:
    for _ in range(500):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False
