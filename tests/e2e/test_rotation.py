"""A new key or password in its file is in use at once, without a restart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from rushes.people.passwords import hash_password
from tests.e2e.proxies import PASSWORD, PASSWORD_HASH

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


def test_a_new_shared_password_ends_sessions_tokens_and_streams(
    programs: Programs, mock: Program
) -> None:
    file = programs.folder / "password"
    file.write_text(PASSWORD_HASH)
    asks = {"RUSHES_AUTH": "password", "RUSHES_PASSWORD_FILE": str(file)}
    site = programs.site(mock, **asks)
    with httpx.Client(base_url=site.url, headers={"Origin": site.url}, timeout=20) as client:
        client.post("/login", data={"password": PASSWORD})
        made = client.post("/account/tokens", data={"label": "x", "scope": "create"})
        (token,) = re.findall(r"rushes_[\w-]{43}", made.text)
        bearer = {"Authorization": f"Bearer {token}"}
        with (
            client.stream("GET", "/events") as by_session,
            httpx.stream("GET", f"{site.url}/events", headers=bearer, timeout=20) as by_token,
        ):
            streams = [by_session.iter_lines(), by_token.iter_lines()]
            assert [next(lines) for lines in streams] == ["event: snapshot"] * 2
            new = programs.folder / "new"
            new.write_text(hash_password("quite another one"))
            new.rename(file)
            # Nobody asks for anything meanwhile: the streams end by themselves.
            ends = [[line for line in lines if line][-2:] for lines in streams]
        statuses = [
            client.get("/api/v1/jobs").status_code,
            site.get("/export", headers=bearer).status_code,
            site.post("/api/v1/jobs", headers=bearer, json={"prompt": "x"}).status_code,
        ]
    site.stop()
    again = programs.site(mock, **asks).get("/api/v1/jobs", headers=bearer)

    assert ends == [["event: bye", "data: {}"]] * 2
    assert statuses == [401, 303, 401]  # the second one is led to the sign-in page
    assert again.status_code == 401
