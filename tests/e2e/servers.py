"""Starts the real programs as their users do, and ends them by pid."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN_BACKEND = Path(__file__).with_name("plain_backend.py")
START_S = 30.0
PAUSE_S = 0.05
T = TypeVar("T")
SUITE_KEY = "canary-of-all-b7c1d09e52f8"
"""What every site has as its backend's key, unless a test gives it one."""
KEYED = frozenset({"RUSHES_BACKEND_KEY", "RUSHES_BACKEND_KEY_FILE", "RUSHES_BACKENDS_FILE"})
LEAK_MAX = 30_000_000
ADDRESS = re.compile(r"http://[^\s)]+")


@dataclass
class Program:
    """One running `rushes` command: its process, its address, and everything it printed."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    def printed(self) -> str:
        """Return all output so far."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """Ask it to end, as `systemctl stop` does, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def get(self, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """GET a path of it."""
        return httpx.get(self.url + path, timeout=20, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """POST to a path of it."""
        return httpx.post(self.url + path, timeout=20, **options)

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job as the API shows it."""
        shown: dict[str, Any] = self.get(f"/api/v1/jobs/{job_id}").raise_for_status().json()
        return shown

    def submit(self, prompt: str, **fields: str) -> str:
        """Post a prompt as a plain form and return the job's id."""
        answer = self.post("/jobs", data={"prompt": prompt, **fields})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].rsplit("/", 1)[1]

    def wait_job(self, job_id: str, *statuses: str, at_most: float = 40) -> dict[str, Any]:
        """Wait until a job is in one of the states and return it."""
        return wait_for(
            lambda: (job := self.job(job_id))["status"] in statuses and job, at_most=at_most
        )


@dataclass
class Programs:
    """Starts programs with a folder of their own and ends whatever still runs."""

    folder: Path
    started: list[Program] = field(default_factory=list)

    def start(self, *command: str, **settings: str) -> Program:
        """Start `rushes COMMAND` with these settings and wait until it tells its address."""
        program = self.launch(*command, **settings)
        program.url = wait_for(lambda: self._address(program), at_most=START_S)
        wait_for(lambda: _answers(program), at_most=START_S)
        return program

    def launch(self, *command: str, **settings: str) -> Program:
        """Start `rushes COMMAND` and return at once; a site has a key for its backend."""
        if command[0] == "serve" and KEYED.isdisjoint(settings):
            settings["RUSHES_BACKEND_KEY"] = SUITE_KEY
        return self._run(command[0], "-m", "rushes", *command, **settings)

    def leaks(self) -> list[str]:
        """Return the files of ours, logs and data folders, in which a site's key is to be found."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        small = (path for path in files if path.stat().st_size < LEAK_MAX)
        return [str(path) for path in small if SUITE_KEY.encode() in path.read_bytes()]

    def mock(self, *options: str, folder: str = "mock") -> Program:
        """Start the rehearsal backend, quick by default."""
        quick = ("--queue-s", "0.2", "--work-s", "1", "--send-s", "0.2")
        return self.start("mock", "--port", "0", "--folder", folder, *quick, *options)

    def site(self, backend: Program | None, *, data: str = "data", **settings: str) -> Program:
        """Start the site in front of a rehearsal backend that runs already."""
        url = {"RUSHES_BACKEND_URL": f"{backend.url}/v1"} if backend else {}
        port = settings.pop("RUSHES_PORT", "0")
        return self.start("serve", "--data-dir", data, "--port", port, **url, **settings)

    def plain_backend(self, *options: str) -> Program:
        """Start the backend of tests/e2e/plain_backend.py; its address ends in `/v1`."""
        program = self._run("plain-backend", str(PLAIN_BACKEND), *options)
        program.url = wait_for(lambda: self._address(program), at_most=START_S)
        return program

    def end_all(self) -> None:
        """End whatever still runs; none of it may have shown its backend's key."""
        for program in self.started:
            if program.process.poll() is None:
                program.kill()
        assert self.leaks() == []

    def _run(self, name: str, *python: str, **settings: str) -> Program:
        log = self.folder / f"{name}-{len(self.started)}.log"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("RUSHES_")}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *python],
                cwd=self.folder,
                env=clean | {"PYTHONUNBUFFERED": "1"} | settings,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        program = Program(process, log)
        self.started.append(program)
        return program

    def _address(self, program: Program) -> str | None:
        if program.process.poll() is not None:
            raise AssertionError(f"it ended at once:\n{program.printed()}")
        found = ADDRESS.search(program.printed())
        return found.group().removesuffix("/").removesuffix("/v1") if found else None


def sha256_sent(mock: Program, prompt: str) -> str:
    """Return the hash of the clip that a rehearsal backend made for a prompt."""
    jobs = mock.get("/v1/videos", params={"limit": 100}).json()["data"]
    (job_id,) = [job["id"] for job in jobs if job["prompt"] == prompt]
    digest: str = mock.get(f"/_mock/clips/{job_id}").json()["sha256"]
    return digest


def _answers(program: Program) -> bool:
    try:
        return httpx.get(program.url + "/", timeout=5).status_code < 500
    except httpx.TransportError:
        return False


def wait_for(ask: Callable[[], T | Literal[False] | None], *, at_most: float) -> T:
    """Ask again and again until the answer is something; fail after `at_most` seconds."""
    until = time.monotonic() + at_most
    while time.monotonic() < until:
        answer = ask()
        if answer:
            return answer
        time.sleep(PAUSE_S)
    raise AssertionError(f"nothing after {at_most} s")
