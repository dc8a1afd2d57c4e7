"""What the operator may add to the guard: hosts for clips, and headers of his own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from rushes.errors import BackendError, NotConfigured, NotSent
from rushes.net import Credentials, GuardedClient, Patience, Secret
from tests.net.hostile import hostile, sends

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

KEY = "sk-canary-0123456789"
CLIP = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 4\r\n\r\nclip"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def client_of(
    url: str = "http://127.0.0.1:9", *result_hosts: str
) -> AsyncIterator[GuardedClient]:
    client = GuardedClient(
        url,
        credentials=Credentials({"X-API-Key": Secret(KEY)}, {"session": Secret(KEY)}),
        patience=Patience(),
        max_clip_bytes=1_000_000,
        result_hosts=result_hosts,
    )
    try:
        yield client
    finally:
        await client.aclose()


async def fetched(client: GuardedClient, url: str) -> bytes:
    async with client.download(url, is_ours=True) as incoming:
        return b"".join([chunk async for chunk in incoming.chunks()])


async def test_a_named_host_may_be_private_and_still_gets_no_credentials() -> None:
    async with (
        hostile(sends(CLIP)) as store,
        client_of("http://127.0.0.1:9", f"127.0.0.1:{store.port}") as client,
    ):
        assert await fetched(client, f"{store.url}/clip") == b"clip"

    assert KEY.encode() not in store.heads[0]


async def test_a_redirect_to_a_named_host_is_followed_without_credentials() -> None:
    async with hostile(sends(CLIP)) as store:
        moved = b"HTTP/1.1 302 Found\r\nLocation: %s/c\r\n\r\n" % store.url.encode()
        async with (
            hostile(sends(moved)) as peer,
            client_of(peer.url, f"127.0.0.1:{store.port}") as client,
        ):
            assert await fetched(client, "/clip") == b"clip"

    assert KEY.encode() in peer.heads[0]
    assert KEY.encode() not in store.heads[0]


@pytest.mark.parametrize("named", ["127.0.0.1", "127.0.0.1:1", "localhost:{port}", "[::1]:{port}"])
async def test_only_the_very_host_and_port_that_were_named(named: str) -> None:
    async with (
        hostile(sends(CLIP)) as store,
        client_of("http://127.0.0.1:9", named.format(port=store.port)) as client,
    ):
        with pytest.raises(NotSent):
            await fetched(client, f"{store.url}/clip")

    assert store.connects == 0


@pytest.mark.parametrize("port", [9, 8443])
async def test_a_refused_clip_names_the_setting_that_would_let_it_through(port: int) -> None:
    async with client_of("http://127.0.0.1:9") as client:
        with pytest.raises(NotSent, match="is not an allowed address") as caught:
            await fetched(client, f"http://localhost:{port}/clip")

    assert "no result_hosts (RUSHES_BACKEND_RESULT_HOSTS) name it" in str(caught.value.detail)


async def test_an_api_call_goes_to_no_named_host() -> None:
    async with (
        hostile(sends(JSON)) as store,
        client_of("http://127.0.0.1:9", f"127.0.0.1:{store.port}") as client,
    ):
        with pytest.raises(NotSent):
            await client.call("GET", f"{store.url}/status")

    assert store.connects == 0


@pytest.mark.parametrize("named", ["", "http://minio", "a/b", "a b", "me@minio", "minio:port", "?"])
async def test_what_is_no_host_is_refused(named: str) -> None:
    with pytest.raises(NotConfigured):
        async with client_of("http://127.0.0.1:9", named):
            pass


REFUSED: list[tuple[dict[str, str], dict[str, str], str]] = [
    ({"Host": "elsewhere"}, {}, "belongs to the connection"),
    ({"accept-encoding": "gzip, br"}, {}, "belongs to the connection"),
    ({"Content-Length": "3"}, {}, "belongs to the connection"),
    ({"transfer-encoding": "chunked"}, {}, "belongs to the connection"),
    ({"x y": KEY}, {}, "no name"),
    ({"x:": KEY}, {}, "no name"),
    ({"": KEY}, {}, "no name"),
    ({"x": f"{KEY}\r\nEvil: 1"}, {}, "none can carry"),
    ({"cookie": KEY}, {"session": KEY}, "given twice"),
    ({}, {"session": f"{KEY}\n"}, "none can carry"),
]


@pytest.mark.parametrize(("headers", "cookies", "complaint"), REFUSED)
def test_headers_that_would_break_a_request_are_refused_without_showing_them(
    headers: dict[str, str], cookies: dict[str, str], complaint: str
) -> None:
    credentials = Credentials(
        {name: Secret(value) for name, value in headers.items()},
        {name: Secret(value) for name, value in cookies.items()},
    )

    with pytest.raises(NotConfigured, match=complaint) as caught:
        credentials.as_headers()

    assert KEY not in caught.value.message


async def test_the_connection_is_not_asked_to_close() -> None:
    """A server that says no before it has read the body would close on us: its answer is lost."""
    async with hostile(sends(JSON)) as peer, client_of(peer.url) as client:
        await client.call("POST", "/videos", form={"prompt": "x"})

    assert b"connection: close" not in peer.heads[0].lower()


# --- an answer that may be a clip ---------------------------------------------------------------


async def test_a_streamed_answer_carries_credentials_and_stays_at_its_origin() -> None:
    async with hostile(sends(CLIP)) as peer, client_of(peer.url) as client:
        async with client.stream("POST", "/sync", form={"prompt": "x"}) as incoming:
            got = b"".join([chunk async for chunk in incoming.chunks()])
        with pytest.raises(NotSent):
            async with client.stream("POST", "http://127.0.0.1:9/sync"):
                pass

    assert got == b"clip"
    assert KEY.encode() in peer.heads[0]


async def test_a_streamed_answer_is_not_redirected() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:9/\r\n\r\n"
    async with hostile(sends(moved)) as peer, client_of(peer.url) as client:
        with pytest.raises(BackendError, match="redirect refused"):
            async with client.stream("POST", "/sync"):
                pass

    assert peer.connects == 1
