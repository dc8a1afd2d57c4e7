"""Serving a finished clip in answer to `Range: bytes=0-`, as browsers ask for video."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from programs import Program, completed, free_port, plain_backend, running, site, submit, table

SIZE = 200_000_000
ROUNDS = 5
ASKED = "Range: bytes=0-\r\nConnection: close\r\n"
NGINX = """
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on; types {{ video/mp4 mp4; }}
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def fetch(url: str) -> int:
    """Take a whole clip and return how many bytes came, headers included."""
    host, _, path = url.removeprefix("http://").partition("/")
    address, port = host.split(":")
    request = (
        f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nRange: bytes=0-\r\nConnection: close\r\n\r\n"
    )
    buffer, got = bytearray(1024 * 1024), 0
    with socket.create_connection((address, int(port))) as connection:
        connection.sendall(request.encode())
        while count := connection.recv_into(buffer):
            got += count
    assert got > SIZE, f"{url} sent {got} bytes"
    return got


def nginx(stack: ExitStack, folder: Path, root: Path) -> Program:
    """Start nginx as it serves files best."""
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(NGINX.format(port=port, root=root))
    command = ("nginx", "-p", folder, "-c", conf)
    return stack.enter_context(running(*command, folder=folder, url=f"http://127.0.0.1:{port}"))


def file_server(stack: ExitStack, folder: Path, root: Path) -> Program:
    """Start Python's own file server."""
    port = str(free_port())
    command = (sys.executable, "-m", "http.server", port, "-b", "127.0.0.1", "-d", root)
    return stack.enter_context(running(*command, folder=folder, url=f"http://127.0.0.1:{port}"))


def main() -> None:
    """Measure in turns, so that a busy moment hits everybody alike."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        backend = stack.enter_context(plain_backend(folder, SIZE))
        ours = stack.enter_context(site(folder, backend))
        job_id = submit(ours)
        completed(ours, job_id)
        clips = folder / "data/clips"
        name = next(clips.iterdir()).name
        servers = {"Rushes": (ours, f"{ours.url}/jobs/{job_id}/clip")}
        if shutil.which("nginx"):
            rival = nginx(stack, folder, clips)
            servers["nginx, sendfile"] = (rival, f"{rival.url}/{name}")
        plain = file_server(stack, folder, clips)
        servers["python -m http.server"] = (plain, f"{plain.url}/{name}")
        report(servers)


def report(servers: dict[str, tuple[Program, str]]) -> None:
    """Measure every server and print the table."""
    cpu, wall = dict.fromkeys(servers, 0.0), dict.fromkeys(servers, 0.0)
    for _ in range(ROUNDS):
        for name, (program, url) in servers.items():
            before, began = program.cpu_s(), time.perf_counter()
            fetch(url)
            wall[name] += time.perf_counter() - began
            cpu[name] += program.cpu_s() - before
    gigabytes = SIZE * ROUNDS / 1e9
    print(f"Serving {SIZE / 1e6:.0f} MB with `Range: bytes=0-`, {ROUNDS} times each, in turns\n")
    table(
        ["server", "CPU s per GB", "of Rushes", "MB/s"],
        [
            [
                name,
                f"{cpu[name] / gigabytes:.2f}",
                f"{cpu[name] / cpu['Rushes']:.2f}",
                f"{1000 * gigabytes / wall[name]:.0f}",
            ]
            for name in servers
        ],
    )


if __name__ == "__main__":
    main()
