"""Bringing a clip home: backend to disk, through the whole site, beside other requests."""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from programs import completed, plain_backend, site, submit, table

if TYPE_CHECKING:
    from programs import Program

SIZE = 1_000_000_000
PAUSE_S = 0.02


@dataclass
class Visitor:
    """Somebody who looks at another page again and again, and notes how long it takes."""

    url: str
    waits: list[float] = field(default_factory=list)
    is_done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Visitor:
        self.thread = threading.Thread(target=self._look)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_done.set()
        self.thread.join()

    def _look(self) -> None:
        with httpx.Client() as client:
            while not self.is_done.wait(PAUSE_S):
                self.waits.append(client.get(self.url).elapsed.total_seconds())

    def p(self, percent: int) -> str:
        """Return a percentile, in ms."""
        return f"{1000 * statistics.quantiles(self.waits, n=100)[percent - 1]:.0f}"


@dataclass(frozen=True)
class Outcome:
    """What one download took: MB per second, processor seconds per GB, waits of others in ms."""

    rate: float
    cpu_s: float
    others: tuple[str, str] = ("", "")


def through_the_site(ours: Program) -> Outcome:
    """Bring one clip home and tell what it took."""
    job_id = submit(ours)
    before, began = ours.cpu_s(), time.perf_counter()
    with Visitor(f"{ours.url}/healthz") as visitor:
        completed(ours, job_id)
    wall, cpu = time.perf_counter() - began, ours.cpu_s() - before
    return Outcome(SIZE / 1e6 / wall, cpu * 1e9 / SIZE, (visitor.p(50), visitor.p(99)))


def by_curl(backend: Program, folder: Path) -> Outcome:
    """Let curl write the same bytes to the same disk: no hash, no sync, no other pages."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = ("curl", "-sf", "-o", folder / "by-curl", f"{backend.url}/v1/videos/plain/content")
    subprocess.run(command, check=True)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Outcome(SIZE / 1e6 / wall, cpu * 1e9 / SIZE)


def main() -> None:
    """Measure one gigabyte each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        backend = stack.enter_context(plain_backend(folder, SIZE))
        seen = {"Rushes": through_the_site(stack.enter_context(site(folder, backend)))}
        if shutil.which("curl"):
            seen["curl -o file"] = by_curl(backend, folder)
    print(f"One clip of {SIZE / 1e6:.0f} MB from a local backend to disk\n")
    table(
        ["how", "MB/s", "of Rushes", "CPU s per GB", "other pages p50 ms", "p99 ms"],
        [
            [
                how,
                f"{outcome.rate:.0f}",
                f"{outcome.rate / seen['Rushes'].rate:.2f}",
                f"{outcome.cpu_s:.2f}",
                *outcome.others,
            ]
            for how, outcome in seen.items()
        ],
    )


if __name__ == "__main__":
    main()
