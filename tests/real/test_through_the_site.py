"""From a prompt on the page to the clip in the browser's hands, with a real app behind the site."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.servers import Program, Programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.conftest import Run
    from tests.real.servers import RealServer

pytestmark = pytest.mark.slow

CANARY = "real-canary-9876543210"


@pytest.fixture(scope="module")
def server(run: Run) -> Iterator[RealServer]:
    with run("gradio6") as started:
        yield started


@pytest.fixture(scope="module")
def site(server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    programs = Programs(tmp_path_factory.mktemp("site"))
    yield programs.site(
        None,
        RUSHES_BACKEND_URL=server.url,
        RUSHES_BACKEND_PROFILE="gradio",
        RUSHES_BACKEND_KEY=CANARY,
    )
    programs.end_all()


def test_the_viewer_gets_the_bytes_and_nothing_that_we_sent_the_app(
    site: Program, server: RealServer
) -> None:
    job_id = site.submit("a lighthouse at dusk")
    job = site.wait_job(job_id, "completed", "failed")
    part = site.get(f"/jobs/{job_id}/clip", headers={"Range": "bytes=0-99"})
    whole = site.get(f"/jobs/{job_id}/clip")

    (note,) = server.notes("a lighthouse at dusk")
    assert job["status"] == "completed"
    assert hashlib.sha256(whole.content).hexdigest() == note["sha256"]
    assert (part.status_code, part.content) == (206, whole.content[:100])
    assert CANARY not in f"{part.headers}{whole.headers}{job}{site.printed()}"


def test_the_app_does_repeat_our_key_to_whoever_asks_it_itself(server: RealServer) -> None:
    (note, *_) = [path for path in server.folder.rglob("*.mp4") if "gradio" in path.parts[:-1]]

    answer = httpx.get(
        f"{server.url}/gradio_api/file={note}",
        headers={"Authorization": f"Bearer {CANARY}", "Range": "bytes=0-9"},
        trust_env=False,
    )

    assert answer.status_code == 206
    assert CANARY in answer.headers["authorization"]
