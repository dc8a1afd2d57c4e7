"""Looks at a clip as browsers and players do: over a socket, or in a video element."""

from __future__ import annotations

import hashlib
import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from tests.e2e.servers import wait_for

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.e2e.servers import Program

NOTE = """video => {
  video.muted = true;
  video.seen = [];
  for (const name of ["loadstart", "error", "emptied", "seeked", "ended"]) {
    video.addEventListener(name, () => video.seen.push(name));
  }
}"""

STATE = """video => ({
  seen: video.seen, at: video.currentTime, of: video.duration, paused: video.paused,
  seeking: video.seeking, ready: video.readyState, network: video.networkState,
  buffered: Array.from({ length: video.buffered.length }, (_, n) => video.buffered.end(n)),
  error: video.error?.message, shown: document.visibilityState,
})"""


PLAYS = """video => {
  video.muted = true;
  if (video.paused) video.play().catch(() => {});
  return video.currentTime > 0.3 && video.readyState === 4;
}"""


@dataclass
class Watcher:
    """A viewer of its own thread, which takes the whole answer and remembers its hash."""

    url: str
    status: int = 0
    got: int = 0
    sha256: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    broke: Exception | None = None

    def __post_init__(self) -> None:
        self.thread = Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        digest = hashlib.sha256()
        try:
            with httpx.stream("GET", self.url, timeout=60) as answer:
                self.status, self.headers = answer.status_code, dict(answer.headers)
                for chunk in answer.iter_raw():
                    digest.update(chunk)
                    self.got += len(chunk)
        except httpx.TransportError as error:
            self.broke = error
        self.sha256 = digest.hexdigest()

    def end(self, at_most: float = 60) -> None:
        """Wait until the answer is over."""
        self.thread.join(at_most)
        assert not self.thread.is_alive(), f"still watching after {self.got} bytes"


@contextmanager
def stalled(url: str) -> Generator[None]:
    """Ask for a clip, read the beginning of the answer, and then nothing more."""
    parts = urlsplit(url)
    with socket.socket() as viewer:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        viewer.connect((parts.hostname, parts.port))
        viewer.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        assert viewer.recv(15) == b"HTTP/1.1 200 OK"
        yield


def part(site: Program, job_id: str, wanted: str, **headers: str) -> httpx.Response:
    """Ask for a range of a job's clip."""
    return site.get(f"/jobs/{job_id}/clip", headers={"Range": f"bytes={wanted}", **headers})


def clip_url(site: Program, job_id: str) -> str:
    """Return the address of a job's clip."""
    return f"{site.url}/jobs/{job_id}/clip"


def begun(site: Program, job_id: str, *, at_most: float = 30) -> None:
    """Wait until the clip can be watched."""
    url = clip_url(site, job_id)
    wait_for(lambda: httpx.head(url, timeout=20).status_code == 200, at_most=at_most)


def arrived(data: Path) -> int:
    """Return how many bytes are here of the one clip that is arriving."""
    return max((path.stat().st_size for path in data.glob("clips/*.part")), default=0)


def watched(page: Page, site: Program, job_id: str) -> Locator:
    """Open a job's page and return its player, whose events are noted from now on."""
    page.goto(f"{site.url}/jobs/{job_id}")
    video = page.locator("#player")
    video.evaluate(NOTE)
    return video


def seen(video: Locator) -> list[str]:
    """Return the events of note that the player had so far; fails when it is another one."""
    names: list[str] = video.evaluate("video => video.seen")
    return names


def at(video: Locator) -> float:
    """Return where a video is, in seconds."""
    return float(video.evaluate("video => video.currentTime"))


def buffered(video: Locator) -> float:
    """Return up to where a video could play without its server, in seconds."""
    end = "video => video.buffered.length && video.buffered.end(video.buffered.length - 1)"
    return float(video.evaluate(end))


def play(video: Locator) -> None:
    """Play, and see time pass."""
    before = at(video)
    video.evaluate("video => video.play()")
    when(video, "(video, to) => video.currentTime > to", before + 0.3)


def plays(page: Page) -> bool:
    """Press play and see whether time passes in a clip that can be played through.

    Pressed again where the page has put another player in the place of one that nobody watched:
    a press may find one that has just left.
    """
    when(page.locator("video").first, PLAYS)
    return True


def when(video: Locator, is_so: str, place: float | None = None, *, at_most: float = 60) -> None:
    """Wait until a player is as `is_so` asks of it and of `place`, or fail telling how it is."""
    try:
        wait_for(lambda: video.evaluate(is_so, place), at_most=at_most)
    except AssertionError as error:
        raise AssertionError(f"{error}: {video.evaluate(STATE)}") from None


def seek(video: Locator, seconds: float) -> None:
    """Go to a place, and see the picture there."""
    video.evaluate("(video, to) => { video.currentTime = to }", seconds)
    when(video, "video => !video.seeking && video.readyState >= 2")


def size_of(answer: httpx.Response) -> int:
    """Return the whole size that a 206 tells."""
    told = re.fullmatch(r"bytes \d+-\d+/(\d+)", answer.headers["content-range"])
    assert told is not None
    return int(told[1])
