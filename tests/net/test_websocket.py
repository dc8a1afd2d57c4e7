"""A websocket is listened to under the same guard as every request, and costs what it may cost."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import struct
from dataclasses import dataclass, field

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes.errors import BackendUnavailable, BadBackendResponse, NotSent
from rushes.net import Credentials, GuardedClient, Patience, Secret, SocketLimits, WebSocket
from tests.net.hostile import Hostile, hostile, reset, sends

pytestmark = pytest.mark.anyio

KEY = "socket-key-20f1aa"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
BYE = struct.pack(">H", 1000)


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """Return one frame as a server writes it (RFC 6455, 5.2)."""
    size = len(payload)
    told = struct.pack(">B", min(size, 125))
    if size >= 126:
        told = struct.pack(">BH", 126, size) if size < 2**16 else struct.pack(">BQ", 127, size)
    return bytes([(0x80 if fin else 0) | opcode]) + told + payload


@dataclass
class Peer:
    """A server that agrees to a websocket and then says `said`."""

    said: bytes = b""
    waits: bool = True
    resets: bool = False
    seen: Hostile | None = None
    heard: bytes = b""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.seen is not None
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", self.seen.heads[-1])
        assert key is not None
        digest = hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # noqa: S324
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n" + self.said
        )
        await writer.drain()
        if self.resets:
            reset(writer)
        while self.waits and (chunk := await reader.read(1000)):
            self.heard += unmasked(chunk)
        self.ended.set()


def unmasked(data: bytes) -> bytes:
    """Return a client's short frames with their payloads in the clear."""
    shown = b""
    while data:
        size = data[1] & 0x7F
        mask, payload = data[2:6], data[6 : 6 + size]
        shown += data[:1] + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        data = data[6 + size :]
    return shown


def speaking(url: str, key: str | None = None) -> GuardedClient:
    headers = {"Authorization": Secret(f"Bearer {key}")} if key else {}
    return GuardedClient(
        url, credentials=Credentials(headers), patience=Patience(), max_clip_bytes=1
    )


async def told_by(peer: Peer, limits: SocketLimits | None = None) -> list[str]:
    """Listen until the peer has said goodbye."""
    async with hostile(peer.behave) as peer.seen:
        client = speaking(f"{peer.seen.url}/comfy", KEY)
        try:
            query = {"clientId": "me"}
            async with client.listen("/ws", query=query, limits=limits or SocketLimits()) as socket:
                return [text async for text in socket.messages()]
        finally:
            await client.aclose()
            await asyncio.wait_for(peer.ended.wait(), 5)


async def test_texts_are_handed_on_whole_and_what_is_binary_is_not() -> None:
    said = [
        frame(TEXT, b"one"),
        frame(BINARY, b"\x00\x01preview"),
        frame(TEXT, "tw\u00f6".encode()[:3], fin=False),
        frame(PING, b"there?"),
        frame(0, "tw\u00f6".encode()[3:]),
        frame(BINARY, b"a", fin=False) + frame(0, b"b"),
        frame(TEXT, b"x" * 70_000),
        frame(CLOSE, BYE),
        frame(TEXT, b"after the end"),
    ]
    peer = Peer(b"".join(said))

    assert await told_by(peer) == ["one", "tw\u00f6", "x" * 70_000]
    assert peer.heard == b"\x8athere?\x88" + BYE


async def test_the_request_goes_below_the_base_path_with_the_key() -> None:
    peer = Peer(frame(CLOSE, BYE))

    assert await told_by(peer) == []

    assert peer.seen is not None
    head = peer.seen.heads[0].decode()
    assert head.startswith("GET /comfy/ws?clientId=me HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}\r\n" in head
    assert "Connection: Upgrade\r\n" in head
    assert "Sec-WebSocket-Version: 13\r\n" in head


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    ],
)
async def test_whoever_does_not_agree_is_no_websocket(answer: bytes) -> None:
    async with hostile(sends(answer)) as seen:
        client = speaking(seen.url)
        with pytest.raises(BadBackendResponse, match="no websocket"):
            async with client.listen("/ws"):
                pass
        await client.aclose()


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_no_other_host_is_dialled(scheme: str) -> None:
    async with hostile(sends(b"")) as other:
        client = speaking("http://backend.test:8188", KEY)
        with pytest.raises(NotSent, match="not an allowed address"):
            async with client.listen(f"{scheme}://127.0.0.1:{other.port}/ws"):
                pass
        await client.aclose()

    assert other.connects == 0


async def test_a_redirect_takes_neither_the_connection_nor_the_key_elsewhere() -> None:
    async with hostile(sends(b"")) as other:
        location = f"Location: {other.url}/ws\r\n".encode()
        moved = b"HTTP/1.1 302 Found\r\n" + location + b"Content-Length: 0\r\n\r\n"
        async with hostile(sends(moved)) as seen:
            client = speaking(seen.url, KEY)
            with pytest.raises(BadBackendResponse):
                async with client.listen("/ws"):
                    pass
            await client.aclose()

    assert (seen.connects, other.connects) == (1, 0)


SMALL = SocketLimits(message=1000, talk=5000, quiet_s=5)


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (frame(TEXT, b"x" * 1001), "longer than 1000"),
        (frame(BINARY, b"x" * 1001), "longer than 1000"),
        (frame(TEXT, "\u00f6".encode() * 501), "longer than 1000"),
        (frame(TEXT, b"x", fin=False) + frame(0, b"x" * 600, fin=False) * 2, "longer than 1000"),
        (b"\x81\x7f" + struct.pack(">Q", 2**62) + b"x" * 1001, "longer than 1000"),
        (frame(TEXT, b"x") * 2000, "more than 5000"),
        (frame(TEXT, b"", fin=False) + frame(0, b"", fin=False) * 3000, "more than 5000"),
        (frame(TEXT, b"\xff\xfe"), "no websocket"),
        (b"\xf1\x00", "no websocket"),
        (b"\x81\x81abcdx", "no websocket"),
        (frame(0, b"a rest of nothing"), "no websocket"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "no websocket"),
    ],
)
async def test_what_is_too_much_or_no_frame_ends_the_connection(said: bytes, match: str) -> None:
    with pytest.raises(BadBackendResponse, match=match):
        await told_by(Peer(said), SMALL)


@pytest.mark.parametrize("resets", [False, True])
async def test_a_connection_that_breaks_may_be_opened_again(resets: bool) -> None:
    with pytest.raises(BackendUnavailable) as caught:
        await told_by(Peer(frame(TEXT, b"one"), waits=False, resets=resets))

    assert caught.value.retryable


async def test_who_is_quiet_is_asked_and_then_gone() -> None:
    peer = Peer(frame(TEXT, b"one"))

    with pytest.raises(BackendUnavailable, match="broke"):
        await told_by(peer, SocketLimits(quiet_s=0.1))

    assert peer.heard == b"\x89"


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
def test_whatever_bytes_come_they_are_texts_or_an_error_of_ours(chunks: list[bytes]) -> None:
    async def listen() -> str:
        socket = WebSocket(httpcore.AsyncMockStream(list(chunks)), "backend:80", SocketLimits())
        try:
            async for text in socket.messages():
                assert len(text) <= sum(map(len, chunks))
        except (BackendUnavailable, BadBackendResponse) as error:
            return error.detail or ""
        return "said goodbye"

    assert asyncio.run(listen()).startswith(("backend:80", "said goodbye"))
