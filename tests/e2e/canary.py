"""What is looked through for a canary: every answer of a site, its files and its processes."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from tests.web.test_every_route import ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.e2e.servers import Program

PROFILE = Path(__file__).parents[2] / "src/rushes/backends/profiles/openai-videos.toml"
IN_HEADER = '[auth.headers]\nAuthorization = "Bearer {key}"\n'
IN_ADDRESS = '[auth.query]\naccess = "{access}"\n'
WAYS = {
    "header": 'key = { file = "key" }',
    "cookie": 'cookies = { session = { file = "key" } }',
    "address": 'profile = "address.toml"\nextras = { access = { file = "key" } }',
}
"""How a backend can be given its key."""
PAGES_WITH_QUERIES = (
    "/nothing",
    "/events?after=0",
    "/api/v1/changes?after=0",
    "/library?state=deleted",
    "/library?state=open&q=canary",
    "/queue?watch=1",
    "/api/v1/jobs?after=nothing",
)
OF_EACH_JOB = ("/jobs/{job_id}/clip?with=recipe", "/jobs/{job_id}?watch=1", "/?from={job_id}")
ENDLESS = ("/events", "/doctor/events")
UNREAL = "a" * 26
READERS = ({"Accept": "text/html"}, {"Accept": "application/json", "Accept-Language": "fr"})


class Parrot(ThreadingHTTPServer):
    """A backend that fails, and says all that it was told: the address, every header, the body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Repeating)
        self.heard = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Repeating(BaseHTTPRequestHandler):
    server: Parrot

    def _repeat(self) -> None:
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        heard = f"{self.requestline} | {' | '.join(self.headers.as_string().split())}"
        self.server.heard += heard
        error = {"code": "broken", "type": heard, "message": f"{heard} for {len(asked)} bytes"}
        body = json.dumps({"error": error, "detail": heard}).encode()
        # A prompt chooses between an error of the server and one of whoever asked.
        self.send_response(500 if b"#broken" in asked else 401 if b"#key" in asked else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Heard", heard)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _repeat  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        """Keep quiet."""


def two_backends(folder: Path, way: str, url: str, parrot: Parrot) -> Path:
    """Write a file of two backends that get one key in one way; return it."""
    profile = PROFILE.read_text().replace('name = "openai-videos"', 'name = "address"', 1)
    assert IN_HEADER in profile
    (folder / "address.toml").write_text(profile.replace(IN_HEADER, IN_ADDRESS))
    file = folder / "backends.toml"
    tables = (("real", f"{url}/v1"), ("parrot", f"{parrot.url}/v1"))
    file.write_text("\n".join(f'[{name}]\nurl = "{at}"\n{WAYS[way]}\n' for name, at in tables))
    return file


def addresses(parts: Mapping[str, str], job_ids: Sequence[str]) -> Iterator[str]:
    """Return every address that can be read, for each of the jobs, and some that cannot."""
    paths = sorted({path for method, path in ROUTES if method == "GET"})
    for path in (*paths, *OF_EACH_JOB, *PAGES_WITH_QUERIES):
        for job_id in [*job_ids, UNREAL] if "{job_id}" in path else [UNREAL]:
            yield path.format(**{"job_id": job_id, **parts})


def shared(site: Program, job_id: str) -> str:
    """Share a clip; return the token of the link."""
    page = site.post(f"/jobs/{job_id}/shares", data={"days": "7", "prompt": "1"}).text
    found = re.search(r"/s/([\w-]{20,})", page)
    return found[1] if found else UNREAL


def everything_served(
    site: Program, job_ids: Sequence[str], data: Path | None = None, token: str = UNREAL
) -> str:
    """Return every page, event and answer that a viewer can get, headers included."""
    parts = {"token": token, "page": "library", "share_id": UNREAL, "token_id": UNREAL}
    key = {"X-Rushes-Doctor": (data / "doctor.key").read_text()} if data else {}
    served = []
    for headers in READERS:
        with httpx.Client(base_url=site.url, timeout=20, headers=headers | key) as browser:
            served += [told(browser, path) for path in addresses(parts, job_ids)]
    return "\n".join(served)


def told(browser: httpx.Client, path: str) -> str:
    with browser.stream("GET", path) as answer:
        is_endless = path.startswith(ENDLESS) and answer.is_success
        body = next(answer.iter_raw(), b"") if is_endless else answer.read()
        return f"{answer.status_code} {path}\n{answer.headers}\n{body.decode(errors='replace')}"


def files_with(piece: str, folder: Path, at_most: int | None = None) -> list[str]:
    """Return the files that hold it, whatever the case of its letters; larger ones are left out."""
    files = (path for path in folder.rglob("*") if path.is_file())
    looked_at = (path for path in files if at_most is None or path.stat().st_size <= at_most)
    return [str(path) for path in looked_at if piece.encode() in path.read_bytes().lower()]


def processes_with(piece: str, *programs: Program) -> list[str]:
    """Return what the process list shows of our programs and their children that holds it."""
    ours = {program.process.pid for program in programs}
    ours |= {pid for pid, parent in parents().items() if parent in ours}
    shown = [Path(f"/proc/{pid}/{what}") for pid in ours for what in ("cmdline", "environ")]
    return [str(path) for path in shown if piece.encode() in path.read_bytes().lower()]


def parents() -> dict[int, int]:
    """Return every process's parent that can be read."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    return found
