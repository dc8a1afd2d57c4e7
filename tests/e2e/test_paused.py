"""A viewer who has paused: how far ahead of them the site reads, with no proxy between."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.e2e.servers import wait_for
from tests.e2e.watching import begun

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Program, Programs

pytestmark = pytest.mark.slow

SIZE = 100_000_000
PROMISED = 12_000_000
"""What one paused viewer may cost, sockets' buffers and all."""
OUR_OWN = 2_000_000
RECEIVED = 64 * 1024
STILL = 12
"""So often in a row the same count, with the pauses of `wait_for`, is stillness."""
ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}


def sent(site: Program) -> int:
    """Return how many bytes of clips the site says that it has sent."""
    found = re.search(r"^rushes_clip_sent_bytes_total (\S+)$", site.get("/metrics").text, re.M)
    assert found is not None
    return int(float(found[1]))


def settled(site: Program) -> int:
    """Wait until the site sends no more; return how much it has sent by then."""
    seen: list[int] = []

    def is_still() -> bool:
        seen.append(sent(site))
        return seen[-1] > 0 and len(set(seen[-STILL:])) == 1 and len(seen) >= STILL

    wait_for(is_still, at_most=30)
    return seen[-1]


@contextmanager
def paused(site: Program, path: str) -> Generator[None]:
    """Read the first kilobyte of a clip and no more."""
    parts = urlsplit(site.url)
    with socket.socket() as viewer:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
        viewer.connect((parts.hostname, parts.port))
        viewer.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        assert viewer.recv(1_000).startswith(b"HTTP/1.1 200 OK")
        yield


def kernels() -> int:
    """Return how much the two kernels between us may hold, however little is read."""
    _least, _usual, most = Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()
    return int(most) + 2 * RECEIVED  # Linux doubles what is asked for


@pytest.mark.parametrize("is_here", [True, False], ids=["whole", "arriving"])
def test_it_is_read_no_further_ahead_than_promised(programs: Programs, is_here: bool) -> None:
    rate = () if is_here else ("--rate", "40_000_000")
    backend = programs.plain_backend("--size", str(SIZE), *rate)
    site = programs.site(backend, RUSHES_METRICS_NETWORKS="127.0.0.1/32")
    job_id = site.submit("paused", **ASKED)
    if is_here:
        site.wait_job(job_id, "completed")
    else:
        begun(site, job_id)
    with paused(site, f"/jobs/{job_id}/clip"):
        ended = site.wait_job(job_id, "completed", "failed", "unknown")
        ahead = settled(site)

    assert ended["clip"]["size"] == SIZE
    assert 0 < ahead <= PROMISED
    assert ahead - kernels() <= OUR_OWN
