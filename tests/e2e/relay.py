"""Stands between a proxy and the site: notes what is asked, counts what is answered."""

from __future__ import annotations

import re
import socket
import socketserver
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

from tests.e2e.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Generator

PIECE = 64 * 1024
STILL = 12
"""So often in a row the same count, with the pauses of `wait_for`, is stillness."""


class Relay(socketserver.ThreadingTCPServer):
    """Hands every byte on, unless it is told to lose the answers."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, site: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.site = site
        self.asked: list[bytearray] = []
        self.answered = 0
        self.is_losing = False

    @property
    def address(self) -> str:
        """Where a proxy finds the site."""
        return f"127.0.0.1:{self.server_address[1]}"

    def heads(self, request: str) -> list[dict[str, str]]:
        """Return the headers that came with a request, such as `GET /video/`, names in lower case.

        A query does not part one request from another.
        """
        line = re.escape(request.encode()) + rb"(?:\?\S*)? HTTP/1\.[01]\r\n"
        pattern = re.compile(line + rb"(.*?)\r\n\r\n", re.DOTALL)
        return [
            dict(_header(line) for line in found.decode("latin-1").split("\r\n"))
            for noted in list(self.asked)
            for found in pattern.findall(bytes(noted))
        ]

    def settled(self) -> int:
        """Wait until the site sends no more, and return how many bytes it has sent so far."""
        seen: list[int] = []

        def is_still() -> bool:
            seen.append(self.answered)
            return len(seen) > STILL and len(set(seen[-STILL:])) == 1

        wait_for(is_still, at_most=20)
        return self.answered

    @contextmanager
    def losing(self) -> Generator[None]:
        """Let requests arrive, and hang up instead of handing an answer on."""
        self.is_losing = True
        try:
            yield
        finally:
            self.is_losing = False


@contextmanager
def relay_to(site: int) -> Generator[Relay]:
    """Stand before the site at a port."""
    with Relay(site) as relay:
        thread = Thread(target=relay.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            relay.shutdown()
            thread.join()


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


class _Passage(socketserver.BaseRequestHandler):
    server: Relay
    request: socket.socket

    def handle(self) -> None:
        noted = bytearray()
        self.server.asked.append(noted)
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.site)) as site:
            back = Thread(target=self._answer, args=(site,), daemon=True)
            back.start()
            with suppress(OSError):
                while piece := self.request.recv(PIECE):
                    noted += piece
                    site.sendall(piece)
            _hang_up(site, self.request)
            back.join()

    def _answer(self, site: socket.socket) -> None:
        with suppress(OSError):
            while (piece := site.recv(PIECE)) and not self.server.is_losing:
                self.request.sendall(piece)
                self.server.answered += len(piece)
        _hang_up(site, self.request)


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
