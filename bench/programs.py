"""Starts what is measured, each a process of its own, and counts its processor time and memory."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

ROOT = Path(__file__).resolve().parents[1]
PLAIN_BACKEND = ROOT / "tests/e2e/plain_backend.py"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
TICKS = os.sysconf("SC_CLK_TCK")
START_S = 30
T = TypeVar("T")


@dataclass(frozen=True)
class Program:
    """A running process and its address."""

    process: subprocess.Popen[bytes]
    url: str

    def cpu_s(self) -> float:
        """Return the processor time spent so far, in seconds: user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> int:
        """Return the resident memory, in bytes."""
        told = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", told)
        return int(found[1]) * 1024 if found else 0


@contextmanager
def running(
    *command: str | Path, folder: Path, url: str | None = None, **settings: str
) -> Generator[Program]:
    """Run a program until the context ends. Without `url` it is the first address it prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUSHES_")}
    log = folder / f"{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=clean | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        told = url or wait_for(lambda: ADDRESS.search(log.read_text()))[0]
        wait_for(lambda: _listens(told))
        yield Program(process, told)
    finally:
        process.kill()
        process.wait()


@contextmanager
def site(folder: Path, backend: Program) -> Generator[Program]:
    """Run `rushes serve` in front of a backend."""
    command = (sys.executable, "-u", "-m", "rushes", "serve", "--data-dir", "data", "--port", "0")
    with running(*command, folder=folder, RUSHES_BACKEND_URL=f"{backend.url}/v1") as program:
        yield program


@contextmanager
def plain_backend(folder: Path, size: int) -> Generator[Program]:
    """Run a backend whose every clip has so many bytes."""
    command = (sys.executable, "-u", PLAIN_BACKEND, "--size", str(size))
    with running(*command, folder=folder) as program:
        yield program


def submit(program: Program) -> str:
    """Ask a site for a clip and return the job's id."""
    answer = httpx.post(f"{program.url}/jobs", data={"prompt": "a clip to measure"}, timeout=20)
    return answer.headers["location"].rpartition("/")[2]


def completed(program: Program, job_id: str) -> None:
    """Wait until a job has its clip."""
    address = f"{program.url}/api/v1/jobs/{job_id}"
    wait_for(lambda: httpx.get(address, timeout=20).json()["status"] == "completed")


def wait_for(ask: Callable[[], T | None], pause_s: float = 0.02) -> T:
    """Ask until there is an answer."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        answer = ask()
        if answer:
            return answer
        time.sleep(pause_s)
    raise TimeoutError(f"nothing after {START_S} s")


def free_port() -> int:
    """Return a port that nobody holds at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        return int(holder.getsockname()[1])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    print("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines), "\n")


def _listens(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as knock:
        return knock.connect_ex((host, int(port))) == 0
