"""The guarded client against peers that drip, lie, flood, compress, redirect and vanish."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rushes.errors import (
    BackendError,
    BackendUnavailable,
    BadBackendResponse,
    ClipTooLarge,
    NotConfigured,
    NotSent,
    WrongScheme,
)
from rushes.net import Credentials, GuardedClient, Patience, Secret
from tests.net.hostile import Behave, hostile, sends

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

KEY = "sk-canary-0123456789"
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CLIP_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n"
QUICK = Patience(
    connect=timedelta(seconds=0.5),
    answer=timedelta(seconds=0.5),
    clip_head=timedelta(seconds=0.5),
    clip_window=timedelta(seconds=0.3),
    clip_min_rate=1000,
)


@asynccontextmanager
async def client_of(url: str, *, max_clip_bytes: int = 1_000_000) -> AsyncIterator[GuardedClient]:
    client = GuardedClient(
        url,
        credentials=Credentials(
            headers={"X-API-Key": Secret(KEY)},
            cookies={"session": Secret(KEY)},
            secrets=(Secret(KEY),),
        ),
        patience=QUICK,
        max_clip_bytes=max_clip_bytes,
    )
    try:
        yield client
    finally:
        await client.aclose()


@pytest.fixture
def self_signed(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    subprocess.run(
        [*command.split(), "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return certificate, key


def sized(head: bytes, body: bytes, length: int | None = None) -> bytes:
    told = len(body) if length is None else length
    return head + b"Content-Length: %d\r\n\r\n" % told + body


# --- API calls ----------------------------------------------------------------------------------

LOST: list[tuple[str, Behave]] = [
    ("silence", sends(b"", pause=9)),
    ("drip of the head", sends(b"H", b"T", b"T", pause=0.2, repeat=50)),
    ("drip of the body", sends(JSON_HEAD + b"\r\n", b" ", pause=0.1, repeat=50)),
    ("endless headers", sends(JSON_HEAD, b"X-A: b\r\n", pause=0.05, repeat=100)),
    ("endless 102", sends(b"HTTP/1.1 102 Processing\r\n\r\n", pause=0.05, repeat=100)),
    ("a flood of headers", sends(JSON_HEAD, b"X-A: " + b"b" * 1000 + b"\r\n", repeat=5000)),
    ("cut before the head", sends(b"")),
    ("cut within the head", sends(JSON_HEAD)),
    ("cut within the body", sends(sized(JSON_HEAD, b'{"id":', 100))),
    ("cut within a chunk", sends(JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n50\r\n{")),
    ("reset after the request", sends(b"", abort=True)),
    ("reset within the body", sends(sized(JSON_HEAD, b"{", 100), abort=True)),
    ("no HTTP", sends(b"SSH-2.0-OpenSSH_9.2\r\n")),
    ("two lengths", sends(JSON_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ")),
    ("a negative length", sends(JSON_HEAD + b"Content-Length: -2\r\n\r\n{}")),
]


@pytest.mark.parametrize("behave", [behave for _, behave in LOST], ids=[name for name, _ in LOST])
async def test_an_answer_that_does_not_come_whole_in_time_is_a_lost_answer(behave: Behave) -> None:
    async with hostile(behave) as peer, client_of(peer.url) as client:
        async with asyncio.timeout(5):
            with pytest.raises(BackendUnavailable) as caught:
                await client.call("POST", "/videos", form={"prompt": "x"})

        assert (peer.connects, caught.value.retryable) == (1, True)
        assert f"127.0.0.1:{peer.port}" in (caught.value.detail or "")


UNREADABLE: list[tuple[str, Behave]] = [
    ("2 MB", sends(JSON_HEAD + b"\r\n", b" " * 65536, repeat=32)),
    ("an endless body", sends(JSON_HEAD + b"\r\n", b" " * 65536, repeat=100_000)),
    ("101 headers", sends(JSON_HEAD + b"X-A: b\r\n" * 101 + b"\r\n{}")),
    (
        "a bomb",
        sends(sized(JSON_HEAD + b"Content-Encoding: gzip\r\n", gzip.compress(b"0" * 10**7))),
    ),
    ("brotli", sends(sized(JSON_HEAD + b"Content-Encoding: br\r\n", b"x"))),
    ("no JSON", sends(sized(JSON_HEAD, b"{'id': 1}"))),
    ("NaN", sends(sized(JSON_HEAD, b'{"id": NaN}'))),
    ("half a surrogate pair", sends(sized(JSON_HEAD, b'{"id": "\\ud83d"}'))),
    ("-Infinity", sends(sized(JSON_HEAD, b'{"id": -Infinity}'))),
    ("a depth", sends(sized(JSON_HEAD, b"[" * 200_000))),
    ("more than said", sends(sized(JSON_HEAD, b'{"a": 1}', 4))),
]


@pytest.mark.parametrize(
    "behave", [behave for _, behave in UNREADABLE], ids=[name for name, _ in UNREADABLE]
)
async def test_an_answer_that_cannot_be_read_keeps_its_status(behave: Behave) -> None:
    async with hostile(behave) as peer, client_of(peer.url) as client:
        async with asyncio.timeout(5):
            answer = await client.call("GET", "/videos")

        assert (answer.status, len(answer.body) < 2_000_000) == (200, True)
        with pytest.raises(BadBackendResponse):
            answer.json()


async def test_a_body_without_length_is_read_to_its_end() -> None:
    behave = sends(JSON_HEAD + b"\r\n", b'{"a": 1}')
    async with hostile(behave) as peer, client_of(peer.url) as client:
        answer = await client.call("GET", "/videos")

    assert answer.json() == {"a": 1}


async def test_a_closed_port_means_that_nothing_was_sent() -> None:
    async with hostile(sends(b"")) as peer:
        pass
    async with client_of(peer.url) as client:
        with pytest.raises(NotSent) as caught:
            await client.call("POST", "/videos")

    assert caught.value.retryable is True


async def test_an_unknown_name_means_that_nothing_was_sent() -> None:
    async def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError("Name or service not known")

    client = GuardedClient(
        "http://nowhere.test",
        credentials=Credentials(),
        patience=QUICK,
        max_clip_bytes=1,
        resolver=nowhere,
    )
    with pytest.raises(NotSent, match=r"nowhere\.test:80") as caught:
        await client.call("GET", "/videos")
    await client.aclose()

    assert caught.value.retryable is True


async def test_a_certificate_that_nobody_trusts_is_final_and_nothing_is_sent(
    self_signed: tuple[Path, Path],
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed)
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with client_of(f"https://127.0.0.1:{port}") as client:
        with pytest.raises(NotSent, match="certificate") as caught:
            await client.call("POST", "/videos", form={"prompt": "x"})
    server.close()

    assert caught.value.retryable is False
    assert b"".join(received) == b""


async def test_https_asked_of_a_server_without_it_is_told_as_that() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with client_of(f"https://127.0.0.1:{port}") as client:
        with pytest.raises(WrongScheme, match="speaks no https") as caught:
            await client.call("POST", "/videos", form={"prompt": "x"})
    server.close()

    assert caught.value.retryable is True


async def test_a_redirect_of_an_api_call_is_refused_and_the_other_server_sees_nothing() -> None:
    async with hostile(sends(sized(JSON_HEAD, b"{}"))) as other:
        moved = b"HTTP/1.1 307 Moved\r\nLocation: %s/x\r\n" % other.url.encode()
        async with hostile(sends(sized(moved, b""))) as peer, client_of(peer.url) as client:
            with pytest.raises(NotConfigured, match=f"127.0.0.1:{other.port}"):
                await client.call("POST", "/videos", form={"prompt": "x"})

    assert (peer.connects, other.connects) == (1, 0)


async def test_an_api_call_stays_at_its_origin() -> None:
    async with hostile(sends(b"")) as other, client_of("http://127.0.0.1:9") as client:
        with pytest.raises(NotSent) as caught:
            await client.call("GET", f"{other.url}/status")

    assert (caught.value.retryable, other.connects) == (False, 0)


async def test_the_environment_s_proxy_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hostile(sends(b"")) as proxy, hostile(sends(sized(JSON_HEAD, b"{}"))) as peer:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with client_of(peer.url) as client:
            await client.call("GET", "/videos")

    assert (peer.connects, proxy.connects) == (1, 0)


async def test_each_request_has_its_own_connection_and_no_cookie_is_kept() -> None:
    head = JSON_HEAD + b"Set-Cookie: evil=1\r\n"
    async with hostile(sends(sized(head, b"{}"))) as peer, client_of(peer.url) as client:
        await client.call("GET", "/a")
        await client.call("GET", "/b")

    assert peer.connects == 2
    assert [head.count(b"session=" + KEY.encode()) for head in peer.heads] == [1, 1]
    assert not any(b"evil" in head for head in peer.heads)


async def test_an_error_of_the_transport_shows_no_key() -> None:
    behave = sends(b"HTTP/1.1 " + KEY.encode() + b"\r\n\r\n")
    async with hostile(behave) as peer, client_of(peer.url) as client:
        with pytest.raises(BackendError) as caught:
            await client.call("GET", "/videos")

    assert KEY not in f"{caught.value.message}{caught.value.detail}"


# --- clips --------------------------------------------------------------------------------------


async def fetch(client: GuardedClient, path: str = "/clip", **asked: object) -> bytes:
    async with client.download(path, is_ours=True, **asked) as incoming:  # type: ignore[arg-type]
        assert incoming.has_clip
        return b"".join([chunk async for chunk in incoming.chunks()])


async def test_a_clip_comes_as_it_was_sent() -> None:
    body = bytes(range(256)) * 1000
    async with hostile(sends(sized(CLIP_HEAD, body))) as peer, client_of(peer.url) as client:
        assert await fetch(client) == body


BROKEN: list[tuple[str, Behave, type[BackendError]]] = [
    ("shorter than said", sends(sized(CLIP_HEAD, b"x" * 100, 200)), BackendUnavailable),
    ("reset", sends(sized(CLIP_HEAD, b"x" * 100, 200), abort=True), BackendUnavailable),
    ("silent", sends(sized(CLIP_HEAD, b"x", 9999), b"", pause=5), BackendUnavailable),
    (
        "dripping",
        sends(sized(CLIP_HEAD, b"", 9999), b"x", pause=0.05, repeat=60),
        BackendUnavailable,
    ),
    ("endless", sends(CLIP_HEAD + b"\r\n", b"x" * 65536, repeat=10_000), ClipTooLarge),
    ("said to be endless", sends(sized(CLIP_HEAD, b"x", 10**12)), ClipTooLarge),
    (
        "compressed",
        sends(sized(CLIP_HEAD + b"Content-Encoding: gzip\r\n", gzip.compress(b"0" * 10**7))),
        BadBackendResponse,
    ),
    ("with 101 headers", sends(CLIP_HEAD + b"X-A: b\r\n" * 101 + b"\r\n"), BadBackendResponse),
]


@pytest.mark.parametrize(
    ("behave", "kind"), [row[1:] for row in BROKEN], ids=[r[0] for r in BROKEN]
)
async def test_a_broken_clip_is_told(behave: Behave, kind: type[BackendError]) -> None:
    async with hostile(behave) as peer, client_of(peer.url) as client:
        async with asyncio.timeout(5):
            with pytest.raises(BackendError) as caught:
                await fetch(client)

    assert type(caught.value) is kind


async def test_a_slow_reader_is_not_a_slow_peer() -> None:
    body = b"x" * 400_000
    size = 0
    async with (
        hostile(sends(sized(CLIP_HEAD, body))) as peer,
        client_of(peer.url) as client,
        client.download("/clip") as incoming,
    ):
        async for chunk in incoming.chunks():
            size += len(chunk)
            await asyncio.sleep(0.1)

    assert size == len(body)


async def test_what_a_reader_raises_passes_through_unchanged() -> None:
    async with hostile(sends(sized(CLIP_HEAD, b"x"))) as peer, client_of(peer.url) as client:
        with pytest.raises(TimeoutError):
            async with client.download("/clip"):
                raise TimeoutError


async def test_a_redirected_clip_loses_the_credentials_where_the_origin_changes() -> None:
    async with hostile(sends(sized(CLIP_HEAD, b"clip"))) as other:
        here = b"HTTP/1.1 302 Found\r\nLocation: /next\r\n"
        away = b"HTTP/1.1 302 Found\r\nLocation: %s/clip\r\n" % other.url.encode()
        hops = iter([sends(sized(here, b"")), sends(sized(away, b""))])

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await next(hops)(reader, writer)

        async with hostile(behave) as peer, client_of(peer.url) as client:
            with pytest.raises(NotSent, match="not an allowed address"):
                await fetch(client)

    assert [KEY.encode() in head for head in peer.heads] == [True, True]
    assert other.connects == 0


async def test_redirects_of_a_clip_end_after_three() -> None:
    loop = b"HTTP/1.1 302 Found\r\nLocation: /again\r\n"
    async with hostile(sends(sized(loop, b""))) as peer, client_of(peer.url) as client:
        with pytest.raises(BadBackendResponse, match="3 redirects"):
            await fetch(client)

    assert peer.connects == 4
