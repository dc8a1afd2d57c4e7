"""Starting and stopping: one clear line when it cannot be, and a quick, quiet end."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.servers import Program, Programs

NOWHERE = "http://127.0.0.1:9/v1"


def refused(program: Program) -> str:
    """Wait until a program has refused to start and return its one line."""
    assert program.process.wait(20) == 2, program.printed()
    (line,) = program.printed().strip().splitlines()
    return line


def test_a_taken_port_is_one_line(programs: Programs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        line = refused(programs.launch("serve", "--port", port, RUSHES_BACKEND_URL=NOWHERE))

    assert port in line
    assert "RUSHES_PORT" in line


def test_a_folder_that_cannot_be_is_one_line(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    line = refused(programs.launch("serve", RUSHES_DATA_DIR="taken", RUSHES_BACKEND_URL=NOWHERE))

    assert "RUSHES_DATA_DIR" in line


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"RUSHES_PORT": "many"}, "RUSHES_PORT"),
        ({"RUSHES_BACKEND_URL": "backend"}, "RUSHES_BACKEND_URL"),
        ({"RUSHES_HOST": "0.0.0.0"}, "RUSHES_ALLOW_PUBLIC_BIND"),  # noqa: S104 - refused
        ({"RUSHES_BACKEND_PROFILE": "no-such"}, "no-such"),
        ({"RUSHES_PUBLIC_URL": "http://localhost/jobs"}, "RUSHES_PUBLIC_URL: "),
        ({"RUSHES_PUBLIC_URL": "https://example.org"}, "set RUSHES_AUTH=password"),
        ({"RUSHES_TRUSTED_PROXIES": "127.0.0.1"}, "set RUSHES_AUTH=password"),
        ({"RUSHES_PROT": "1"}, "did you mean RUSHES_PORT"),
    ],
)
def test_a_bad_setting_is_one_line(programs: Programs, settings: dict[str, str], says: str) -> None:
    given = {"RUSHES_BACKEND_URL": NOWHERE, "RUSHES_PORT": "0"} | settings

    assert says in refused(programs.launch("serve", **given))


def test_without_a_backend_serve_says_where_to_point_it(programs: Programs) -> None:
    assert "RUSHES_BACKEND_URL is not set" in refused(programs.launch("serve", "--port", "0"))


def test_two_servers_cannot_share_a_folder(programs: Programs, mock: Program) -> None:
    first = programs.site(mock)

    line = refused(
        programs.launch("serve", "--data-dir", "data", "--port", "0", RUSHES_BACKEND_URL=NOWHERE)
    )

    assert "another Rushes" in line
    assert first.get("/healthz").status_code == 200


@pytest.mark.slow
def test_check_tells_well_from_off_and_a_wrong_key(programs: Programs) -> None:
    mock = programs.mock("--key", "right")
    url = f"{mock.url}/v1"

    well = programs.launch("check", RUSHES_BACKEND_URL=url, RUSHES_BACKEND_KEY="right")
    wrong = programs.launch("check", RUSHES_BACKEND_URL=url, RUSHES_BACKEND_KEY="wrong")
    off = programs.launch("check", RUSHES_BACKEND_URL=NOWHERE)

    assert well.process.wait(20) == 0, well.printed()
    assert wrong.process.wait(20) == 2
    assert "RUSHES_BACKEND_KEY" in wrong.printed()
    assert off.process.wait(20) == 2
    assert "RUSHES_BACKEND_URL" in off.printed()


def test_a_stop_ends_open_streams_and_exits_well(programs: Programs, mock: Program) -> None:
    site = programs.site(mock)
    ended = threading.Event()

    def watch() -> None:
        with httpx.stream("GET", f"{site.url}/events", timeout=30) as stream:
            for _ in stream.iter_raw():
                pass
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    time.sleep(0.5)
    began = time.monotonic()
    code = site.stop()

    assert code == 0, site.printed()
    assert ended.wait(5)
    assert time.monotonic() - began < 10
