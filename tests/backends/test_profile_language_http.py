"""What profiles say of HTTP itself: sizes in addresses, headers said twice, ids in headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rushes.backends import BackendConfig, load_backend
from rushes.domain import RemoteJob, RemoteStatus, VideoRequest
from rushes.errors import BackendError, NotConfigured, OutcomeUnknown
from rushes.net import Secret
from tests.backends.test_profile_language import (
    BASE,
    HEAD,
    JOB_ID,
    KEY,
    ORIGIN,
    TABLES,
    clip_of,
    made,
    wire,
)

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    import respx

    from rushes.ports import VideoBackend

__all__ = ["wire"]
pytestmark = pytest.mark.anyio

WIDE: dict[str, Any] = {"aspect_ratio": "16:9", "resolution": "720p"}


async def asked(backend: VideoBackend, wire: respx.MockRouter, **fields: Any) -> httpx.Request:  # noqa: ANN401
    """Submit, and return the request that went out."""
    wire.post().respond(200, json={"id": "1", "status": "queued"})
    request = VideoRequest(prompt="a kite", **fields)
    await backend.submit(request, idempotency_key=JOB_ID)
    sent: httpx.Request = wire.calls.last.request
    return sent


# --- sizes --------------------------------------------------------------------------------------

BODY = '[submit.body]\nprompt = "=prompt!"'
SIZES: list[tuple[str, str]] = [
    ('path = "/jobs"\nquery = { frame = "=size|join:x" }', "/v1/jobs?frame=1280x720"),
    ('path = "/jobs/{width}/{height}"', "/v1/jobs/1280/720"),
]


@pytest.mark.parametrize(("submit", "target"), SIZES)
async def test_a_size_is_said_wherever_a_template_names_it(
    tmp_path: Path, wire: respx.MockRouter, submit: str, target: str
) -> None:
    request = await asked(made(tmp_path, submit=f"{submit}\n{BODY}"), wire, **WIDE)

    assert request.url.raw_path.decode() == target


async def test_a_size_is_said_in_a_header_and_in_a_variant_s_path(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    variant = '[[submit.variants]]\nwhen = "has(seed)"\npath = "/{width}"'
    submit = f'path = "/jobs"\nheaders = {{ X-Height = "=height" }}\n{BODY}\n{variant}'

    request = await asked(made(tmp_path, submit=submit), wire, **WIDE, seed=1)

    assert (request.url.path, request.headers["x-height"]) == ("/v1/1280", "720")


# --- headers ------------------------------------------------------------------------------------

AUTH = """
[auth.headers]
X-Api-Version = "2"
X-Api-Key = "{key}"
"""


def of_headers(folder: Path, said: str, **headers: str) -> VideoBackend:
    """A backend whose submit has headers of its own, and perhaps its operator too."""
    submit = f"[submit]\npath = '/jobs'\nheaders = {{ {said} }}\n{BODY}"
    others = [f"[{name}]\n{text}" for name, text in TABLES.items() if name != "submit"]
    (folder / "made-up.toml").write_text("\n".join([HEAD, submit, *others, AUTH]), "utf-8")
    return load_backend(
        BackendConfig(
            name="made-up",
            url=BASE,
            key=Secret(KEY),
            profile="made-up",
            profiles_dir=folder,
            headers={name: Secret(value) for name, value in headers.items()},
        )
    )


@pytest.mark.parametrize(
    ("said", "own", "sent"),
    [
        ('X-Api-Version = "3"', {}, ("x-api-version", ["3"])),
        ('x-api-version = "3"', {}, ("x-api-version", ["3"])),
        ('x-api-version = "3"', {"X-API-VERSION": "4"}, ("x-api-version", ["4"])),
        ('x-other = "3"', {}, ("x-api-version", ["2"])),
        ('x-api-key = "3"', {}, ("x-api-key", [KEY])),
    ],
)
async def test_a_header_that_is_said_twice_is_sent_once(
    tmp_path: Path,
    wire: respx.MockRouter,
    said: str,
    own: dict[str, str],
    sent: tuple[str, list[str]],
) -> None:
    request = await asked(of_headers(tmp_path, said, **own), wire)

    assert request.headers.get_list(sent[0]) == sent[1]


# --- an id in a header --------------------------------------------------------------------------

TOLD = """\
[extract.headers]
id = { name = "Location", pattern = '/films/([^/?]+)' }
urls = { status = "location" }
"""
FOLLOWED = {
    "extract": TOLD,
    "poll": 'path = "{urls.status}"',
    "state": 'path = ["/status"]\nhttp = { 202 = "in_progress", 303 = "completed" }',
    "result": 'path = "/films/{id}/clip"',
}


@pytest.mark.parametrize("where", ["/v1/films/f1?x=1", f"{ORIGIN}/v1/films/f1?x=1"])
async def test_a_job_that_a_header_tells_of_is_followed(
    tmp_path: Path, wire: respx.MockRouter, where: str
) -> None:
    wire.post("/jobs").respond(202, headers={"Location": where})
    status = wire.get(f"{ORIGIN}/v1/films/f1", params={"x": "1"})
    status.respond(202)
    backend = made(tmp_path, **FOLLOWED)

    request = VideoRequest(prompt="x")
    remote = (await backend.submit(request, idempotency_key=JOB_ID)).remote
    told = await backend.poll(remote)

    assert (remote.id, remote.status) == ("f1", RemoteStatus.IN_PROGRESS)
    assert told.status is RemoteStatus.IN_PROGRESS
    assert told.urls == {"status": where}


@pytest.mark.parametrize(
    "headers", [{}, *({"Location": f"/films/{id_}"} for id_ in ("", KEY, "x" * 5000))]
)
async def test_a_submit_whose_header_names_no_job_is_in_doubt(
    tmp_path: Path, wire: respx.MockRouter, headers: dict[str, str]
) -> None:
    wire.post("/jobs").respond(202, headers=headers)
    backend = made(tmp_path, **FOLLOWED)

    with pytest.raises(OutcomeUnknown):
        await backend.submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)


async def test_a_body_goes_before_a_header(tmp_path: Path, wire: respx.MockRouter) -> None:
    both = 'id = ["/id"]\nurls = { status = ["/at"] }\n' + TOLD
    backend = made(tmp_path, **FOLLOWED | {"extract": both})
    answer = {"id": "7", "at": "/v1/films/7"}
    wire.post("/jobs").respond(202, headers={"Location": "/films/8"}, json=answer)

    remote = (await backend.submit(VideoRequest(prompt="x"), idempotency_key=JOB_ID)).remote

    assert (remote.id, remote.urls) == ("7", {"status": "/v1/films/7"})


async def test_a_profile_that_finds_no_id_anywhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="extract"):
        made(tmp_path, extract='urls = { status = ["/at"] }')


# --- a state told by a redirect -----------------------------------------------------------------


@pytest.mark.parametrize("location", [{}, {"Location": "/v1/films/f1/clip"}])
async def test_a_redirect_tells_a_state_where_the_profile_says_so(
    tmp_path: Path, wire: respx.MockRouter, location: dict[str, str]
) -> None:
    wire.get(f"{ORIGIN}/s").respond(303, headers=location)
    wire.get("/films/f1/clip").respond(200, content=b"clip", headers={"content-type": "video/mp4"})
    backend = made(tmp_path, **FOLLOWED)

    done = await backend.poll(RemoteJob("f1", urls={"status": "/s"}))

    assert done.status is RemoteStatus.COMPLETED
    assert await clip_of(backend, done) == b"clip"


async def test_the_address_behind_a_redirect_may_be_the_clip(
    tmp_path: Path, wire: respx.MockRouter
) -> None:
    wire.get(f"{ORIGIN}/s").respond(303, headers={"Location": f"{ORIGIN}/c"})
    wire.get(f"{ORIGIN}/c").respond(200, content=b"clip", headers={"content-type": "video/mp4"})
    backend = made(tmp_path, **FOLLOWED | {"result": 'path = "{urls.status}"'})

    done = await backend.poll(RemoteJob("f1", urls={"status": "/s"}))

    assert await clip_of(backend, done) == b"clip"


@pytest.mark.parametrize("states", [FOLLOWED["state"], TABLES["state"]])
async def test_any_other_redirect_of_a_poll_is_refused(
    tmp_path: Path, wire: respx.MockRouter, states: str
) -> None:
    wire.get(f"{ORIGIN}/s").respond(301, headers={"Location": "https://elsewhere.test/"})
    backend = made(tmp_path, **FOLLOWED | {"state": states})

    with pytest.raises(BackendError) as caught:
        await backend.poll(RemoteJob("f1", urls={"status": "/s"}))

    assert caught.value.kind == "not_configured"
    assert "elsewhere.test" in caught.value.message
