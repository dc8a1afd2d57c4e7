"""What systemd does with us: a socket that outlives the server, a service that may do little."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.proxies import PASSWORD_HASH
from tests.e2e.servers import Program, wait_for
from tests.e2e.test_start import refused

if TYPE_CHECKING:
    from tests.e2e.servers import Programs

pytestmark = pytest.mark.slow

UNITS = Path(__file__).parents[2] / "deploy"
ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
HAND_OVER = """
import os, sys
held, *command = sys.argv[1:]
os.dup2(int(held), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "rushes.socket"}
os.execv(sys.executable, [sys.executable, "-m", "rushes", *command])
"""
"""As systemd does it: the socket is number 3, and our own number says that it is meant for us."""
NO_NEW_CODE = """
import ctypes, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
    sys.exit(77)
os.execv(sys.executable, [sys.executable, "-m", "rushes", *sys.argv[1:]])
"""
"""What MemoryDenyWriteExecute= asks of the kernel (Linux 6.3 or newer)."""
EXPOSURE = "15"
"""In tenths: less than 2 is what systemd calls OK."""


def launched(programs: Programs, script: str, *arguments: str, **settings: str) -> Program:
    """Start a script that becomes `rushes`."""
    log = programs.folder / f"unit-{len(programs.started)}.log"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RUSHES_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            cwd=programs.folder,
            env=clean | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[int(arguments[0])] if script == HAND_OVER else [],
        )
    program = Program(process, log)
    programs.started.append(program)
    return program


def handed(programs: Programs, held: socket.socket, **settings: str) -> Program:
    """Start the site with a socket that we keep."""
    return launched(programs, HAND_OVER, str(held.fileno()), "serve", **settings)


# --- the socket ---------------------------------------------------------------------------------


class Callers:
    """Ask all the time, each time on a new connection, and count what comes of it."""

    def __init__(self, url: str, number: int) -> None:
        self.url = url
        self.seen: Counter[str] = Counter()
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(number)]

    def __enter__(self) -> Callers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join(40)

    def _ask(self) -> None:
        while not self.is_over.is_set():
            try:
                answer = httpx.get(f"{self.url}/healthz", timeout=30)
                self.seen[str(answer.status_code)] += 1
            except httpx.TransportError as error:
                self.seen[type(error).__name__] += 1


def test_a_restart_refuses_nobody(programs: Programs, mock: Program) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as held:
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        backend = {"RUSHES_BACKEND_URL": f"{mock.url}/v1", "RUSHES_PORT": "9"}
        site = handed(programs, held, **backend)
        wait_for(lambda: "address" in site.printed(), at_most=30)
        with Callers(url, 4) as callers:
            wait_for(lambda: callers.seen["200"] > 40, at_most=30)
            assert site.stop() == 0
            site = handed(programs, held, **backend)
            wait_for(lambda: "address" in site.printed(), at_most=30)
            before = callers.seen["200"]
            wait_for(lambda: callers.seen["200"] > before + 40, at_most=30)

    assert f"{url}/" in site.printed()
    # One that was taken just before the stop may be hung up on: whoever asks asks again.
    assert set(callers.seen) <= {"200", "RemoteProtocolError", "ReadError"}, callers.seen
    assert callers.seen.total() - callers.seen["200"] <= len(callers.threads)


def test_a_socket_that_everybody_reaches_needs_a_password(
    programs: Programs, mock: Program
) -> None:
    backend = {"RUSHES_BACKEND_URL": f"{mock.url}/v1"}
    with socket.create_server(("0.0.0.0", 0)) as held:  # noqa: S104 - what is refused
        line = refused(handed(programs, held, **backend))
        guarded = handed(
            programs, held, RUSHES_AUTH="password", RUSHES_PASSWORD_HASH=PASSWORD_HASH, **backend
        )
        wait_for(lambda: "address" in guarded.printed(), at_most=30)
        asked = httpx.get(f"http://127.0.0.1:{held.getsockname()[1]}/", timeout=20)

    assert "RUSHES_HOST=0.0.0.0 would let anybody" in line
    assert (asked.status_code, asked.headers["location"]) == (303, "/login")


def test_a_socket_of_another_kind_is_one_line(programs: Programs) -> None:
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(programs.folder / "x.sock"))
        held.listen()
        line = refused(handed(programs, held, RUSHES_BACKEND_URL="http://127.0.0.1:9/v1"))

    assert line == "rushes: the socket unit must have one ListenStream, an address and a port"


def test_a_socket_for_another_process_is_not_touched(programs: Programs, mock: Program) -> None:
    site = programs.site(mock, LISTEN_PID="1", LISTEN_FDS="1")

    assert site.get("/healthz").status_code == 200


# --- the units ----------------------------------------------------------------------------------


def analyzed(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt install systemd)")
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for name in ("rushes.service", "rushes.socket"):
        text = (UNITS / name).read_text().replace("/opt/rushes/bin/rushes", sys.executable)
        (tmp_path / name).write_text(text)

    done = analyzed("verify", *map(str, tmp_path.iterdir()))

    assert [line for line in done.stderr.splitlines() if "rushes." in line] == []
    assert done.returncode == 0, done.stderr


def test_the_service_may_do_little() -> None:
    service = str(UNITS / "rushes.service")

    done = analyzed("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", service)

    assert done.returncode == 0, done.stdout


def test_the_units_belong_together() -> None:
    service = (UNITS / "rushes.service").read_text()
    sockets = re.findall(
        r"^ListenStream=(.+)$", (UNITS / "rushes.socket").read_text(), re.MULTILINE
    )

    assert sockets == ["127.0.0.1:8000"]
    assert "\nRequires=rushes.socket\n" in service
    assert "\nDynamicUser=yes\n" in service


# --- what the service may not -------------------------------------------------------------------


def test_it_works_where_memory_cannot_become_code(programs: Programs, mock: Program) -> None:
    site = launched(
        programs,
        NO_NEW_CODE,
        *("serve", "--port", "0", "--data-dir", "data"),
        RUSHES_BACKEND_URL=f"{mock.url}/v1",
        RUSHES_AUTH="password",
    )
    found = wait_for(
        lambda: site.process.poll() == 77 or re.search(r"http://[\d.:]+/", site.printed()),
        at_most=30,
    )
    if not isinstance(found, re.Match):
        pytest.skip("this kernel cannot keep memory from becoming code (Linux 6.3)")
    address = found[0].rstrip("/")
    password = site.printed().split("The password is ")[1].split()[0]
    with httpx.Client(base_url=address, headers={"Origin": address}, timeout=20) as client:
        client.post("/login", data={"password": password})
        sent = client.post("/jobs", data={"prompt": "a clip all the same", **ASKED})
        job = f"/api/v1{sent.headers['location']}"
        wait_for(lambda: client.get(job).json()["status"] == "completed", at_most=40)
        assert client.get(f"/jobs/{job.rsplit('/', 1)[1]}/clip").content[4:8] == b"ftyp"
