"""A new key in its file is in use at once, without a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.servers import Program, Programs

pytestmark = pytest.mark.slow

ASKED = {"aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
OLD, NEW = "canary-51c0ffee", "canary-5eedbed5"


def guarded(programs: Programs, key: str, port: str) -> Program:
    """Start a rehearsal backend that takes one key."""
    return programs.start("mock", "--port", port, "--folder", "mock", "--work-s", "1", "--key", key)


def test_a_new_key_is_used_from_the_next_request_on(programs: Programs) -> None:
    file = programs.folder / "key"
    file.write_text(OLD)
    mock = guarded(programs, OLD, "0")
    site = programs.site(mock, RUSHES_BACKEND_KEY_FILE=str(file))
    site.wait_job(site.submit("by the old key", **ASKED), "completed")

    mock.kill()
    guarded(programs, NEW, mock.url.rsplit(":", 1)[1])
    file.write_text(f"{NEW}\n")
    site.wait_job(site.submit("by the new key", **ASKED), "completed")

    assert "has new secrets" in site.printed()
    assert "canary" not in site.printed()
